"""`rhctl runs`."""

from __future__ import annotations

import pytest

from tests.support.agent_runs import Runs
from tests.support.agents import DONE
from tests.support.inprocess import Running
from tests.support.terminal import plain, type_at, type_in


async def test_without_any_it_says_how_runs_come_about(daemon: Running) -> None:
    said = await type_in("runs")
    assert said.out.splitlines()[0] == "no agent has been run yet"
    assert (await type_in("runs", "--json")).json == {"runs": []}
    assert (await type_in("runs", "nothing")).code == 4


async def test_each_is_a_line_with_how_it_ended(runs: Runs) -> None:
    run = await runs.finish(["event", DONE])
    title, line = (await type_in("runs", "project")).out.splitlines()
    assert title.split() == ["RUN", "REPO", "AGENT", "STATE", "CARDS", "TOOK", "BEGUN", "CLIENT"]
    assert line.split()[:4] == [run["run_id"], "project", "codex", "done"]
    (told,) = (await type_in("runs", "--json")).json["runs"]
    assert told["cards"] == {"done": 0, "total": 1}


@pytest.mark.parametrize(("columns", "color"), [(80, "never"), (40, "never"), (80, "always"), (40, "always")])
async def test_in_a_terminal_it_fits(runs: Runs, columns: int, color: str) -> None:
    run = await runs.finish(["event", DONE])
    seen = await type_at(columns, "runs", color=color)
    assert ("\x1b[32mdone\x1b[0m" in seen) == (color == "always")
    text = plain(seen)
    assert run["run_id"] in text
    assert max(map(len, text.splitlines())) <= columns
    assert text.endswith("rhctl run show RUN\n")
