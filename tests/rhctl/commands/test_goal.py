"""`rhctl goal`."""

from __future__ import annotations

from pathlib import Path

import pytest

from rhctl.commands import goal as command
from rhd.access import GOAL
from rhd.workflow.documents.goal import Goal, render_goal, render_prompt
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import type_in

PREPARED = Goal("plans/prds/a.prd.md", "plans/sprints/a.sprint.md")


@pytest.fixture
def clipboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tool that copies into a file."""
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "pbcopy"
    tool.write_text(f"#!/bin/sh\n/bin/cat > {tmp_path}/copied\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "copied"


async def test_the_prompt_is_printed_and_copied(daemon: Running, repository: Repository, clipboard: Path) -> None:
    slug = await daemon.adopt(repository.path)
    assert (await type_in("goal", slug, "--json")).refusal == "NOT_FOUND"
    repository.write(GOAL, render_goal(PREPARED, "2026-11-22T10:00:00.000Z"))
    said = await type_in("goal", slug)
    assert (said.code, said.out) == (0, render_prompt(PREPARED) + "\n")
    assert not clipboard.exists()
    said = await type_in("goal", slug, "--copy", "--json")
    assert said.json == {"slug": slug, "path": GOAL, "prompt": render_prompt(PREPARED)}
    assert clipboard.read_text() == render_prompt(PREPARED)


def test_without_a_tool_nothing_is_said_to_be_copied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(command.HarnessError, match="no clipboard"):
        command.copy("x")
