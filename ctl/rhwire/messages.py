"""The control socket's lines: JSON-RPC 2.0, one object a line, MCP's own stdio framing.

A request is `{"jsonrpc":"2.0","id":1,"method":"status","params":{"v":1}}`. A stream is notifications
(`{"jsonrpc":"2.0","method":"event","params":{…}}`) before the result. An error carries
`data: {"code", "next_step"}`; a refusal's `error.code` is -32000.
"""

from __future__ import annotations

import json

from rhwire.errors import HarnessError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = 1
"""The protocol's version, sent as `params.v`; a daemon refuses a request of another one."""

MAX_LINE_BYTES = 1 << 20
"""The longest request. An answer is as long as it must be: the client believes its own daemon."""

FIRST_LINE_WITHIN_S = 5.0
"""How long a new connection may take to say what it wants."""

PROGRESS = "progress"
"""The notification that says that a verb is still worked on."""

PROGRESS_EVERY_S = 3.0
"""How often it is sent while nothing else is."""

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND = -32700, -32600, -32601
INVALID_PARAMS, INTERNAL_ERROR, REFUSED = -32602, -32603, -32000


class WireError(HarnessError):
    """A line that is no message, or a message that is no request."""

    code = "INVALID_REQUEST"

    def __init__(self, message: str, *, rpc_code: int = INVALID_REQUEST, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.rpc_code = rpc_code


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a key is given twice")
    return out


def decode(line: bytes, *, limit_bytes: int | None = MAX_LINE_BYTES) -> Any:
    """Return the JSON value of one line, of any length if `limit_bytes` is None.

    Strict where parsers differ (CVE-2026-27896): NaN and Infinity, a key given twice, a byte order mark, lone
    surrogates and nesting beyond the interpreter's depth are refused.

    Raises:
        WireError: the line is too long or not JSON.
    """
    if limit_bytes is not None and len(line) > limit_bytes:
        raise WireError("the line is longer than 1 MiB", code="REQUEST_TOO_LARGE")
    try:
        text = line.decode("utf-8")
        value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_twins)
        if "\\ud" in text or "\\uD" in text:  # an escaped half of a pair decodes, but cannot be encoded again
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise WireError("the line is not JSON", rpc_code=PARSE_ERROR) from error
    return value


def encode(value: Any) -> bytes:
    """Return `value` as one line, its newline included."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


class Request:
    """One request: an id to answer to, a method (a verb) and its parameters without `v`."""

    __slots__ = ("id", "method", "params")

    def __init__(self, id: int | str, method: str, params: dict[str, Any]) -> None:  # noqa: A002
        self.id = id
        self.method = method
        self.params = params

    def encode(self) -> bytes:
        """Return the request as one line."""
        params = {"v": VERSION, **self.params}
        return encode({"jsonrpc": "2.0", "id": self.id, "method": self.method, "params": params})

    @classmethod
    def decode(cls, line: bytes) -> Request:
        """Parse one line.

        Raises:
            WireError: it is not a request of this version.
        """
        value = decode(line)
        if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
            raise WireError("the line is not a JSON-RPC 2.0 request")
        id_, method, params = value.get("id"), value.get("method"), value.get("params", {})
        if not isinstance(id_, int | str) or isinstance(id_, bool) or not isinstance(method, str):
            raise WireError("a request has an id and a method")
        if not isinstance(params, dict):
            raise WireError("params is an object", rpc_code=INVALID_PARAMS)
        version = params.pop("v", None)
        if version != VERSION or isinstance(version, bool):
            raise WireError(
                f"the request speaks version {str(version)[:20]!r} of the control protocol, this daemon {VERSION}",
                code="PROTOCOL_MISMATCH",
            )
        return cls(id_, method, params)


def encode_result(id_: int | str, result: Any) -> bytes:
    """Return the line that answers a request."""
    return encode({"jsonrpc": "2.0", "id": id_, "result": result})


def encode_event(method: str, params: dict[str, Any]) -> bytes:
    """Return the line of one notification of a stream."""
    return encode({"jsonrpc": "2.0", "method": method, "params": params})


def encode_error(id_: int | str | None, error: HarnessError, rpc_code: int = REFUSED) -> bytes:
    """Return the line that refuses a request."""
    data: dict[str, Any] = {"code": error.code, "next_step": error.next_step}
    if error.details is not None:
        data["details"] = error.details
    body = {"code": rpc_code, "message": error.message, "data": data}
    return encode({"jsonrpc": "2.0", "id": id_, "error": body})
