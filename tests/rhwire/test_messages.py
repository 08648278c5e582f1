from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhwire import messages
from rhwire.errors import HarnessError
from rhwire.messages import Request, WireError


def test_a_request_comes_back_as_it_was_sent() -> None:
    line = Request(7, "status", {"repo": "a", "naïve": "é\u2028"}).encode()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    back = Request.decode(line)
    assert (back.id, back.method, back.params) == (7, "status", {"repo": "a", "naïve": "é\u2028"})


@pytest.mark.parametrize(
    ("line", "rpc_code"),
    [
        (b"", messages.PARSE_ERROR),
        (b"GET / HTTP/1.1\r\n", messages.PARSE_ERROR),
        (b'\xef\xbb\xbf{"jsonrpc":"2.0"}', messages.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","id":2}', messages.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":NaN,"method":"x"}', messages.PARSE_ERROR),
        (b'{"a":' * 100_000, messages.PARSE_ERROR),
        (b'"\\ud800"', messages.PARSE_ERROR),
        (b"\xff", messages.PARSE_ERROR),
        (b"1" * 5000, messages.PARSE_ERROR),
        (b"[]", messages.INVALID_REQUEST),
        (b"{}", messages.INVALID_REQUEST),
        (b'{"jsonrpc":"1.0","id":1,"method":"x"}', messages.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","method":"x"}', messages.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":true,"method":"x"}', messages.INVALID_REQUEST),
        (b'{"JSONRPC":"2.0","ID":1,"METHOD":"x"}', messages.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":[]}', messages.INVALID_PARAMS),
    ],
    ids=lambda v: repr(v[:24]) if isinstance(v, bytes) else str(v),
)
def test_cve_2026_27896_what_parsers_differ_on_is_refused(line: bytes, rpc_code: int) -> None:
    with pytest.raises(WireError) as caught:
        Request.decode(line)
    assert caught.value.rpc_code == rpc_code


@pytest.mark.parametrize("version", [0, 2, "1", None, True])
def test_a_request_of_another_version_is_told_so(version: object) -> None:
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "x", "params": {"v": version}}).encode()
    with pytest.raises(WireError) as caught:
        Request.decode(line)
    assert caught.value.code == "PROTOCOL_MISMATCH"


def test_a_line_that_is_too_long_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(WireError) as caught:
        messages.decode(b'"' + b"x" * messages.MAX_LINE_BYTES + b'"')
    assert caught.value.code == "REQUEST_TOO_LARGE"


def test_a_refusal_carries_code_and_next_step() -> None:
    error = json.loads(messages.encode_error(3, HarnessError("no", code="NOT_FOUND", next_step="look")))["error"]
    assert error == {"code": -32000, "message": "no", "data": {"code": "NOT_FOUND", "next_step": "look"}}


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_decode_or_refuse(line: bytes) -> None:
    with contextlib.suppress(WireError):
        Request.decode(line)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda c: st.lists(c) | st.dictionaries(st.text(), c),
    )
)
def test_what_is_encoded_is_decoded(value: object) -> None:
    assert messages.decode(messages.encode(value)) == value
