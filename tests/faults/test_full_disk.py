"""The disk that holds the daemon's database fills up under load, and is freed again. Run by `make faults`."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rhctl.client import DaemonClient
from rhctl.errors import CommandRefused
from rhwire.home import Home
from tests.faults.test_hanging import Agent
from tests.support.daemons import Daemon
from tests.support.repositories import Repository

WRITERS = 4
SIZE = "24m"


class Load(threading.Thread):
    """Writes documents and starts and stops profiles until told to end; notes what was acknowledged."""

    def __init__(self, home: Home, slug: str) -> None:
        super().__init__(daemon=True)
        self.home, self.slug = home, slug
        self.paths: list[str] = []
        self.profiles: set[str] = {"planner"}
        self.told: Counter[str] = Counter()
        self.accepted_at: list[float] = []
        self.is_over = threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self._run()
        except BaseException as error:
            self.failure = error

    def _run(self) -> None:
        agent = Agent(self.home, self.slug)
        number = 0
        with agent.client, DaemonClient.connect(self.home) as client:
            while not self.is_over.is_set():
                number += 1
                idea = {"title": f"Idea {number}", "idea": "x" * 2000}
                answer = agent.ask("tools/call", {"name": "write_prd_from_idea", "arguments": idea})
                if answer.get("isError"):
                    self.told[answer["_meta"]["dev.repo-harness/error"]["code"]] += 1
                else:
                    self.paths.append(answer["structuredContent"]["path"])
                    self.accepted_at.append(time.monotonic())
                is_started = "executor" in self.profiles
                verb = "stop" if is_started else "start"
                try:
                    client.call(verb, {"repo": self.slug, "profile": "executor"})
                except CommandRefused as refused:
                    self.told[refused.code] += 1
                else:
                    self.profiles ^= {"executor"}


@pytest.mark.timeout(300)
def test_a_full_disk_under_load_loses_nothing_that_was_acknowledged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if shutil.which("mount") is None or _mount(disk):
        pytest.skip("this machine lets us mount nothing")
    try:
        loads, freed_at = _fill_and_free(tmp_path, disk)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    told = sum((load.told for load in loads), Counter[str]())
    recovered = [min((at for at in load.accepted_at if at > freed_at), default=float("inf")) for load in loads]
    with capsys.disabled():
        print(f"\nacknowledged {sum(len(load.paths) for load in loads)}, told {dict(told)}")
        print(f"accepted again after {max(recovered) - freed_at:.2f} s")
    assert told, "the disk was never full"
    assert set(told) == {"DISK_FULL"}
    assert max(recovered) - freed_at <= 5


def _mount(disk: Path) -> int:
    return subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(disk)], check=False).returncode


def _fill_and_free(tmp_path: Path, disk: Path) -> tuple[list[Load], float]:
    repositories = [Repository.make(tmp_path / f"r{n}") for n in range(WRITERS)]
    daemon = Daemon(disk / "home").start()
    home = Home(str(daemon.home))
    try:
        for repository in repositories:
            daemon.rhctl("adopt", str(repository.path))
        loads = [Load(home, f"r{n}") for n in range(WRITERS)]
        for load in loads:
            load.start()
        _until(lambda: all(len(load.paths) > 5 for load in loads), loads)
        with suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
        _until(lambda: all(load.told["DISK_FULL"] > 5 for load in loads), loads)
        doctor = daemon.run("doctor", "--json")
        findings = {f["check"]: f for f in json.loads(doctor.stdout)["findings"] if f["repo"] is None}
        assert findings["store"]["status"] == findings["disk"]["status"] == "error"
        (disk / "filler").unlink()
        freed_at = time.monotonic()
        _until(lambda: all(load.accepted_at[-1] > freed_at for load in loads), loads)
        for load in loads:
            load.is_over.set()
        for load in loads:
            load.join(30)
            assert load.failure is None, load.failure
        doctor = daemon.run("doctor", "--json")
        assert {f["check"]: f["status"] for f in json.loads(doctor.stdout)["findings"]}["store"] == "ok"
        daemon.restart()
        _check(daemon, repositories, loads, disk)
    finally:
        daemon.kill()
    return loads, freed_at


def _check(daemon: Daemon, repositories: list[Repository], loads: list[Load], disk: Path) -> None:
    """Assert that what was acknowledged is there after a restart: files, changes, started profiles, audit rows."""
    status = {repo["slug"]: repo for repo in daemon.rhctl("status")["repos"]}
    with sqlite3.connect(f"file:{disk}/home/rhd.sqlite3?mode=ro", uri=True) as connection:
        changed = {path for (path,) in connection.execute("SELECT path FROM changes")}
        audited = connection.execute("SELECT sum(count) FROM audit WHERE action = 'write_prd_from_idea'").fetchone()[0]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    for repository, load in zip(repositories, loads, strict=True):
        for path in load.paths:
            assert (repository.path / path).read_text().endswith("\n")
            assert path in changed
        assert set(status[load.slug]["profiles"]) == load.profiles
    calls = sum(len(load.paths) + load.told["DISK_FULL"] for load in loads)
    assert audited >= sum(len(load.paths) for load in loads), f"{audited} of {calls}"


def _until(condition: Any, loads: list[Load]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        for load in loads:
            assert load.failure is None, load.failure
        assert time.monotonic() < deadline
        time.sleep(0.02)
