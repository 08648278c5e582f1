from __future__ import annotations

import sqlite3

from rhd.store.oauth_rows import (
    ClientRow,
    GrantRow,
    LoginRow,
    read_clients,
    read_grants,
    read_login,
    save_client,
    save_grant,
    save_login,
)
from rhd.store.session_rows import SessionRow, read_sessions, save_session
from rhd.store.trial_rows import TrialRow, delete_trial, save_trial


def test_what_a_trial_made_goes_and_nothing_else(adopted: sqlite3.Connection) -> None:
    for name in ("trial", "other"):
        save_client(adopted, ClientRow(f"c-{name}", "Client", {}, 1.0))
        save_grant(adopted, GrantRow(f"g-{name}", f"c-{name}", "hub", False, 1.0, 1.0), [("a", "planner")])
        save_login(adopted, LoginRow(f"l-{name}", f"g-{name}", "http://127.0.0.1/", "c", 1.0))
        save_session(adopted, SessionRow(name.encode(), "hub", f"g-{name}", b"{}", 1.0))
    save_trial(adopted, TrialRow("c-trial", "l-trial"))
    assert delete_trial(adopted) == TrialRow("c-trial", "l-trial")
    assert [row.id for row in read_clients(adopted)] == ["c-other"]
    assert [row.id for row in read_grants(adopted)] == ["g-other"]
    assert [row.grant_id for row in read_sessions(adopted, "hub")] == ["g-other"]
    assert read_login(adopted, "l-trial") is None
    assert read_login(adopted, "l-other") is not None
    assert delete_trial(adopted) is None
