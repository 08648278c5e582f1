"""A real daemon over many repositories, and the bare SDK beside it."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rhctl.client import DaemonClient
from rhd.file_locations import find_locations
from rhwire.home import Home
from tests.bench.figures import Process
from tests.bench.wire import MODERN, Wire
from tests.support.daemons import Daemon, environment
from tests.support.made_grants import save_grant

ARTIFACTS = 100
PLACES = (
    ("plans/prds", ".prd.md"),
    ("plans/sprints", ".sprint.md"),
    ("plans", ".md"),
    ("tasks/contracts", ".contract.md"),
    ("tasks/notes", ".notes.md"),
    ("tasks/reviews", ".review.md"),
)
PRD = "plans/prds/20260101-0900-artifact-0.prd.md"
SPRINT = "plans/sprints/20260202-0900-artifact-1.sprint.md"
CARDS = "".join(f"### Task Card {n}: Slice\n\n- [x] Objective: `a`\n- [ ] Verification: b\n\n" for n in range(1, 7))
PROSE = "What is to be done stands here, and why, and how one will know that it is done.\n"


@dataclass
class VerbContext:
    """A daemon, its repositories, and tokens for them.

    Attributes:
        adopted_ms: how long each adoption took.
        slugs: in order of adoption.
        ids: their repositories' ids.
    """

    base: Path
    daemon: Daemon
    adopted_ms: list[float] = field(default_factory=list)
    slugs: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    @property
    def process(self) -> Process:
        """The daemon's process."""
        assert self.daemon.process is not None
        return Process(self.daemon.process.pid)

    def verb(self, verb: str, **params: Any) -> Any:
        """Send one verb over the control socket."""
        client = DaemonClient.connect(Home(str(self.daemon.home)))
        try:
            return client.call(verb, params)
        finally:
            client.close()

    def make(self, number: int) -> Path:
        """Write a repository that can be adopted."""
        path = self.base / f"r{number:03d}"
        (path / ".git/objects").mkdir(parents=True)
        (path / ".git/refs/heads").mkdir(parents=True)
        (path / ".git/HEAD").write_text("ref: refs/heads/main\n")
        (path / ".git/config").write_text("[core]\n\tbare = false\n")
        fill(path, ARTIFACTS)
        return path

    def adopt(self, count: int) -> None:
        """Adopt further repositories, up to `count` of them."""
        for number in range(len(self.slugs), count):
            path = self.make(number)
            start = time.perf_counter()
            slug = self.verb("adopt", path=str(path))["slug"]
            self.adopted_ms.append((time.perf_counter() - start) * 1e3)
            self.slugs.append(slug)
            self.ids.append((path / ".repo-harness/id").read_text().strip())

    def grant(self, *grants: Mapping[str, Iterable[str]]) -> list[str]:
        """Restart the daemon with these further grants on the hub, by slug; return a token of each."""
        by_slug = dict(zip(self.slugs, self.ids, strict=True))
        self.daemon.end()
        database = find_locations(Home(str(self.daemon.home))).database
        with closing(sqlite3.connect(database)) as connection, connection:
            tokens = [save_grant(connection, {by_slug[s]: p for s, p in grant.items()})[1] for grant in grants]
        self.daemon.start()
        self.until_true()
        return tokens

    def restart(self) -> None:
        """Begin with a fresh process, as after a login; wait until every catalog is true."""
        self.daemon.restart()
        self.until_true()

    def wire(self, era: str, token: str, path: str = "/mcp") -> Wire:
        """Return a connected client."""
        return Wire(self.daemon.port, path, era, token)

    def until_true(self) -> None:
        """Wait until every repository's catalog has been compared with the disk."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if all(repo["state"] == "ok" and repo["watch"] != "off" for repo in self.verb("status")["repos"]):
                return
            time.sleep(0.2)
        raise AssertionError("the repositories were not served in time")


def fill(top: Path, count: int) -> None:
    """Write `count` artifacts of 4 KiB as a project has them."""
    for number in range(count):
        folder, ending = PLACES[number % len(PLACES)]
        path = top / folder / f"2026{number % 12 + 1:02}{number % 28 + 1:02}-0900-artifact-{number}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = f"# Artifact number {number}\n\n> **Status**: Draft\n\n" + (CARDS if "sprint" in ending else "")
        path.write_text((text + PROSE * 60)[:4096])


@contextmanager
def context(repos: int) -> Iterator[VerbContext]:
    """Yield a daemon that serves so many repositories of 100 artifacts of 4 KiB."""
    base = Path(tempfile.mkdtemp(prefix="rhd-bench-"))
    made = VerbContext(base, Daemon(base / "home"))
    try:
        made.daemon.start()
        made.adopt(repos)
        made.until_true()
        yield made
    finally:
        made.daemon.kill()
        shutil.rmtree(base)


@dataclass
class Echo:
    """The bare SDK, serving."""

    port: int
    process: Process

    def wire(self, era: str, path: str = "/mcp") -> Wire:
        """Return a connected client."""
        return Wire(self.port, path, era)


@contextmanager
def echo(*repositories: str) -> Iterator[Echo]:
    """Yield the bare SDK over HTTP; its streams are told of changes in a folder of repositories."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.echo", str(port), *repositories], env=environment(), cwd=os.getcwd()
    )
    try:
        for _ in range(400):
            try:
                Wire(port, "/mcp", MODERN).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        yield Echo(port, Process(process.pid))
    finally:
        process.kill()
        process.wait()
