"""JSON messages from a stream, one a line, however the bytes arrive."""

from __future__ import annotations

import json
from typing import Any

import trio

from rhwire.line_buffer import LineBuffer


class JsonLines:
    """Reads a stream message by message."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self.stream = stream
        self._lines = LineBuffer()

    async def next(self) -> Any:
        """Return the next message, or None at the end of the stream."""
        while (line := self._lines.take_line()) is None:
            data = await self.stream.receive_some(1 << 20)
            if not data:
                assert not len(self._lines), "the stream ended inside a message"
                return None
            self._lines.feed(data)
        return json.loads(line)
