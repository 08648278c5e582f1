from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rhwire.line_buffer import LineBuffer


@given(st.lists(st.binary(max_size=8)))
def test_the_lines_are_the_same_however_the_bytes_arrive(chunks: list[bytes]) -> None:
    buffer, lines = LineBuffer(), []
    for chunk in chunks:
        buffer.feed(chunk)
        while buffer.has_line:
            lines.append(buffer.take_line())
        assert buffer.take_line() is None
    *whole, rest = b"".join(chunks).split(b"\n")
    assert lines == whole
    assert len(buffer) == len(rest)
    assert buffer.take_rest() == rest
    assert len(buffer) == 0


def test_what_follows_a_line_is_the_rest() -> None:
    buffer = LineBuffer(b"one\ntwo\nthr")
    assert buffer.take_line() == b"one"
    assert buffer.take_rest() == b"two\nthr"
    buffer.feed(b"four\n")
    assert buffer.take_line() == b"four"


def test_no_byte_is_searched_twice() -> None:
    buffer = LineBuffer()
    buffer.feed(b"a" * 100)
    assert not buffer.has_line
    buffer._data[:1] = b"\n"  # a search from the start would find it
    assert not buffer.has_line
