"""The way to the pages."""

from __future__ import annotations

import trio

from tests.support.http import OAuthClient, call
from tests.support.oauth_service import OAuthService


async def test_the_first_visitors_of_one_moment_share_one_application(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    statuses: list[int] = []

    async def visit() -> None:
        statuses.append((await call(service.app, "GET", client.authorize_url())).status)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(visit)
    assert statuses == [200] * 5
    app = service.app._pages._app
    await visit()
    assert service.app._pages._app is app
