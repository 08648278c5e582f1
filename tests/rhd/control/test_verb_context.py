"""The daemon as its verbs see it."""

from __future__ import annotations

from dataclasses import replace

from tests.support.inprocess import Running


async def test_the_local_origin_is_one_that_a_browser_can_open(daemon: Running) -> None:
    context, before = daemon.context, daemon.context.settings
    for host, shown in (
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "127.0.0.1"),
        ("::1", "[::1]"),
        ("localhost", "localhost"),
    ):
        context.settings = replace(before, host=host)
        assert context.url == f"http://{shown}:{context.port}"
    context.settings = before
