"""rhd.workflow.assignments: found by the name, judged by the value, and nothing else touched."""

from __future__ import annotations

import pytest

from rhd.workflow.assignments import find_assignments, is_placeholder, looks_random

VALUE = "f3Kq9" + "ZxT7mB2" + "wLp8Rv4c"
CHOSEN = "hunter" + "2"


def values(text: str) -> list[str]:
    return [text[found.start : found.end] for found in find_assignments(text)]


@pytest.mark.parametrize(
    "text",
    [
        "token: {}", "TOKEN={}", "token = {}", "token:={}", "token => {}", "'token': '{}'", '"token":"{}"',
        "`token`: `{}`", "**Token**: {}", "- [ ] **Token:** {}", "| token | {} |", "--token {}", "--token={}",
        '"x": "{{\\"token\\": \\"{}\\"}}"', "?token={}&next=1", "accessToken: {}", "access_token: {},",
        "ACCESS_TOKEN_PROD={}", "token_2={}", "(token: {})", "token: {}  # rotate it", "İ token: {}", "api key: {}",
        "API-Key: {}", "x-api-key: {}", "_auth={}", "secret:{};", "{{token: {}}}", "[token={}]",
    ],
)  # fmt: skip
def test_the_value_and_only_the_value_is_found(text: str) -> None:
    assert values(text.format(VALUE)) == [VALUE]


@pytest.mark.parametrize(
    "text",
    [
        "password: {}", '"password": "{}"', "PASSWORD={}", "- password: {}", "> pwd: {}", "db_password = '{}'",
        "--password {}", "passphrase: {}", "passwd={};x=1", "password_prod: {}", "password: {},",
        "password: {}  # staging",
    ],
)  # fmt: skip
def test_a_password_that_a_person_chose_is_found(text: str) -> None:
    assert values(text.format(CHOSEN)) == [CHOSEN]


@pytest.mark.parametrize(
    "text",
    ["The password: {} was rejected", "Change the password: {} or so", "password_hint: {}x", "token: {}", "secret: {}",
     "password_policy: {}", "password {}", "passwords like {}"],
)  # fmt: skip
def test_a_word_with_a_digit_is_no_secret_in_prose_or_under_another_name(text: str) -> None:
    assert values(text.format(CHOSEN)) == []


@pytest.mark.parametrize(
    "name", ["token_url", "token_sha256", "secretName", "api_key_id", "secret_ref", "tokenExpiresAt", "key"]
)
def test_names_that_speak_about_a_secret_do_not_give_one(name: str) -> None:
    assert values(f"{name}: {VALUE}") == []


def test_a_long_value_is_found_to_its_end() -> None:
    long = VALUE * 40
    assert values(f"token={long} rest") == [long]
    assert values(f'token="{long} with a space"') == []


def test_several_in_one_line_are_found_in_order() -> None:
    assert values(f"token={VALUE}1 secret={VALUE}2") == [VALUE + "1", VALUE + "2"]


def test_values_that_stand_for_a_secret() -> None:
    for value in (
        "<token>",
        "${TOKEN}",
        "$TOKEN",
        "$(pass x)",
        "{{ x }}",
        "%TOKEN%",
        "********",
        "your-token",
        "changeme",
        "[REDACTED:x]",
    ):
        assert is_placeholder(value), value
    for value in (VALUE, CHOSEN, "$QUDo" + "UGWbm+"):
        assert not is_placeholder(value), value


@pytest.mark.parametrize("value", ["changeme123", "example1!", "$PASS1", "xxx123", "your_pass_1"])
def test_a_value_that_stands_for_a_password_is_left(value: str) -> None:
    assert values(f"password: {value}") == []


def test_words_numbers_dates_and_paths_do_not_look_random() -> None:
    for value in (
        "plans/prds/20261101-0900-search.prd.md", "2026-11-01T09:00:00.000Z", "getUserAccessTokenFromRequest",
        "SOME_LONG_CONSTANT_NAME_2", "123456789012345678901234", "correct-horse-battery-staple", "eu-west-1.amazonaws",
        "v1.2.3-beta.4+build.5678",
    ):  # fmt: skip
        assert not looks_random(value), value
    assert looks_random(VALUE)
