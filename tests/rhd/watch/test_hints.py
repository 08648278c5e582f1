"""What every `HintSource` promises, of the real one and of the fake that other rooms are tested with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from rhd.watch.arming import Policy
from rhd.watch.hints import HintSource, Via
from rhd.watch.hub import WatchHub
from tests.support.hints import FakeHints

FOLDERS = frozenset({"", "plans"})


class Heard:
    """A listener."""

    def __init__(self) -> None:
        self.hints: list[tuple[str, frozenset[str] | None, Via]] = []
        self._came = trio.Event()

    def __call__(self, root_id: str, folders: frozenset[str] | None, via: Via) -> None:
        self.hints.append((root_id, folders, via))
        self._came.set()
        self._came = trio.Event()

    async def until(self, is_so: Callable[[], bool]) -> None:
        with trio.fail_after(5):
            while not is_so():
                await self._came.wait()


class Source(NamedTuple):
    """A source that runs, and what makes it hint at a file of root `a`."""

    hints: HintSource
    change: Callable[[str], None]


@asynccontextmanager
async def run_hub(root: Path) -> AsyncIterator[Source]:
    hub = WatchHub(Policy(polling=False))
    async with trio.open_nursery() as nursery:
        await nursery.start(hub.run)
        yield Source(hub, lambda file: (root / file).touch())
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def run_fake(root: Path) -> AsyncIterator[Source]:
    fake = FakeHints()
    async with trio.open_nursery() as nursery:
        await nursery.start(fake.run)
        yield Source(fake, lambda file: fake.hint("a", {file.rpartition("/")[0]}))
        nursery.cancel_scope.cancel()


@pytest.fixture(params=[run_hub, run_fake], ids=["real", "fake"])
def run_source(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], object]:
    (tmp_path / "plans").mkdir()
    return partial(request.param, tmp_path)


async def test_a_root_that_is_armed_is_hinted_to_its_listener(run_source: Callable, tmp_path: Path) -> None:
    async with run_source() as (hints, change):
        heard = Heard()
        assert hints.mode("a") == "off"
        hints.listen("a", heard)
        await hints.arm("a", str(tmp_path), FOLDERS)
        assert hints.mode("a") == "events"
        assert hints.mode("a") != "poll"
        change("plans/x.md")
        await heard.until(lambda: ("a", frozenset({"plans"}), "event") in heard.hints)


async def test_a_new_listener_replaces_the_one_before(run_source: Callable, tmp_path: Path) -> None:
    async with run_source() as (hints, change):
        before, after = Heard(), Heard()
        hints.listen("a", before)
        await hints.arm("a", str(tmp_path), FOLDERS)
        hints.listen("a", after)
        change("plans/x.md")
        await after.until(lambda: bool(after.hints))
        assert before.hints == []


async def test_a_disarmed_root_is_heard_of_no_more(run_source: Callable, tmp_path: Path) -> None:
    async with run_source() as (hints, change):
        gone, other = Heard(), Heard()
        hints.listen("a", gone)
        await hints.arm("a", str(tmp_path), FOLDERS)
        change("plans/x.md")
        hints.disarm("a")
        hints.disarm("never there")
        await hints.arm("b", str(tmp_path), FOLDERS)
        assert hints.mode("a") == "off"
        gone.hints.clear()
        hints.listen("b", other)
        change("plans/y.md")
        if isinstance(hints, WatchHub):
            await other.until(lambda: bool(other.hints))
        assert gone.hints == []


async def test_usage_counts_what_is_watched(run_source: Callable, tmp_path: Path) -> None:
    async with run_source() as (hints, _):
        await hints.arm("a", str(tmp_path), FOLDERS)
        usage = hints.usage()
        assert (usage.watches, usage.instances) == (2, 1)
        assert usage.polled == {}
        assert usage.advice == ()


async def test_the_fake_remembers_what_it_was_armed_with(tmp_path: Path) -> None:
    fake = FakeHints()
    await fake.arm("a", f"{tmp_path}/", FOLDERS)
    await fake.arm("a", str(tmp_path), frozenset({""}))
    assert fake.roots["a"] == (str(tmp_path), frozenset({""}))
    assert [folders for _, (_, folders) in fake.arms] == [FOLDERS, frozenset({""})]
    fake.modes["a"] = "poll"
    assert fake.mode("a") == "poll"
    fake.disarm("a")
    assert fake.roots == {}
    fake.hint("a", None, "clock")
