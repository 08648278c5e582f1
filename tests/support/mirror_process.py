"""A process that mirrors a folder, so that a test can stop it. Run with the folder as argument.

It prints `ready`; then it answers every line that it reads with `true`, once its mirror equals the disk, or with what
it was not told of. Nothing but events tells it.
"""

from __future__ import annotations

import sys

import trio

from rhd.watch.arming import Policy
from rhd.watch.hub import WatchHub
from tests.support.mirror import Mirror


async def main(path: str) -> None:
    hub = WatchHub(Policy(polling=False))
    mirror = Mirror(hub, "a", path)
    async with trio.open_nursery() as nursery:
        await nursery.start(hub.run)
        await nursery.start(mirror.run)
        print("ready", flush=True)
        while await trio.to_thread.run_sync(sys.stdin.readline):
            try:
                await mirror.settle(20)
            except AssertionError as error:
                print(error, flush=True)
            else:
                print("true", dict(mirror.vias), flush=True)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
