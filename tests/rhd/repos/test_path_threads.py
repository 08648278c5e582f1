from __future__ import annotations

import threading

import pytest
import trio

from rhd.errors import Refusal
from rhd.repos import path_threads
from rhd.repos.path_threads import PathThreads


async def test_a_mount_that_hangs_takes_no_thread_from_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_threads, "read_mounts", lambda: {"/": "ext4", "/dead": "fuse.sshfs", "/dead/in": "ext4"})
    threads, go_on = PathThreads(), threading.Event()
    refused = 0

    async def hang(number: int) -> None:
        nonlocal refused
        with pytest.raises(Refusal) as caught:
            await threads.run(f"/dead/{number}", lambda: go_on.wait(60), within_s=0.05)
        assert caught.value.code == "TIMEOUT"
        refused += 1

    with trio.fail_after(20):
        for _ in range(3):
            async with trio.open_nursery() as nursery:
                for number in range(path_threads.PER_MOUNT):
                    nursery.start_soon(hang, number)
        assert refused == 3 * path_threads.PER_MOUNT
        for path in ("/home/me", "/", "/deadly", "/dead/in/x"):
            assert await threads.run(path, lambda: 1, within_s=10) == 1
    assert not go_on.is_set()
    go_on.set()


async def test_what_the_look_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await PathThreads().run("/", lambda: 1 // 0)
