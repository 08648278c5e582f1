"""`LineBuffer`: cuts a stream of bytes into lines, however the bytes arrive. Does no input or output."""

from __future__ import annotations


class LineBuffer:
    """Holds the bytes that were received and not yet taken as lines; its length is their number."""

    __slots__ = ("_data", "_searched")

    def __init__(self, data: bytes = b"") -> None:
        self._data = bytearray(data)
        self._searched = 0

    def feed(self, data: bytes | bytearray) -> None:
        """Add bytes that were received."""
        self._data += data

    @property
    def has_line(self) -> bool:
        """Whether `take_line` returns a line."""
        return self._find() >= 0

    def take_line(self) -> bytes | None:
        """Return the next line without its newline, or None until a whole line has been received."""
        if (end := self._find()) < 0:
            return None
        line = bytes(self._data[:end])
        del self._data[: end + 1]
        self._searched = 0
        return line

    def take_rest(self) -> bytes:
        """Return every byte that was not taken, and hold none from then on."""
        rest = bytes(self._data)
        self._data.clear()
        self._searched = 0
        return rest

    def __len__(self) -> int:
        return len(self._data)

    def _find(self) -> int:
        """Return the position of the next newline, or -1; no byte is searched twice."""
        end = self._data.find(b"\n", self._searched)
        self._searched = len(self._data) if end < 0 else end
        return end
