"""What a client reads before it logs in."""

from __future__ import annotations

import pytest

from rhd.web.wellknown import challenge, resource_metadata, server_metadata
from tests.support.oauth_service import LOCAL, PUBLIC


@pytest.mark.parametrize("origin", [LOCAL, PUBLIC])
def test_the_issuer_is_the_origin_to_the_letter(origin: str) -> None:
    document = server_metadata(origin)
    assert document["issuer"] == origin
    assert all(document[name].startswith(origin + "/") for name in document if name.endswith("_endpoint"))
    assert "//" not in document["token_endpoint"].removeprefix(origin.partition("://")[0] + "://")


def test_everything_that_a_strict_client_asks_for_is_there() -> None:
    document = server_metadata(PUBLIC)
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["token_endpoint_auth_methods_supported"] == ["none"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["client_id_metadata_document_supported"] is True
    assert document["scopes_supported"] == ["planner", "offline_access"], "some clients ask for all of them"


def test_a_resource_asks_for_the_least_and_never_for_offline_access() -> None:
    hub, repo = resource_metadata(PUBLIC, None), resource_metadata(PUBLIC, "one", "/r/one/mcp")
    assert (hub["resource"], repo["resource"]) == (f"{PUBLIC}/mcp", f"{PUBLIC}/r/one/mcp")
    assert hub["authorization_servers"] == repo["authorization_servers"] == [PUBLIC]
    assert hub["scopes_supported"] == repo["scopes_supported"] == ["planner"]
    assert hub["bearer_methods_supported"] == ["header"]


def test_a_challenge_names_an_error_only_if_a_token_was_shown() -> None:
    metadata = f'resource_metadata="{PUBLIC}/.well-known/oauth-protected-resource'
    assert challenge(PUBLIC, "/mcp", is_token_presented=False) == f'Bearer {metadata}/mcp", scope="planner"'.encode()
    assert (
        challenge(PUBLIC, "/r/one/mcp", is_token_presented=True)
        == f'Bearer error="invalid_token", {metadata}/r/one/mcp", scope="planner"'.encode()
    )
