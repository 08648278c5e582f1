"""A house with two adopted repositories."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.house import House, open_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """The OAuth part of a daemon with the repositories `one` and `two`."""
    async with open_house(tmp_path / "rhd.db") as house:
        await house.adopt("one")
        await house.adopt("two")
        yield house
