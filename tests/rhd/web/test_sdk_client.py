"""The protocol's own OAuth client logs in by registration and by a document, and stays connected, over real sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
import trio
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from pydantic import AnyUrl

from rhd.web.origins import Origins
from tests.support.consent_person import CALLBACK, Memory
from tests.support.http import Browser, Page
from tests.support.oauth_service import OAuthService, open_oauth_service
from tests.support.served import served

CODEX = "https://chatgpt.com/oauth/codex/client.json"


class Person:
    """Opens what the client asks to be opened, and answers the page."""

    def __init__(self, service: OAuthService, url: str, *slugs: str) -> None:
        self.service = service
        self.browser = Browser(service.app, url)
        self.slugs = slugs
        self.logins: list[dict[str, str]] = []

    async def open(self, url: str) -> None:
        parts = urlsplit(url)
        self.logins.append(dict(parse_qsl(parts.query)))
        page = Page(await self.browser.get(f"{parts.path}?{parts.query}"))
        words = " ".join(self.service.passphrases[slug] for slug in self.slugs)
        page = Page(await self.browser.submit(page, "open", passphrase=words))
        self.answer = await self.browser.submit(page, "allow")

    async def come_back(self) -> AuthorizationCodeResult:
        found = dict(parse_qsl(urlsplit(self.answer.header("location") or "").query))
        return AuthorizationCodeResult(code=found["code"], state=found["state"], iss=found["iss"])


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25", "2026-07-28"])
@pytest.mark.parametrize("by", ["registration", "document"])
@pytest.mark.parametrize("path", ["/mcp", "/r/one/mcp"])
async def test_the_official_client_connects(tmp_path: Path, by: str, path: str, version: str) -> None:
    with trio.fail_after(30):
        async with open_oauth_service(tmp_path / "rhd.db") as service:
            await service.adopt("one")

            def make_app(port: int) -> Any:
                service.app.origins = Origins(None, port)
                return service.app

            async with served(make_app) as url:
                memory, person = Memory(), Person(service, url, "one")
                metadata = OAuthClientMetadata(client_name="SDK", redirect_uris=[AnyUrl(CALLBACK)])
                provider = OAuthClientProvider(
                    url + path,
                    metadata,
                    memory,
                    redirect_handler=person.open,
                    callback_handler=person.come_back,
                    client_metadata_url=CODEX if by == "document" else None,
                )
                headers = {"MCP-Protocol-Version": version}
                async with httpx2.AsyncClient(auth=provider, headers=headers) as client:
                    first = await client.post(url + path, json={})
                    assert first.status_code == 200, first.text
                    assert first.json()["scopes"] == ["planner"]
                    assert memory.tokens is not None
                    assert memory.tokens.scope == "planner offline_access"
                    assert person.logins[0]["resource"] == url + path
                    assert (person.logins[0]["client_id"] == CODEX) is (by == "document")
                    refresh_token = memory.tokens.refresh_token
                    service.clock.move(3601)
                    provider.context.token_expiry_time = 1.0
                    second = await client.post(url + path, json={})
                    assert second.status_code == 200
                    assert memory.tokens.refresh_token != refresh_token
                assert len(person.logins) == 1, "the refresh needed no person"
