"""The front matter of a Markdown document: YAML between two lines of `---` at its beginning.

Only the title is of interest, so only the forms of a YAML scalar are read: plain, quoted, folded and literal. A full
parser would be a dependency and would take hostile texts (anchors, deep nesting) as instructions.
"""

from __future__ import annotations

import json
import re
from itertools import takewhile
from typing import NamedTuple

MAX_CHARS = 1 << 16
_MAX_TITLE_LINES = 20
_MAX_SCALAR = 1 << 12

_BEGIN = re.compile(r"---[ \t]{0,80}\r?\n")
_KEY = re.compile(r"[A-Za-z_\"'][^\r\n]{0,80}?:(?:[ \t]|\Z)")
_TITLE = re.compile(r"(?:title|\"title\"|'title')[ \t]{0,8}:(?:[ \t]+(.*))?\Z", re.DOTALL)
_COMMENT = re.compile(r"(?:\A|[ \t]+)#.*\Z", re.DOTALL)
_BLOCK = re.compile(r"([|>])[-+0-9]{0,2}(?:[ \t]+#.*)?\Z", re.DOTALL)
_PROPERTIES = re.compile(r"(?:[!&][^\s,\[\]{}]{0,80}(?:[ \t]+|\Z)){1,2}")
_SINGLE = re.compile(r"'((?:[^']|'')*+)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_YAML_ESCAPES = {"e": "\x1b", "a": "\x07", "v": "\x0b", "0": "", " ": " ", "_": "\xa0", "N": " ", "L": " ", "P": " "}
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|U([0-9A-Fa-f]{8})|([eav0 _NLP])|(u[0-9A-Fa-f]{4}|.))", re.DOTALL)


class FrontMatter(NamedTuple):
    """What a document's front matter says, and the text behind it.

    Attributes:
        title: as YAML reads it, on one line; None if it has none.
        rest: the document without the front matter; all of it if there is none.
    """

    title: str | None
    rest: str


def split_front_matter(text: str) -> FrontMatter:
    """Return the front matter of a document and the rest; a rule (`---`) that prose follows is none."""
    text = text.removeprefix("\ufeff")
    begin = _BEGIN.match(text)
    if begin is None:
        return FrontMatter(None, text)
    lines = text[:MAX_CHARS].splitlines(keepends=True)[1:]
    inside = list(takewhile(lambda line: line.rstrip() not in ("---", "..."), lines))
    if len(inside) == len(lines) or not _is_mapping(inside):
        return FrontMatter(None, text)
    end = begin.end() + sum(map(len, inside)) + len(lines[len(inside)])
    return FrontMatter(_title([line.rstrip("\r\n") for line in inside]), text[end:])


def _is_mapping(lines: list[str]) -> bool:
    """Say whether lines are a YAML mapping, or nothing: the first that says something gives a key."""
    said = [line for line in lines if line.strip() and not line.startswith("#")]
    return not said or _KEY.match(said[0].rstrip("\r\n")) is not None


def _title(lines: list[str]) -> str | None:
    for number, line in enumerate(lines):
        if (found := _TITLE.match(line)) is not None:
            more = takewhile(lambda each: not each.strip() or each[0] in " \t", lines[number + 1 :][:_MAX_TITLE_LINES])
            return _scalar((found[1] or "").strip(), [each.strip() for each in more])
    return None


def _scalar(first: str, more: list[str]) -> str | None:
    """Return what a scalar says on one line.

    Args:
        first: what stands behind the key.
        more: the indented lines below, stripped.
    """
    first = _PROPERTIES.sub("", first, 1) if first.startswith(("!", "&")) else first
    if first.startswith(("[", "{", "*")):  # a list, a mapping or an alias
        return None
    if _BLOCK.match(first):
        return " ".join(filter(None, more)) or None
    whole = " ".join(filter(None, (first, *more)))[:_MAX_SCALAR]
    if (quoted := _SINGLE.match(whole)) is not None:
        return quoted[1].replace("''", "'") or None
    if (quoted := _DOUBLE.match(whole)) is not None:
        try:
            return str(json.loads(quoted[0])) or None
        except ValueError:
            return _ESCAPE.sub(_unescape, quoted[1]) or None
    plain = " ".join(
        _COMMENT.sub("", line) for line in takewhile(lambda line: not line.startswith("#"), (first, *more))
    )
    plain = plain[:_MAX_SCALAR].strip()
    return None if plain.lower() in ("", "~", "null") else plain


def _unescape(match: re.Match[str]) -> str:
    if (code := match[1] or match[2]) is not None:
        return chr(int(code, 16)) if int(code, 16) < 0x110000 else ""
    if match[3]:
        return _YAML_ESCAPES[match[3]]
    return str(json.loads(f'"\\{match[4]}"')) if match[4][0] in '"\\/bfnrtu' and match[4] != "u" else match[4]
