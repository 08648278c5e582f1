"""The daemon as its verbs see it."""

from __future__ import annotations

from dataclasses import replace

from tests.support.inprocess import Running


async def test_the_local_origin_is_one_that_a_browser_can_open(daemon: Running) -> None:
    house, before = daemon.house, daemon.house.settings
    for host, shown in (
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "127.0.0.1"),
        ("::1", "[::1]"),
        ("localhost", "localhost"),
    ):
        house.settings = replace(before, host=host)
        assert house.url == f"http://{shown}:{house.port}"
    house.settings = before
