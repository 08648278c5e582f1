"""`doctor-live` on the socket: which way it takes, what it tells, and that nothing of it stays, however it ends."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from rhd.doctor import live_login
from rhd.doctor.http_request import Answer, RequestFailed
from rhwire.messages import Request
from tests.support.inprocess import Running, read_line, running_daemon
from tests.support.repositories import Repository
from tests.support.tls import Authority
from tests.support.tunnel import tunnel
from tests.support.waiting import until

STEPS = [
    "reach",
    "challenge",
    "metadata",
    "register",
    "page",
    "approve",
    "token",
    "session",
    "call",
    "refresh",
    "revoke",
    "remove",
]
TABLES = ("clients", "grants", "grant_profiles", "logins", "tokens", "sessions", "session_uris", "delivered")
NAME = "harness.example.com"


async def left(daemon: Running) -> dict[str, int]:
    """Return the tables that a login writes to and that are not empty."""
    store = daemon.context.store
    await store.write(lambda connection: None)

    def count(connection: sqlite3.Connection) -> dict[str, int]:
        counted = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}
        trial = connection.execute("SELECT count(*) FROM meta WHERE key = 'oauth.trial'").fetchone()[0]
        return {name: number for name, number in {**counted, "trial": trial}.items() if number}

    return await store.read(count)


async def until_nothing_is_left(daemon: Running) -> None:
    """Return once the daemon has ended the sessions of a grant that ended, which it does on its own."""
    with trio.fail_after(10):
        while await left(daemon):
            await trio.sleep(0.01)


@asynccontextmanager
async def reached_by(daemon: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Have the daemon be reached through a tunnel, and recorded so; yields the origin."""
    authority = Authority.make(folder, NAME)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    async with tunnel(authority, NAME, daemon.context.port) as origin:
        await daemon.call("endpoint", url=f"{origin}/mcp")
        yield origin


def steps_of(done: dict[str, Any]) -> list[str]:
    return [step["step"] for step in done["steps"]]


async def test_a_whole_login_and_call_succeed_and_leave_nothing(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    done = await daemon.call("doctor-live")
    assert [step for step in done["steps"] if step["status"] != "ok"] == []
    assert steps_of(done) == STEPS
    assert (done["ok"], done["public"], done["repo"], done["url"]) == (True, False, slug, f"{daemon.url}/mcp")
    assert (await daemon.call("clients"))["clients"] == []
    await until_nothing_is_left(daemon)
    told = [(row.action, row.client) for row in await daemon.audited() if row.client == live_login.NAME]
    assert {"login.begin", "login.allow", "grant.make", "harness_status", "grant.end"} <= {action for action, _ in told}


async def test_where_a_public_url_is_recorded_everything_goes_through_it(
    daemon: Running, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await daemon.adopt(repository.path)
    asked = []
    ask = live_login.ask

    async def note(method: str, url: str, *args: Any, **options: Any) -> Answer:
        asked.append(url)
        return await ask(method, url, *args, **options)

    monkeypatch.setattr(live_login, "ask", note)
    async with reached_by(daemon, tmp_path, monkeypatch) as origin:
        done = await daemon.call("doctor-live")
    assert [step for step in done["steps"] if step["status"] != "ok"] == []
    assert (steps_of(done), done["public"], done["url"]) == (STEPS, True, f"{origin}/mcp")
    assert len(asked) > len(STEPS)
    assert all(url.startswith(f"{origin}/") for url in asked)
    await until_nothing_is_left(daemon)


async def test_a_tunnel_that_is_down_is_named_and_once_it_is_up_the_finding_ends(
    daemon: Running, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await daemon.adopt(repository.path)
    ask = live_login.ask

    async def refuse(*args: Any, **options: Any) -> Answer:
        raise RequestFailed("it cannot be reached: Connection refused")

    async with reached_by(daemon, tmp_path, monkeypatch) as origin:
        monkeypatch.setattr(live_login, "ask", refuse)
        done = await daemon.call("doctor-live")
        assert (steps_of(done), done["ok"]) == (["reach", "remove"], False)
        assert origin in done["steps"][0]["message"]
        assert daemon.url in done["steps"][0]["next_step"]
        monkeypatch.setattr(live_login, "ask", ask)
        assert (await daemon.call("doctor-live"))["ok"]


async def test_a_tunnel_to_another_daemon_is_told_and_recording_the_right_one_ends_it(
    daemon: Running, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await daemon.adopt(repository.path)
    authority = Authority.make(tmp_path, NAME)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    async with running_daemon(tmp_path / "other") as other:
        async with tunnel(authority, NAME, other.context.port) as wrong:
            for each in (daemon, other):
                await each.call("endpoint", url=f"{wrong}/mcp")
            (reach, _) = (await daemon.call("doctor-live"))["steps"]
            assert (reach["status"], "another daemon" in reach["message"]) == ("error", True)
            assert "endpoint https://HOST/mcp --replace" in reach["next_step"]
        async with tunnel(authority, NAME, daemon.context.port) as right:
            await daemon.call("endpoint", url=f"{right}/mcp", replace=True)
            assert (await daemon.call("doctor-live"))["ok"]


async def test_a_stopped_profile_is_told_and_the_command_that_is_printed_ends_it(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.call("stop", repo=slug)
    done = await daemon.call("doctor-live", repo=slug)
    (failed,) = [step for step in done["steps"] if step["status"] != "ok"]
    assert failed["step"] == "call"
    assert failed["next_step"].startswith("Run: rhctl ")
    assert failed["next_step"].endswith(f"start {slug} --profile planner")
    await daemon.call("start", repo=slug, profile="planner")
    assert (await daemon.call("doctor-live", repo=slug))["ok"]
    await until_nothing_is_left(daemon)


async def test_without_a_repository_it_is_refused(daemon: Running) -> None:
    assert (await daemon.refusal("doctor-live")).code == "REPO_NOT_FOUND"


@pytest.mark.parametrize("name", ["approve", "session", "refresh"])
async def test_a_client_that_leaves_in_the_middle_leaves_nothing(
    daemon: Running, repository: Repository, name: str
) -> None:
    await daemon.adopt(repository.path)
    async with await daemon.open() as stream:
        await stream.send_all(Request(1, "doctor-live", {}).encode())
        while True:
            message = await read_line(stream)
            if message["params"].get("step") == name:
                break
    await until(lambda: not daemon.context.authority.trials.is_under_way)
    await until_nothing_is_left(daemon)
    assert (await daemon.call("clients"))["clients"] == []


async def test_two_at_once_take_turns(daemon: Running, repository: Repository) -> None:
    await daemon.adopt(repository.path)
    found = []

    async def check() -> None:
        found.append(await daemon.call("doctor-live"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(check)
        nursery.start_soon(check)
    assert [done["ok"] for done in found] == [True, True]
    await until_nothing_is_left(daemon)


async def test_what_a_killed_daemon_left_is_gone_after_the_next_start(repository: Repository, tmp_path: Path) -> None:
    async with running_daemon(tmp_path / "home") as daemon:
        await daemon.adopt(repository.path)
        trials = daemon.context.authority.trials

        async def die() -> None:
            pass

        trials.remove = die  # type: ignore[method-assign]
        async with await daemon.open() as stream:
            await stream.send_all(Request(1, "doctor-live", {}).encode())
            while (await read_line(stream))["params"].get("step") != "session":
                pass
        await until(lambda: not trials.is_under_way)
        assert {"clients", "grants", "logins", "tokens", "sessions", "trial"} <= set(await left(daemon))
    async with running_daemon(tmp_path / "home") as daemon:
        assert await left(daemon) == {}
        assert (await daemon.call("clients"))["clients"] == []
        assert (await daemon.call("doctor-live"))["ok"]
