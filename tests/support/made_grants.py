"""Grants and their tokens without a login: for tests and benches in which many clients take part."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from rhd.access import HUB
from rhd.ids import RepoId
from rhd.oauth.clients import Client as OAuthClient
from rhd.oauth.grants import digest_secret, new_grant_id
from rhd.oauth.tokens import _new_pair
from rhd.store import oauth_rows as rows
from tests.support.inprocess import Running

_numbers = itertools.count(1)


def save_grant(
    connection: sqlite3.Connection,
    profiles: Mapping[str, Iterable[str]],
    *,
    resource: str = HUB,
    name: str = "Test client",
    lasts_s: float | None = None,
) -> tuple[str, str]:
    """Write a client of its own with a grant, as a login would; return the grant's id and an access token."""
    now = time.time()
    client_id, grant_id = f"test-client-{next(_numbers)}", new_grant_id()
    rows.save_client(connection, rows.ClientRow(client_id, name, {"redirect_uris": ["http://127.0.0.1/cb"]}, now))
    held = [(repo, profile) for repo, each in profiles.items() for profile in each]
    rows.save_grant(connection, rows.GrantRow(grant_id, client_id, resource, True, now, now), held)
    family, pair = _new_pair(grant_id, now)
    rows.save_family(connection, grant_id, digest_secret(family))
    for row in pair.saved:
        rows.save_token(connection, row if lasts_s is None else row._replace(expires_at=now + lasts_s))
    return grant_id, pair.access


async def grant(
    daemon: Running, profiles: Mapping[str, Iterable[str]], *, resource: str | None = None, **options: Any
) -> tuple[str, str]:
    """Give a new client these profiles, by slug; return its grant's id and an access token.

    Args:
        resource: a slug; the hub without.
        options: further ones of `save_grant`.
    """

    def id_of(slug: str) -> RepoId:
        repo = daemon.context.registry.by_slug(slug)
        assert repo is not None
        return repo.id

    held = {id_of(slug): frozenset(each) for slug, each in profiles.items()}
    where = HUB if resource is None else id_of(resource)
    known = daemon.context.authority._grants

    def save(connection: sqlite3.Connection) -> tuple[str, str, list[Any], list[Any], list[Any]]:
        grant_id, token = save_grant(connection, held, resource=where, **options)
        (row,) = [g for g in rows.read_grants(connection) if g.id == grant_id]
        (client,) = [c for c in rows.read_clients(connection) if c.id == row.client_id]
        tokens = [t for t in rows.read_tokens(connection) if t.grant_id == grant_id]
        return grant_id, token, [row], [client], tokens

    async with known.editing():
        grant_id, token, (row,), (client,), tokens = await daemon.context.store.write(save)
        oauth_client = OAuthClient(client.id, client.name, tuple(client.metadata["redirect_uris"]))
        known.keep_client(oauth_client, client.created_at)
        known.add(row, oauth_client, {repo: dict.fromkeys(names, row.created_at) for repo, names in held.items()})
        for each in tokens:
            known.keep_token(each)
    return grant_id, token


@asynccontextmanager
async def connected(url: str, token: str, *, mode: str = "2026-07-28", **options: Any) -> AsyncIterator[Client]:
    """Yield the official client over HTTP, with a token that it already has."""
    headers = {"Authorization": f"Bearer {token}"}
    # Loopback has no certificates, and reading the system's takes 50 ms.
    async with httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(30, read=None), verify=False) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode, cache=None, **options) as client:
            yield client
