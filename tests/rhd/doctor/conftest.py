"""A daemon in this process, for what is examined over its own sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.inprocess import Running, running_daemon


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Running]:
    """A daemon that serves."""
    async with running_daemon(tmp_path / "home") as running:
        yield running
