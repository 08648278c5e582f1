from __future__ import annotations

import ast
import re
from pathlib import Path

import rhd.oauth
from rhd.oauth.errors import OAuthError, RedirectError

RFC_CODES = {
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope", "invalid_redirect_uri", "invalid_client_metadata", "invalid_target", "access_denied",
    "unsupported_response_type", "server_error", "temporarily_unavailable", "unsupported_token_type",
}  # fmt: skip
"""RFC 6749 sections 4.1.2.1 and 5.2, RFC 7009 section 2.2.1, RFC 7591 section 3.2.2, RFC 8707 section 2."""


def test_a_refusal_carries_what_the_answer_needs() -> None:
    error = OAuthError("invalid_grant", "the code was used before")
    assert (error.error, error.description, error.status) == ("invalid_grant", "the code was used before", 400)
    assert OAuthError("invalid_client", "unknown", status=401).status == 401
    assert "invalid_grant" in str(error)


def test_a_redirect_says_where_to_and_whether_to_ask_first_and_prints_no_address() -> None:
    error = RedirectError(
        "https://client.example/cb?error=access_denied&state=canary", "access_denied", is_trusted=False
    )
    assert (error.error, error.is_trusted) == ("access_denied", False)
    assert error.location.startswith("https://client.example/cb")
    assert "canary" not in str(error)


def refusals() -> list[ast.Call]:
    """Return every place in the room that makes one."""
    trees = [ast.parse(path.read_text()) for path in Path(rhd.oauth.__path__[0]).glob("*.py")]
    return [
        node
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "OAuthError"
    ]


def test_every_refusal_speaks_the_words_of_an_rfc_and_repeats_nothing_that_was_sent() -> None:
    """Descriptions are constants, of the characters of RFC 6749 section 5.2: no value of a request is in them."""
    made = refusals()
    assert len(made) > 6
    for call in made:
        code, description = call.args
        if isinstance(code, ast.Constant):
            assert code.value in RFC_CODES
        assert isinstance(description, ast.Constant | ast.Name), ast.unparse(call)
        if isinstance(description, ast.Constant):
            assert re.fullmatch(r"[\x20\x21\x23-\x5b\x5d-\x7e]+", description.value)
