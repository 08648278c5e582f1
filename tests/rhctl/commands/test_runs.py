"""`rhctl runs`."""

from __future__ import annotations

from tests.support.agent_runs import Runs
from tests.support.agents import DONE
from tests.support.inprocess import Running
from tests.support.terminal import type_in


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
