"""Checks whether the running daemon's database accepts changes."""

from __future__ import annotations

from rhd.store.database import Store
from rhwire.codes import CODES
from rhwire.findings import ERROR, OK, Finding


def examine_store(store: Store) -> Finding:
    """Return the finding about the last attempts to write."""
    if store.problem is None:
        return Finding("store", OK, "the database accepts changes")
    kept = f"{store.kept:,} changes are kept and tried again every second" if store.kept else None
    return Finding(
        "store",
        ERROR,
        f"{store.problem.message} ({store.path})",
        cause=kept,
        next_step=CODES[store.problem.code][1],
    )
