from __future__ import annotations

from rhwire.findings import WARNING, Finding


def test_a_finding_has_every_key_null_where_there_is_nothing_to_say() -> None:
    assert Finding("watch", WARNING, "polled").to_json() == {
        "check": "watch",
        "status": "warning",
        "message": "polled",
        "cause": None,
        "next_step": None,
        "repo": None,
    }
