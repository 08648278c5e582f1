"""`rhctl metrics`."""

from __future__ import annotations

from rhctl.command import DAEMON, Command
from rhctl.daemon_access import open_client
from rhctl.options import make_parser
from rhctl.rendering import say, say_json
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl metrics`."""
    return make_parser(
        "metrics",
        "Print what the daemon has counted and what it holds now, in Prometheus text form: calls, latencies, streams, "
        "catalogs, grants, runs. A collector of text files can read it from a timer.",
        "rhctl metrics --no-start",
    )


def run(args: Any) -> int:
    """Print the daemon's metrics."""
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        answer = client.call("metrics")
    if args.json:
        say_json(answer)
        return 0
    for metric in answer["metrics"]:
        for line in render(metric):
            say(line)
    return 0


def render(metric: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a metric in Prometheus text form, version 0.0.4."""
    name = metric["name"]
    yield f"# HELP {name} {_escape(metric['help'])}"
    yield f"# TYPE {name} {metric['kind']}"
    for labels, value in metric["samples"]:
        if metric["kind"] != "histogram":
            yield f"{name}{_labels(labels)} {value}"
            continue
        for bound, count in zip([*metric["bounds"], "+Inf"], value["counts"], strict=True):
            yield f"{name}_bucket{_labels({**labels, 'le': str(bound)})} {count}"
        yield f"{name}_sum{_labels(labels)} {value['sum']}"
        yield f"{name}_count{_labels(labels)} {value['counts'][-1]}"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value, quote=True)}"' for name, value in labels.items()) + "}"


def _escape(text: str, *, quote: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quote else text


COMMAND = Command("metrics", DAEMON, "Print the daemon's metrics for Prometheus", build_parser, run)
