from __future__ import annotations

import sqlite3

import pytest

from rhd.store.session_rows import (
    MAX_URIS,
    SessionRow,
    delete_sessions,
    delete_sessions_of,
    delete_uri,
    end_session,
    read_session_state,
    read_sessions,
    save_session,
    save_uri,
    touch_session,
)

ONE = SessionRow(b"one", "hub", "g_1", b"{}", 10.0)
TWO = SessionRow(b"two", "hub", "g_2", b'{"a":1}', 5.0)


@pytest.fixture
def saved(adopted: sqlite3.Connection) -> sqlite3.Connection:
    for row in (ONE, TWO, ONE._replace(digest=b"other", endpoint="a")):
        save_session(adopted, row)
    return adopted


def test_the_sessions_of_an_endpoint_come_least_recently_used_first_without_parameters(
    saved: sqlite3.Connection,
) -> None:
    assert read_sessions(saved, "hub") == [TWO._replace(parameters=b""), ONE._replace(parameters=b"")]
    touch_session(saved, b"two", 20.0)
    assert [row.digest for row in read_sessions(saved, "hub")] == [b"one", b"two"]


def test_a_session_is_opened_again_with_its_parameters_and_subscriptions(saved: sqlite3.Connection) -> None:
    for uri in ("x:b", "x:a", "x:b", "x:c"):
        save_uri(saved, b"two", uri)
    delete_uri(saved, b"two", "x:c")
    assert read_session_state(saved, b"two") == (b'{"a":1}', ["x:a", "x:b"])
    assert read_session_state(saved, b"none") is None


def test_an_ended_session_has_no_subscriptions_and_takes_none(saved: sqlite3.Connection) -> None:
    save_uri(saved, b"one", "x:a")
    end_session(saved, b"one", 30.0)
    save_uri(saved, b"one", "x:b")
    save_uri(saved, b"none", "x:b")
    assert read_session_state(saved, b"one") == (b"", [])
    assert [row.ended_at for row in read_sessions(saved, "hub")] == [None, 30.0]


def test_subscriptions_have_an_end(saved: sqlite3.Connection) -> None:
    for number in range(MAX_URIS + 10):
        save_uri(saved, b"one", f"x:{number}")
    state = read_session_state(saved, b"one")
    assert state is not None
    assert len(state.uris) == MAX_URIS


def test_sessions_are_deleted_with_their_subscriptions(saved: sqlite3.Connection) -> None:
    save_uri(saved, b"one", "x:a")
    delete_sessions(saved, [b"two"])
    delete_sessions_of(saved, "g_1")
    assert read_sessions(saved, "hub") == read_sessions(saved, "a") == []
    assert saved.execute("SELECT count(*) FROM session_uris").fetchone() == (0,)
