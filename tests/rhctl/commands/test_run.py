"""`rhctl run`: what an agent did, for its owner alone."""

from __future__ import annotations

import trio

from tests.support.agent_runs import Runs
from tests.support.agents import DONE, FOREVER
from tests.support.terminal import spawned, type_in

COMMAND = {"id": "1", "type": "command_execution", "command": "make test"}
BEGUN = {"type": "item.started", "item": COMMAND}
FAILED = {
    "type": "item.completed",
    "item": COMMAND | {"status": "failed", "exit_code": 2, "aggregated_output": "line\n" * 20 + "the end\n"},
}
MESSAGE = {"type": "item.completed", "item": {"type": "agent_message", "text": "It \x1b[2J broke."}}


async def test_a_run_is_shown_with_its_commands_and_the_end_of_their_output(runs: Runs) -> None:
    run = await runs.finish(["event", BEGUN], ["event", FAILED], ["event", MESSAGE], ["event", DONE])
    said = (await type_in("run", "show", run["run_id"])).out
    assert "command  FAILED make test (exit 2)" in said
    assert "… 9 lines" in said
    assert "the end" in said
    assert "why: It \\x1b[2J broke. [check_failed]" in said
    assert f"{run['run_id']}  project  codex (codex-fake 1.0)  for Test client" in said
    assert "the agent edits files and runs commands in the repository, in its own sandbox" in said
    told = (await type_in("run", "show", run["run_id"], "--json")).json
    assert [item["kind"] for item in told["items"]] == ["command", "command", "message"]


async def test_a_run_is_followed_to_its_end_and_can_be_cancelled(runs: Runs) -> None:
    runs.agents.plan(["event", BEGUN], ["event", FAILED], ["event", BEGUN], FOREVER)
    answer = await runs.start()
    home = str(runs.daemon.home.base)
    async with spawned("run", "follow", answer["run_id"], "--home", home) as following:
        assert following.stdout is not None
        seen = b""
        with trio.fail_after(20):
            while b"make test (exit 2)" not in seen:
                seen += await following.stdout.receive_some()
        shown = (await type_in("run", "show", answer["run_id"], "--json")).json["run"]
        assert (shown["state"], shown["current"]) == ("running", "make test")
        cancelled = await type_in("run", "cancel", answer["run_id"])
        assert cancelled.code == 0
        assert "why: The owner cancelled it. [cancelled_by_owner]" in cancelled.out
        with trio.fail_after(20):
            while data := await following.stdout.receive_some():
                seen += data
    assert b"[cancelled_by_owner]" in seen
    assert runs.agents.processes() == {}


async def test_a_run_that_does_not_exist_is_said(runs: Runs) -> None:
    said = await type_in("run", "show", "run_nothing0", "--json")
    assert (said.code, said.refusal) == (1, "RUN_NOT_FOUND")
