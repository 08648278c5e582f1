from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from rhd.doctor.store import examine_store
from rhd.store.writer import StoreProblem


def store(problem: StoreProblem | None, kept: int = 0) -> Any:
    return SimpleNamespace(problem=problem, kept=kept, path="/home/me/rhd.sqlite3")


def test_a_database_that_accepts_changes_is_fine() -> None:
    assert examine_store(store(None)).id == "store.ok"


def test_one_that_does_not_says_why_and_what_is_kept() -> None:
    found = examine_store(store(StoreProblem("DISK_FULL", "the disk is full"), 1200)).to_json()
    assert found["id"] == "store.failing"
    assert "/home/me/rhd.sqlite3" in found["message"]
    assert "1,200" in found["cause"]
    assert found["next_step"]
