"""Bounded bodies."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from rhd.web.replies import BODY_WAIT_S, RequestRefused, bounded, check_length, header, read_body


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"headers": list(headers)}


def feed(*messages: dict[str, Any]) -> Any:
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop(0)
        await trio.sleep_forever()
        raise AssertionError

    return receive


def part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_is_put_together() -> None:
    assert await read_body(scope(), feed(part(b"a", more=True), part(b"b", more=False)), 2) == b"ab"


@pytest.mark.parametrize("declared", [b"11", b"-1", b"1e1", b"", b"99999999999999999999999", b"\xb2", b"+5"])
async def test_a_length_that_is_too_large_or_none_is_refused_before_anything_is_read(declared: bytes) -> None:
    with pytest.raises(RequestRefused) as caught:
        check_length(scope((b"content-length", declared)), 10)
    assert caught.value.status == 413


async def test_a_body_that_grows_beyond_what_it_said_is_refused() -> None:
    with pytest.raises(RequestRefused) as caught:
        await read_body(scope(), feed(*[part(b"x" * 6, more=True)] * 2), 10)
    assert caught.value.status == 413
    receive = bounded(feed(part(b"x" * 11, more=False)), 10)
    with pytest.raises(RequestRefused):
        await receive()


async def test_a_body_that_drips_is_refused_after_fifteen_seconds(autojump_clock: trio.testing.MockClock) -> None:
    async def receive() -> dict[str, Any]:
        await trio.sleep(1)
        return part(b"x", more=True)

    start = trio.current_time()
    with pytest.raises(RequestRefused) as caught:
        await read_body(scope(), receive, 10_000)
    assert caught.value.status == 408
    assert trio.current_time() - start == pytest.approx(BODY_WAIT_S)


async def test_a_client_that_leaves_in_the_middle_is_refused() -> None:
    with pytest.raises(RequestRefused) as caught:
        await read_body(scope(), feed(part(b"x", more=True), {"type": "http.disconnect"}), 10)
    assert caught.value.status == 400


def test_a_header_that_stands_twice_has_no_value() -> None:
    assert header(scope((b"a", b"1")), b"a") == "1"
    assert header(scope((b"a", b"1"), (b"a", b"1")), b"a") is None
    assert header(scope(), b"a") is None
