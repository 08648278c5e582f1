"""What a document says of itself: its title, its status and, for a sprint, how far it is.

Read as found: with front matter or without, with quote marks or without. What stands in code fences is an example and
what stands in comments is not shown: neither says anything.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from rhd.workflow.check_status import read_check_status
from rhd.workflow.front_matter import split_front_matter
from rhd.workflow.progress import read_progress
from rhd.workflow.redaction.redact import redact

MAX_TITLE, MAX_STATUS = 120, 40
BROKEN_JSON = "broken JSON"
"""What lists show as the status of a check that cannot be parsed."""

_HEAD_CHARS = 1 << 16
_SPRINT_CHARS = 1 << 19
_LINE_CHARS = 1 << 10

# What stands before a block in quotes and lists.
_LEAD = r"[ \t>]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)?"
# Backticks with others behind them in their line are a code span.
_FENCE = re.compile(_LEAD + r"(`{3,}(?![^`]*`)|~{3,})")
_FENCE_END = re.compile(r"[ \t>]*(`{3,}|~{3,})[ \t]*\Z")
_COMMENT = re.compile(_LEAD + r"<!--")
_TITLE = re.compile(r"^ {0,3}#[ \t]+(.*)", re.MULTILINE)
_UNDERLINED = re.compile(r"^ {0,3}([^\s#>|`~<*+-][^\n]*)\n=+[ \t\r]*$", re.MULTILINE)
_STATUS = re.compile(r"\*\*Status(?:\*\*[ \t]*:|:\*\*)[ \t]*([^\r\n]*)")
_BEFORE_STATUS = re.compile(r"[ \t>*+-]*\Z")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


class Outline(NamedTuple):
    """What lists show of a document; `None` where it does not say.

    Attributes:
        title: one line, secrets redacted; None means that the file's name is all there is.
        status: one word or a few.
        cards: of a sprint, `(done, total)`.
        is_finished: of a sprint, nothing in it is open.
    """

    title: str | None = None
    status: str | None = None
    cards: tuple[int, int] | None = None
    is_finished: bool = False


def read_outline(kind: str, name: str, data: bytes) -> Outline:
    """Return the outline of a document; of anything else, an empty one."""
    if name.endswith(".json"):
        return Outline(status=_json_status(data)) if kind == "check" else Outline()
    if b"\0" in data[:8000]:
        return Outline()
    limit = _SPRINT_CHARS if kind == "sprint" else _HEAD_CHARS
    try:
        # A character that the bound cuts in two is left out; anything else that is not UTF-8 raises.
        text = data.decode("utf-8") if len(data) <= limit else data[:limit].decode("utf-8", "ignore")
    except UnicodeDecodeError:
        return Outline()
    front_title, text = split_front_matter(text)
    progress = read_progress(text) if kind == "sprint" else None
    # One character is sought much faster than three.
    if ("`" in text and "```" in text) or ("~" in text and "~~~" in text) or ("<" in text and "<!--" in text):
        text = _shown(text)
    head = text[:_HEAD_CHARS]
    title, status = _line(front_title, MAX_TITLE) if front_title else _title(head), _status(head)
    if progress is None:
        return Outline(title, status)
    return Outline(title, status, (progress.done, progress.total), progress.is_finished)


def _shown(text: str) -> str:
    """Return the text without code fences and comments; one that does not end hides the rest, for readers too."""
    kept, fence, is_comment = [], "", False
    for line in text.splitlines():
        if fence:
            if (end := _FENCE_END.match(line)) and end[1].startswith(fence):
                fence = ""
        elif is_comment:
            is_comment = "-->" not in line
        elif ("```" in line or "~~~" in line) and (begin := _FENCE.match(line)):
            fence = begin[1]
        elif "<!--" not in line:
            kept.append(line)
        elif begin := _COMMENT.match(line):
            is_comment = line.find("-->", begin.end() - 2) < 0
        else:
            kept.append(_without_comments(line))
    return "\n".join(kept)


def _without_comments(line: str) -> str:
    """Return the line without the comments that begin and end within it; in a code span they are text."""
    kept, at = [], 0
    while (begin := line.find("<!--", at)) >= 0 and (end := line.find("-->", begin + 2) + 3) >= 3:
        kept.append(line[at : end if line[begin - 1] == "`" else begin])
        at = end
    return "".join(kept) + line[at:]


def _title(head: str) -> str | None:
    at = 0 if head.startswith("# ") else head.find("\n# ") + 1
    if at or head.startswith("# "):
        heading = head[at + 2 : at + 2 + 4 * MAX_TITLE].split("\n", 1)[0].strip()
    # Indented, with a tab behind its mark, or underlined: sought only where no plain one is.
    elif ("#" in head and (found := _TITLE.search(head))) or ("\n=" in head and (found := _UNDERLINED.search(head))):
        heading = found[1][: 4 * MAX_TITLE].strip()
    else:
        return None
    bare = heading.rstrip("#")
    if bare[-1:] in ("", " ", "\t"):  # marks that close a heading have a blank before them; those of C# are its name
        heading = bare
    return _line(_ESCAPED.sub(r"\1", heading), MAX_TITLE)


def _status(head: str) -> str | None:
    at = head.find("**Status")
    while at >= 0:
        found = _STATUS.match(head, at)
        if found and _BEFORE_STATUS.match(head, head.rfind("\n", 0, at) + 1, at):
            return _line(found[1][:_LINE_CHARS].strip(" \t*`"), MAX_STATUS)
        at = head.find("**Status", at + 1)
    return None


def _json_status(data: bytes) -> str | None:
    status, is_broken = read_check_status(data)
    if is_broken:
        return BROKEN_JSON
    return _line(status[:_LINE_CHARS], MAX_STATUS) if status else None


@functools.lru_cache(maxsize=512)
def _line(text: str, max_chars: int) -> str | None:
    """Return `text` as one short line without controls and secrets; None if nothing is left."""
    if not text.isprintable():
        text = "".join(c for c in text if c.isprintable() or c.isspace())
    text = " ".join(text.split())
    if not text:
        return None
    text = redact(text).text
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"
