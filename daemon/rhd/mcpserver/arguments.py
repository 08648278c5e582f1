"""Fits a call's arguments to its tool's schema, and validates them.

Clients send `null` or `""` for an optional argument that is not given, and `5.0` for a whole number; Gemini CLI adds
`wait_for_previous` to every tool. `fit_arguments` removes what says nothing, so that a call means the same from every
client and equal calls stay equal.

The validation is our own: the schemas use a dozen keywords (`rhd.mcpserver.tools.output_schemas`), and a model corrects
itself sooner with "tasks[0]: missing: objective" than with a general validator's message. An unknown keyword raises, so
that no schema promises what is not checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from rhd.errors import Refusal
from rhd.mcpserver.tools.output_schemas import Schema
from rhwire.escape import escape

_SURROGATE = re.compile("[\ud800-\udfff]")
_TYPES: dict[str, Callable[[Any], bool]] = {
    "array": lambda value: isinstance(value, list),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "object": lambda value: isinstance(value, Mapping),
    "string": lambda value: isinstance(value, str),
}


_WANTED = {
    "array": ("a list", '["one", "two"]'),
    "integer": ("a whole number", "5, without quotes"),
    "object": ("an object", '{"title": "..."} with the fields that the schema names'),
    "string": ("a string", '"text"'),
}
"""How each type is called in messages, and an example."""

PASSED_OVER = "wait_for_previous"
"""The only unknown argument that is ignored."""


def fit_arguments(schema: Schema, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without what says nothing, valid against a tool's input schema.

    Removed are blank optional arguments and blank items of optional lists, at any depth. Messages name the place and
    the rule, never the value.

    Raises:
        Refusal: UNKNOWN_PARAMETER or INVALID_ARGUMENT.
    """
    given = {key: value for key, value in arguments.items() if key != PASSED_OVER}
    fitted: dict[str, Any] = _fit(schema, given)
    _check(schema, fitted, "")
    return fitted


def _fit(schema: Schema, value: Any) -> Any:
    match schema["type"]:
        case "integer" if isinstance(value, float) and value.is_integer():
            return int(value)
        case "array" if isinstance(value, list):
            return [_fit(schema["items"], each) for each in value]
        case "object" if isinstance(value, Mapping):
            return _fit_properties(schema, value)
        case _:
            return value


def _fit_properties(schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    fitted = {}
    for name, value in given.items():
        if (known := schema["properties"].get(name)) is None or name in schema["required"]:
            fitted[name] = value if known is None else _fit(known, value)
            continue
        if isinstance(value, list) and known["type"] == "array":
            value = [each for each in value if not _is_blank(each)]
        if not _is_blank(value) and value != []:
            fitted[name] = _fit(known, value)
    return fitted


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _check(schema: Schema, value: Any, where: str) -> None:
    kind = schema["type"]
    if not _TYPES[kind](value):
        name, example = _WANTED[kind]
        raise _invalid(where, f"must be {name}, not {_given(value)}", f"Send {name}, such as {example}.")
    for keyword, wanted in schema.items():
        match keyword:
            case "properties":
                _check_properties(schema, value, where)
            case "items":
                for number, each in enumerate(value):
                    _check(wanted, each, f"{where}[{number}]")
            case "enum" if value not in wanted:
                nearest = get_close_matches(value[:64].casefold(), wanted, n=1)
                step = f"Send {nearest[0]} if that is what you mean." if nearest else f"Send one of them as {where}."
                raise _invalid(where, "must be one of " + ", ".join(wanted), step)
            case "maxItems" if len(value) > wanted:
                raise _invalid(where, f"has more than {wanted}", f"Send at most {wanted} in one call.")
            case "minItems" if len(value) < wanted:
                raise _invalid(where, f"needs at least {wanted}", f"Send at least {wanted}.")
            case "maxLength" if len(value) > wanted:
                raise _invalid(where, f"is longer than {wanted:,} characters", f"Shorten it to {wanted:,} characters.")
            case "maximum" if value > wanted:
                raise _invalid(where, f"is above {wanted}", f"Send at most {wanted}.")
            case "minimum" if value < wanted:
                raise _invalid(where, f"is below {wanted}", f"Send at least {wanted}.")
            case "pattern" if not re.search(wanted, value):  # `\S` is the only one that is used
                raise _invalid(where, "must not be blank", f"Send {where} with a text that says something.")
            case _:
                assert keyword in _KEYWORDS, keyword
    # JSON can carry half of a surrogate pair, which no file and no answer can.
    if kind == "string" and not value.isascii() and _SURROGATE.search(value):
        raise _invalid(where, "holds half of a surrogate pair", "Leave out the character that is cut in half.")


def _check_properties(schema: Schema, value: Mapping[str, Any], where: str) -> None:
    known = schema["properties"]
    assert schema["additionalProperties"] is False
    if unknown := sorted(set(value) - set(known)):
        raise Refusal(
            f"unknown parameter {escape(unknown[0][:64])!r}" + (f" in {where}" if where else ""),
            code="UNKNOWN_PARAMETER",
            next_step=f"Use only: {', '.join(known)}." if known else "Leave it out: there are no parameters here.",
            details={"allowed": sorted(known)},
        )
    if missing := [name for name in schema["required"] if name not in value]:
        place = f" in {where}" if where else ""
        raise _invalid(where, "missing: " + ", ".join(missing), f"Send {' and '.join(missing)}{place} as well.")
    for name, each in value.items():
        _check(known[name], each, f"{where}.{name}" if where else name)


_KEYWORDS = frozenset({"additionalProperties", "description", "enum", "items", "maxItems", "maxLength", "maximum",
                       "minItems", "minimum", "pattern", "properties", "required", "type"})  # fmt: skip


def _invalid(where: str, said: str, next_step: str) -> Refusal:
    return Refusal(f"{where}: {said}" if where else said, code="INVALID_ARGUMENT", next_step=next_step)


def _given(value: Any) -> str:
    """Return of what type a value is, as JSON calls it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, float):
        return "a fraction"
    return next(name for kind, (name, _) in _WANTED.items() if _TYPES[kind](value))
