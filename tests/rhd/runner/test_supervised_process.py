"""A program with a supervisor of its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import trio

from rhd.runner.supervised_process import Finished, Folder, run_command, supervised, sweep
from tests.support.agents import FOREVER, FakeAgents

ENVIRON = {"PATH": "/usr/bin:/bin"}


async def sh(script: str, **options: object) -> Finished:
    return await run_command(["/bin/sh", "-c", script], ENVIRON, within_s=10, **options)  # type: ignore[arg-type]


async def test_a_command_is_run_to_its_end_without_the_daemon_s_streams() -> None:
    assert await sh("echo out; echo err >&2; exit 3") == Finished(3, "out\n")
    assert await sh("cat") == Finished(0, ""), "standard input is empty, and ends"
    assert await sh("kill -9 $$") == Finished(-9, "")
    assert (await sh("yes | head -c 200000", max_bytes=1000)).output == "y\n" * 500
    assert (await run_command(["/nothing/here"], ENVIRON, within_s=5)).status == 127


async def test_it_starts_in_the_folder_that_was_meant_and_in_no_other(tmp_path: Path) -> None:
    facts = tmp_path.stat()
    folder = Folder(str(tmp_path), facts.st_dev, facts.st_ino)
    assert await sh("pwd -P", folder=folder) == Finished(0, f"{tmp_path.resolve()}\n")
    tmp_path.rename(tmp_path.with_name("moved"))
    tmp_path.mkdir()
    assert (await sh("pwd", folder=folder)).output == ""


async def test_a_command_that_takes_too_long_is_ended() -> None:
    assert await run_command(["/bin/sleep", "600"], ENVIRON, within_s=0.1) == Finished(None, "")


async def test_leaving_ends_every_process_of_the_tree(agents: FakeAgents) -> None:
    agents.plan(["ignore", None], ["fork", 4], ["event", {}], FOREVER)
    async with supervised([str(agents.folder / "codex"), "exec"], agents.environ, mark="run_test") as process:
        with trio.fail_after(20):
            await process.output.receive_some()
            while len(agents.processes()) < 5:
                await trio.sleep(0.01)
        assert process.pid in agents.processes()
    assert agents.processes() == {}
    assert process.status is None


@pytest.mark.parametrize("is_swept", [True])
async def test_what_a_killed_supervisor_leaves_is_swept_up(agents: FakeAgents, is_swept: bool) -> None:
    agents.plan(["ignore", None], ["fork", 2], ["event", {}], FOREVER)
    async with supervised([str(agents.folder / "codex"), "exec"], agents.environ, mark="run_test") as process:
        with trio.fail_after(20):
            await process.output.receive_some()
            while len(agents.processes()) < 3:
                await trio.sleep(0.01)
            assert process.pid is not None
            os.kill(parent_of(process.pid), signal.SIGKILL)
            await process.gone.wait()
    assert process.is_lost
    assert process.failure == "the supervisor of the run was killed"
    await sweep("run_test")
    assert agents.processes() == {}


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
