from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhwire.escape import escape, is_plain


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plans/検索 — a: b.md", "plans/検索 — a: b.md"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb", "a\\nb"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("a\u2028b", "a\\u2028b"),
        ("\udcff", "\\udcff"),
    ],
)
def test_names_from_outside_print_as_one_harmless_line(name: str, shown: str) -> None:
    assert escape(name) == shown


@given(st.text())
def test_what_was_escaped_is_plain_and_encodes(text: str) -> None:
    assert is_plain(escape(text))
    escape(text).encode()
