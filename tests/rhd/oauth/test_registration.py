"""Dynamic registration that remembers nothing."""

from __future__ import annotations

import pytest

from rhd.oauth.clients import MAX_ID_BYTES
from rhd.oauth.errors import OAuthError
from rhd.oauth.registration import MAX_REDIRECTS, VALID_S, Registrations
from tests.support.noted_events import NotedEvents
from tests.support.oauth_service import Clock

CURSOR = [
    "http://localhost:8787/callback",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registrations(clock: Clock) -> Registrations:
    return Registrations(b"k" * 32, NotedEvents(), clock)


def test_an_id_carries_the_registration_over_a_restart(registrations: Registrations, clock: Clock) -> None:
    answer = registrations.register({"client_name": "Cursor", "redirect_uris": CURSOR})
    later = Registrations(b"k" * 32, NotedEvents(), clock).read(answer["client_id"])
    assert later is not None
    assert (later.id, later.name, later.redirect_uris) == (answer["client_id"], "Cursor", tuple(CURSOR))


@pytest.mark.parametrize("uris", [["https://chatgpt.com/connector_platform_oauth_redirect"], CURSOR])
def test_an_id_stays_below_the_length_that_clients_store(registrations: Registrations, uris: list[str]) -> None:
    assert len(registrations.register({"client_name": "ChatGPT", "redirect_uris": uris})["client_id"]) < 255


def test_an_id_is_good_for_a_day(registrations: Registrations, clock: Clock) -> None:
    client_id = registrations.register({"redirect_uris": CURSOR})["client_id"]
    clock.move(VALID_S - 1)
    assert registrations.read(client_id) is not None
    clock.move(2)
    assert registrations.read(client_id) is None
    clock.move(-2 * VALID_S)
    assert registrations.read(client_id) is None, "an id of the future is of a wrong clock"


def test_an_id_that_was_changed_or_is_anothers_is_none(registrations: Registrations, clock: Clock) -> None:
    client_id = registrations.register({"redirect_uris": CURSOR})["client_id"]
    payload, _, signature = client_id.rpartition(".")
    for forged in ("", "x", client_id + "a", f"{payload}A.{signature}", payload, "." * 5000, "\u00e9", client_id * 40):
        assert registrations.read(forged) is None
    assert Registrations(b"K" * 32, NotedEvents(), clock).read(client_id) is None


def test_two_that_register_alike_get_different_ids(registrations: Registrations) -> None:
    ids = {registrations.register({"redirect_uris": CURSOR})["client_id"] for _ in range(20)}
    assert len(ids) == 20


def test_whoever_asks_for_a_secret_is_told_that_it_has_none(registrations: Registrations) -> None:
    answer = registrations.register({"redirect_uris": CURSOR, "token_endpoint_auth_method": "client_secret_basic"})
    assert answer["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in answer
    assert answer["grant_types"] == ["authorization_code", "refresh_token"]


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        (None, "invalid_client_metadata"),
        ([], "invalid_client_metadata"),
        ({}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": "http://127.0.0.1/cb"}, "invalid_redirect_uri"),
        ({"redirect_uris": [7]}, "invalid_redirect_uri"),
        ({"redirect_uris": [*CURSOR, "https://evil.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": [f"http://127.0.0.1/{n}" for n in range(MAX_REDIRECTS + 1)]}, "invalid_client_metadata"),
        ({"redirect_uris": ["http://127.0.0.1/" + "a" * 480] * 3}, "invalid_client_metadata"),
        ({"redirect_uris": CURSOR, "grant_types": ["implicit"]}, "invalid_client_metadata"),
        ({"redirect_uris": CURSOR, "grant_types": "authorization_code"}, "invalid_client_metadata"),
    ],
)
def test_a_bad_registration_is_refused_with_the_word_of_the_rfc(
    registrations: Registrations, metadata: object, error: str
) -> None:
    with pytest.raises(OAuthError) as caught:
        registrations.register(metadata)
    assert caught.value.error == error
    assert caught.value.status == 400


def test_the_largest_registration_fits_its_id(registrations: Registrations) -> None:
    uris = ["http://127.0.0.1/" + "x" * 100 + str(n) for n in range(8)]
    answer = registrations.register({"client_name": "\u2603" * 64, "redirect_uris": uris})
    assert len(answer["client_id"]) <= MAX_ID_BYTES
    assert registrations.read(answer["client_id"]) is not None


def test_a_refused_redirect_is_recorded_with_its_address(clock: Clock) -> None:
    audit = NotedEvents()
    with pytest.raises(OAuthError):
        Registrations(b"k" * 32, audit, clock).register({"redirect_uris": ["https://evil.example/callback"]})
    assert audit.events == [("client.register", "invalid_redirect_uri", "https://evil.example/callback", 1)]
