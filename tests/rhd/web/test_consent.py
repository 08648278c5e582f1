"""The pages on which a person answers a login."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.house import House, open_house
from tests.support.http import Browser, OAuthClient, Page


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path / "rhd.db") as house:
        await house.adopt("one")
        await house.adopt("two")
        yield house


async def test_smoke(house: House) -> None:
    client = await OAuthClient(house.app).register()
    tokens = await client.login(house.passphrases["one"])
    print(tokens)
    answer = await client.mcp(tokens["access_token"])
    print(answer.json())
    again = await client.refresh(tokens["refresh_token"])
    print(again.json())
