"""rhd.workflow.redaction.redact: finds what it must, leaves what it should, keeps the syntax, takes linear time."""

from __future__ import annotations

import json
import random
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.workflow import text_steps
from rhd.workflow.redaction.redact import compared_path, redact
from tests.rhd.workflow import corpus
from tests.support.secret_corpus import BENIGN, SECRETS

STEP = 1 << 10
FEW_DRAWS = 10
"""Of each kind; `make faults` draws hundreds."""
BEGIN, END = (f"{'-' * 5}{what} PRIVATE" + f" KEY{'-' * 5}" for what in ("BEGIN", "END"))


def test_secrets_of_every_shape_are_found() -> None:
    found: Counter[str] = Counter()
    missed: list[corpus.Planted] = []
    for planted in corpus.planted(per_shape=15):
        redacted = redact(planted.text)
        if any(part in redacted.text for part in planted.parts) or not redacted.counts:
            missed.append(planted)
        else:
            found[planted.shape] += 1
    assert len(found) >= 80
    assert found.total() >= 1500
    assert len(missed) <= found.total() // 100, [planted.text for planted in missed]


def test_secrets_of_a_corpus_that_was_written_without_a_look_at_the_patterns_are_found() -> None:
    rng, missed = random.Random(16), Counter[str]()
    for kind, make in SECRETS.items():
        for _ in range(FEW_DRAWS):
            secret = make(rng)
            missed[kind] += secret.leaked_in(redact(secret.text).text)
    assert len(SECRETS) >= 100
    assert missed.total() <= 0.01 * FEW_DRAWS * len(SECRETS), missed.most_common(9)
    assert missed.most_common(1)[0][1] <= FEW_DRAWS // 2, missed.most_common(9)


def test_nothing_in_a_corpus_of_harmless_texts_is_taken_for_a_secret() -> None:
    rng = random.Random(16)
    texts = [make(rng) for make in BENIGN.values() for _ in range(FEW_DRAWS)]
    assert len(BENIGN) >= 50
    assert [text for text in texts if redact(text).counts] == []
    assert redact("\n\n".join(texts)).counts == {}


def test_nothing_in_thousands_of_lines_of_plans_is_taken_for_a_secret() -> None:
    lines = corpus.plan_lines(3000)
    touched = [line for line in lines if redact(line).counts]
    assert touched == []
    whole = "\n".join(lines)
    assert redact(whole).text == whole


def test_secrets_are_found_in_the_middle_of_plans_and_nothing_else_changes() -> None:
    lines = corpus.plan_lines(400)
    secret = "gh" + "p_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"
    for at in range(0, 400, 40):
        text = "\n".join([*lines[:at], f"see {secret} there", *lines[at:]])
        redacted = redact(text)
        assert redacted.text == text.replace(secret, "[REDACTED:github_token]")
        assert redacted.counts == {"github_token": 1}


@pytest.mark.parametrize("around", ["\n", " ", '"', "|"], ids=repr)
def test_secrets_are_found_wherever_a_long_text_is_cut(monkeypatch: pytest.MonkeyPatch, around: str) -> None:
    """Lines may be as long as a text, so that no place to cut is better than another."""
    monkeypatch.setattr(text_steps, "STEP_CHARS", STEP)
    secret = "sk" + "-ant-" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF"
    filling = "a line of some plan" + around
    for offset in range(-60, 60):
        text = (filling * (STEP // len(filling) + 9))[: STEP + offset] + f"{around}key {secret}{around}" + filling * 400
        redacted = redact(text)
        assert redacted.text == text.replace(secret, "[REDACTED:anthropic_key]")
        assert redacted.counts == {"anthropic_key": 1}


@pytest.mark.parametrize("place", ['password = "@"', "- name: API_TOKEN\n  value: @", "| token | @ |", "Bearer @ "])
def test_an_assignment_is_found_wherever_a_long_text_is_cut(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setattr(text_steps, "STEP_CHARS", STEP)
    secret = "f3Kq9" + "ZxT7mB2" + "wLp8Rv4c"
    for offset in range(-60, 60):
        redacted = redact(". " * ((STEP + offset) // 2) + f"\n{place.replace('@', secret)}\n" + "some words\n" * 700)
        assert secret not in redacted.text
        assert sum(redacted.counts.values()) == 1


@pytest.mark.parametrize("place", ['{"token": "@"}', "token=@", "sk" + "-proj-@", "x: @"])
@pytest.mark.parametrize("length", [3_000, 5_000, 50_000, 300_000])
def test_a_secret_that_is_longer_than_a_step_is_taken_out_whole(place: str, length: int) -> None:
    """As a bundle of keys in Base64 may be; the syntax behind it stays."""
    rng = random.Random(length)
    secret = "".join(rng.choices(string.ascii_letters + string.digits, k=length))
    text = f"before {place.replace('@', secret)} after\n" + "words " * 9000
    redacted = redact(text).text
    if place.startswith("x:"):
        assert redacted == text
    else:
        assert not [at for at in range(0, length, 100) if secret[at : at + 20] in redacted]
        assert redacted.endswith(text.partition(secret)[2])


def test_json_stays_json_and_keys_stay_keys() -> None:
    value = "f3Kq9" + "ZxT7mB2wLp8Rv4c"
    before = {
        "token": value,
        "nested": {"apiKey": value, "max_tokens": 4096},
        "url": f"postgres://u:{value}@h/d",
    }
    after = json.loads(redact(json.dumps(before, indent=2)).text)
    assert after == {
        "token": "[REDACTED:token]",
        "nested": {"apiKey": "[REDACTED:key]", "max_tokens": 4096},
        "url": "postgres://u:[REDACTED:password]@h/d",
    }


def test_every_spelling_of_a_path_is_compared_as_one() -> None:
    token = "gh" + "p_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"
    assert compared_path("plans/Ko\u0308ln.md") == compared_path("plans/K\u00f6ln.md") == "plans/K\u00f6ln.md"
    shown = "plans/\u00e9-[REDACTED:github_token].md"
    assert compared_path(f"plans/e\u0301-{token}.md") == compared_path(shown) == shown
    assert compared_path("plans/a.md") == "plans/a.md"


def test_redacting_again_changes_nothing() -> None:
    for planted in corpus.planted(per_shape=3):
        once = redact(planted.text).text
        assert redact(once) == (once, {})


@given(st.text(max_size=300))
def test_text_without_secrets_stays_as_it_is_and_nothing_raises(text: str) -> None:
    redacted = redact(text)
    if not redacted.counts:
        assert redacted.text == text


PIECES = (
    "token=", 'token:"', 'token:\\"', "://", "://a:", "://a:b@", "password", "--token ", "api key: ", "eyJ",
    "eyJaaaaaaaaaa-", "eyJaaaaaaaaaa.", "sk-", "sk-proj-", "SG.aaaaaaaaaaaaaaaa.", "bearer ",
    "bearer aaaaaaaaaaaaaaaa=",
    "-----BEGIN ", f"{BEGIN}\n", f"{BEGIN}\n{'A' * 64}\n", f"{BEGIN}{END}", "123456789:AA", "İtoken= ", "\\n", "-", "_",
    "a", " ", "\n", "token     :     ",
    "M", "MN.", "M" * 26 + ".", ".atlasv1.a", '"kty" "d":', f'kty "d":"{"a" * 25}', "---- BEGIN ", f"{BEGIN}{'|' * 30}",
    f"{BEGIN}{'<br>' * 30}", f"{BEGIN}\n{'A' * 39} ", "Private-Lines: 1\n", "<password>", "<token>a</", "token: str = ",
    '"token","value":', "token\n value", "token: |\n   ", "token is ", f"token ({'a' * 30}", "login a password ",
    "set -gx token ", "authorization: abc ", "basic YTpi", "密码：", "session=", f"LS0tLS1CRUdJTi{'A' * 120} ", "?sig=",
    "\\nghp_", "%3Dsk-ant-", "xsk-ant-", "://:/", "://a:/@", "://a:#@b", "eyJeyJ", "eyJaaaaaaaa.eyJ", 'token="""',
    "token=String::", "token, token: &", "hooks.slack.com/services/", "?token=abc",
    f"token={'aB3dE6gH9jK2mN5p' * 4}(", f"token={'aB3dE6gH9jK2mN5p' * 4}EXAMPLE",
)  # fmt: skip


@pytest.mark.timeout(30)
@pytest.mark.parametrize("piece", PIECES)
def test_cve_2026_0621_no_text_makes_it_slow(piece: str) -> None:
    """A quadratic pattern would take minutes over this; the bound is the test's own timeout."""
    size = 1 << 17
    redact((piece * (size // len(piece) + 1))[:size])


@pytest.mark.timeout(30)
@pytest.mark.parametrize("value", ["${%s{", "{{%s", "<%s<", "${%s:-", "x%s", "your-%s"])
def test_cve_2026_0621_no_value_makes_it_slow(value: str) -> None:
    """A search that looks back at every character would take half an hour over this."""
    redact(f'password="{value % ("a" * (1 << 20))}"')


@pytest.mark.timeout(30)
def test_cve_2026_0621_no_mixture_makes_it_slow() -> None:
    rng = random.Random(3)
    redact("".join(rng.choice(PIECES) for _ in range(20_000)))
