"""What every client is put through: list, read, the chain, an error, and both ends of the daemon."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.clients.client_home import Seat
from tests.clients.tool_model import Results, Step

PRD = re.compile(r"plans/prds/[\w.-]+\.prd\.md")
SPRINT = re.compile(r"plans/sprints/[\w.-]+\.sprint\.md")
CARDS = [{"title": "Index", "objective": "There is an index."}]


def _path(pattern: re.Pattern[str], results: Results) -> str:
    return next((found[0] for text in results if (found := pattern.search(text))), "plans/not-told.md")


def _is(**arguments: Any) -> Callable[[Results], dict[str, Any]]:
    return lambda _: arguments


def steps(seat: Seat) -> list[Step]:
    """Return the calls; the daemon is restarted, and later killed, under the open client."""

    def kill() -> None:
        seat.daemon.kill()
        seat.daemon.start()

    def sprint(results: Results) -> dict[str, Any]:
        return {"title": "Search", "prd_path": _path(PRD, results), "tasks": CARDS}

    def goal(results: Results) -> dict[str, Any]:
        return {"prd_path": _path(PRD, results), "sprint_path": _path(SPRINT, results)}

    return [
        Step("list_workflow_files", _is()),
        Step("read_workflow_file", _is(path="docs/spec.md")),
        Step("write_prd_from_idea", _is(title="Search", idea="Find things.")),
        Step("write_checklist_sprint", sprint),
        Step("prepare_codex_goal_from_sprint", goal),
        Step("read_workflow_file", _is(path="plans/none.md")),
        Step("read_workflow_file", _is(path="tasks/current.md"), seat.daemon.restart),
        Step("read_workflow_file", _is(path="tasks/current.md"), kill),
    ]


def check(seat: Seat, results: Results) -> None:
    """Hold the results, as the client shows them to its model, against the repository."""
    assert len(results) == 8, results
    listed, read, prd, sprint, goal, refused, *after = results
    assert "docs/spec.md" in listed, results
    assert _first_line(seat, "docs/spec.md") in read
    assert "# Search" in seat.repository.read(_path(PRD, [prd]))
    assert "There is an index." in seat.repository.read(_path(SPRINT, [sprint]))
    assert "codex-goal.md" in goal
    assert "NOT_FOUND" in refused
    assert "Next: " in refused
    for text in after:
        assert _first_line(seat, "tasks/current.md") in text, "the client keeps its tools when the daemon ends"


def _first_line(seat: Seat, path: str) -> str:
    """Return the start of a file, as any JSON string shows it."""
    return json.dumps(seat.repository.read(path).splitlines()[0])[1:-1]
