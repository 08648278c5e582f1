"""Where somebody sits who uses a client: a home of its own, our commands on PATH, the browser beside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import trio

from tests.support.daemons import Daemon, environment
from tests.support.npm import Programs
from tests.support.people import Memory, Person, logged_in
from tests.support.repositories import Repository

WITHIN_S = 90


@dataclass
class Seat:
    """One person's place.

    Attributes:
        home: the only folder that a client finds itself in; nothing of whoever runs the tests is in its environment.
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
        (base / "home").mkdir(parents=True)
        (base / "bin").mkdir()
        for name, module in (("rhctl", "rhctl"), ("repo-harness", "rhctl.harness")):
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

    def run(self, *words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a client's command to its end, in the repository unless told otherwise."""
        return subprocess.run(
            [str(word) for word in words],
            cwd=cwd or self.repository.path,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )

    @asynccontextmanager
    async def running(self, *words: str | Path, cwd: Path | None = None) -> AsyncIterator[trio.Process]:
        """Yield a client's command while it runs, its output (both) on `stdout`; it is killed at the end if need be."""
        process = await trio.lowlevel.open_process(
            [str(word) for word in words],
            cwd=cwd or self.repository.path,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            with trio.fail_after(WITHIN_S):
                yield process
        finally:
            if process.returncode is None:
                process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
                for stream in (process.stdin, process.stdout):
                    assert stream is not None
                    await stream.aclose()

    async def answer_login(self, process: trio.Process) -> str:
        """Wait until a client prints the address of a login, answer the page, follow the redirect to the client.

        Returns:
            The address.
        """
        assert process.stdout is not None
        said = b""
        start = f"{self.daemon.url}/authorize?".encode()
        while start not in said or not said[said.index(start) :].split()[0:1] or b"\n" not in said[said.index(start) :]:
            data = await process.stdout.receive_some()
            assert data, f"no login was begun:\n{said.decode(errors='replace')}"
            said += data
        url = said[said.index(start) :].split()[0].decode()
        person = Person(self.passphrase)
        await person.open(url)
        async with httpx2.AsyncClient() as browser:
            await browser.get(person.location, follow_redirects=True)
        return url

    async def token(self, url: str) -> str:
        """Return an access token for an endpoint, from a login of its own."""
        memory = Memory()
        async with logged_in(url, Person(self.passphrase), memory, mode="legacy") as client:
            await client.list_tools()
        assert memory.tokens is not None
        return memory.tokens.access_token
