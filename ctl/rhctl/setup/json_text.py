"""Changes one member of a JSON text and nothing else of it: indentation, spacing and order stay as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


class _Member(NamedTuple):
    """Where a member is: from the first character of its key to behind the last one of its value."""

    start: int
    value: int
    end: int


def parse(text: str) -> dict[str, Any]:
    """Return the object that a text holds; an empty text holds an empty one.

    Raises:
        ValueError: it is not JSON (comments are not), not an object, or a key is given twice in one.
    """
    try:
        found = json.loads(text, object_pairs_hook=_no_repeats) if text.strip() else {}
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is not an object")
    return found


def set_member(text: str, keys: Sequence[str], value: Mapping[str, Any]) -> str:
    """Return `text` with the members of `value` set in the object that `keys` lead to.

    What else is in that object stays; objects that are missing on the way are added.

    Raises:
        ValueError: the text is not JSON, or `keys` lead through something that is not an object.
    """
    whole = parse(text)
    if not text.strip():
        text = "{}\n"
    start = _SPACE.match(text).end()  # type: ignore[union-attr]
    found: Any = whole
    for depth, key in enumerate(keys):
        members = _members(text, start)
        if key not in members:
            return _insert(text, start, members, key, _wrap(keys[depth + 1 :], value))
        found, start = found[key], members[key].value
        if not isinstance(found, dict):
            raise ValueError(f"{'.'.join(keys[: depth + 1])} is not an object")
    for key, wanted in value.items():
        members = _members(text, start)
        if key not in members:
            text = _insert(text, start, members, key, wanted)
        elif found[key] != wanted:
            member = members[key]
            text = text[: member.value] + _dump(wanted, text, member.start) + text[member.end :]
    return text


def remove_member(text: str, keys: Sequence[str], is_kept: int = 0) -> str:
    """Return `text` without the member that `keys` lead to, and without the objects on the way that this empties.

    Args:
        is_kept: how many of the first keys keep their object although it is empty then.

    Raises:
        ValueError: the text is not JSON.
    """
    found: Any = parse(text)
    places: list[tuple[int, str]] = []
    start = _SPACE.match(text).end()  # type: ignore[union-attr]
    for key in keys:
        if not isinstance(found, dict) or key not in found:
            return text
        places.append((start, key))
        found, start = found[key], _members(text, start)[key].value
    while len(places) > is_kept + 1 and len(_members(text, places[-1][0])) == 1:
        places.pop()
    start, key = places[-1]
    members = _members(text, start)
    names = list(members)
    at = names.index(key)
    if at > 0:
        return text[: members[names[at - 1]].end] + text[members[key].end :]
    if len(names) > 1:
        return text[: members[key].start] + text[members[names[1]].start :]
    _, end = _DECODER.raw_decode(text, start)
    return text[:start] + "{}" + text[end:]


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _wrap(keys: Sequence[str], value: Any) -> Any:
    for key in reversed(keys):
        value = {key: value}
    return value


def _members(text: str, start: int) -> dict[str, _Member]:
    """Return where the members of the object at `start` are; the text is known to be JSON."""
    members: dict[str, _Member] = {}
    at = _skip(text, start + 1)
    while text[at] != "}":
        if text[at] == ",":
            at = _skip(text, at + 1)
        key, behind = _DECODER.raw_decode(text, at)
        value = _skip(text, _skip(text, behind) + 1)
        _, end = _DECODER.raw_decode(text, value)
        members[key] = _Member(at, value, end)
        at = _skip(text, end)
    return members


def _skip(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]


def _insert(text: str, start: int, members: Mapping[str, _Member], key: str, value: Any) -> str:
    """Add a member behind the others of the object at `start`, laid out as they are."""
    name = json.dumps(key, ensure_ascii=False)
    if not members:
        _, end = _DECODER.raw_decode(text, start)
        outer = _indent_of_line(text, start)
        inner = outer + _unit(text)
        dumped = _dump(value, text, start, inner)
        return f"{text[: start + 1]}\n{inner}{name}: {dumped}\n{outer}{text[end - 1 :]}"
    first, last = next(iter(members.values())), list(members.values())[-1]
    before = text[start + 1 : first.start]
    if "\n" not in before:
        dumped = json.dumps(value, ensure_ascii=False)
        return f"{text[: last.end]}, {name}: {dumped}{text[last.end :]}"
    indent = before.rpartition("\n")[2]
    return f"{text[: last.end]},\n{indent}{name}: {_dump(value, text, last.start, indent)}{text[last.end :]}"


def _dump(value: Any, text: str, at: int, indent: str | None = None) -> str:
    """Return a value as it would be written at a place of `text`, its lines indented as the text's are."""
    indent = _indent_of_line(text, at) if indent is None else indent
    if isinstance(value, list):  # on one line, as people write command lines
        return json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = indent + _unit(text)
    lines = [
        f"{inner}{json.dumps(key, ensure_ascii=False)}: {_dump(each, text, at, inner)}" for key, each in value.items()
    ]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def _indent_of_line(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    """Return what the text indents by: the indentation of its first indented line, else two spaces."""
    found = re.search(r"^([ \t]+)\S", text, re.MULTILINE)
    return found[1] if found else "  "
