"""Fake agents on the PATH of a daemon, a repository with a goal, and what is left of a run's processes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from rhd.runner.run_supervisor import MARK
from tests.support.repositories import Repository

FAKE = Path(__file__).parent / "fake_agent.py"
DONE = {"type": "turn.completed", "usage": {"input_tokens": 10, "output_tokens": 5}}
FOREVER = ["sleep", 600]


class FakeAgents:
    """Programs named codex and claude in a folder of their own.

    Attributes:
        folder: to be put on PATH.
        home: HOME in their environment.
    """

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home = folder, home
        folder.mkdir(parents=True, exist_ok=True)
        home.mkdir(parents=True, exist_ok=True)
        for name in ("codex", "claude"):
            script = folder / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{FAKE}" {name} "$@"\n')
            script.chmod(0o755)
        self.plan(["event", DONE])

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a daemon that finds them."""
        return {"HOME": str(self.home), "PATH": f"{self.folder}:/usr/local/bin:/usr/bin:/bin", "SECRET": "x"}

    def plan(self, *steps: list[Any]) -> None:
        """Say what they do from now on."""
        (self.home / "fake_agent.json").write_text(json.dumps(steps))

    def log_out(self, name: str) -> None:
        """Have one say that it is not logged in."""
        (self.home / f"{name}.logged-out").touch()

    def processes(self) -> dict[int, str]:
        """Return pid and command line of every living process of their runs."""
        return _processes_of_runs(self.home)

    @property
    def started(self) -> list[dict[str, Any]]:
        """How they were started, in order."""
        try:
            return [json.loads(line) for line in (self.home / "fake_agent.log").read_text().splitlines()]
        except FileNotFoundError:
            return []


def _processes_of_runs(home: Path) -> dict[int, str]:
    """Return pid and command line of every living process of runs that were started with this HOME."""
    found = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            environ = Path(entry.path, "environ").read_bytes()
            state = Path(entry.path, "stat").read_text().rpartition(")")[2].split()[0]
            wanted = {f"HOME={home}".encode()} <= set(environ.split(b"\0"))
            if wanted and f"{MARK}=run_".encode() in environ and state not in "ZX":
                found[int(entry.name)] = Path(entry.path, "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


SPRINT = "plans/sprints/20261130-1200-demo.sprint.md"
PRD = "plans/prds/20261130-1200-demo.prd.md"


async def prepare_goal(call: Any, repository: Repository) -> str:
    """Have the planner's tools write a PRD, a sprint of one card and the goal; return the goal's revision.

    Args:
        call: calls a tool as planner.
    """
    prd = await call("write_prd_from_idea", title="Demo", idea="Print hello.", slug="20261130-1200-demo")
    assert prd["path"] == PRD, prd
    card = {"title": "Hello", "objective": "hello.py prints hello.", "checks": ["python3 hello.py"]}
    sprint = await call("write_checklist_sprint", title="Demo", prd_path=PRD, tasks=[card], slug="20261130-1200-demo")
    assert sprint["path"] == SPRINT, sprint
    goal = await call("prepare_codex_goal_from_sprint", prd_path=PRD, sprint_path=SPRINT)
    return str(goal["revision"])
