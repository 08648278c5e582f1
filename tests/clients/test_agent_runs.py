"""The real Codex and the real Claude Code, run by the orchestrator against a loopback model, watched over MCP."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.clients.agent_model import LAST_WORDS, AgentModel, agent_model
from tests.clients.client_home import Seat
from tests.support.agents import SPRINT, prepare_goal
from tests.support.attached import told
from tests.support.daemons import Daemon
from tests.support.made_grants import connected
from tests.support.npm import Programs

RUN_WITHIN_S = 120
WRITE = "from pathlib import Path; Path('hello.py').write_text('print(\"hello\")\\n')"
TICK = (
    f"from pathlib import Path; p = Path('{SPRINT}'); "
    "p.write_text(p.read_text().replace('- [ ]', '- [x]').replace('| [ ] |', '| [x] |'))"
)
COMMANDS = (f"python3 -c {shlex.quote(WRITE)}", "python3 hello.py", f"python3 -c {shlex.quote(TICK)}")


@pytest.fixture
def model() -> Iterator[AgentModel]:
    """What the agents ask; it listens on loopback."""
    with agent_model(*COMMANDS) as model:
        yield model


@pytest.fixture
def daemon(tmp_path: Path, programs: Programs, model: AgentModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """A daemon whose PATH has the real agents, which know the model."""
    bin_ = tmp_path / "agents"
    bin_.mkdir()
    node = programs.node
    starts = {
        "codex": f'"{programs.program("codex")}"',
        "claude": f'"{node}" "{programs.package("@anthropic-ai/claude-code")}/cli-wrapper.cjs"',
    }
    for name, start in starts.items():
        (bin_ / name).write_text(f'#!/bin/sh\nexec {start} "$@"\n')
        (bin_ / name).chmod(0o755)
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex/config.toml").write_text(model.codex_configuration())
    monkeypatch.setenv("PATH", os.pathsep.join([str(bin_), str(node.parent), "/usr/local/bin:/usr/bin:/bin"]))
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / ".codex"))
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / ".claude"))
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-loopback")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{model.port}")
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "home/config.toml").write_text('agent_env = ["ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"]\n')
    daemon = Daemon(tmp_path / "home").start()
    yield daemon
    daemon.end()


@pytest.mark.parametrize("agent", ["codex", "claude"])
async def test_an_agent_carries_the_goal_out_and_a_client_sees_it_work(
    seat: Seat, agent: str, model: AgentModel, kept_to_loopback: None
) -> None:
    words = ("--profile", "orchestrator", "--enable-dev-runner", "--dev-runner-agents", "codex,claude")
    seat.daemon.rhctl("start", seat.slug, *words, "--allow", "Bash(python3 *)")
    token = await seat.token(seat.url)
    (client_known,) = seat.daemon.rhctl("clients")["clients"]
    seat.daemon.rhctl("grant", client_known["id"], seat.slug, "--profile", "orchestrator")
    progress: list[str | None] = []

    async def note(done: float, total: float | None, message: str | None) -> None:
        progress.append(message)

    async with connected(seat.url, token) as client:

        async def call(tool: str, **arguments: object) -> dict[str, object]:
            return told(await client.call_tool(tool, arguments, progress_callback=note))

        revision = await prepare_goal(call, seat.repository)
        began = await call("harness_status")
        run = await call("run_agent_goal", agent=agent, expected_revision=revision)
        assert run["state"] in ("queued", "running"), run
        with trio.fail_after(RUN_WITHIN_S):
            while run["ended_at"] is None:
                run = await call("get_agent_run", run_id=run["run_id"], wait_s=20)
        changes = await call("list_workflow_changes", since=began["cursor"], wait_s=5)

    assert (run["state"], run["reason"], run["exit_code"]) == ("done", None, 0), run
    assert run["cards"] == {"done": 1, "total": 1}
    assert run["artifacts"] == [SPRINT]
    assert run["last_message"] == LAST_WORDS
    assert run["counts"]["commands"] == 3, run  # type: ignore[index]
    assert seat.repository.read("hello.py") == 'print("hello")\n'
    assert SPRINT in [change["path"] for change in changes["changes"]]  # type: ignore[attr-defined]
    assert len(progress) > 2
    assert "1 of 1 cards done" in str(progress)
    assert "Codex Goal" in str(model.heard), "the goal reached the agent"
    shown = seat.daemon.rhctl("run", "show", run["run_id"])  # type: ignore[arg-type]
    outputs = [item["output"] for item in shown["items"] if item["kind"] == "command" and item["status"] == "ok"]
    assert "hello" in outputs[1]
