"""What a call takes: each tool in each era, from one client and from sixteen, on the hub of 100 repositories."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.bench.figures import Figure, Process, quantile, report
from tests.bench.measured_daemon import PRD, SPRINT, context, echo
from tests.bench.wire import ERAS, MODERN, Wire, drive

REPOS = 100
CLIENTS = (1, 16)
WARM_UP = 100
READ = "read_workflow_file"
LIST = "tools/list"
ECHO = "the bare SDK's echo of 4 KiB"
TASK = {"title": "Slice", "objective": "It works.", "files": ["src/a.py"], "checks": ["make test"]}
TEXT = "What is to be done stands here, and why.\n" * 20
ARGUMENTS: dict[str, dict[str, Any]] = {
    READ: {"path": PRD},
    "harness_status": {},
    "harness_doctor": {},
    "list_workflow_files": {"kind": "prd"},
    "latest_handoff": {},
    "latest_checks": {},
    "list_workflow_changes": {},
    "list_repos": {},
    "write_prd_from_idea": {"idea": TEXT},
    "write_checklist_sprint": {"prd_path": PRD, "tasks": [TASK] * 3},
    "prepare_codex_goal_from_sprint": {"prd_path": PRD, "sprint_path": SPRINT},
    "append_handoff_note": {"body": TEXT},
}
TITLED = {"write_prd_from_idea", "write_checklist_sprint"}
COUNTS = {READ: 2000, LIST: 300, "write_prd_from_idea": 100, "write_checklist_sprint": 100, "append_handoff_note": 100}
COUNT = 200
SLICES = 10
GOALS = {(READ, MODERN, 1): {"p50": (1.5, 1.6), "p99": (6.0, 2.0)}}
"""Milliseconds, and how many times the echo's on a machine where even that is slow."""

WHY = (
    "Beside what the echo does too there are the guard with token and grant, a twelfth of the loop's time as py-spy "
    "sees it, and the tool, a fifth: arguments, the thread that opens beneath the root, redaction, the audit row."
)


class Took(NamedTuple):
    """What calls took: milliseconds as the client sees them, and of the server's processor for each."""

    p50: float
    p99: float
    cpu: float


Side = tuple[Process, list[Wire], Callable[[Wire], bytes]]
"""Whose processor is counted, the connections, and what is asked on them."""


def measure(count: int, *sides: Side) -> list[Took]:
    """Make `count` calls on each side, one at a time on each connection; the sides take turns, in the same weather."""
    for _, wires, request in sides:
        drive(wires, request, WARM_UP // 4 if count < COUNT else WARM_UP)
    took: list[list[float]] = [[] for _ in sides]
    used = [0.0 for _ in sides]
    for _ in range(SLICES):
        for index, (process, wires, request) in enumerate(sides):
            before = process.cpu_s()
            took[index] += drive(wires, request, count // SLICES)
            used[index] += process.cpu_s() - before
    return [
        Took(quantile(t, 0.5), quantile(t, 0.99), cpu_s / len(t) * 1e3) for t, cpu_s in zip(took, used, strict=True)
    ]


def main() -> None:
    """Measure and report."""
    with context(REPOS) as many, echo() as bare:
        (token,) = many.grant(dict.fromkeys(many.slugs, ("planner", "executor")))
        slugs, numbers = itertools.cycle(many.slugs), itertools.count()

        def call(tool: str, arguments: dict[str, Any]) -> Callable[[Wire], bytes]:
            def make(wire: Wire) -> bytes:
                given = arguments if tool == "list_repos" else {**arguments, "repo": next(slugs)}
                return wire.call(tool, given | ({"title": f"Idea {next(numbers)}"} if tool in TITLED else {}))

            return make

        def list_tools(wire: Wire) -> bytes:
            return wire.request(LIST, {})

        def repeat(wire: Wire) -> bytes:
            return wire.call("echo", {"text": "x" * 4096})

        for era, clients in itertools.product(ERAS, CLIENTS):
            what = f"{era}, {clients} client{'s' * (clients > 1)}"
            for tool in (*ARGUMENTS, LIST):
                make = list_tools if tool == LIST else call(tool, ARGUMENTS[tool])
                # Anew for each: who says nothing for half a minute is hung up on.
                ours = [many.wire(era, token) for _ in range(clients)]
                theirs = [bare.wire(era, "/tools") if tool == LIST else bare.wire(era) for _ in range(clients)]
                beside = (bare.process, theirs, list_tools if tool == LIST else repeat)
                took, floor = measure(COUNTS.get(tool, COUNT), (many.process, ours, make), beside)
                for wire in ours + theirs:
                    wire.close()
                if tool == READ:
                    tell(f"{ECHO}, {what}", floor)
                of = "the bare SDK's list of the same tools" if tool == LIST else ECHO
                tell(f"{tool}, {what}", took, floor, of, GOALS.get((tool, era, clients), {}))


def tell(
    what: str,
    took: Took,
    floor: Took | None = None,
    of: str = "",
    goals: Mapping[str, tuple[float, float]] = MappingProxyType({}),
) -> None:
    """Report one kind of call."""
    for measured in ("p50", "p99", "cpu"):
        beside = getattr(floor, measured) if floor else None
        name = "CPU a call" if measured == "cpu" else measured
        goal, times = goals.get(measured, (None, None))
        value = getattr(took, measured)
        is_steady = measured == "cpu" and floor is not None
        report(Figure(what, name, value, "ms", goal, beside, of, times, WHY if goal else "", is_steady))


if __name__ == "__main__":
    main()
