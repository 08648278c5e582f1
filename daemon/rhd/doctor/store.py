"""Checks whether the running daemon's database accepts changes."""

from __future__ import annotations

from rhd.store.database import Store
from rhwire.codes import CODES
from rhwire.findings import Finding


def examine_store(store: Store) -> Finding:
    """Return the finding about the last attempts to write."""
    if store.problem is None:
        return Finding("store.ok")
    return Finding(
        "store.failing",
        message=store.problem.message,
        path=store.path,
        kept=f"{store.kept:,} changes are kept and tried again every second" if store.kept else None,
        next_step=CODES[store.problem.code][1],
    )
