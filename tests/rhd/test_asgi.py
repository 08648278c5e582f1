from __future__ import annotations

from rhd.asgi import Message, replay


async def test_a_body_that_was_read_is_handed_out_once_and_then_whatever_comes() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    again = replay(b"body", receive)
    assert await again() == {"type": "http.request", "body": b"body", "more_body": False}
    assert await again() == {"type": "http.disconnect"}
