from __future__ import annotations

from pathlib import Path

from rhd.store.database import Store
from rhd.store.meta import get_or_make


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "db"))
    first = store.write_now(lambda c: get_or_make(c, "a"))
    assert len(first) == 32
    assert store.write_now(lambda c: get_or_make(c, "b", 16)) != first
    again = Store.open(str(tmp_path / "db"))
    assert again.write_now(lambda c: get_or_make(c, "a")) == first
