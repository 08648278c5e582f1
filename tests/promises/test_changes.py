"""Connected clients are notified of a changed workflow file: the real daemon, official clients of each era."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from mcp import Client, StdioServerParameters

from tests.support.consent_person import Memory, Person, logged_in
from tests.support.daemons import Daemon, environment
from tests.support.notifications import hearing
from tests.support.repositories import Repository

PRD = "plans/prds/20261101-0900-search.prd.md"


@asynccontextmanager
async def bridged(daemon: Daemon, slug: str, *, mode: str, **options: Any) -> AsyncIterator[Client]:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "rhctl", "connect", "--repo", slug],
        env=environment(REPO_HARNESS_HOME=str(daemon.home)),
    )
    async with Client(server, mode=mode, cache=None, **options) as client:
        yield client


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
@pytest.mark.parametrize("place", ["hub", "repository", "bridge"])
async def test_every_change_reaches_every_client(daemon: Daemon, repository: Repository, place: str, mode: str) -> None:
    slug = daemon.rhctl("adopt", str(repository.path))["slug"]
    uri = f"repo-harness://{slug}/{PRD}"
    if place == "bridge":
        connect: Any = partial(bridged, daemon, slug)
    else:
        passphrase = daemon.rhctl("passphrase", "show", slug)["passphrase"]
        url = f"{daemon.url}/mcp" if place == "hub" else f"{daemon.url}/r/{slug}/mcp"
        connect = partial(logged_in, url, Person(passphrase), Memory())
    with trio.fail_after(50):
        async with hearing(connect, mode, uri) as ears:
            # By an editor, by an agent that replaces the file, by git, and in a folder that was not there.
            repository.write(PRD, "# Search\n\nBy an editor.\n")
            await ears.hear_updated(uri)
            new = repository.write("draft.tmp", "# Search\n\nBy an agent.\n")
            new.rename(repository.path / PRD)
            await ears.hear_updated(uri)
            await trio.to_thread.run_sync(repository.git, "checkout", "-q", "--", PRD)
            await ears.hear_updated(uri)
            repository.write("tasks/reviews/20261102/first.review.md", "# First\n")
            await ears.hear(("resources", None))


def test_changes_made_while_nobody_served_are_announced_at_the_start(daemon: Daemon, repository: Repository) -> None:
    slug = daemon.rhctl("adopt", str(repository.path))["slug"]
    daemon.end()
    repository.write(PRD, "# Search\n\nOvernight.\n")
    (repository.path / "docs/spec.md").unlink()
    daemon.start()
    words = [sys.executable, "-m", "rhctl", "events", slug, "--follow", "--json"]
    follower = subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, env=environment(REPO_HARNESS_HOME=str(daemon.home))
    )
    assert follower.stdout is not None
    try:
        seen: set[tuple[str, str]] = set()
        for line in follower.stdout:
            event = json.loads(line)
            assert set(event) == {"cursor", "repo", "path", "kind", "change", "at", "via", "by"}
            seen.add((event["path"], event["change"]))
            if seen >= {(PRD, "modified"), ("docs/spec.md", "removed")}:
                break
    finally:
        follower.terminate()
        follower.wait(10)
        follower.stdout.close()
    (status,) = daemon.rhctl("status", slug)["repos"]
    assert set(status["last_change"]) == {"path", "change", "at", "via"}
    assert status["last_change"]["via"] == "restart"


def test_a_follower_is_told_of_everything_whatever_becomes_of_the_daemon(
    daemon: Daemon, repository: Repository
) -> None:
    """Once: but what a killed daemon had told and not recorded yet, the next one finds and tells again."""
    slug = daemon.rhctl("adopt", str(repository.path))["slug"]
    words = [sys.executable, "-m", "rhctl", "events", slug, "--follow", "--json", "-n", "1", "--no-start"]
    follower = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(REPO_HARNESS_HOME=str(daemon.home)),
    )
    assert follower.stdout is not None
    told: list[str] = []

    def hear(path: str) -> None:
        while path not in told:
            told.append(json.loads(follower.stdout.readline())["path"])  # type: ignore[union-attr]

    try:
        told.append(json.loads(follower.stdout.readline())["path"])  # it follows
        for number, end in enumerate((daemon.end, daemon.kill)):
            repository.write(f"plans/before-{number}.md", "# Plan\n")
            hear(f"plans/before-{number}.md")
            end()
            repository.write(f"plans/between-{number}.md", "# Plan\n")
            daemon.start()
            hear(f"plans/between-{number}.md")
    finally:
        follower.send_signal(signal.SIGINT)
        rest, complaints = follower.communicate(timeout=10)
    assert (follower.returncode, rest, complaints) == (130, "", "")
    artifacts = [path for path in told if path is not None and path.startswith("plans/be")]
    assert list(dict.fromkeys(artifacts)) == [
        f"plans/{when}-{number}.md" for number in range(2) for when in ("before", "between")
    ]
    assert {path for path in artifacts if artifacts.count(path) > 1} <= {"plans/before-1.md"}
