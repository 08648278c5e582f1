"""Agents that misbehave, under a real daemon: it stays as quick as before, and no process is left.

Each figure is printed, and shown by `pytest -s`.
"""

from __future__ import annotations

import json
import random
import socket
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.agents import DONE, FOREVER, FakeAgents
from tests.support.daemons import Daemon
from tests.support.repositories import Repository
from tests.support.socket_mcp import SocketMcp, prepare_goal
from tests.support.usermanager import NoManager, UserManager, user_manager

pytestmark = pytest.mark.timeout(1800)

GONE_WITHIN_S = 5.0
KILLS = 100
TURN = ["event", {"type": "turn.started"}]
MISBEHAVIOUR: dict[str, list[list[Any]]] = {
    "hangs": [TURN, FOREVER],
    "ignores TERM": [["ignore", None], TURN, FOREVER],
    "forks into sessions of their own": [["ignore", None], ["fork", 8], TURN, FOREVER],
    "floods": [["ignore", None], ["flood", None]],
    "prints one line of 8 MiB": [["long-line", 8 << 20], TURN, FOREVER],
}


class Site:
    """A daemon, two repositories, fake agents.

    Attributes:
        slowest_s: the longest that the end of a tree has taken.
    """

    def __init__(self, base: Path, monkeypatch: pytest.MonkeyPatch, config: str = "") -> None:
        self.agents = FakeAgents(base / "bin", base)
        monkeypatch.setenv("PATH", self.agents.environ["PATH"])
        self.daemon = Daemon(base / "home")
        if config:
            (base / "home").mkdir(mode=0o700)
            (base / "home/config.toml").write_text(config)
        self.daemon.start()
        self.repository = Repository.make(base / "project")
        self.other = Repository.make(base / "other")
        for repository in (self.repository, self.other):
            self.daemon.rhctl("adopt", str(repository.path))
        words = ("--profile", "orchestrator", "--enable-dev-runner", "--dev-runner-agents", "codex,claude")
        self.daemon.rhctl("start", "project", *words)
        self.daemon.rhctl("start", "other", *words)
        self.slowest_s = 0.0
        self._open: list[SocketMcp] = []
        prepare_goal(self.mcp("planner"))

    def mcp(self, profile: str, slug: str = "project") -> SocketMcp:
        self._open.append(SocketMcp(str(self.daemon.home), slug, profile))
        return self._open[-1]

    def hang_up(self) -> None:
        """Close every connection."""
        while self._open:
            self._open.pop().close()

    def start_run(self, *steps: list[Any]) -> str:
        """Have the agent do something in a run of its own; return the run's id."""
        self.agents.plan(*steps)
        goal = self.repository.path / ".ai/harness/handoff/codex-goal.md"
        goal.write_text(goal.read_text() + "\n")  # another revision, and so another run
        read = self.mcp("planner").call("read_workflow_file", path=".ai/harness/handoff/codex-goal.md")
        answer = self.mcp("orchestrator").call("run_agent_goal", agent="codex", expected_revision=read["revision"])
        assert "run_id" in answer, answer
        self.hang_up()
        return str(answer["run_id"])

    def run(self, run_id: str) -> dict[str, Any]:
        return dict(self.daemon.rhctl("run", "show", run_id)["run"])

    def wait(self, what: Callable[[], bool], within_s: float = 30) -> None:
        until = time.monotonic() + within_s
        while not what():
            assert time.monotonic() < until
            time.sleep(0.01)

    def wait_gone(self) -> None:
        """Return once no process of any run is left; each must be within `GONE_WITHIN_S`."""
        began = time.monotonic()
        self.wait(lambda: not self.agents.processes(), GONE_WITHIN_S)
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site(tmp_path, monkeypatch, "agent_runs_a_day = 10000\n")
    yield site
    site.hang_up()
    site.daemon.end()
    assert site.agents.processes() == {}
    print(f"slowest end of a tree: {site.slowest_s:.2f} s")


@pytest.mark.parametrize("how", MISBEHAVIOUR)
@pytest.mark.parametrize("end", ["cancel", "disable", "stop", "kill -9"])
def test_no_process_is_left(site: Site, how: str, end: str) -> None:
    run_id = site.start_run(*MISBEHAVIOUR[how])
    site.wait(lambda: len(site.agents.processes()) >= (9 if "fork" in how else 1))
    if end == "cancel":
        began = time.monotonic()
        assert site.daemon.rhctl("run", "cancel", run_id)["run"]["state"] == "cancelled"
        assert time.monotonic() - began < GONE_WITHIN_S
    elif end == "disable":
        site.daemon.rhctl("stop", "project", "--profile", "orchestrator")
    elif end == "stop":
        began = time.monotonic()
        assert site.daemon.end() == 0
        print(f"stop took {time.monotonic() - began:.2f} s")
    else:
        site.daemon.kill()
    site.wait_gone()
    if end in ("stop", "kill -9"):
        site.daemon.start()
        assert (site.run(run_id)["state"], site.run(run_id)["reason"]) == ("interrupted", "daemon_ended")


def test_no_process_is_left_after_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = "agent_run_s = 3\nagent_stall_s = 1\nagent_runs_a_day = 10000\n"
    site = Site(tmp_path, monkeypatch, config)
    command = {"type": "item.started", "item": {"id": "1", "type": "command_execution", "command": "sleep"}}
    for steps, state in (
        ([["ignore", None], ["fork", 4], TURN, FOREVER], "stalled"),
        ([["ignore", None], ["fork", 4], ["event", command], FOREVER], "timed_out"),
    ):
        run_id = site.start_run(*steps)
        site.wait(lambda run_id=run_id: site.run(run_id)["ended_at"] is not None)  # type: ignore[misc]
        assert site.run(run_id)["state"] == state
        site.wait_gone()
    site.hang_up()
    site.daemon.end()


@pytest.mark.parametrize("steps", [[["exit", 0]], [["exit", 3]], [["event", DONE]]], ids=str)
def test_an_agent_that_ends_at_once_without_reading_its_input_is_told(site: Site, steps: list[list[Any]]) -> None:
    run_id = site.start_run(*steps)
    site.wait(lambda: site.run(run_id)["ended_at"] is not None)
    assert site.run(run_id)["state"] == ("done" if steps == [["event", DONE]] else "failed")
    site.wait_gone()


def test_100_kills_at_random_moments_leave_nothing_and_the_next_start_tells_the_truth(site: Site) -> None:
    random.seed(20261130)
    told: dict[str, int] = {}
    for _ in range(KILLS):
        planner = site.mcp("planner")
        run_id: str | None = None
        steps = random.choice([*MISBEHAVIOUR.values(), [["event", DONE]]])
        delay_s = random.uniform(0, 1.2)
        if random.random() < 0.8:
            run_id = site.start_run(*steps)
            time.sleep(delay_s)
        else:  # while it is being started
            site.agents.plan(*steps)
            read = planner.call("read_workflow_file", path=".ai/harness/handoff/codex-goal.md")
            orchestrator = site.mcp("orchestrator")
            orchestrator._client.sock.sendall(
                json.dumps(
                    {
                        "jsonrpc": "2.0",
                        "id": 99,
                        "method": "tools/call",
                        "params": {
                            "name": "run_agent_goal",
                            "arguments": {"agent": "claude", "expected_revision": read["revision"]},
                        },
                    }
                ).encode()
                + b"\n"
            )
            time.sleep(delay_s)
        site.daemon.kill()
        site.hang_up()
        site.wait_gone()
        site.daemon.start()
        for run in site.daemon.rhctl("runs", "project")["runs"]:
            assert run["state"] not in ("queued", "running"), run
            assert run["ended_at"] is not None
        if run_id is not None:
            state = site.run(run_id)["state"]
            told[state] = told.get(state, 0) + 1
            assert state in ("interrupted", "done")
    print(f"{KILLS} kills: {told}; slowest end of a tree {site.slowest_s:.2f} s")


def test_a_flood_holds_up_neither_health_nor_other_repositories(site: Site) -> None:
    url = f"{site.daemon.url}/health"
    other = SocketMcp(str(site.daemon.home), "other", "planner")

    def health() -> None:
        with urllib.request.urlopen(url, timeout=10) as answer:
            answer.read()

    def call() -> None:
        assert "content" in other.call("read_workflow_file", path="docs/spec.md")

    def measure(what: Callable[[], None], count: int = 300) -> float:
        times = []
        for _ in range(count):
            began = time.perf_counter()
            what()
            times.append(time.perf_counter() - began)
            time.sleep(0.002)
        return statistics.median(times) * 1000

    idle = [measure(health), measure(call)]
    run_id = site.start_run(["ignore", None], ["flood", None])
    site.wait(lambda: site.run(run_id)["counts"]["messages"] > 1000)
    busy = [measure(health), measure(call)]
    assert site.run(run_id)["state"] == "running", "it floods all the while"
    for name, before, after in zip(("/health", "a call in another repository"), idle, busy, strict=True):
        print(f"{name}: {before:.2f} ms idle, {after:.2f} ms in a flood, {after / before:.2f} times")
    for before, after in zip(idle, busy, strict=True):
        assert after <= 2 * before
    other.close()
    site.daemon.rhctl("run", "cancel", run_id)


@pytest.fixture
def manager() -> Iterator[UserManager]:
    """A systemd user manager."""
    try:
        with user_manager() as manager:
            yield manager
    except NoManager as reason:
        pytest.skip(str(reason))


def test_under_systemd_a_run_has_a_cgroup_of_its_own_that_ends_with_it(manager: UserManager) -> None:
    agents = FakeAgents(manager.home / "bin", manager.home)
    agents.plan(["ignore", None], ["fork", 3], TURN, FOREVER)
    path = f"{manager.home}/bin:/usr/bin:/bin"
    manager.run("chmod", "-R", "a+rwX", str(manager.home))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    manager.ask("service", "install", "--port", str(port), PATH=path)
    repository = manager.home / "project"
    manager.run("git", "init", "--quiet", str(repository))
    manager.ask("adopt", str(repository))
    manager.ask("start", "project", "--profile", "orchestrator", "--enable-dev-runner")
    home = manager.home / ".local/state/repo-harness"
    started = manager.run(sys.executable, "-m", "tests.support.socket_mcp", str(home), "project")
    assert "run_id" in started.stdout, started.stdout + started.stderr
    (run,) = manager.ask("runs")["runs"]

    def groups() -> set[str]:
        found = set()
        for pid in agents.processes():
            try:
                lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
            except OSError:
                continue
            found |= {line for line in lines if line.startswith("0::")}
        return found

    until = time.monotonic() + 30
    while len(agents.processes()) < 4:
        assert time.monotonic() < until, manager.log
        time.sleep(0.02)
    (group,) = groups()
    print(group)
    assert group.endswith(f"/rhd.service/{run['run_id']}")
    folder = next(p for p in Path("/sys/fs/cgroup").rglob(run["run_id"]) if (p / "cgroup.kill").exists())
    manager.ask("run", "cancel", run["run_id"])
    assert agents.processes() == {}
    assert not folder.exists()
    assert manager.show("NRestarts") == "0"
