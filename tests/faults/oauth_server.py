"""The public port in a process of its own: prints where it is, then serves until its standard input closes."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import trio

from rhd.hosting.fair_queue import PAUSE
from rhd.web.origins import Origins
from tests.support.oauth_service import Clock, open_oauth_service
from tests.support.served import served


class WallClock(Clock):
    """The real one."""

    def __call__(self) -> float:
        return time.time()


async def main(folder: Path) -> None:
    """Serve two repositories."""
    async with open_oauth_service(folder / "rhd.db", clock=WallClock(), pause=PAUSE) as service:
        for slug in ("one", "two"):
            await service.adopt(slug)

        def make_app(port: int) -> Any:
            service.app.origins = Origins(None, port)
            return service.app

        async with served(make_app) as url:
            print(json.dumps({"url": url, "passphrases": service.passphrases}), flush=True)
            await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]))
