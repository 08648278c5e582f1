"""The long proofs that what is announced is what happened: from the disk, through watcher and catalog, to the log."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest
import trio

from rhd.watch.watched_roots import Policy
from rhwire.home import Home
from rhwire.messages import Request
from tests.support.announced_state import EVENTS, POLLING, announcing, follow, trouble
from tests.support.daemons import Daemon
from tests.support.hint_mirror_process import QUEUED_EVENTS, flood
from tests.support.repositories import Repository

pytestmark = pytest.mark.timeout(3600)


OPERATIONS = 100_000


@pytest.mark.parametrize(
    ("watcher", "policy"),
    [
        ("inotify", EVENTS),
        ("watchfiles", EVENTS),
        ("poll", POLLING),
        ("auto", Policy(reconcile_s=5, retry_s=5, poll_s=0.5)),
    ],
)
async def test_100_000_random_operations_that_succeed_are_announced(
    tmp_path: Path, watcher: str, policy: Policy
) -> None:
    done = []

    async def one(name: str, seed: int) -> None:
        announced = await follow(rooms, Repository.make(tmp_path / name))
        done.append(await trouble(announced, seed, OPERATIONS // 4, each=50))

    async with announcing(tmp_path / "db", watcher, policy) as rooms:
        async with trio.open_nursery() as nursery:
            for seed in range(4):
                nursery.start_soon(one, f"r{seed}", seed)
    assert sum(done) >= OPERATIONS


async def test_500_branch_switches_are_announced(tmp_path: Path) -> None:
    repository = Repository.make_branches(tmp_path / "r")
    switches = random.Random(1)
    async with announcing(tmp_path / "db", "inotify", EVENTS) as rooms:
        announced = await follow(rooms, repository)
        for number in range(500):
            await trio.to_thread.run_sync(repository.git, "checkout", "-q", switches.choice(["main", "none", "others"]))
            if number % 3 == 2:
                await announced.settle()


async def test_10_000_races_of_mkdir_p_are_announced(tmp_path: Path) -> None:
    repository = Repository.make(tmp_path / "r")
    tasks = repository.path / "tasks" / "reviews"

    def race(batch: int) -> None:
        for number in range(100):
            deep = tasks / f"d{number}" / f"e{batch % 7}" / "f"
            os.makedirs(deep)
            (deep / "leaf.md").write_text(str(batch))

    async with announcing(tmp_path / "db", "inotify", EVENTS) as rooms:
        announced = await follow(rooms, repository)
        for batch in range(100):
            await trio.to_thread.run_sync(race, batch)
            await announced.settle()
            await trio.to_thread.run_sync(lambda: shutil.rmtree(tasks))
            if batch % 2:
                await announced.settle()


async def test_watchers_that_are_killed_again_and_again_hide_nothing(tmp_path: Path) -> None:
    async with announcing(tmp_path / "db", "watchfiles", Policy(reconcile_s=3600, poll_s=0.5)) as rooms:
        followed = [await follow(rooms, Repository.make(tmp_path / f"r{number}")) for number in range(5)]
        for attempt in range(150):
            with open(os.fsencode(followed[attempt % 3].path) + b"/plans/poison\xff.md", "a") as file:
                file.write("x")
            for number, announced in enumerate(followed):
                (announced.path / "plans" / f"{attempt % 10}.md").write_text(f"{attempt} {number}")
            for announced in followed:
                await announced.settle()


@pytest.mark.parametrize(
    ("how", "stop_s"),
    [
        ("many files", 1.5),
        ("one file", 1.5),
        *(("few files", stop_s) for stop_s in (0.0, 0.1, 0.3, 0.7)),
    ],
)
def test_a_stopped_daemon_announces_what_the_kernel_dropped(tmp_path: Path, how: str, stop_s: float) -> None:
    """SIGSTOP lets the kernel's queue run over; a laptop that sleeps does the same to it."""
    repository = Repository.make(tmp_path / "r")
    daemon = Daemon(tmp_path / "home").start()
    try:
        daemon.rhctl("adopt", str(repository.path))
        follower = Follower(daemon)
        repository.write("docs/spec.md", "# It follows\n")
        follower.hear("docs/spec.md")
        for attempt in range(5):
            assert daemon.process is not None
            daemon.process.send_signal(signal.SIGSTOP)
            resume_at = time.monotonic() + stop_s
            if how == "few files":
                flood(repository.path / "plans" / "prds", QUEUED_EVENTS + 1000, until=resume_at)
            for number in range(
                8_000 if how != "few files" else 0
            ):  # each is three events, and more than the queue holds
                name = "same.md" if how == "one file" else f"{number % 2000}.md"
                repository.write(f"plans/prds/{name}", f"{attempt} {number}\n")
            while how != "few files" and time.monotonic() < resume_at:
                repository.write("plans/prds/same.md", "still the queue is full\n")
            shutil.rmtree(repository.path / "tasks")
            repository.write("tasks/reviews/new.review.md", f"{attempt}\n")
            daemon.process.send_signal(signal.SIGCONT)
            last = {"many files": "1999.md", "one file": "same.md", "few files": "3.md"}[how]
            follower.hear(f"plans/prds/{last}", "tasks/reviews/new.review.md")
            # The folder that was replaced unnoticed is watched again.
            repository.write("tasks/reviews/new.review.md", f"{attempt} again\n")
            follower.hear("tasks/reviews/new.review.md")
        follower.end()
        paths = {str(p.relative_to(repository.path)) for p in repository.path.rglob("plans/**/*.md")}
        assert {p for p in follower.known if p.startswith("plans/")} | {
            str(p) for p in ("plans/prds/20261101-0900-search.prd.md", "plans/sprints/20261102-0900-search.sprint.md")
        } == paths
    finally:
        daemon.end()


class Follower:
    """The verb `events` of a daemon. `rhctl` would give up a daemon that is stopped for long.

    Attributes:
        known: the paths that were announced as there, and not as gone since.
    """

    def __init__(self, daemon: Daemon) -> None:
        self.known: set[str] = set()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(Home(str(daemon.home)).socket)
        self._socket.sendall(Request(1, "events", {"follow": True}).encode())
        self._lines = self._socket.makefile()

    def hear(self, *paths: str) -> None:
        """Read on until each of these paths was announced as added or modified."""
        missing = set(paths)
        while missing:
            line = self._lines.readline()
            assert line, "the stream ended"
            event = json.loads(line).get("params")
            assert event is not None, line
            if event["kind"] == "repository":
                continue
            if event["change"] == "removed":
                self.known.discard(event["path"])
            else:
                self.known.add(event["path"])
                missing.discard(event["path"])

    def end(self) -> None:
        """End it."""
        self._lines.close()
        self._socket.close()
