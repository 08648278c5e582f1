"""A service with two adopted repositories."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.oauth_service import OAuthService, open_oauth_service


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[OAuthService]:
    """The OAuth part of a daemon with the repositories `one` and `two`."""
    async with open_oauth_service(tmp_path / "rhd.db") as service:
        await service.adopt("one")
        await service.adopt("two")
        yield service
