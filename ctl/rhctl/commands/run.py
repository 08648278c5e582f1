"""`rhctl run`."""

from __future__ import annotations

import sys

from rhctl.client import DaemonClient
from rhctl.command import REPOSITORIES, Command
from rhctl.commands.runs import cards
from rhctl.daemon_access import open_client
from rhctl.options import choice, make_parser
from rhctl.rendering import say, say_json
from rhctl.terminal import duration
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser

MARKS = {"started": "…", "ok": "ok", "failed": "FAILED", None: ""}
OUTPUT_LINES = 12


def build_parser() -> Parser:
    """Return the parser of `rhctl run`."""
    parser = make_parser(
        "run",
        "Show an agent run with its commands and their output, follow it while it goes on, or cancel it. Only you see "
        "this: clients are told counts, artifacts and the last message.",
        "rhctl run follow run_k4m2x7qp",
        streams=True,
    )
    parser.add_argument("action", type=choice("action", ("show", "follow", "cancel")), metavar="show|follow|cancel")
    parser.add_argument("id", metavar="ID", help="as rhctl runs shows it")
    return parser


def run(args: Any) -> int:
    """Show, follow or cancel an agent run."""
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        if args.action == "follow":
            return follow(client, args.id, as_json=args.json)
        params = {"id": args.id, "action": args.action}
        answer = client.call("run", params)
        items = answer["items"]
        while items and (more := client.call("run", {**params, "after": items[-1]["number"]})["items"]):
            items += more
    if args.json:
        say_json(answer)
    else:
        show(answer["run"], items)
    return 0


def follow(client: DaemonClient, run_id: str, *, as_json: bool) -> int:
    """Print what an agent does as it does it, until the run has ended."""
    is_live = not as_json and sys.stdout.isatty()

    def tell(event: dict[str, Any]) -> None:
        if as_json:
            say_json(event)
            return
        if is_live:
            sys.stdout.write("\r\x1b[K")
        for item in event["items"]:
            say_item(item)
        if is_live and event["run"]["ended_at"] is None:
            sys.stdout.write(_fit(status_line(event["run"])))
        sys.stdout.flush()

    answer = client.call("run", {"id": run_id, "action": "follow"}, on_event=tell)
    if not as_json:
        show(answer["run"], [])
    return 0


def show(run: dict[str, Any], items: list[dict[str, Any]]) -> None:
    """Print a run for a person."""
    for item in items:
        say_item(item)
    if items:
        say()
    version = f" ({escape(run['agent_version'])})" if run["agent_version"] else ""
    say(f"{run['run_id']}  {run['repo'] or '-'}  {run['agent']}{version}  for {escape(run['client'])}")
    say(f"  {status_line(run)}")
    if run["explanation"]:
        say(f"  why: {escape(run['explanation'])}" + (f" [{run['reason']}]" if run["reason"] else ""))
    say(f"  goal: {run['goal_revision']}  {escape(run['sprint'])}")
    say(f"  the agent {run['permissions']}")
    for rule in run["allow"]:
        say(f"    allowed: {escape(rule)}")
    if run["uncommitted"]:
        say(f"  not committed when it began: {_listed(run['uncommitted'])}")
    if run["files"]:
        say(f"  files changed: {_listed(run['files'])}")
    if run["artifacts"]:
        say(f"  artifacts changed: {_listed(run['artifacts'])}")
    if run["session"]:
        say(f"  the agent's own session: {escape(run['session'])}")
    if run["last_message"]:
        say("  last message:")
        for line in run["last_message"].splitlines():
            say(f"    {escape(line)}")


def status_line(run: dict[str, Any]) -> str:
    """Return one line that says how a run stands."""
    parts = [run["state"]]
    if run["state"] == "queued":
        parts.append(f"{run['ahead'] or 0} before it")
    if run["started_at"]:
        parts.append(duration(run["elapsed_ms"] / 1000))
    parts += [f"{cards(run)} cards done", f"{run['counts']['commands']} commands", f"{run['counts']['files']} files"]
    if run["current"]:
        parts.append(f"now: {escape(run['current'])}")
    return " · ".join(parts)


def say_item(item: dict[str, Any]) -> None:
    """Print one thing that the agent did."""
    if item["kind"] == "command" and item["status"] == "started":
        return  # told again, with its output, once it has ended
    code = f" (exit {item['exit_code']})" if item["exit_code"] else ""
    lines = item["text"].splitlines() or [""]
    say(f"{item['at'][11:19]}  {item['kind']:<8} {MARKS[item['status']]:<7}{escape(lines[0])}{code}")
    output = (item["output"] or "").splitlines()
    if len(output) > OUTPUT_LINES:
        output = [f"… {len(output) - OUTPUT_LINES} lines", *output[-OUTPUT_LINES:]]
    for line in lines[1:] + output:
        say(f"{'':<27}{escape(line)}")


def _listed(paths: list[str]) -> str:
    more = f" and {len(paths) - 10} more" if len(paths) > 10 else ""
    return ", ".join(escape(path) for path in paths[:10]) + more


def _fit(line: str) -> str:
    import os

    columns = os.get_terminal_size(sys.stdout.fileno()).columns
    return line if len(line) < columns else line[: columns - 2] + "…"


COMMAND = Command("run", REPOSITORIES, "Show, follow or cancel an agent run", build_parser, run)
