"""The daemon as its verbs see it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.inprocess import Running


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "127.0.0.1"),
        ("::1", "[::1]"),
        ("localhost", "localhost"),
    ],
)
async def test_the_local_origin_is_one_that_a_browser_can_open(daemon: Running, host: str, shown: str) -> None:
    house = daemon.house
    before = house.settings
    house.settings = replace(before, host=host)
    assert house.url == f"http://{shown}:{house.port}"
    house.settings = before
