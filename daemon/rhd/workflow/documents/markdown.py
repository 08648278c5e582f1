r"""Text from a model, placed in a document without becoming its structure.

A document's headings, cards, rows, fences, checkboxes and front matter are ours alone: agents act on them, and
the catalog counts them. Text is shown as written except that whatever would open such a structure gets a
backslash in front, which Markdown shows as the character itself.
"""

from __future__ import annotations

import json
import re

# The categories Cc, but for the tab, and Cs; not asked of each character: that takes half a second of a large sprint.
_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]+")
# What may stand before a block's opening mark: indentation, quotes, list markers, in any nesting.
_PREFIX = re.compile(r"(?:[ \t>]|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t]))*")
_WIDE = re.compile(" {4,}")  # opens indented code, at a line's start and behind a mark alike
_CLOSING = re.compile(r"(?:^| )#+\Z")
_OPENING = re.compile(
    r"#|`{3}|~{3}|\||<|\[[ xX]\]|\[[^\]]*\]:|=+[ \t]*$|[-*_](?:[ \t]*[-*_]){2,}[ \t]*$|[:|-][ \t:|-]*$"
)


def plain_line(text: str) -> str:
    """Return `text` as one line without control characters, its white space folded."""
    return " ".join(_without_controls(" ".join(text.splitlines())).split())


def plain_block(text: str) -> str:
    """Return `text` as lines that open no structure, without blank lines around it.

    Lists, emphasis, links and quotes stay; headings, fences, tables, rules, HTML, checkboxes, link definitions
    and front matter are shown but have no effect. Indented code loses its indentation beyond three spaces, in quotes
    and lists too, since a list before it would change what it is.
    """
    lines = []
    for raw in text.splitlines():  # at everything that some program takes for the end of a line
        line = _without_controls(raw.replace("\t", "    ")).rstrip()
        at = _PREFIX.match(line).end()  # type: ignore[union-attr]  # it matches nothing, too
        prefix, rest = _WIDE.sub("   ", line[:at]), line[at:]
        lines.append(f"{prefix}\\{rest}" if _OPENING.match(rest) else prefix + rest)
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
    """Return `text` as the words of a heading: C# stays, but marks that would only close the heading go."""
    return _CLOSING.sub("", plain_line(text)) or "Untitled"


def front_matter(**entries: str) -> str:
    """Return YAML front matter with JSON-quoted scalars, its fences included."""
    lines = [f"{key}: {json.dumps(plain_line(value), ensure_ascii=False)}" for key, value in entries.items()]
    return "---\n" + "\n".join(lines) + "\n---\n"


def _without_controls(text: str) -> str:
    return text if text.isprintable() else _CONTROLS.sub("", text)
