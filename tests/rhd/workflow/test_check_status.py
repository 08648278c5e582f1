"""The status of a check: what `json.loads` says of it, for texts that are too long to be parsed as well."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.workflow import check_status
from rhd.workflow.check_status import CheckStatus, read_check_status

_TOKENS = st.sampled_from(["{", "}", "[", "]", ":", ",", '"status"', '"a"', "1", "true", " ", '"', "-", "\n", '"\\n"'])


def by_json(text: str) -> CheckStatus:
    try:
        found = json.loads(text)
    except ValueError:
        return CheckStatus(is_broken=True)
    status = found.get("status") if isinstance(found, dict) else None
    return CheckStatus(status if isinstance(status, str) else None)


def read_both(text: str, monkeypatch: pytest.MonkeyPatch) -> CheckStatus:
    """Return what is read of a text as it is and as if it were long, which must be the same."""
    parsed = read_check_status(text.encode())
    with monkeypatch.context() as patch:
        patch.setattr(check_status, "MAX_PARSED", -1)
        scanned = read_check_status(text.encode())
    assert scanned == parsed if not parsed.is_broken else scanned.is_broken
    return parsed


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ('{"status": "pass"}', "pass"),
        ('{"status": "p\\u00e9s\\"s"}', 'pés"s'),
        ('{"a": {"status": "no"}, "status": "fail"}', "fail"),
        ('{"status": "first", "status": "last"}', "last"),
        ('[{"status": "no"}]', None),
        ('{"status": 1}', None),
        ('{"status": {"status": "no"}}', None),
        ('{"x": "status", "y": ["status", "no"]}', None),
        ("{}", None),
        ("7", None),
    ],
)
def test_the_status_of_the_outermost_object_is_found(
    monkeypatch: pytest.MonkeyPatch, text: str, status: str | None
) -> None:
    assert read_both(text, monkeypatch) == CheckStatus(status)


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "}", "[1,]", '{"a": 1,}', "[1 2]", '{"a" 1}', "tru", '{"a": "b\nc"}', "[,1]", "{1: 1}", "01",
     '{"status": "pass"} x', '{"status": "pass"', '{"status": "pass', "not json", "# Check\n"],
)  # fmt: skip
def test_what_is_no_json_is_broken(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert read_both(text, monkeypatch).is_broken


@given(st.lists(_TOKENS, max_size=10).map("".join))
def test_a_long_text_is_read_as_json_reads_it(text: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert read_both(text, monkeypatch) == by_json(text)


def test_the_status_of_a_large_check_is_found_wherever_it_stands() -> None:
    log = json.dumps(["a line of output\n" * 20] * 2000)
    assert len(log) > check_status.MAX_PARSED
    for text in (f'{{"log": {log}, "status": "fail"}}', f'{{"status": "fail", "log": {log}}}'):
        assert read_check_status(text.encode()) == CheckStatus("fail")
        assert read_check_status(text[:-1].encode()).is_broken
        assert read_check_status(b"\xef\xbb\xbf" + text.encode()) == CheckStatus("fail")


def test_bytes_that_are_no_text_are_broken() -> None:
    assert read_check_status('{"status": "é"}'.encode("utf-16")).is_broken
    assert read_check_status(b"[" * 10_000).is_broken


def test_a_long_text_of_nothing_but_brackets_is_broken_at_once() -> None:
    text = "[" * (1 << 20) + "]" * (1 << 20)
    assert read_check_status(text.encode()).is_broken
