"""rhd.workflow.redaction.heuristics: what stands for a secret, what a program made up, what a person chose."""

from __future__ import annotations

import pytest

from rhd.workflow.redaction.heuristics import (
    is_basic,
    is_placeholder,
    looks_chosen,
    looks_issued,
    looks_random,
    looks_strong,
)

VALUE = "f3Kq9" + "ZxT7mB2" + "wLp8Rv4c"


@pytest.mark.parametrize(
    "value",
    [
        "<token>", "<your", "${TOKEN}", "${TOKEN:-none}", "$TOKEN", "$(pass x)", "{{ x }}", "{password}", "%TOKEN%",
        "%s",
        "********", "xxxxxxxx", "XXXX-XXXX", "your-token", "YOUR_KEY_1", "yourpassword", "changeme", "changeme123",
        "[REDACTED:x]", "AKIAIOSFODNN7EXAMPLE", "eyJhbGciOiJIUzI1NiIs...", "API_KEY_GOES_HERE", "postgres", "@param",
    ],
)  # fmt: skip
def test_values_that_stand_for_a_secret(value: str) -> None:
    assert is_placeholder(value)


@pytest.mark.parametrize(
    "value",
    [VALUE, "hunter" + "2", "$QUDo" + "UGWbm+", "your" + "mom99", "change" + "9me", "example" + "99", "${x}re" + "al9",
     "<real" + "9>k", VALUE * 2 + "..."],
)  # fmt: skip
def test_values_that_only_begin_like_one_do_not(value: str) -> None:
    assert not is_placeholder(value)


def test_words_numbers_dates_and_paths_do_not_look_random() -> None:
    for value in (
        "plans/prds/20261101-0900-search.prd.md", "2026-11-01T09:00:00.000Z", "getUserAccessTokenFromRequest",
        "SOME_LONG_CONSTANT_NAME_2", "123456789012345678901234", "correct-horse-battery-staple", "eu-west-1.amazonaws",
        "v1.2.3-beta.4+build.5678", "base64url(sha256(verifier))",
        "AccessTokenV2",
    ):  # fmt: skip
        assert not looks_random(value), value
    for value in (VALUE, "JBSWY3DPEHPK3PXP" * 2, f"({VALUE}!"):
        assert looks_random(value), value


def test_ids_and_commits_do_not_look_issued() -> None:
    assert looks_issued(VALUE)
    for value in ("3f2a1b4c5d6e7f8091a2b3c4d5e6f708192a3b4c", "7c9e6679-7425-40de-944b-e07fc1f90ae7", VALUE[:19]):
        assert not looks_issued(value), value


@pytest.mark.parametrize(
    "value",
    [
        "!vault", "RFC-2617", "US-3.2", "SSO+MFA", "OAuth2.1", "scrypt:32768:8:1", "$argon2id$v=19$m=65536", "input2",
        "hashed_pw_1", "argon2id", "form.password1", "me@example.com", "level2:", "8位以上字母和数字",
        "staple-battery",
    ],
)  # fmt: skip
def test_what_plans_say_after_password_is_not_chosen(value: str) -> None:
    assert not looks_chosen(value, is_quoted=True)


def test_letters_with_digits_or_signs_are_chosen() -> None:
    for value in ("hunter" + "2", "Sommer" + "!", "2026" + "1101", "correct-" + "Horse7battery", "Müll" + "er99"):
        assert looks_chosen(value, is_quoted=True), value


def test_basic_is_a_name_and_a_password() -> None:
    assert is_basic("bWU6aHVu" + "dGVyMg==")
    for value in ("dXNlcjpwYXNz", "YXBwOmFwcA==", "functionality", "bWU6AAAA", "bm9jb2xvbg==", "////"):
        assert not is_basic(value), value


def test_strong_is_what_has_everything() -> None:
    assert looks_strong("Kaff" + "ee3961?")
    for value in ("OAuth2!", "kaffee3961?", "KAFFEE3961?", "Kaffeehaus?", "Kaffee3961"):
        assert not looks_strong(value), value
