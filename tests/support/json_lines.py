"""JSON messages from a stream, one a line, however the bytes arrive."""

from __future__ import annotations

import json
from typing import Any

import trio


class JsonLines:
    """Reads a stream message by message."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self.stream = stream
        self._buffer = bytearray()

    async def next(self) -> Any:
        """Return the next message, or None at the end of the stream."""
        while (end := self._buffer.find(b"\n")) < 0:
            data = await self.stream.receive_some(1 << 20)
            if not data:
                assert not self._buffer, "the stream ended inside a message"
                return None
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return json.loads(line)
