from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.errors import PathRefused
from rhd.ids import Slug
from rhd.mcpserver.uris import make_uri, parse_uri
from rhd.rel_path import RelPath

SLUG = Slug("app")


@given(st.text(min_size=1, max_size=80))
def test_every_path_has_one_uri_that_leads_back(text: str) -> None:
    try:
        path = RelPath(text)
    except PathRefused:
        return
    uri = make_uri(SLUG, path)
    assert uri.isascii()
    assert parse_uri(uri) == (SLUG, path)


def test_the_encoding_is_canonical_but_any_is_understood() -> None:
    assert make_uri(SLUG, "plans/a b.md") == "repo-harness://app/plans/a%20b.md"
    assert parse_uri("repo-harness://app/plans/%61%20b.md") == (SLUG, "plans/a b.md")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "file:///etc/passwd",
        "repo-harness://app",
        "repo-harness://app/",
        "repo-harness://app/../x",
        "repo-harness://app/%2e%2e/x",
        "repo-harness://app//x",
        "repo-harness://App/x",
        "repo-harness://app/x?y",
        "repo-harness://app/x#y",
        "repo-harness://app/%ff",
        "repo-harness://app/a%00b",
        "REPO-HARNESS://app/x",
    ],
)
def test_what_is_no_uri_of_ours_names_nothing(uri: str) -> None:
    assert parse_uri(uri) is None


def test_a_secret_in_a_name_is_in_no_uri() -> None:
    token = "gh" + "p_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"
    uri = make_uri(Slug("app"), f"plans/{token}.md")
    assert uri == "repo-harness://app/plans/%5BREDACTED%3Agithub_token%5D.md"
    assert parse_uri(uri) == ("app", "plans/[REDACTED:github_token].md")
