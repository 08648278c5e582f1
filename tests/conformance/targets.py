"""What the suite is pointed at: a real daemon, reached with a token that a person logged in for."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import trio

from tests.conformance.proxy import token_proxy
from tests.conformance.suite import Run, Suite
from tests.support.consent_person import Memory, Person, logged_in
from tests.support.daemons import Daemon
from tests.support.repositories import Repository


@asynccontextmanager
async def running(base: Path, module: str) -> AsyncIterator[tuple[Daemon, str, str]]:
    """Yield a daemon with one adopted repository, its slug and its passphrase."""
    base.mkdir(parents=True)
    (base / "user").mkdir()
    os.environ["HOME"] = str(base / "user")  # never the configuration of the user who runs this
    daemon = await trio.to_thread.run_sync(Daemon(base / "home", module=module).start)
    try:
        repository = Repository.make(base / "project")
        slug = daemon.rhctl("adopt", str(repository.path))["slug"]
        yield daemon, slug, daemon.rhctl("passphrase", "show", slug)["passphrase"]
    finally:
        daemon.end()


async def examine_server(
    suite: Suite, base: Path, revision: str, baseline: list[str], *, module: str, hub: bool
) -> Run:
    """Run what a revision requires of a server against one endpoint of a daemon of its own."""
    async with running(base, module) as (daemon, slug, passphrase):
        path, memory = "/mcp" if hub else f"/r/{slug}/mcp", Memory()
        async with logged_in(daemon.url + path, Person(passphrase), memory, mode=revision_mode(revision)) as client:
            await client.list_tools()
        assert memory.tokens is not None
        async with token_proxy(daemon.url, memory.tokens.access_token) as origin:
            return await suite.run_server(origin + path, revision, base / "results", baseline)


def revision_mode(revision: str) -> str:
    """Return how the official client is told to speak a revision's era."""
    return revision if revision >= "2026" else "legacy"


async def examine_authorization(suite: Suite, base: Path, revision: str) -> Run:
    """Run the scenarios for an authorization server, a person answering the page that they lead to."""
    async with running(base, "rhd") as (daemon, _, passphrase):
        port = free_port()
        async with httpx2.AsyncClient() as http:
            redirects = [f"http://127.0.0.1:{port}/callback"]
            answer = await http.post(f"{daemon.url}/register", json={"client_name": "c", "redirect_uris": redirects})

            async def visit(url: str) -> None:
                person = Person(passphrase)
                await person.open(url)
                await http.get(person.location)

            client_id = answer.raise_for_status().json()["client_id"]
            resource = f"{daemon.url}/mcp"
            return await suite.run_authorization(
                daemon.url, resource, client_id, port, revision, base / "results", visit
            )


def free_port() -> int:
    """Return a port of loopback on which no program listens now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
