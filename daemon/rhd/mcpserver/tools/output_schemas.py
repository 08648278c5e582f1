"""JSON Schema as the tools use it: few keywords, closed inputs, portable between clients."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def text(description: str, *, longest: int) -> Schema:
    """Return the schema of a string that says something."""
    return {"type": "string", "maxLength": longest, "pattern": r"\S", "description": description}


def texts(description: str, *, longest: int = 2000, most: int = 50) -> Schema:
    """Return the schema of a list of strings."""
    return {
        "type": "array",
        "items": {"type": "string", "maxLength": longest, "pattern": r"\S"},
        "maxItems": most,
        "description": description,
    }


def one_of(description: str, *values: str) -> Schema:
    """Return the schema of one of some words."""
    return {"type": "string", "enum": list(values), "description": description}


def whole(description: str, *, least: int, most: int) -> Schema:
    """Return the schema of a whole number."""
    return {"type": "integer", "minimum": least, "maximum": most, "description": description}


def closed(required: list[str], **properties: Schema) -> Schema:
    """Return the schema of an object that has these properties and no others.

    An optional property has no `pattern`: clients that send every property must be able to leave one blank.
    """
    shown = {name: each if name in required else _without_pattern(each) for name, each in properties.items()}
    return {"type": "object", "properties": shown, "required": required, "additionalProperties": False}


def _without_pattern(schema: Schema) -> Schema:
    plain = {keyword: value for keyword, value in schema.items() if keyword != "pattern"}
    return plain | {"items": _without_pattern(plain["items"])} if "items" in plain else plain


def every(**properties: Schema) -> Schema:
    """Return the schema of an output: every property is always there, null where there is nothing to say."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def listed(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def maybe(schema: Schema) -> Schema:
    """Return the schema of an output's value that can be null; not by a list of types, which some hosts cannot map."""
    return {"anyOf": [schema, {"type": "null"}]}


STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}

CARDS = maybe(every(done=INTEGER, total=INTEGER, finished=BOOLEAN))
"""How far a sprint is: `finished` once nothing is open, under Final Acceptance neither."""

ARTIFACT = every(
    path=STRING,
    kind=STRING,
    title=STRING,
    status=maybe(STRING),
    size=INTEGER,
    modified_at=STRING,
    version=STRING,
    cards=CARDS,
)
CHANGE = every(cursor=STRING, repo=STRING, path=STRING, kind=STRING, change=STRING, at=STRING)
REDACTIONS = listed(every(type=STRING, count=INTEGER))
LEFT_OUT = maybe(every(total=INTEGER, items=listed(every(path=STRING, reason=STRING)), next_step=STRING))
"""What is not served, at most 50 of it by name; null if everything is."""

PATH = text("The artifact's path relative to the repository, as list_workflow_files gives it.", longest=1024)
CURSOR = text("next_cursor of the page before; leave out for the first page.", longest=512)
REVISION = text(
    "The revision that is replaced, from read_workflow_file or the write before. Needed to replace what another "
    "client or a person has written or changed.",
    longest=64,
)
SLUG = text(
    "Names the document: the same slug addresses the same one again. To replace an older one, its file name. Without "
    "a slug a new document is made, named after its title.",
    longest=160,
)
