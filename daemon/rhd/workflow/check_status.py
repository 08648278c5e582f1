"""The status that the JSON of a check gives, whatever its size, in steps of bounded time."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from rhd.workflow.text_steps import in_turns

MAX_PARSED = 64 << 10
"""A longer text is not parsed but searched: parsing holds the interpreter, and would keep all of it in memory."""

MAX_DEPTH = 500
"""A long text that is nested deeper counts as broken, as `json.loads` refuses a short one."""

_STEP_TOKENS = 1000
_MAX_STRING = 64 << 10
_TOKEN = re.compile(r"[ \t\r\n]*+(?:(?P<mark>[{}\[\]:,])|(?P<value>[-+.0-9A-Za-z]{1,64}+)|(?P<string>\"))")
_STRING_PART = re.compile(r"(?:[^\"\\\x00-\x1f]|\\.)*+")
_BLANK = re.compile(r"[ \t\r\n]*+")
_VALUE = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


class CheckStatus(NamedTuple):
    """What a check's JSON says of its outcome.

    Attributes:
        status: the text of `status` in its outermost object, or None.
        is_broken: whether the text is no JSON.
    """

    status: str | None = None
    is_broken: bool = False


def read_check_status(data: bytes) -> CheckStatus:
    """Return the status that a check's JSON gives."""
    try:
        text = data.decode("utf-8-sig")
        if len(text) <= MAX_PARSED:
            found = json.loads(text)
            status = found.get("status") if isinstance(found, dict) else None
            return CheckStatus(status if isinstance(status, str) else None)
    except (ValueError, RecursionError):
        return CheckStatus(is_broken=True)
    scan = _Scan(text)
    for is_done in in_turns(text, lambda _: scan.go_on(), iter(int, 1)):
        if is_done:
            break
    return CheckStatus(scan.status, scan.is_broken)


class _Scan:
    """Reads the tokens of a long JSON text one after the other."""

    def __init__(self, text: str) -> None:
        self.status: str | None = None
        self.is_broken = False
        self._text = text
        self._at = 0
        self._open = bytearray()
        self._last = ""
        self._is_status = False

    def go_on(self) -> bool:
        """Read some tokens; return whether the end is reached, or something that is no JSON."""
        for _ in range(_STEP_TOKENS):
            self._at = _BLANK.match(self._text, self._at, self._at + _MAX_STRING).end()  # type: ignore[union-attr]
            if self._at == len(self._text):
                self.is_broken = bool(self._open) or not self._last
                return True
            token = _TOKEN.match(self._text, self._at, self._at + _MAX_STRING)
            if token is None:
                if _BLANK.fullmatch(self._text, self._at, self._at + _MAX_STRING):
                    self._at = min(len(self._text), self._at + _MAX_STRING)
                    continue
                self.is_broken = True
                return True
            self._at = token.end()
            if not self._take(token):
                self.is_broken = True
                return True
        return False

    def _take(self, token: re.Match[str]) -> bool:
        """Take a token in; return whether it may stand here."""
        if (mark := token["mark"]) is not None:
            return self._take_mark(mark)
        if self._last in ("value", "}", "]") or (self._last == "" and self._open):
            return False
        is_name = self._open[-1:] == b"{" and self._last != ":"
        if token["string"] is None:
            self._last = "value"
            return not is_name and _VALUE.fullmatch(token["value"]) is not None
        start = self._at
        if not self._skip_string():
            return False
        short = self._text[start - 1 : self._at] if self._at - start <= _MAX_STRING else '""'
        if len(self._open) == 1 and is_name:
            self._is_status = short == '"status"'
        elif len(self._open) == 1 and self._is_status and self._open == b"{":
            try:
                self.status = str(json.loads(short))
            except ValueError:
                return False
        self._last = "name" if is_name else "value"
        return True

    def _skip_string(self) -> bool:
        """Go behind the string that has begun; return whether it ends."""
        while True:
            end = _STRING_PART.match(self._text, self._at, self._at + _MAX_STRING).end()  # type: ignore[union-attr]
            if self._text.startswith('"', end):
                self._at = end + 1
                return True
            if end == self._at or end == len(self._text):
                return False
            self._at = end

    def _take_mark(self, mark: str) -> bool:
        is_empty = self._last in ("{", "[")
        is_after_value = self._last in ("value", "}", "]")
        match mark:
            case "{" | "[":
                if is_after_value or (self._open[-1:] == b"{" and self._last != ":"):
                    return False
                self._is_status = self._is_status and len(self._open) != 1
                self._open.append(ord(mark))
                if len(self._open) > MAX_DEPTH:
                    return False
            case "}" | "]":
                if not self._open or chr(self._open[-1]) != {"}": "{", "]": "["}[mark]:
                    return False
                self._open.pop()
                self._last = mark
                return is_after_value or is_empty
            case ",":
                self._last = mark
                return bool(self._open) and is_after_value
            case _:
                is_named = self._last == "name"
                self._last = mark
                return is_named
        self._last = mark
        return True
