"""rhd.workflow.redaction.assignments: found by the name, judged by the value, and nothing else touched."""

from __future__ import annotations

import pytest

from rhd.workflow.redaction.assignments import find_assignments

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


def test_what_ends_in_a_sign_is_no_type() -> None:
    for ending in ("=", "=="):
        assert values(f"token: {VALUE}{ending}") == [VALUE + ending]


def test_a_long_value_is_found_to_its_end() -> None:
    long = VALUE * 40
    assert values(f"token={long} rest") == [long]
    assert values(f'token="{long} with a space"') == []


def test_several_in_one_line_are_found_in_order() -> None:
    assert values(f"token={VALUE}1 secret={VALUE}2") == [VALUE + "1", VALUE + "2"]


@pytest.mark.parametrize("value", ["changeme123", "example", "$PASS1", "xxx123", "your_pass_1"])
def test_a_value_that_stands_for_a_password_is_left(value: str) -> None:
    assert values(f"password: {value}") == []


@pytest.mark.parametrize(
    "text",
    [
        "token: |\n  {}\n", "token: >-\r\n    {}\n", '"token":\n    "{}"', 'token = """{}"""', "token = b'{}'",
        'token = @"{}"', "token: str = '{}'", "const token: string | undefined = '{}'", "TOKEN ?= {}",
        "TOKEN ||= '{}'", "ENV TOKEN {}", "setx TOKEN {}", "set -gx TOKEN {}", "login me token {}",
        "- name: TOKEN\n  value: {}", '{{"name":"TOKEN","value":"{}"}}',
        '<add key="token" value="{}" />', "<token>{}</token>", "token：{}",
        "令牌：{}", "set('token', '{}')", 'token = SecretStr("{}")', "a%3Ftoken%3D{}", "master_key={}",
        "X-Auth-Key: {}", "APP_KEY={}", "Authorization: token {}", "Authorization: Bearer {}",
        '"authorization": "{}"', "Cookie: session={}; a=b",
        "the token is {}", "setToken('{}')", '{{"log": "A=1\\ntoken={}\\n"}}', "SECRET_KEY = '{}'",
        "token → {}",
    ],
)  # fmt: skip
def test_the_value_is_found_whatever_syntax_gives_it(text: str) -> None:
    assert values(text.format(VALUE)) == [VALUE]


@pytest.mark.parametrize(
    "text",
    ["<password>{}</password>", "- name: DB_PASSWORD\n  value: {}", "password: |\n  {}",
     '{{"log": "\\npassword: {}\\n"}}',
     "1. Password: {}", "Password: **{}**", "| password | {} |", "WITH PASSWORD '{}';", "login me\n  password {}",
     "密码: {}", "  :password: {}", '<entry key="db.password">{}</entry>', "ansible_ssh_pass: {}", "ldap_bind_pw = {}"],
)  # fmt: skip
def test_a_chosen_password_is_found_whatever_syntax_gives_it(text: str) -> None:
    assert values(text.format(CHOSEN)) == [CHOSEN]


@pytest.mark.parametrize(
    "text",
    [
        "user: root, password: {}",
        "ssh root@host (password: {})",
        "The Wi-Fi's passphrase: {}",
        "| admin password | {} |",
    ],
)
def test_a_strong_password_is_found_within_a_sentence(text: str) -> None:
    strong = "Kaff" + "ee3961!"
    assert values(text.format(strong)) == [strong]
    assert values(text.format(CHOSEN)) == []
    if text.endswith("}"):
        assert values(text.format(strong) + " was refused") == []


def test_quotes_allow_what_a_bare_value_may_not_have() -> None:
    for value in ("django-insecure-Cj8+!g3sB6wXVr6yTIz" + "Qqe_(Dl0%!B)87Jb2", "(x3Kq9ZxT7mB2w" + "Lp8Rv4c)"):
        assert values(f"SECRET_KEY = '{value}'") == [value]
    phrase = "correct-" + "Horse7battery"
    assert values(f'password = "{phrase}"') == [phrase]
    assert values(f"password: {phrase}") == []
    assert values('set("password", "' + CHOSEN + '")') == []


@pytest.mark.parametrize("name", ["next_page_token", "progressToken", "continuation token", "csrf-token", "baseToken"])
def test_tokens_that_say_where_one_is_are_no_secrets(name: str) -> None:
    assert values(f"{name}: {VALUE}") == []


def test_an_id_in_a_sentence_is_no_credential() -> None:
    uuid = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    assert values(f"The bearer {uuid} is a run") == []
    assert values(f"Authorization: Bearer {uuid}") == [uuid]


def test_basic_is_found_by_what_it_encodes() -> None:
    assert values("Authorization: Basic bWU6aHVu" + "dGVyMg==") == ["bWU6aHVu" + "dGVyMg=="]
    assert values("Authorization: Basic dXNlcjpwYXNz") == []  # user:pass
    assert values("basic functionality and basic auth-server-to-server-flow-2026") == []


@pytest.mark.parametrize(
    "text",
    ["API_TOKEN is {}", "The API_TOKEN is `{}`", "set API_TOKEN {}", "**apiToken** {}", "`token` {}"],
)  # fmt: skip
def test_a_name_that_is_marked_up_or_a_constant_needs_no_sign(text: str) -> None:
    for value in (VALUE, "0b8e6a3c-" + "1f2d-4a5b-8c9d-0e1f2a3b4c5d", "98c803d0a3fbd035" + "ed5a29a109cefc2f"):
        assert values(text.format(value)) == [value]


@pytest.mark.parametrize(
    "text", ["API_TOKEN is required", "**Tokens** refresh-after-expiry", "`API_TOKEN_ID` {}", "the token {}"]
)
def test_what_follows_such_a_name_is_judged_as_well(text: str) -> None:
    assert values(text.format("98c803d0a3fbd035" + "ed5a29a109cefc2f")) == []


def test_a_password_is_found_in_a_sentence_that_says_what_it_is_for() -> None:
    assert values(f"The root password for staging is {VALUE}, change it.") == [VALUE]
    assert values("The root password for staging is written-down-in-the-vault.") == []
