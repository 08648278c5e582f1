"""Validates a call's arguments against its tool's schema.

Not a library: the schemas use a dozen keywords (`rhd.mcpserver.tools.output_schemas`), and a model corrects itself
sooner with "tasks[0]: missing: objective" than with a general validator's message. An unknown keyword raises, so that
no schema promises what is not checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
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


def check_arguments(schema: Schema, arguments: Mapping[str, Any]) -> None:
    """Hold arguments against a tool's input schema; messages name the place and the rule, never the value.

    Raises:
        Refusal: UNKNOWN_PARAMETER or INVALID_ARGUMENT.
    """
    _check(schema, arguments, "")


def _check(schema: Schema, value: Any, where: str) -> None:
    kind = schema["type"]
    if not _TYPES[kind](value):
        raise _invalid(where, f"must be of type {kind}")
    for keyword, wanted in schema.items():
        match keyword:
            case "properties":
                _check_properties(schema, value, where)
            case "items":
                for number, each in enumerate(value):
                    _check(wanted, each, f"{where}[{number}]")
            case "enum" if value not in wanted:
                raise _invalid(where, "must be one of " + ", ".join(wanted))
            case "maxItems" if len(value) > wanted:
                raise _invalid(where, f"has more than {wanted}")
            case "minItems" if len(value) < wanted:
                raise _invalid(where, f"needs at least {wanted}")
            case "maxLength" if len(value) > wanted:
                raise _invalid(where, f"is longer than {wanted:,} characters")
            case "maximum" if value > wanted:
                raise _invalid(where, f"is above {wanted}")
            case "minimum" if value < wanted:
                raise _invalid(where, f"is below {wanted}")
            case "pattern" if not re.search(wanted, value):
                raise _invalid(where, "must not be blank")  # `\S` is the only one that is used
            case _:
                assert keyword in _KEYWORDS, keyword
    # JSON can carry half of a surrogate pair, which no file and no answer can.
    if kind == "string" and not value.isascii() and _SURROGATE.search(value):
        raise _invalid(where, "holds half of a surrogate pair")


def _check_properties(schema: Schema, value: Mapping[str, Any], where: str) -> None:
    known = schema["properties"]
    assert schema["additionalProperties"] is False
    if unknown := sorted(set(value) - set(known)):
        raise Refusal(
            f"unknown parameter {escape(unknown[0][:64])!r}" + (f" in {where}" if where else ""),
            code="UNKNOWN_PARAMETER",
            details={"allowed": sorted(known)},
        )
    if missing := [name for name in schema["required"] if name not in value]:
        raise _invalid(where, "missing: " + ", ".join(missing))
    for name, each in value.items():
        _check(known[name], each, f"{where}.{name}" if where else name)


_KEYWORDS = frozenset({"additionalProperties", "description", "enum", "items", "maxItems", "maxLength", "maximum",
                       "minItems", "minimum", "pattern", "properties", "required", "type"})  # fmt: skip


def _invalid(where: str, said: str) -> Refusal:
    return Refusal(f"{where}: {said}" if where else said, code="INVALID_ARGUMENT")
