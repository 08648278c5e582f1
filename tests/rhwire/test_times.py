from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from rhwire.times import format_ns, format_time


def test_times_are_rfc_3339_in_utc() -> None:
    assert format_time(0) == "1970-01-01T00:00:00.000Z"
    assert format_time(1_795_000_000.1239) == "2026-11-18T11:06:40.124Z"
    assert format_ns(2_147_483_648_000_000_000) == "2038-01-19T03:14:08.000Z"


@given(st.floats(0, 2**40))
def test_the_form_never_changes(seconds: float) -> None:
    assert re.fullmatch(r"\d{4,5}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", format_time(seconds))
