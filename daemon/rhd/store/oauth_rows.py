"""Rows of clients, grants, answered logins and tokens. Secrets enter as digests only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple


class ClientRow(NamedTuple):
    """A client that the owner approved once."""

    id: str
    name: str
    metadata: dict[str, Any]
    created_at: float


class GrantRow(NamedTuple):
    """A living grant; see the schema for what each column means."""

    id: str
    client_id: str
    resource: str
    is_offline: bool
    created_at: float
    used_at: float
    is_loopback: bool = False
    family: bytes = b""


class LoginRow(NamedTuple):
    """An answered login; without `grant_id` it was denied, `code` is the digest of its authorization code."""

    request_id: str
    grant_id: str | None
    redirect_uri: str
    challenge: str
    decided_at: float
    code: bytes | None = None
    expires_at: float | None = None
    used_at: float | None = None


class TokenRow(NamedTuple):
    """An access or refresh token; `salt` leads a used refresh token, and nothing else, to its successors."""

    digest: bytes
    kind: str
    grant_id: str
    issued_at: float
    expires_at: float
    used_at: float | None = None
    salt: bytes | None = None


_GRANT = "id, client_id, resource, is_offline, created_at, used_at, is_loopback, family"
_LOGIN = "request_id, grant_id, redirect_uri, challenge, decided_at, code, expires_at, used_at"
_TOKEN = "digest, kind, grant_id, issued_at, expires_at, used_at, salt"  # noqa: S105


def read_clients(connection: sqlite3.Connection) -> list[ClientRow]:
    """Return every stored client."""
    found = connection.execute("SELECT id, name, metadata, created_at FROM clients")
    return [ClientRow(id_, name, json.loads(metadata), at) for id_, name, metadata, at in found]


def read_grants(connection: sqlite3.Connection) -> list[GrantRow]:
    """Return every living grant, oldest first."""
    found = connection.execute(
        f"SELECT {_GRANT} FROM grants ORDER BY created_at, id"  # noqa: S608
    )
    return [GrantRow(*row) for row in found]


def read_profiles(connection: sqlite3.Connection) -> list[tuple[str, str, str, float]]:
    """Return `(grant_id, repo_id, profile, granted_at)` of every grant."""
    return list(connection.execute("SELECT grant_id, repo_id, profile, granted_at FROM grant_profiles"))


def read_tokens(connection: sqlite3.Connection) -> list[TokenRow]:
    """Return every token."""
    return [TokenRow(*row) for row in connection.execute(f"SELECT {_TOKEN} FROM tokens")]  # noqa: S608


def read_codes(connection: sqlite3.Connection) -> list[bytes]:
    """Return the digests of every code that was given out, used ones included."""
    return [code for (code,) in connection.execute("SELECT code FROM logins WHERE code IS NOT NULL")]


def read_passphrase(connection: sqlite3.Connection, repo_id: str) -> bytes | None:
    """Return the digest of an adopted repository's passphrase, as this transaction sees it."""
    row = connection.execute(
        "SELECT passphrase FROM repos WHERE id = ? AND forgotten_at IS NULL", (repo_id,)
    ).fetchone()
    return None if row is None else bytes(row[0])


def save_client(connection: sqlite3.Connection, row: ClientRow) -> None:
    """Insert a client, or bring what is known of it up to date; since when it is known stays."""
    connection.execute(
        "INSERT INTO clients (id, name, metadata, created_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET name = excluded.name, metadata = excluded.metadata",
        (row.id, row.name, json.dumps(row.metadata), row.created_at),
    )


def delete_client(connection: sqlite3.Connection, client_id: str) -> None:
    """Forget a client, its grants and their tokens."""
    connection.execute("DELETE FROM clients WHERE id = ?", (client_id,))


def save_grant(connection: sqlite3.Connection, row: GrantRow, profiles: Iterable[tuple[str, str]]) -> None:
    """Insert a grant with its `(repo_id, profile)` pairs."""
    connection.execute(
        f"INSERT INTO grants ({_GRANT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        row,
    )
    for repo_id, profile in profiles:
        save_profile(connection, row.id, repo_id, profile, row.created_at)


def save_profile(connection: sqlite3.Connection, grant_id: str, repo_id: str, profile: str, at: float) -> None:
    """Let a grant act with a profile in a repository, as of a moment."""
    connection.execute(
        "INSERT OR REPLACE INTO grant_profiles (grant_id, repo_id, profile, granted_at) VALUES (?, ?, ?, ?)",
        (grant_id, repo_id, profile, at),
    )


def save_family(connection: sqlite3.Connection, grant_id: str, family: bytes) -> None:
    """Record the digest of what all refresh tokens of a grant have in common."""
    connection.execute("UPDATE grants SET family = ? WHERE id = ?", (family, grant_id))


def delete_profiles(connection: sqlite3.Connection, grant_ids: Iterable[str], repo_id: str) -> None:
    """Take a repository out of grants, and end those that have none left."""
    for grant_id in grant_ids:
        connection.execute("DELETE FROM grant_profiles WHERE grant_id = ? AND repo_id = ?", (grant_id, repo_id))
        connection.execute(
            "DELETE FROM grants WHERE id = :id AND NOT EXISTS (SELECT 1 FROM grant_profiles WHERE grant_id = :id)",
            {"id": grant_id},
        )


def delete_grants(connection: sqlite3.Connection, grant_ids: Iterable[str]) -> None:
    """End grants, their tokens included."""
    connection.executemany("DELETE FROM grants WHERE id = ?", [(grant_id,) for grant_id in grant_ids])


def touch_grants(connection: sqlite3.Connection, used: Iterable[tuple[str, float]]) -> None:
    """Record when grants, given as `(grant_id, used_at)`, were last used."""
    connection.executemany("UPDATE grants SET used_at = ? WHERE id = ?", [(at, grant_id) for grant_id, at in used])


def save_login(connection: sqlite3.Connection, row: LoginRow) -> None:
    """Record that a login was answered. It must not have been: one login, one answer."""
    connection.execute(f"INSERT INTO logins ({_LOGIN}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608


def read_login(connection: sqlite3.Connection, request_id: str) -> LoginRow | None:
    """Return how a login was answered."""
    row = connection.execute(f"SELECT {_LOGIN} FROM logins WHERE request_id = ?", (request_id,)).fetchone()  # noqa: S608
    return row and LoginRow(*row)


def read_login_of_code(connection: sqlite3.Connection, code: bytes) -> LoginRow | None:
    """Return the login that a code, given as its digest, was made for."""
    row = connection.execute(f"SELECT {_LOGIN} FROM logins WHERE code = ?", (code,)).fetchone()  # noqa: S608
    return row and LoginRow(*row)


def save_code(connection: sqlite3.Connection, request_id: str, code: bytes, expires_at: float) -> None:
    """Give a login its code, in place of one that was given before."""
    connection.execute(
        "UPDATE logins SET code = ?, expires_at = ? WHERE request_id = ?", (code, expires_at, request_id)
    )


def use_code(connection: sqlite3.Connection, code: bytes, at: float) -> None:
    """Record that a code was exchanged."""
    connection.execute("UPDATE logins SET used_at = ? WHERE code = ?", (at, code))


def save_token(connection: sqlite3.Connection, row: TokenRow) -> None:
    """Insert a token."""
    connection.execute(f"INSERT INTO tokens ({_TOKEN}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608


def read_token(connection: sqlite3.Connection, digest: bytes) -> TokenRow | None:
    """Return the token with this digest."""
    row = connection.execute(f"SELECT {_TOKEN} FROM tokens WHERE digest = ?", (digest,)).fetchone()  # noqa: S608
    return row and TokenRow(*row)


def use_token(connection: sqlite3.Connection, digest: bytes, at: float, salt: bytes) -> None:
    """Record that a refresh token was used, and the salt that leads it to its successors."""
    connection.execute("UPDATE tokens SET used_at = ?, salt = ? WHERE digest = ?", (at, salt, digest))


def delete_token(connection: sqlite3.Connection, digest: bytes) -> None:
    """Delete one token."""
    connection.execute("DELETE FROM tokens WHERE digest = ?", (digest,))


def trim_tokens(connection: sqlite3.Connection, grant_id: str, kind: str, keep: int) -> list[bytes]:
    """Delete all but the newest `keep` tokens of one kind of a grant; return the digests of the deleted."""
    found = connection.execute(
        "SELECT digest FROM tokens WHERE grant_id = ? AND kind = ? ORDER BY rowid DESC LIMIT -1 OFFSET ?",
        (grant_id, kind, keep),
    ).fetchall()
    connection.executemany("DELETE FROM tokens WHERE digest = ?", found)
    return [digest for (digest,) in found]


def sweep(
    connection: sqlite3.Connection,
    *,
    expired_before: float,
    decided_before: float,
    salted_before: float,
    unused_before: float,
) -> None:
    """Delete what can no longer matter: old tokens, grants that have none or are not used, answered logins, old salts.

    Args:
        expired_before: tokens that expired before this moment go.
        decided_before: logins answered before it go once their grant has gone; until then they keep it alive.
        salted_before: refresh tokens used before it can no longer be repeated, so their salts go.
        unused_before: grants that were last used before it end.
    """
    connection.execute("UPDATE tokens SET salt = NULL WHERE salt IS NOT NULL AND used_at < ?", (salted_before,))
    connection.execute("DELETE FROM tokens WHERE expires_at < ?", (expired_before,))
    connection.execute("DELETE FROM grants WHERE used_at < ?", (unused_before,))
    connection.execute(
        "DELETE FROM grants WHERE id NOT IN (SELECT grant_id FROM tokens)"
        " AND id NOT IN (SELECT grant_id FROM logins WHERE grant_id IS NOT NULL AND decided_at >= ?)",
        (decided_before,),
    )
    connection.execute(
        "DELETE FROM logins WHERE decided_at < ? AND (grant_id IS NULL OR grant_id NOT IN (SELECT id FROM grants))",
        (decided_before,),
    )
