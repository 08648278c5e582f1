"""The port of a running daemon, and listeners that are opened beside it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from rhd.errors import Refusal
from tests.support.inprocess import Running, running_daemon


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Running]:
    async with running_daemon(tmp_path / "home") as running:
        yield running


async def status(url: str, host: str | None = None) -> int:
    async with httpx2.AsyncClient(timeout=10) as http:
        return (await http.get(f"{url}/health", headers={"Host": host} if host else {})).status_code


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


async def test_a_leased_listener_serves_under_its_own_origin_while_its_block_lasts(daemon: Running) -> None:
    port = free_port()
    async with daemon.context.listen("127.0.0.1", port) as origin:
        assert origin == f"http://127.0.0.1:{port}"
        assert await status(origin) == 200
        assert await status(daemon.url, f"localhost:{port}") == 200
        await daemon.context.reload()
        assert await status(origin) == 200, "a reload keeps it"
    assert await status(daemon.url, f"localhost:{port}") == 421
    with pytest.raises(httpx2.ConnectError):
        await status(origin)
    assert await status(daemon.url) == 200


async def test_a_port_that_is_taken_or_public_is_not_leased(daemon: Running) -> None:
    with pytest.raises(Refusal) as refused:
        async with daemon.context.listen("127.0.0.1", daemon.context.port):
            pass
    assert refused.value.code == "PORT_IN_USE"
    with pytest.raises(Refusal, match="reachable from other machines"):
        async with daemon.context.listen("0.0.0.0", 0):
            pass


async def test_the_port_is_reached_by_both_loopback_addresses(daemon: Running) -> None:
    assert await status(daemon.url.replace("127.0.0.1", "localhost")) == 200
    assert await status(daemon.url.replace("127.0.0.1", "[::1]")) == 200


async def test_a_reload_takes_further_origins_over(daemon: Running) -> None:
    assert await status(daemon.url, "box.example:9000") == 421
    Path(daemon.context.config_path).write_text('further_origins = ["http://box.example:9000"]\n')
    await daemon.context.reload()
    assert await status(daemon.url, "box.example:9000") == 200
