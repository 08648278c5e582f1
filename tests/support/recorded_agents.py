"""The recorded output of real agents (tests/support/agent_streams)."""

from __future__ import annotations

import json
from pathlib import Path

from rhd.runner.agents import AGENTS
from rhd.runner.run_progress import Item, RunProgress

FOLDER = Path(__file__).parent / "agent_streams"


def recorded(name: str) -> list[bytes]:
    """Return the lines that an agent printed."""
    return (FOLDER / f"{name}.jsonl").read_bytes().splitlines(keepends=True)


def replay(name: str) -> tuple[RunProgress, list[Item]]:
    """Return what a recorded run comes to."""
    agent = AGENTS["codex" if name.startswith("codex") else "claude"]
    progress, items = RunProgress(), []
    for line in recorded(name):
        items += agent.read(json.loads(line), progress)
    return progress, items
