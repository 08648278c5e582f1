"""`events` on the socket: the newest, and a stream of those to come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from rhd.control import events
from rhwire.messages import Request
from tests.support.inprocess import Running, read_line
from tests.support.repositories import Repository
from tests.support.waiting import until

KEYS = {"cursor", "repo", "path", "kind", "change", "at", "via"}


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
    listeners = daemon.house.services._listeners
    before = len(listeners)
    async with await follow(daemon, repo=slug, count=1) as stream:
        await read_line(stream)
        assert len(listeners) == before + 1
    await until(lambda: len(listeners) == before)


async def test_a_follower_that_does_not_read_is_ended_rather_than_kept_for_ever(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_BEHIND", 0)  # nothing may wait: what comes while one is being sent is too much
    slug = await daemon.adopt(repository.path)
    async with await follow(daemon, repo=slug, count=1) as stream:
        await read_line(stream)
        service = daemon.service(slug)
        for listener in [*daemon.house.services._listeners.values()] * 2:
            listener(service.repo, [])
        while "result" not in (answer := await read_line(stream)):
            pass
        assert answer["result"] == {"behind": True}
