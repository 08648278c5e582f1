"""Errors for messages that are no JSON-RPC, or cost too much to read: under the id of the message, if that can be read.

A client that waits for an answer to its request would otherwise wait for ever (JSON-RPC 2.0, section 5).
"""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any

from mcp_types import INVALID_REQUEST, PARSE_ERROR

from rhd.asgi import Message, Receive, Send

BOM = b"\xef\xbb\xbf"
"""Some clients begin a message with it. It is passed over."""

MAX_VALUES = 20_000
"""A message with more is refused. Parsing one holds the loop for 15 ms; a sprint of a hundred full cards has 15,500."""

TOO_MANY = f"the message has more than {MAX_VALUES:,} values: send less in one call"
_HEAD_BYTES, _HEAD_TOKENS, _TAIL_BYTES = 64 << 10, 4000, 1024
_PREFIXES = (128 << 10, 512 << 10)
_EXCEPT_MARKS = bytes(set(range(256)) - set(b',[{"'))
_ID_AT_END = re.compile(
    rb'"id"\s*+:\s*+("(?:[^"\\]|\\.){0,200}"|-?[1-9][0-9]{0,99}|0)\s*+'
    rb'(?:,\s*+"(?:jsonrpc|method)"\s*+:\s*+"[^"\\]{0,200}+"\s*+)*+\}\s*+\Z'
)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[{}\[\],:]', re.DOTALL)
_VALUE = re.compile(
    r'\s*+(?:(?P<string>"(?:[^"\\]|\\.)*+")|(?P<number>-?(?:0|[1-9][0-9]{0,99})(?=\s*(?:[,}]|\Z))))', re.DOTALL
)


def readable_id(data: bytes) -> str | int | None:
    """Return the id of a request, valid JSON or not; None if there is none, or the message is an answer.

    Reads the members of the outermost object alone, however deep it is nested: of a long message those that it begins
    with and those that it ends with.
    """
    text = data[:_HEAD_BYTES].removeprefix(BOM).decode("utf-8", "replace")
    depth, key, is_key, found = 0, "", False, None
    for token in islice(_TOKEN.finditer(text), _HEAD_TOKENS):
        match token[0]:
            case "{" | "[" as opening:
                depth += 1
                if depth == 1:
                    if opening == "[":
                        return None
                    is_key = True
            case "}" | "]":
                depth -= 1
                if depth == 0:
                    break
            case "," if depth == 1:
                is_key = True
            case ":" if depth == 1:
                if key in ("result", "error"):
                    return None
                if key == "id" and (value := _VALUE.match(text, token.end())):
                    found = _string(value["string"]) if value["string"] else int(value["number"])
                is_key = False
            case _ if depth == 1 and is_key and token[0].startswith('"'):
                key = _string(token[0]) or ""
    if found is None and len(data) > _HEAD_TOKENS and (at_end := _ID_AT_END.search(data[-_TAIL_BYTES:])):
        last = at_end[1].decode("utf-8", "replace")
        return _string(last) if last.startswith('"') else int(last)
    return found


def has_too_many_values(data: bytes) -> bool:
    """Say whether a message has more than `MAX_VALUES` values, without parsing it."""
    # Mostly the beginning shows it, and the whole takes as long as many small messages.
    return any(_has_too_many(data[:length]) for length in _PREFIXES if length < len(data)) or _has_too_many(data)


def _has_too_many(data: bytes) -> bool:
    if sum(map(data.count, (b",", b"[", b"{"))) <= MAX_VALUES:
        return False
    # Not those within strings, which a text may have.
    marks = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _EXCEPT_MARKS)
    if marks.count(b'"') > 4 * MAX_VALUES:
        return True
    return sum(map(len, marks.split(b'"')[::2])) > MAX_VALUES


def refusal_of_size(data: bytes) -> bytes:
    """Return the error that a message with too many values is answered with."""
    return _error(readable_id(data), INVALID_REQUEST, TOO_MANY)


def has_unusable_id(message: Any) -> bool:
    """Say whether a message is meant as a request, but its id is no string or integer: it is not a notification."""
    if not isinstance(message, dict) or "id" not in message or "method" not in message:
        return False
    return isinstance(message["id"], bool) or not isinstance(message["id"], str | int)


def refusal_of(data: bytes) -> bytes:
    """Return the error that a message is answered with which could not be read as JSON-RPC."""
    try:
        message = json.loads(data.removeprefix(BOM))
    except (ValueError, RecursionError):
        return _error(readable_id(data), PARSE_ERROR, "the message is not valid JSON")
    if has_unusable_id(message):
        return _error(None, INVALID_REQUEST, "id must be a string or an integer")
    if isinstance(message, dict) and isinstance(message.get("params", {}), list):
        return _error(readable_id(data), INVALID_REQUEST, "params must be an object")
    return _error(readable_id(data), INVALID_REQUEST, "the message is not a JSON-RPC 2.0 request")


def with_json_errors(receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Return the two ends of an HTTP exchange in which every error is JSON, under the id of the request's body.

    The SDK answers what it cannot read with the id null, and some errors as text or without a body. A byte order mark
    before the body is taken away.
    """
    parts: list[bytes] = []
    start: Message | None = None
    answer = bytearray()

    async def recorded() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            body = message.get("body", b"")
            if not parts and body.startswith(BOM):
                body = body.removeprefix(BOM)
                message = {**message, "body": body}
            parts.append(body)
        return message

    async def named(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start" and message["status"] >= 400:
            start = message
        elif start is None:
            parts.clear()  # a stream would keep it
            await send(message)
        else:
            answer.extend(message.get("body", b""))
            if not message.get("more_body"):
                body = _with_id(bytes(answer), b"".join(parts), start["status"])
                headers = [(name, value) for name, value in start["headers"] if name.lower() not in _REPLACED]
                headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
                await send({**start, "headers": headers})
                await send({"type": "http.response.body", "body": body})

    return recorded, named


_REPLACED = (b"content-type", b"content-length")
_REASONS = {405: "this method means nothing here", 406: "the client must accept application/json"}


def _with_id(answer: bytes, request: bytes, status: int) -> bytes:
    try:
        error = json.loads(answer)
    except ValueError:
        text = answer.decode("utf-8", "replace")[:200] or _REASONS.get(status, "the request cannot be served")
        return _error(readable_id(request), INVALID_REQUEST, text)
    if not isinstance(error, dict) or "error" not in error or error.get("id") is not None:
        return answer
    return answer if (found := readable_id(request)) is None else json.dumps({**error, "id": found}).encode()


def _error(id_: str | int | None, code: int, message: str) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": message}}).encode()


def _string(token: str) -> str | None:
    try:
        return str(json.loads(token))
    except ValueError:
        return None
