"""`metrics`: what the daemon has counted and what it holds now, as numbers; the client renders them."""

from __future__ import annotations

import os
import resource
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import trio

from rhd.control.verb import Verb, VerbCall
from rhd.control.verb_context import VerbContext
from rhd.metrics import SECONDS, Histogram, cumulative
from rhwire.version import VERSION

Labels = Mapping[str, str]
Sample = tuple[Labels, float]


async def run(request: VerbCall) -> dict[str, Any]:
    """Return every metric with its kind, help and samples; of a histogram, the counts up to each bound and the sum."""
    context = request.context
    counts, services = context.audit.counts, list(context.services)
    repos: Counter[str] = Counter(service.state for service in services)
    watch: Counter[str] = Counter(service.watch for service in services)
    usage = context.hints.usage()
    runs: Counter[str] = Counter(run.state for run in context.runs.in_progress())
    clients = context.authority.clients()
    return {
        "metrics": [
            _gauge("info", "The version that runs.", [({"version": VERSION}, 1)]),
            _gauge("start_time_seconds", "When the daemon started, since the epoch.", [({}, _started(context))]),
            _counter("cpu_seconds", "User and system time of the process.", [({}, _cpu_s())]),
            _gauge("resident_memory_bytes", "Memory that the process holds now.", _if_known(_resident())),
            _gauge("open_fds", "Descriptors that the process has open.", _if_known(_descriptors())),
            _counter("calls", "Calls of tools, by tool and outcome.", _pairs(counts.calls, "tool", "outcome")),
            _histogram("call_seconds", "How long calls of tools took.", counts.seconds),
            _counter("events", "Events of the audit that are no calls.", _pairs(counts.events, "action", "outcome")),
            _gauge("streams", "Streams on which MCP clients listen for changes.", [({}, context.notifier.streams)]),
            _gauge("local_clients", "Clients on the control socket.", [({}, len(context.endpoints.local_clients()))]),
            _gauge("grants", "Grants that are live.", [({}, len(clients))]),
            _gauge("runs_in_progress", "Agent runs that have not ended, by state.", _by("state", runs)),
            _gauge("repositories", "Adopted repositories, by state.", _by("state", repos)),
            _gauge("repositories_watched", "Adopted repositories, by how they are watched.", _by("watch", watch)),
            _gauge("artifacts", "Artifacts in the catalog of each repository.", _catalogs(services)),
            _gauge("watches", "Kernel watches of the daemon.", [({}, usage.watches)]),
            _one("watch_seconds", "From the first hint of a change to its entry in the change log.",
                 context.services.latency),
            _one("loop_pass_seconds", "How long each pass of the event loop took.", context.loop_meter.passes),
        ]
    }  # fmt: skip


def _gauge(name: str, about: str, samples: Sequence[Sample]) -> dict[str, Any]:
    return {"name": f"rhd_{name}", "kind": "gauge", "help": about, "samples": [list(each) for each in samples]}


def _counter(name: str, about: str, samples: Sequence[Sample]) -> dict[str, Any]:
    return {**_gauge(f"{name}_total", about, samples), "kind": "counter"}


def _histogram(name: str, about: str, found: Mapping[str, Histogram]) -> dict[str, Any]:
    samples = [[{"tool": tool}, _numbers(each)] for tool, each in sorted(found.items())]
    return {"name": f"rhd_{name}", "kind": "histogram", "help": about, "bounds": SECONDS, "samples": samples}


def _one(name: str, about: str, found: Histogram) -> dict[str, Any]:
    return {**_histogram(name, about, {}), "samples": [[{}, _numbers(found)]]}


def _numbers(found: Histogram) -> dict[str, Any]:
    return {"counts": cumulative(found.counts), "sum": found.sum}


def _pairs(found: Mapping[tuple[str, str], int], first: str, second: str) -> list[Sample]:
    return [({first: a, second: b}, count) for (a, b), count in sorted(found.items())]


def _by(label: str, found: Mapping[str, int]) -> list[Sample]:
    return [({label: value}, count) for value, count in sorted(found.items())]


def _catalogs(services: Sequence[Any]) -> list[Sample]:
    return [({"repo": each.repo.slug}, len(each.artifacts)) for each in services if each.is_served]


def _started(context: VerbContext) -> float:
    return round(time.time() - (trio.current_time() - context.started_at), 3)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return round(used.ru_utime + used.ru_stime, 3)


def _if_known(value: float | None) -> list[Sample]:
    return [] if value is None else [({}, value)]


def _resident() -> float | None:
    with suppress(OSError, ValueError, IndexError):  # Linux alone
        with open("/proc/self/statm", encoding="ascii") as stream:
            return int(stream.read().split()[1]) * resource.getpagesize()
    return None


def _descriptors() -> float | None:
    with suppress(OSError):  # Linux alone
        return len(os.listdir("/proc/self/fd"))  # noqa: TID251 - the process's own descriptors, no repository
    return None


VERB = Verb("metrics", run, {})
