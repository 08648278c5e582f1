"""One repository at whose endpoint a planner sits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.mcp_client import Desk, seated
from tests.support.repositories import Repository


@pytest.fixture
async def desk(tmp_path: Path, repository: Repository) -> AsyncIterator[Desk]:
    """A desk at the endpoint of `repository`, with a grant for planner."""
    async with seated(tmp_path / "rhd.db", repository) as seat:
        yield seat
