"""rhd.workflow.redaction.private_keys: a key is taken out whole whatever holds it, and speaking of keys is none."""

from __future__ import annotations

import json
import random

import pytest

from rhd.workflow.redaction.private_keys import find_private_keys, find_web_keys
from tests.rhd.workflow import corpus

BEGIN, END = (f"{'-' * 5}{what} PRIVATE" + f" KEY{'-' * 5}" for what in ("BEGIN", "END"))
LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ"


def without(text: str) -> str:
    """Return `text` with an X for each key."""
    for found in reversed([*find_private_keys(text), *find_web_keys(text)]):
        text = f"{text[: found.start]}X{text[found.end :]}"
    return text


@pytest.mark.parametrize(
    "newline", ["\n", "\r\n", "\\n", "\\\\n", "\n    ", "\n> ", "\n| ", "\n- ", "\n// ", "<br>", "\n1  "]
)
def test_a_private_key_is_taken_out_whole(newline: str) -> None:
    text = f"before{newline}{BEGIN}{newline}{newline.join([LINE] * 20)}{newline}{END}{newline}after"
    assert without(text) == f"before{newline}X{newline}after"


def test_no_line_of_a_key_is_left_wherever_it_stands() -> None:
    rng = random.Random(3)
    lines = [BEGIN, *(corpus._b64(rng, 48) for _ in range(12)), "c2hvcnQtdGFpbA==", END]
    for place, put in corpus.KEY_PLACES.items():
        text = without(put(lines))
        if place != "base64":
            assert [line for line in lines[1:-1] if line in text] == [], place


def test_a_private_key_that_is_cut_off_is_taken_out_as_far_as_it_goes() -> None:
    body = "\n".join([LINE] * 5)
    assert without(f"{BEGIN}\n{body}\n\nAnd so on.") == "X\n\nAnd so on."
    assert without(f"{BEGIN}\n{body}\nAfterwards\n") == "X\nAfterwards\n"
    assert without(f"{BEGIN}\n{body}\n0z4Qje6V\nNext words") == "X\nNext words"
    assert without(f"{BEGIN}\n{body}\n...\n{body}\n") == "X\n"
    assert without(f"{BEGIN}\n{body}\n# next\n{BEGIN}\n{body}\n{END}\nend") == "X\n# next\nX\nend"


def test_between_begin_and_end_nothing_is_left() -> None:
    assert without(f"{BEGIN}\nnot;a~line\n{LINE}\n~~ {LINE}\n{END}!") == "X!"


def test_other_armour_is_known() -> None:
    ssh2 = BEGIN.replace("-----", "----").replace("BEGIN", " BEGIN SSH2 ENCRYPTED").replace("Y-", "Y -")
    assert without(f"{ssh2}\nComment: me\n{LINE}\n{LINE}\n") == "X\n"
    putty = f"Public-Lines: 1\n{LINE}\nPrivate-Lines: 2\n{LINE}\n{LINE}\nPrivate-MAC: 0"
    assert without(putty) == f"Public-Lines: 1\n{LINE}\nX\nPrivate-MAC: 0"


def test_private_members_of_web_keys_are_taken_out() -> None:
    key = {"kty": "OKP", "crv": "Ed25519", "x": LINE, "d": LINE}
    assert json.loads(without(json.dumps(key, indent=2))) == {**key, "d": "X"}
    assert LINE in without(json.dumps({"d": LINE}))


def test_a_member_that_is_no_key_material_stays() -> None:
    text = '{"kty": "OKP", "p": "documentation-of-parameters-here"}'
    assert without(text) == text


def test_speaking_of_private_keys_is_no_private_key() -> None:
    commit = "3f2a1b4c5d6e7f8091a2b3c4d5e6f708192a3b4c"
    for text in (
        f"A file begins with {BEGIN} and so on.\n\nSee {commit}.\n",
        f"From {BEGIN} to {END} it is base64; see {commit}.\n",
        f"{BEGIN}\nsome prose\n{commit}\n{END}\n",
        f"{BEGIN}\nsee docs/reference/configs/authentication/certificates/overview\n{END}\n",
    ):
        assert without(text) == text
