"""rhd.workflow.redaction.token_patterns: tokens are found at the beginning of a word; look-alikes are left."""

from __future__ import annotations

import pytest

from rhd.workflow.redaction import token_patterns
from rhd.workflow.redaction.token_patterns import find_shapes

TOKEN = "gh" + "p_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"


def found(text: str) -> list[tuple[str, str]]:
    return [(secret.type, text[secret.start : secret.end]) for secret in find_shapes(text)]


@pytest.mark.parametrize(
    "before",
    [
        "",
        " ",
        "=",
        "/",
        "_",
        "-",
        "令",
        "\\n",
        "\\t",
        "\\r\\n",
        "\\u003d",
        "\\u001b[32m",
        "\x1b[0m",
        "\x1b[1;32m",
        "%3D",
        "%20",
    ],
)
def test_a_word_begins_after_a_sign_or_an_escape(before: str) -> None:
    assert found(f"x{before}{TOKEN}\\n" if before else TOKEN) == [("github_token", TOKEN)]


@pytest.mark.parametrize("before", ["x", "7", "mn", "[m"])
def test_no_secret_begins_within_a_word(before: str) -> None:
    assert found(f"{before}{TOKEN}") == []


def test_every_prefix_with_a_placeholder_is_left() -> None:
    for shape in token_patterns._SHAPES:
        for mark in shape.marks:
            for rest in ("x" * 60, "X" * 60, "your-api-key-goes-here-please", "REPLACE_ME_WITH_YOUR_KEY", "..."):
                assert found(f"{mark}{rest}") == [], f"{mark}{rest}"


def test_public_examples_are_left() -> None:
    assert found("AKIAIOSFODNN7" + "EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY") == []
    assert found("https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX") == []
    assert found("certificate: LS0tLS1CRUdJTiBDRVJU" + "SUZJQ0FURS0tLS0tCk1JSURC" * 20) == []


def test_the_more_special_shape_names_it() -> None:
    key = "sk" + "-ant-api03-" + "aB3dE6gH9jK2mN5pQ8sT1vW4"
    assert found(f"a {key} b") == [("anthropic_key", key)]
    assert found(f"https://x:{TOKEN}@example.com/") == [("github_token", TOKEN)]


@pytest.mark.parametrize(
    "password", ["Xy7", "a/b9Kd8f7", "abc#def9", "pa?ss12", "p%40ss", "[x]9kd", "${x}re" + "al9", "<real" + "9>k",
                 "your" + "mom99", "example" + "99", "change" + "9me", "0123456789"],
)  # fmt: skip
def test_passwords_of_connection_strings_are_found(password: str) -> None:
    assert found(f"postgres://app:{password}@db.internal/app") == [("password", password)]


@pytest.mark.parametrize(
    "url",
    ["postgres://postgres:postgres@db/app", "amqp://guest:guest@mq", "mysql://app:<password>@db/app", "x://a:${P:-p}@h",
     "https://abc:xyz@example.com", "docker://registry:8443@sha256", "https://example.com:8443/@scope/package",
     "http://localhost:{port}/mcp?user=me@example.com", "http://HOST:PORT/@vite/client", "redis://:********@cache"],
)  # fmt: skip
def test_ports_and_placeholders_are_no_passwords(url: str) -> None:
    assert found(url) == []


def test_an_aws_secret_beside_its_id_is_found_without_a_name() -> None:
    key_id, secret = "AK" + "IAQWERTYUIOPASDFGH", "wJalr" + "XUtnFEMIK7MDENGbPxRfiCYzQWaLPLEKEY/"
    assert found(f"{key_id}\n{secret}\n") == [("aws_key_id", key_id), ("aws_secret", secret)]
    assert found(f"{key_id} since 3f2a1b4c5d6e7f8091a2b3c4d5e6f708192a3b4c") == [("aws_key_id", key_id)]


def test_what_overlaps_is_one() -> None:
    text = f"https://{TOKEN}:{TOKEN}@example.com"
    assert found(text) == [("github_token", TOKEN), ("github_token", TOKEN)]


@pytest.mark.parametrize(
    "token",
    ["acme_live_{}", "acme-pat-{}", "zz_oat_{}", "signkey-prod-{}", "api_token_{}"],
)  # fmt: skip
def test_a_prefix_that_no_table_has_is_found_by_the_word_in_it(token: str) -> None:
    body = TOKEN.removeprefix("gh" + "p_")
    for each in (body, "98c803d0a3fbd035" + "ed5a29a109cefc2f", body[:12] + "-" + body[:24]):
        assert [kind for kind, _ in found(f"a {token.format(each)} b")] == ["token"]
    assert found(f"a qq_{body}{body} b") == [("token", body * 2)]


@pytest.mark.parametrize(
    "name",
    ["token_refresh_race_condition_2026_03", "build-cache-key-{}",
     "idempotency-key-0b8e6a3c-1f2d-4a5b-8c9d-0e1f2a3b4c5d", "msg_013Zva2CMHLNnjNjJKqJ2EHo",
     "secret-rotation-handler-1a2b3c4d5e",
     "oauth_token_endpoint_auth_methods_supported",
     "pi_3MtwBwLkdIwHu7ix28a3tqPa", "token-3f2a9c1b7e.js", "live_" + "x" * 40, "key-" + "0" * 40],
)  # fmt: skip
def test_names_and_ids_that_such_a_word_begins_are_left(name: str) -> None:
    assert found(name.format("3f2a1b4c5d6e7f8091a2b3c4d5e6f708192a3b4c")) == []
