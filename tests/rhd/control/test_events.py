"""`events` on the socket: the newest, and a stream of those to come."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import trio

from rhd.control import events, verb
from rhd.ids import Cursor
from rhwire.messages import Request
from tests.support.inprocess import Running, read_line
from tests.support.repositories import Repository
from tests.support.waiting import until

KEYS = {"cursor", "repo", "path", "kind", "change", "at", "via", "by"}


async def follow(daemon: Running, **params: Any) -> trio.SocketStream:
    """Return a connection that follows."""
    stream = await daemon.open()
    await stream.send_all(Request(1, "events", {"follow": True, **params}).encode())
    return stream


async def test_the_newest_are_told_oldest_first_and_as_many_as_asked_for(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    one = await daemon.adopt(repository.path)
    other = Repository.make(tmp_path / "two")
    two = await daemon.adopt(other.path)
    for number in range(3):
        for slug, changed in ((one, repository), (two, other)):
            changed.put(f"plans/{number}.md", f"# {number}\n")
            await daemon.settle(slug)
    changes = (await daemon.call("events", count=6))["changes"]
    assert [(c["repo"], c["path"]) for c in changes] == [(s, f"plans/{n}.md") for n in range(3) for s in (one, two)]
    assert all(set(change) == KEYS for change in changes)
    assert [c["path"] for c in (await daemon.call("events", repo=one, count=2))["changes"]] == [
        "plans/1.md",
        "plans/2.md",
    ]
    assert (await daemon.call("events", count=0))["changes"] == []
    assert len((await daemon.call("events"))["changes"]) == events.DEFAULT_COUNT


@pytest.mark.parametrize("count", [-1, 1001])
async def test_a_count_that_is_out_of_range_is_refused(daemon: Running, count: int) -> None:
    assert (await daemon.refusal("events", count=count)).code == "INVALID_ARGUMENT"


async def test_a_stream_begins_with_the_newest_and_misses_nothing_after_them(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    async with await follow(daemon, repo=slug, count=1) as stream:
        first = await read_line(stream)
        assert (first["method"], set(first["params"])) == ("event", KEYS)
        told = [first["params"]["cursor"]]
        for number in range(3):
            repository.put(f"plans/{number}.md", "# Plan\n")
            await daemon.settle(slug)
            event = await read_line(stream)
            assert event["params"]["path"] == f"plans/{number}.md"
            told.append(event["params"]["cursor"])
    assert len(set(told)) == 4


async def test_a_stream_of_everything_includes_what_is_adopted_later_and_one_of_a_repository_only_that(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    slug = await daemon.adopt(repository.path)
    async with await follow(daemon, count=0) as everything, await follow(daemon, repo=slug, count=1) as one:
        assert (await read_line(one))["params"]["repo"] == slug  # it follows
        later = await daemon.adopt(Repository.make(tmp_path / "later").path)
        assert (await read_line(everything))["params"]["repo"] == later
        repository.put("plans/new.md", "# Plan\n")
        await daemon.settle(slug)
        assert (await read_line(one))["params"]["path"] == "plans/new.md"


async def test_a_follower_that_leaves_is_no_longer_told(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    followers = daemon.context.services.following._followers
    before = len(followers)
    async with await follow(daemon, repo=slug, count=1) as stream:
        await read_line(stream)
        assert len(followers) == before + 1
    await until(lambda: len(followers) == before)


@pytest.mark.parametrize("is_gone", [True, False], ids=["leaves", "does not read"])
async def test_a_follower_that_is_not_there_while_it_is_told_is_hung_up_on_quietly(
    daemon: Running,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    is_gone: bool,
) -> None:
    monkeypatch.setattr(verb, "WRITE_WITHIN_S", 20.0 if is_gone else 0.05)
    slug = await daemon.adopt(repository.path)
    followers = daemon.context.services.following._followers
    before = len(followers)
    changes = [(f"plans/{'x' * 200}-{number}.md", "plan", "added") for number in range(3000)]
    async with await follow(daemon, repo=slug, count=1) as stream:
        await read_line(stream)
        daemon.service(slug).changes.append(changes, via="event")  # more than a socket holds
        await until(lambda: is_blocked(daemon))
        if is_gone:
            await stream.aclose()
        await until(lambda: len(followers) == before)
        if not is_gone:
            lines = b"".join([data async for data in stream]).split(b"\n")[:-1]
            assert {json.loads(line)["method"] for line in lines} == {"event"}, "nothing comes after half a line"
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def is_blocked(daemon: Running) -> bool:
    """Say whether the daemon waits for a client to read."""
    statistics = trio.lowlevel.current_statistics().io_statistics
    return bool(getattr(statistics, "tasks_waiting_write", 0))


async def test_the_newest_come_with_the_cursors_to_follow_from(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    one, two = await daemon.adopt(repository.path), await daemon.adopt(Repository.make(tmp_path / "two").path)
    for count in (0, 1, 1000):
        cursors = (await daemon.call("events", count=count))["cursors"]
        assert cursors == {slug: daemon.service(slug).changes.cursor for slug in (one, two)}
    assert set((await daemon.call("events", repo=two))["cursors"]) == {two}


async def test_a_follower_that_comes_back_goes_on_where_it_was(
    daemon: Running, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PAGE_CHANGES", 2)
    slug = await daemon.adopt(repository.path)
    cursors = (await daemon.call("events"))["cursors"]
    for number in range(5):
        repository.put(f"plans/{number}.md", "# Plan\n")
        await daemon.settle(slug)
    later = await daemon.adopt(Repository.make(tmp_path / "later").path)
    async with await follow(daemon, since=cursors) as stream:
        told: dict[str, list[str]] = {slug: [], later: []}
        while len(told[slug]) < 5 or len(told[later]) < daemon.service(later).changes.cursor.number:
            event = (await read_line(stream))["params"]
            told[event["repo"]].append(event["path"])
    assert told[slug] == [f"plans/{number}.md" for number in range(5)]


async def test_a_repository_that_is_adopted_again_is_told_from_its_new_beginning(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    async with await follow(daemon, count=1) as stream:
        before = (await read_line(stream))["params"]
        await daemon.call("forget", repo=slug)
        gone = (await read_line(stream))["params"]
        assert (gone["path"], gone["kind"], gone["change"]) == (None, "repository", "forgotten")
        await daemon.adopt(repository.path)
        after = (await read_line(stream))["params"]
        assert after["cursor"] == Cursor.make(daemon.service(slug).changes.cursor.log, 1)
        assert after["cursor"][:6] != before["cursor"][:6]


async def test_a_follower_that_knows_less_than_is_kept_is_told_so(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    slug = await daemon.adopt(repository.path)
    cursors = (await daemon.call("events"))["cursors"]
    monkeypatch.setattr("rhd.store.change_rows.KEEP_CHANGES", 2)
    daemon.service(slug).changes.append([("plans/a.md", "plan", "added")] * 5, via="event")
    async with await follow(daemon, since=cursors) as stream:
        assert (await read_line(stream))["result"] == {"behind": True}
        # The connection goes on, and the newest can be asked for.
        await stream.send_all(Request(2, "events", {"count": 1}).encode())
        assert len((await read_line(stream))["result"]["changes"]) == 1


@pytest.mark.parametrize(
    ("since", "code"), [({"project": "nonsense"}, "INVALID_CURSOR"), ({"project": 1}, "INVALID_ARGUMENT")]
)
async def test_what_is_no_cursor_is_refused(daemon: Running, since: dict[str, Any], code: str) -> None:
    assert (await daemon.refusal("events", follow=True, since=since)).code == code
