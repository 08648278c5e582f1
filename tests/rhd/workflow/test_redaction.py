"""rhd.workflow.redaction: finds what it must, leaves what it should, keeps the syntax, takes linear time."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.workflow import redaction
from rhd.workflow.redaction import redact
from tests.rhd.workflow import corpus

BEGIN, END = (f"{'-' * 5}{what} PRIVATE" + f" KEY{'-' * 5}" for what in ("BEGIN", "END"))


def test_secrets_of_every_shape_are_found() -> None:
    found: Counter[str] = Counter()
    missed: list[corpus.Planted] = []
    for planted in corpus.planted(per_shape=15):
        redacted = redact(planted.text)
        if planted.secret in redacted.text or not redacted.counts:
            missed.append(planted)
        else:
            found[planted.shape] += 1
    assert len(found) >= 20
    assert found.total() >= 300
    assert len(missed) <= found.total() // 100, [planted.text for planted in missed]


def test_nothing_in_thousands_of_lines_of_plans_is_taken_for_a_secret() -> None:
    lines = corpus.plan_lines(2500)
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


def test_secrets_are_found_wherever_a_long_text_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = 1 << 10
    monkeypatch.setattr(redaction, "_CHUNK_CHARS", chunk)
    secret = "sk" + "-ant-" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF"
    line = "a line of some plan\n"
    for offset in range(-60, 60):
        text = (line * (chunk // len(line) + 9))[: chunk + offset] + f"\nkey {secret}\n" + line * chunk
        redacted = redact(text)
        assert secret not in redacted.text
        assert redacted.text == text.replace(secret, "[REDACTED:anthropic_key]")


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


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\\n", "\n    ", "\n> "])
def test_a_private_key_is_taken_out_whole(newline: str) -> None:
    body = newline.join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ"] * 20)
    text = f"before{newline}{BEGIN}{newline}{body}{newline}{END}{newline}after"
    assert redact(text).text == f"before{newline}[REDACTED:private_key]{newline}after"


def test_a_private_key_that_is_cut_off_is_taken_out_as_far_as_it_goes() -> None:
    body = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ"] * 5)
    assert redact(f"{BEGIN}\n{body}\n\nAnd so on.").text == "[REDACTED:private_key]\n\nAnd so on."
    twice = f"{BEGIN}\n{body}\n# next\n{BEGIN}\n{body}\n{END}\nend"
    assert redact(twice).counts == {"private_key": 2}
    assert "MIIE" not in redact(twice).text


def test_speaking_of_private_keys_is_no_private_key() -> None:
    commit = "3f2a1b4c5d6e7f8091a2b3c4d5e6f708192a3b4c"
    for text in (
        f"A file begins with {BEGIN} and so on.\n\nSee {commit}.\n",
        f"From {BEGIN} to {END} it is base64; see {commit}.\n",
        f"{BEGIN}\nsome prose\n{commit}\n{END}\n",
    ):
        assert redact(text) == (text, {})


def test_an_aws_secret_beside_its_id_is_found_without_a_name() -> None:
    key_id, secret = "AK" + "IAQWERTYUIOPASDFGH", "wJalr" + "XUtnFEMIK7MDENGbPxRfiCYzEXAMPLEKEY/"
    redacted = redact(f"{key_id}\n{secret}\n")
    assert redacted.text == "[REDACTED:aws_key_id]\n[REDACTED:aws_secret]\n"
    commit = "3f2a1b4c5d6e7f8091a2b3c4d5e6f708192a3b4c"
    assert commit in redact(f"{key_id} since {commit}").text


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
)  # fmt: skip


@pytest.mark.timeout(30)
@pytest.mark.parametrize("piece", PIECES)
def test_cve_2026_0621_no_text_makes_it_slow(piece: str) -> None:
    """A quadratic pattern would take minutes over this; the bound is the test's own timeout."""
    size = 1 << 17
    redact((piece * (size // len(piece) + 1))[:size])


@pytest.mark.timeout(30)
def test_cve_2026_0621_no_mixture_makes_it_slow() -> None:
    rng = random.Random(3)
    redact("".join(rng.choice(PIECES) for _ in range(20_000)))
