"""The surroundings of a person who uses a client: a home of its own, our commands on PATH, the browser beside."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import trio

from tests.support.consent_person import Memory, Person, logged_in
from tests.support.daemons import Daemon, environment
from tests.support.npm import Programs
from tests.support.repositories import Repository

WITHIN_S = 90
LEAVE_WITHIN_S = 1


class Running:
    """A client's command that runs."""

    def __init__(self, process: trio.Process, stdin: trio.abc.SendStream, stdout: trio.abc.ReceiveStream) -> None:
        self.process = process
        self.input = stdin
        self.output = stdout
        self.said = ""
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    async def until(self, pattern: str) -> str:
        """Read on until something that it said, from the start, matches; return that."""
        while (found := re.search(pattern, self.said)) is None:
            assert await self._read(), f"{pattern} was not said:\n{self.said}"
        return found[0]

    async def line(self) -> str:
        """Return the next whole line, and forget it."""
        await self.until(r"\n")
        line, _, self.said = self.said.partition("\n")
        return line

    async def until_end(self) -> int:
        """Read all that it says and return its exit code."""
        while await self._read():
            pass
        return await self.process.wait()

    async def _read(self) -> bool:
        try:
            data = await self.output.receive_some()
        except trio.BrokenResourceError:  # the end of a terminal
            return False
        self.said += self._decode(data)
        return bool(data)


@dataclass
class Seat:
    """One person's place.

    Attributes:
        home: the only folder that a client finds itself in; its environment has nothing of the user's own.
        url: the repository's endpoint.
        hub_url: the hub.
    """

    home: Path
    bin: Path
    programs: Programs
    daemon: Daemon
    repository: Repository
    slug: str
    passphrase: str
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(
        cls, base: Path, programs: Programs, daemon: Daemon, repository: Repository, slug: str, passphrase: str
    ) -> Seat:
        """Furnish a place at `base`, which is new."""
        (base / "bin").mkdir(parents=True)
        (base / "home").mkdir(exist_ok=True)
        for name, module in (("rhctl", "rhctl"), ("repo-harness", "rhctl.repo_harness")):
            script = base / "bin" / name
            # Clients hand down hardly any of the environment, as they do with an installed command.
            path = environment()["PYTHONPATH"]
            script.write_text(f'#!/bin/sh\nPYTHONPATH="{path}" exec "{sys.executable}" -m {module} "$@"\n')
            script.chmod(0o755)
        return cls(base / "home", base / "bin", programs, daemon, repository, slug, passphrase)

    @property
    def url(self) -> str:
        return f"{self.daemon.url}/r/{self.slug}/mcp"

    @property
    def hub_url(self) -> str:
        return f"{self.daemon.url}/mcp"

    @property
    def env(self) -> dict[str, str]:
        """The whole environment of a client."""
        path = [str(self.bin), str(self.programs.node.parent), "/usr/local/bin", "/usr/bin", "/bin"]
        return {
            "HOME": str(self.home),
            "PATH": os.pathsep.join(path),
            "LANG": "C.UTF-8",
            "SHELL": "/bin/sh",
            "TERM": "dumb",
            **self.variables,
        }

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, in the repository."""
        return subprocess.run(
            [str(word) for word in words],
            cwd=self.repository.path,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )

    @asynccontextmanager
    async def running(
        self, *words: str | Path, is_terminal: bool = False, is_logging: bool = False, within_s: float = WITHIN_S
    ) -> AsyncIterator[Running]:
        """Yield a client's command while it runs in the repository; it is ended if it does not end by itself.

        Args:
            is_terminal: it sees a terminal, for clients that ask for one.
            within_s: how long it may take.
            is_logging: what it says on stderr is no part of its answers, and dropped.
        """
        ours, theirs = pty.openpty() if is_terminal else (None, None)
        process = await trio.lowlevel.open_process(
            [str(word) for word in words],
            cwd=self.repository.path,
            env=self.env,
            stdin=subprocess.PIPE if theirs is None else theirs,
            stdout=subprocess.PIPE if theirs is None else theirs,
            stderr=subprocess.DEVNULL if is_logging else subprocess.STDOUT,
            start_new_session=True,
        )
        if theirs is None:
            assert process.stdin is not None
            assert process.stdout is not None
            running = Running(process, process.stdin, process.stdout)
        else:
            assert ours is not None
            fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 2000, 0, 0))  # an address is never wrapped
            os.close(theirs)
            terminal = trio.lowlevel.FdStream(ours)
            running = Running(process, terminal, terminal)
        try:
            with trio.fail_after(within_s):
                yield running
        finally:
            with trio.CancelScope(shield=True):
                await running.input.aclose()
                for sent in (signal.SIGTERM, signal.SIGKILL):
                    with trio.move_on_after(LEAVE_WITHIN_S):
                        await process.wait()
                    if process.returncode is None:
                        os.killpg(process.pid, sent)  # launchers wait for the real program
                await process.wait()
                await running.output.aclose()

    async def answer_login(self, client: Running) -> str:
        """Wait until a client prints the address of a login, answer the page, follow the redirect to the client.

        Returns:
            The address.
        """
        found = await client.until(re.escape(self.daemon.url) + r"/authorize\?[!-~]+(?=[^!-~])")
        person = Person(self.passphrase)
        await person.open(found)
        async with httpx2.AsyncClient() as browser:
            await browser.get(person.location, follow_redirects=True)
        return found

    async def token(self, url: str) -> str:
        """Return an access token for an endpoint, from a login of its own."""
        memory = Memory()
        async with logged_in(url, Person(self.passphrase), memory, mode="legacy") as client:
            await client.list_tools()
        assert memory.tokens is not None
        return memory.tokens.access_token
