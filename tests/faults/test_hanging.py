"""One of a hundred repositories lies on a mount that hangs; the daemon itself is stopped. Run by `make faults`."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rhctl.client import DaemonClient
from rhwire.home import Home
from tests.support.daemons import Daemon, environment
from tests.support.repositories import Repository

REPOS = 100
ROUNDS = 200
FACTOR, FLOOR_MS = 2.0, 6.0
"""A figure counts as kept if it is at most twice its idle one; below the floor this machine's noise is larger."""

COMMANDS = (
    ("status",),
    ("repos",),
    ("clients",),
    ("events",),
    ("version",),
    ("start", "r0"),
    ("stop", "r0"),
    ("forget", "r0"),
    ("passphrase", "rotate", "r0"),
    ("grant", "ChatGPT", "r0", "--profile", "planner"),
    ("revoke", "ChatGPT"),
    ("approve", "abcd-efgh"),
    ("deny", "abcd-efgh"),
    ("endpoint",),
    ("raw", "version"),
)


class Agent:
    """An agent on the control socket."""

    def __init__(self, home: Home, slug: str) -> None:
        self.client = DaemonClient.connect(home)
        self.client.call("attach", {"repo": slug})
        self.number = 0
        self.ask(
            "initialize",
            {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
        )
        self.client.sock.sendall(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request and return its result."""
        self.number += 1
        line = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
        self.client.sock.sendall(json.dumps(line).encode() + b"\n")
        while (answer := json.loads(self.client.read_line())).get("id") != self.number:
            pass
        return answer["result"]

    def look(self) -> None:
        """Read an artifact."""
        answer = self.ask("tools/call", {"name": "read_workflow_file", "arguments": {"path": "tasks/current.md"}})
        assert not answer.get("isError"), answer


def p50_ms(work: Callable[[], object], rounds: int) -> float:
    """Return the median time of a call."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def measure(daemon: Daemon, home: Home, agents: list[Agent]) -> dict[str, float]:
    """Return what the daemon takes for what has nothing to do with the repository that hangs."""

    def health() -> None:
        with urllib.request.urlopen(f"{daemon.url}/health") as answer:
            assert answer.status == 200

    def status() -> None:
        with DaemonClient.connect(home) as client:
            assert len(client.call("status")["repos"]) >= REPOS

    calls = iter(agents * ROUNDS)
    return {
        "health": p50_ms(health, ROUNDS),
        "status": p50_ms(status, ROUNDS // 4),
        "call": p50_ms(lambda: next(calls).look(), ROUNDS),
    }


def timed(work: Callable[[], object]) -> float:
    """Return how long something took, in seconds."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


@contextmanager
def clients_of(home: Daemon, *commands: tuple[str, ...]) -> Iterator[list[subprocess.Popen[str]]]:
    """Run commands of `rhctl` at once; those that are not over at the end are ended."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "rhctl", *words],
            env=environment(REPO_HARNESS_HOME=str(home.home)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for words in commands
    ]
    try:
        yield started
    finally:
        for client in started:
            client.kill()
            client.communicate()


@pytest.mark.timeout(600)
def test_a_stall_in_one_of_a_hundred_repositories_is_noticed_by_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dead, flag = tmp_path / "dead", tmp_path / "hangs"
    monkeypatch.setenv("HANG_AT", str(dead))
    monkeypatch.setenv("HANG_WHILE", str(flag))
    repositories = [Repository.make(dead / "r0"), *(Repository.make(tmp_path / f"r{n}") for n in range(1, REPOS))]
    spare = Repository.make(tmp_path / "spare")
    daemon = Daemon(tmp_path / "home", module="tests.support.hanging_files").start()
    home, agents, hung = Home(str(daemon.home)), list[Agent](), None
    try:
        with DaemonClient.connect(home) as client:
            for repository in repositories:
                client.call("adopt", {"path": str(repository.path)})
        agents += (Agent(home, f"r{n}") for n in range(1, REPOS, 10))
        hung = Agent(home, "r0")
        idle = measure(daemon, home, agents)
        flag.touch()
        repositories[0].write("plans/new.md", "# New\n")  # a look that hangs
        for number in range(8):  # and reads
            line = {"jsonrpc": "2.0", "id": 1000 + number, "method": "tools/call"}
            call = {"name": "read_workflow_file", "arguments": {"path": "tasks/current.md"}}
            hung.client.sock.sendall(json.dumps({**line, "params": call}).encode() + b"\n")
        deaf = [("status", f"{dead}/r0/plans"), ("status", f"{dead}/elsewhere"), ("adopt", f"{dead}/elsewhere")]
        with clients_of(daemon, *deaf * 2):
            stalled = measure(daemon, home, agents)
            with DaemonClient.connect(home) as client:
                adopting = timed(lambda: client.call("adopt", {"path": str(spare.path)}))
        deadline = time.monotonic() + 30
        with DaemonClient.connect(home) as client:
            while (state := {r["slug"]: r for r in client.call("status")["repos"]}["r0"])["state"] != "degraded":
                assert time.monotonic() < deadline, state
                time.sleep(0.2)
        assert state["problem"]["code"] == "TIMEOUT"
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGTERM)
        ending = timed(lambda: daemon.process and daemon.process.wait(20))
        assert flag.exists(), "it hangs until the daemon has ended"
    finally:
        flag.unlink(missing_ok=True)
        for agent in (*agents, *([hung] if hung is not None else ())):
            agent.client.close()
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.kill()
    with capsys.disabled():
        print(f"\nidle {idle}\nstalled {stalled}\nadopt {adopting:.2f} s, end {ending:.2f} s")
    for name, before in idle.items():
        assert stalled[name] <= max(FACTOR * before, before + FLOOR_MS), name
    assert adopting <= 3
    assert ending <= 3
    assert daemon.process.returncode == 0


@pytest.mark.timeout(300)
def test_a_daemon_that_is_stopped_is_named_by_every_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    daemon = Daemon(tmp_path / "home").start()
    assert daemon.process is not None
    pid = daemon.process.pid
    try:
        daemon.rhctl("adopt", str(Repository.make(tmp_path / "r0").path))
        os.kill(pid, signal.SIGSTOP)
        took: dict[str, float] = {}
        began = time.monotonic()
        with clients_of(daemon, *((*words, "--json") for words in COMMANDS)) as clients:
            for words, client in zip(COMMANDS, clients, strict=True):
                out, err = client.communicate(timeout=60)
                took[" ".join(words)] = time.monotonic() - began
                error = json.loads(out)["error"]
                assert (client.returncode, error["code"]) == (1, "DAEMON_HANGS"), (words, out, err)
                assert f"process {pid}" in error["message"], words
                assert f"kill -9 {pid}" in error["next_step"], words
        doctor = daemon.run("doctor", "--json")
        findings = {f["check"]: f for f in json.loads(doctor.stdout)["findings"]}
        assert doctor.returncode == 11
        assert (findings["daemon"]["status"], findings["database"]["status"]) == ("error", "ok")
        assert f"process {pid}" in findings["daemon"]["message"]
        said = daemon.run("status")
        assert said.returncode == 1
        assert "database" in said.stdout, "what can be known without the daemon is said"
    finally:
        os.kill(pid, signal.SIGCONT)
        daemon.end()
    with capsys.disabled():
        print(f"\nall {len(COMMANDS)} commands at once: {max(took.values()):.1f} s")
