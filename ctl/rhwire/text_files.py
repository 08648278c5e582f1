"""The bytes of a text file: a byte order mark and the line ends of Windows are read, and kept by a change."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

BOM = b"\xef\xbb\xbf"


def decode_text(data: bytes) -> str:
    """Return the text of a file, without its byte order mark.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    return data.removeprefix(BOM).decode("utf-8")


def change_text(data: bytes, change: Callable[[str], str]) -> bytes:
    """Return the bytes of a file whose text was changed; its byte order mark stays, and CRLF where all lines end so.

    Args:
        change: gets the text with `\\n`, where every line ends with CRLF, else as it is, and returns the new one.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    text = decode_text(data)
    has_crlf = "\r\n" in text and text.count("\r\n") == text.count("\n")
    changed = change(text.replace("\r\n", "\n") if has_crlf else text)
    return (BOM if data.startswith(BOM) else b"") + (changed.replace("\n", "\r\n") if has_crlf else changed).encode()
