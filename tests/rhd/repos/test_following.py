from __future__ import annotations

from pathlib import Path

import pytest
import trio

from rhd.ids import RepoId
from rhd.repos.change_log import REPOSITORY, ChangeLog
from rhd.repos.following import LISTS, Follower, Following, Topic, read_on
from rhd.store import change_rows as rows
from tests.rhd.repos.test_change_log import A, B, append, open_log
from tests.support.stores import running_store

ONE, TWO = RepoId.new(), RepoId.new()


@pytest.mark.parametrize(
    ("topic", "is_poked_by"),
    [
        ((None, None), {"added", "modified", "repository", "other"}),
        ((ONE, None), {"added", "modified", "repository"}),
        ((ONE, "plans/a.md"), {"added"}),
        ((ONE, "plans/b.md"), {"modified"}),
        ((TWO, "plans/a.md"), {"other"}),
        ((ONE, LISTS), {"added"}),
        ((None, LISTS), {"added", "other"}),
    ],
)
async def test_a_follower_is_poked_by_what_concerns_it(tmp_path: Path, topic: Topic, is_poked_by: set[str]) -> None:
    batches = {
        "added": (ONE, A),
        "modified": (ONE, B),
        "repository": (ONE, ("", REPOSITORY, "branch")),
        "other": (TWO, A),
    }
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        following, follower = Following(), Follower()
        end = following.follow(follower, [topic])
        now = [ONE]
        log.subscribe(lambda entries: following.tell(now[0], entries))
        for name, (repo_id, change) in batches.items():
            now[0], before = repo_id, log.cursor.number
            await append(log, [change], via="event")
            assert follower.behind == ({repo_id: before} if name in is_poked_by else {}), name
            follower.behind.clear()
        end()
        await append(log, [A], via="event")
        assert follower.behind == {}
        assert following._followers == {}


async def test_a_follower_of_composed_letters_is_poked_by_decomposed_ones(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        following, follower = Following(), Follower()
        following.follow(follower, [(ONE, "plans/K\u00f6ln.md")])
        log.subscribe(lambda entries: following.tell(ONE, entries))
        await append(log, [("plans/Ko\u0308ln.md", "plan", "modified")], via="event")
        assert follower.behind == {ONE: 0}


async def test_a_slow_follower_keeps_its_first_number_and_goes_on_where_the_log_has_grown(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        following, follower = Following(), Follower()
        following.follow(follower, [(ONE, None), (ONE, "plans/a.md")])
        log.subscribe(lambda entries: following.tell(ONE, entries))
        await append(log, [A], via="event")
        await append(log, [B], via="event")
        assert follower.behind == {ONE: 0}
        follower.advance(ONE, log, 1)
        assert follower.behind == {ONE: 1}
        follower.advance(ONE, log, 2)
        assert follower.behind == {}


async def test_a_poke_before_the_wait_is_not_lost() -> None:
    follower = Follower()
    follower.poke()
    with trio.fail_after(1):
        await follower.wait()
    follower.note(ONE, 3)
    follower.note(ONE, 5)
    follower.note(ONE, 2)
    with trio.fail_after(1):
        await follower.wait()
    assert follower.behind == {ONE: 2}


async def test_everything_after_a_number_is_read_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ChangeLog.since, "__kwdefaults__", {"limit": 3})
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        assert await read_on(log, 0) == ([], False)
        await append(log, [A] * 10, via="event")
        for number in range(11):
            entries, is_reset = await read_on(log, number)
            assert ([entry.cursor.number for entry in entries], is_reset) == (list(range(number + 1, 11)), False)
        monkeypatch.setattr(rows, "KEEP_CHANGES", 5)
        assert await read_on(log, 4) == ([], True)
