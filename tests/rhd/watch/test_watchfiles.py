"""What is its own; what it promises as every source does is in test_hints.py."""

from __future__ import annotations

import os
from pathlib import Path

import trio

from rhd.watch.watched_roots import Policy
from tests.rhd.watch.test_hints import Heard, arm
from tests.support.hint_mirror import Mirror, run_source
from tests.support.waiting import until


async def test_a_watcher_that_fails_twice_is_replaced_by_polling_until_it_can_watch_again(tmp_path: Path) -> None:
    async with run_source("watchfiles", Policy(reconcile_s=3600, retry_s=0.5, poll_s=0.1)) as (hints, nursery):
        mirror = Mirror(hints, "a", tmp_path)
        await nursery.start(mirror.run)
        number = 0
        with trio.fail_after(20):
            while hints.mode("a") != "poll":
                number += 1
                with open(os.fsencode(tmp_path) + b"/bad\xff.md", "a") as file:
                    file.write("x")
                await mirror.settle()
                await trio.lowlevel.checkpoint()
        assert hints.usage().polled == {"a": "died"}
        os.unlink(os.fsencode(tmp_path) + b"/bad\xff.md")
        await until(lambda: hints.mode("a") == "events", 20)
        await mirror.settle()


async def test_a_path_that_is_not_utf8_is_polled(tmp_path: Path) -> None:
    async with run_source("watchfiles") as (hints, _):
        hints.attach("a", os.fsdecode(os.fsencode(tmp_path) + b"/\xff"), Heard())
        assert hints.mode("a") == "poll"


async def test_what_is_armed_is_counted(tmp_path: Path) -> None:
    async with run_source("watchfiles") as (hints, _):
        hints.attach("a", str(tmp_path), Heard())
        assert hints.usage().watches == 0
        arm(hints, "a", tmp_path, "")
        assert (hints.usage().watches, hints.usage().polled) == (1, {})
        hints.drop("a", {""})
        assert hints.usage().watches == 0
