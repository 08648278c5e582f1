"""Clients that are described by a document."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from rhd.oauth.client_metadata import (
    FAILED_S,
    KEEP_CEILING_S,
    KEEP_FLOOR_S,
    MAX_FETCHING,
    MAX_KEPT,
    MetadataDocuments,
    parse_document,
)
from rhd.oauth.fetching import FetchFailed, Network
from tests.support.oauth_service import Clock
from tests.support.tls import Authority, http_answer, tls_server

URL = "https://app.example/client.json"
DOCUMENT = {
    "client_id": URL,
    "client_name": "An App",
    "redirect_uris": ["https://app.example/cb", "http://localhost/cb"],
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("tls"), "app.example")


@pytest.mark.parametrize(
    ("url", "name", "redirect"),
    [
        (
            "https://chatgpt.com/oauth/client.json",
            "ChatGPT",
            "https://chatgpt.com/connector_platform_oauth_redirect",
        ),
        ("https://chatgpt.com/oauth/aBc-9/client.json", "ChatGPT", "https://chatgpt.com/connector/oauth/aBc-9"),
        ("https://chatgpt.com/oauth/codex/client.json", "Codex", "http://127.0.0.1:51234/callback"),
        ("https://claude.ai/oauth/claude-code-client-metadata", "Claude Code", "http://localhost:51234/callback"),
    ],
)
async def test_the_clients_that_people_use_log_in_without_the_internet(url: str, name: str, redirect: str) -> None:
    client = await MetadataDocuments(Clock(), _broken()).find(url)
    assert client is not None
    assert (client.id, client.name, client.host) == (url, name, url.split("/")[2])
    assert client.redirect(redirect) == redirect


async def test_one_connector_of_chatgpt_cannot_use_the_callback_of_another() -> None:
    client = await MetadataDocuments(Clock(), _broken()).find("https://chatgpt.com/oauth/mine/client.json")
    assert client is not None
    assert client.redirect("https://chatgpt.com/connector/oauth/theirs") is None


async def test_any_other_document_is_fetched_and_kept(authority: Authority) -> None:
    clock = Clock()
    async with tls_server(authority, http_answer(json.dumps(DOCUMENT).encode(), "Cache-Control: max-age=1")) as server:
        server.resolved["app.example"] = ["93.184.216.34"]
        documents = MetadataDocuments(clock, server.network())
        client = await documents.find(URL)
        assert client is not None
        assert (client.name, client.host) == ("An App", "app.example")
        clock.move(KEEP_FLOOR_S - 1)
        assert await documents.find(URL) == client
        assert len(server.requests) == 1, "an answer is kept for five minutes at least"
        clock.move(2)
        await documents.find(URL)
        assert len(server.requests) == 2


async def test_an_answer_is_kept_a_day_at_most_whatever_its_sender_or_the_clock_says(authority: Authority) -> None:
    clock = Clock()
    async with tls_server(
        authority, http_answer(json.dumps(DOCUMENT).encode(), "Cache-Control: max-age=999999999")
    ) as server:
        server.resolved["app.example"] = ["93.184.216.34"]
        documents = MetadataDocuments(clock, server.network())
        await documents.find(URL)
        clock.move(KEEP_CEILING_S + 1)
        await documents.find(URL)
        assert len(server.requests) == 2
        clock.move(-2 * KEEP_CEILING_S)
        await documents.find(URL)
        assert len(server.requests) == 3


async def test_a_failure_is_kept_for_a_minute() -> None:
    clock, network = Clock(), _Counting()
    documents = MetadataDocuments(clock, network.network)
    for _ in range(50):
        assert await documents.find(URL) is None
    assert network.asked == 1
    clock.move(FAILED_S + 1)
    await documents.find(URL)
    assert network.asked == 2


async def test_what_is_kept_is_bounded() -> None:
    documents = MetadataDocuments(Clock(), _broken())
    for number in range(MAX_KEPT + 50):
        await documents.find(f"https://app.example/{number}")
    assert len(documents._kept) == MAX_KEPT


async def test_documents_that_never_arrive_keep_no_other_client_out() -> None:
    """Four of them did."""
    late = trio.Event()

    async def resolve(host: str) -> list[str]:
        if host == "late.example":
            late.set()
            raise OSError
        await trio.sleep_forever()
        raise AssertionError

    documents = MetadataDocuments(Clock(), Network(resolve=resolve))
    async with trio.open_nursery() as nursery:
        for number in range(3 * MAX_FETCHING):
            nursery.start_soon(documents.find, f"https://app.example/{number}")
        await trio.testing.wait_all_tasks_blocked()
        assert len(documents._fetching) == MAX_FETCHING
        assert await documents.find("https://late.example/late") is None
        assert late.is_set()
        assert await documents.find("https://claude.ai/oauth/claude-code-client-metadata") is not None
        nursery.cancel_scope.cancel()
    assert len(documents._fetching) == 0
    assert "https://app.example/0" not in documents._kept, "being given up is not kept as a failure"


def test_a_known_client_whose_path_is_not_may_come_back_to_any_loopback_address() -> None:
    client = MetadataDocuments(Clock()).built_in("https://github.com/copilot/cli/client-metadata.json")
    assert client is not None
    assert client.redirect("http://127.0.0.1:5000/any/path") == "http://127.0.0.1:5000/any/path"
    for other in (None, "https://evil.example/cb", "http://127.0.0.1/cb?code=mine", "http://127.0.0.2/cb"):
        assert client.redirect(other) is None


def _document(**changes: Any) -> bytes:
    return json.dumps({k: v for k, v in (DOCUMENT | changes).items() if v is not None}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"[" * 5000,
        b"\xff",
        _document(client_id="https://app.example/other.json"),
        _document(client_id=URL + "/"),
        _document(client_id=None),
        _document(client_name=None),
        _document(client_name=7),
        _document(redirect_uris=None),
        _document(redirect_uris=[]),
        _document(redirect_uris="https://app.example/cb"),
        _document(redirect_uris=["https://evil.example/cb"]),
        _document(redirect_uris=["https://app.example/cb", "javascript:alert(1)"]),
        _document(redirect_uris=[f"https://app.example/{n}" for n in range(17)]),
        _document(token_endpoint_auth_method="client_secret_post"),
        _document(token_endpoint_auth_method="private_key_jwt"),
        _document(token_endpoint_auth_methods_supported=["private_key_jwt"]),
        _document(client_secret="s"),
    ],
    ids=lambda body: body[:60].decode("latin-1"),
)
def test_a_document_that_does_not_describe_a_public_client_of_its_own_host_is_none(body: bytes) -> None:
    with pytest.raises(FetchFailed):
        parse_document(URL, body)


def test_a_client_that_could_do_more_than_a_public_one_is_taken_as_one() -> None:
    body = _document(
        token_endpoint_auth_method="private_key_jwt", token_endpoint_auth_methods_supported=["none", "private_key_jwt"]
    )
    assert parse_document(URL, body).name == "An App"


def _broken() -> Network:
    return _Counting().network


class _Counting:
    def __init__(self) -> None:
        self.asked = 0
        self.network = Network(resolve=self._resolve)

    async def _resolve(self, host: str) -> list[str]:
        self.asked += 1
        raise OSError("no network")
