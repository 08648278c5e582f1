"""A person with a browser who answers the consent page of a real daemon, for the SDK's own OAuth client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from tests.support.http import Answer, Page

CALLBACK = "http://127.0.0.1:43999/callback"


class Memory:
    """What a client keeps between runs."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Person:
    """Types these passphrases, one page after the other, then connects.

    Attributes:
        pages: what was shown, in order.
        ticks: further `(name, value)` to tick on the last page.
        http: options of the HTTP clients, this person's browser and the one that is logged in.
    """

    def __init__(self, *passphrases: str, **http: Any) -> None:
        self.passphrases = list(passphrases)
        self.http = http
        self.pages: list[Page] = []
        self.ticks: list[tuple[str, str]] = []
        self.location = ""

    async def open(self, url: str) -> None:
        """Answer the page at `url`."""
        async with httpx2.AsyncClient(**self.http) as browser:
            page = await self._see(browser, await browser.get(url))
            for passphrase in self.passphrases:
                page = await self._press(browser, url, page, "open", passphrase)
            done = await self._send(browser, url, page, "allow", "")
            assert done.status_code in (302, 303), done.text
            self.location = done.headers["location"]

    async def come_back(self) -> AuthorizationCodeResult:
        """Return what the redirect brought."""
        found = dict(parse_qsl(urlsplit(self.location).query))
        return AuthorizationCodeResult(code=found["code"], state=found["state"], iss=found["iss"])

    async def _press(self, browser: httpx2.AsyncClient, url: str, page: Page, action: str, passphrase: str) -> Page:
        return await self._see(browser, await self._send(browser, url, page, action, passphrase))

    async def _send(
        self, browser: httpx2.AsyncClient, url: str, page: Page, action: str, passphrase: str
    ) -> httpx2.Response:
        fields: Sequence[tuple[str, str]] = [*page.fields, *self.ticks, ("passphrase", passphrase), ("action", action)]
        data: dict[str, Any] = {}
        for name, value in fields:
            data.setdefault(name, []).append(value)
        return await browser.post(urljoin(url, "/authorize"), data=data, headers={"Origin": "null"})

    async def _see(self, browser: httpx2.AsyncClient, answer: httpx2.Response) -> Page:
        page = Page(Answer(answer.status_code, list(answer.headers.items()), answer.content))
        self.pages.append(page)
        return page


@asynccontextmanager
async def logged_in(
    url: str, person: Person, memory: Memory, *, mode: str = "auto", name: str = "Test client", **options: Any
) -> AsyncIterator[Client]:
    """Yield the official client, connected to `url` by OAuth.

    Args:
        mode: `auto` and `2026-07-28` speak the 2026 era, `legacy` the handshake era.
        options: further arguments of the client.
    """
    provider = OAuthClientProvider(
        url,
        OAuthClientMetadata(client_name=name, redirect_uris=[AnyUrl(CALLBACK)]),
        memory,
        redirect_handler=person.open,
        callback_handler=person.come_back,
    )
    async with httpx2.AsyncClient(auth=provider, timeout=30, **person.http) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode, cache=None, **options) as client:
            yield client
