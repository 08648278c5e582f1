"""What is known of a client."""

from __future__ import annotations

import pytest

from rhd.oauth.clients import MAX_NAME_CHARS, UNNAMED, Client, clean_name


def test_a_name_is_one_line_of_bounded_length() -> None:
    assert clean_name("  Claude\n\tCode  ") == "Claude Code"
    assert clean_name("x" * 10_000) == "x" * MAX_NAME_CHARS
    assert clean_name("   ") == clean_name(None) == clean_name(["a"]) == UNNAMED


def test_only_a_document_at_an_address_gives_a_client_a_host() -> None:
    assert Client("https://claude.ai/oauth/claude-code-client-metadata", "Claude Code", ()).host == "claude.ai"
    assert Client("eyJ.abc", "https://claude.ai", ()).host is None


def test_a_missing_redirect_stands_for_the_only_one() -> None:
    one, two = "http://127.0.0.1/a", "http://127.0.0.1/b"
    assert Client("x", "x", (one,)).redirect(None) == one
    assert Client("x", "x", (one, two)).redirect(None) is None
    assert Client("x", "x", (one, two)).redirect("http://127.0.0.1:99/b") == "http://127.0.0.1:99/b"
    assert Client("x", "x", (one,)).redirect(two) is None


def test_a_handle_is_short_and_of_its_client_alone() -> None:
    first, second = Client("a" * 400, "x", ()), Client("a" * 401, "x", ())
    assert len(first.handle) == 12
    assert first.handle != second.handle


@pytest.mark.parametrize(
    "name",
    [
        "\u200b",
        "\u2063\ufeff",
        "\u3164",
        "\u2800",
        "\u115f \u1160",
        "\ud800",
        "\u202e\u202d",
        "\x00\x1b",
        "\ue000",
        "\u00ad",
    ],
)
def test_a_name_that_cannot_be_seen_does_not_pass(name: str) -> None:
    assert clean_name(name) == clean_name(f" {name}\n{name}") == UNNAMED
    assert clean_name(f"Chat{name}GPT".replace(" ", "")) in ("ChatGPT", "Chat GPT")


def test_a_name_in_any_script_passes() -> None:
    for name in ("Клиент", "客户端", "クライアント", "عميل", "Café ☕"):
        assert clean_name(name) == name
