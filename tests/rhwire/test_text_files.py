"""The bytes of a text file, before and after a change."""

from __future__ import annotations

import pytest

from rhwire.text_files import BOM, change_text, decode_text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\nb\n", b"a\nb\nc\n"),
        (b"a\r\nb\r\n", b"a\r\nb\r\nc\r\n"),
        (b"a\r\nb\n", b"a\r\nb\nc\n"),
        (BOM + b"a\n", BOM + b"a\nc\n"),
        (BOM + b"a\r\n", BOM + b"a\r\nc\r\n"),
        (b"", b"c\n"),
        (BOM, BOM + b"c\n"),
    ],
)
def test_a_change_keeps_the_byte_order_mark_and_the_line_ends(before: bytes, after: bytes) -> None:
    assert change_text(before, lambda text: text + "c\n") == after
    assert change_text(before, lambda text: text) == before


def test_a_text_is_read_without_its_byte_order_mark() -> None:
    assert decode_text(BOM + "é\r\n".encode()) == "é\r\n"


def test_what_is_not_utf_8_is_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        change_text(b"\xff\n", lambda text: text)
