"""The doctor's table: each row is complete, and each is found by some test of the doctor."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from rhwire.checks import CHECKS, ERROR, MODEL, OK, OWNER, WARNING

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("name", CHECKS)
def test_each_row_says_what_is_wrong_and_what_to_do(name: str) -> None:
    row = CHECKS[name]
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", name)
    assert row.status in (OK, WARNING, ERROR)
    assert row.audience in (OWNER, MODEL)
    assert row.message
    assert row.status == OK or row.next_step
    if row.audience == MODEL:
        words = {word for part in (row.message, row.cause) if part for _, word, *_ in string.Formatter().parse(part)}
        assert "path" not in words, "a model is told no path of the machine"


def test_each_finding_was_provoked_in_a_test() -> None:
    tested = "".join(
        path.read_text()
        for folder in ("rhd/doctor", "rhctl", "rhd/control", "promises")
        for path in (TESTS / folder).rglob("test_*.py")
    )
    assert [name for name in CHECKS if f'"{name}"' not in tested] == []
