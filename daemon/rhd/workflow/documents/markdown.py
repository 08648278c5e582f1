r"""Text from a model, placed in a document without becoming its structure.

A document's headings, cards, rows, fences, checkboxes and front matter are ours alone: agents act on them, and
the catalog counts them. Text is shown as written except that whatever would open such a structure gets a
backslash in front, which Markdown shows as the character itself.
"""

from __future__ import annotations

import json
import re
import unicodedata

# Everything that some program takes for the end of a line.
_LINE_ENDS = re.compile("\r\n|[\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
# What may stand before a block's opening mark: indentation, quotes, list markers, in any nesting.
_PREFIX = re.compile(r"(?:[ \t>]|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t]))*")
_OPENING = re.compile(
    r"#|`{3}|~{3}|\||<|\[[ xX]\]|\[[^\]]*\]:|=+[ \t]*$|[-*_](?:[ \t]*[-*_]){2,}[ \t]*$|[:|-][ \t:|-]*$"
)


def plain_line(text: str) -> str:
    """Return `text` as one line without control characters, its white space folded."""
    folded = _LINE_ENDS.sub(" ", text)
    return " ".join("".join(c for c in folded if not _is_control(c)).split())


def plain_block(text: str) -> str:
    """Return `text` as lines that open no structure, without blank lines around it.

    Lists, emphasis, links and quotes stay; headings, fences, tables, rules, HTML, checkboxes, link definitions
    and front matter are shown but have no effect. Indented code loses its indentation beyond three spaces, since a
    list before it would change what it is.
    """
    lines = []
    for raw in _LINE_ENDS.split(text):
        line = "".join(c for c in raw.replace("\t", "    ") if not _is_control(c)).rstrip()
        if line.startswith("    "):
            line = "   " + line.lstrip(" ")
        prefix = _PREFIX.match(line)
        at = prefix.end() if prefix else 0
        if _OPENING.match(line, at):
            line = line[:at] + "\\" + line[at:]
        lines.append(line)
    return "\n".join(lines).strip("\n")


def code(text: str) -> str:
    """Return `text` as one code span, whatever backticks it holds."""
    line = plain_line(text)
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def item(text: str) -> str:
    """Return `text` as the content of one list item: its first line, the others indented below it."""
    lines = plain_block(text).split("\n")
    head = plain_block(lines[0].lstrip(" "))
    return "\n".join([head, *(("  " + line.lstrip(" ")).rstrip() for line in lines[1:])])


def cell(text: str) -> str:
    """Return `text` as the content of one table cell."""
    return plain_line(text).replace("\\", "\\\\").replace("|", "\\|")


def heading(text: str) -> str:
    """Return `text` as the words of a heading."""
    return plain_line(text).rstrip("#").rstrip() or "Untitled"


def front_matter(**entries: str) -> str:
    """Return YAML front matter with JSON-quoted scalars, its fences included."""
    lines = [f"{key}: {json.dumps(plain_line(value), ensure_ascii=False)}" for key, value in entries.items()]
    return "---\n" + "\n".join(lines) + "\n---\n"


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs") and character != "\t"
