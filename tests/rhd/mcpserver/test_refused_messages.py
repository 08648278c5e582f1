from __future__ import annotations

import json
from typing import Any

import pytest

from rhd.mcpserver.refused_messages import (
    MAX_VALUES,
    has_too_many_values,
    has_unusable_id,
    readable_id,
    refusal_of,
    refusal_of_size,
)

IDS: dict[str, tuple[bytes, str | int | None]] = {
    "whole": (b'{"jsonrpc":"2.0","id":7,"method":"ping"}', 7),
    "string": (b'{"id" : "a\\"b", "method":"ping"}', 'a"b'),
    "negative": (b'{"id":-3,"method":"ping"}', -3),
    "long": (b'{"id":12345678901234567890123,"method":"x"}', 12345678901234567890123),
    "cut off behind it": (b'{"jsonrpc":"2.0","id":7,"method":"pi', 7),
    "cut off at once": (b'{"id":7', 7),
    "cut off within": (b'{"id":"ab', None),
    "a byte order mark": (b'\xef\xbb\xbf{"id":7,"method":"ping"', 7),
    "a lone surrogate": (b'{"id":7,"method":"ping","params":{"a":"\\ud800"}}', 7),
    "a lone surrogate as id": (b'{"id":"\\ud800","method":"ping"}', "\ud800"),
    "no UTF-8": (b'{"id":7,"method":"\xff"}', 7),
    "deep": (b'{"params":' + b"[" * 100_000 + b',"id":8' + b"]" * 100_000 + b',"id":7}', 7),
    "behind params": (b'{"params":{"id":1,"x":[{"id":2}]},"method":"ping","id":3}', 3),
    "in a string": (b'{"x":"\\"id\\":5","id":6}', 6),
    "only within": (b'{"params":{"id":1}}', None),
    "in params that do not end": (b'{"params":{"id":1', None),
    "fraction": (b'{"id":1.5,"method":"ping"}', None),
    "exponent": (b'{"id":1e3,"method":"ping"}', None),
    "true": (b'{"id":true,"method":"ping"}', None),
    "null": (b'{"id":null,"method":"ping"}', None),
    "an object": (b'{"id":{"id":4},"method":"ping"}', None),
    "an answer": (b'{"id":1,"result":[]', None),
    "an error": (b'{"error":5,"id":1', None),
    "a batch": (b'[{"id":1,"method":"ping"}]', None),
    "nothing": (b"", None),
    "no JSON": (b"GET / HTTP/1.1", None),
    "a value as key": (b'{"a":"id",:5}', None),
}


@pytest.mark.parametrize(("data", "found"), IDS.values(), ids=IDS)
def test_an_id_is_read_where_it_stands_in_the_outermost_object(data: bytes, found: str | int | None) -> None:
    assert readable_id(data) == found


@pytest.mark.parametrize(
    "data",
    [
        b'{"' + b'\\"' * 500_000 + b"\\",
        b'{"a' + b'"' * 1_000_000,
        b"{" * 1_000_000,
        b'{"id":' + b"1" * 1_000_000,
        b'"id":' * 200_000,
    ],
    ids=["escapes", "quotes", "braces", "digits", "keys"],
)
def test_no_text_takes_longer_than_its_length(data: bytes) -> None:
    """A quadratic reader would not end within the test's time."""
    readable_id(data)


@pytest.mark.parametrize(
    ("id_", "is_unusable"), [(1, False), ("", False), (1.0, True), (True, True), (None, True), ([], True), ({}, True)]
)
def test_an_id_is_a_string_or_an_integer(id_: Any, is_unusable: bool) -> None:
    assert has_unusable_id({"id": id_, "method": "ping"}) is is_unusable
    assert not has_unusable_id({"method": "ping"})
    assert not has_unusable_id([{"id": id_, "method": "ping"}])


@pytest.mark.parametrize(
    ("data", "id_", "code", "said"),
    [
        (b'{"id":7,"method":"pi', 7, -32700, "not valid JSON"),
        (b"nothing", None, -32700, "not valid JSON"),
        (b'{"id":1.5,"method":"ping"}', None, -32600, "id must be"),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}', 7, -32600, "params must be"),
        (b'{"id":7,"method":"ping"}', 7, -32600, "not a JSON-RPC 2.0 request"),
        (b'\xef\xbb\xbf{"id":7,"method":"ping"}', 7, -32600, "not a JSON-RPC 2.0 request"),
    ],
)
def test_a_refusal_says_what_is_wrong_under_the_id(data: bytes, id_: int | None, code: int, said: str) -> None:
    error = json.loads(refusal_of(data))
    assert (error["id"], error["error"]["code"]) == (id_, code)
    assert said in error["error"]["message"]


def _call(arguments: str) -> bytes:
    return f'{{"method":"tools/call","params":{{"arguments":{arguments}}},"jsonrpc":"2.0","id":"a-7"}}'.encode()


@pytest.mark.parametrize("value", ["1", "[]", "{}", '""', '"\\"[,"', '{"a":[1]}', "[[1]]"])
def test_a_message_with_too_many_values_is_refused_under_its_id(value: str) -> None:
    """Parsing a mebibyte of them would hold the loop for half a second."""
    data = _call(f"[{','.join([value] * MAX_VALUES)}]")
    assert has_too_many_values(data)
    refusal = json.loads(refusal_of_size(data))
    assert refusal["id"] == "a-7"
    assert "20,000 values" in refusal["error"]["message"]


@pytest.mark.parametrize("text", ["a,b,c\n", '[1, 2, {"a": "b"}],\n', "\\", '"', "{[,", '\\",'])
def test_what_stands_within_a_text_is_no_value(text: str) -> None:
    data = _call(json.dumps({"body": text * 60_000, "title": "t"}))
    assert not has_too_many_values(data)
    assert readable_id(data) == "a-7"


def test_a_sprint_of_a_hundred_full_cards_is_no_such_message() -> None:
    lists = dict.fromkeys(("files", "checks", "observations"), ["x"] * 50)
    assert not has_too_many_values(_call(json.dumps({"tasks": [{"title": "t", "objective": "o", **lists}] * 100})))
