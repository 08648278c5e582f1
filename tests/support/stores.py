"""A store that runs for the length of a block."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from rhd.store.database import Store


@asynccontextmanager
async def running_store(path: Path) -> AsyncIterator[Store]:
    """Yield an open store; leaving writes what is waiting and closes it."""
    store = Store.open(str(path))
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        try:
            yield store
        finally:
            store.close()
