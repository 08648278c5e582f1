"""Place text from a model in a document without letting it become the document's structure.

Code, tables, lists and their indentation stay as they were written. Headings, checkboxes, HTML and front matter are
shown as text: each gets a backslash in front, which Markdown shows as the character itself. Tools that read line by
line and know no Markdown see none of them either: at the margin a line of the text begins with neither `#` nor `|`,
code is indented, and code that holds checkboxes is quoted.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from rhd.workflow.blocks import MAX_DEPTH, Blocks, Container, is_delimiter_row

# The categories Cc, but for the tab, and Cs; not asked of each character: that takes half a second of a large sprint.
_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]+")
_CLOSING = re.compile(r"(?:^| )#+\Z")
_HTML = re.compile(r"<(?=[A-Za-z/!?])(?!(?:[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*|[\w.+-]+@[\w.-]+)>)")
_BOX = r"\[[^\]0-9]\](?=[\s:]|\Z)"
# What would begin a block; the second is looked for only where indentation or depth hides it from `Blocks`.
_OPENING = re.compile(rf"#{{1,6}}(?=[ \t]|\Z)|`{{3,}}(?=[^`]*\Z)|~{{3,}}|[=-]+[ \t]*\Z|{_HTML.pattern}|{_BOX}")
_HIDDEN = re.compile(r">|[-+*](?=[ \t]|\Z)|(?:[*_-][ \t]*){3,}\Z|(\d{1,9})(?=[.)](?:[ \t]|\Z))", re.ASCII)
_HIDDEN_BOX = re.compile(rf"([-*+]|\d{{1,9}}[.)])(\s+)(?={_BOX})", re.ASCII)
_BOX_IN_CODE = re.compile(r"\s*[-*+]\s+\[.\]")
_STATUS = re.compile(r"\*\*(?=Status\*\*:)")
_SPRINT = re.compile(r"(?<=\ASprint)(?=:)")
_CODE_INDENT = " "  # less than any list item before it has, so that the code stays outside of it


def plain_line(text: str) -> str:
    """Return `text` as one line without control characters, its white space folded."""
    return " ".join(_without_controls(" ".join(text.splitlines())).split())


def plain_block(text: str) -> str:
    """Return `text` as blocks that stay within the section they are placed in, without blank lines around them."""
    return "\n".join(_place(text, at_margin=True)).strip("\n")


def item(mark: str, text: str) -> str:
    """Return a list item of ours: `mark` (`- `, `- [ ] **A1** `) and `text`, its further lines indented below it."""
    lines = _trimmed(_place(text, at_margin=False))
    if not lines:
        return mark.rstrip()
    if not begins_with_prose(text):
        if mark.endswith("[ ] "):
            mark += "As described:"  # a box needs words
        lines = ["", "", *lines] if mark.strip(" -") else lines
        mark = mark if lines[0] else mark.rstrip()
    first, *more = lines
    return "\n".join([mark + first, *("  " + line if line else "" for line in more)])


def begins_with_prose(text: str) -> bool:
    """Say whether `text` begins with a paragraph, which may go on behind words of ours, and not with code or a list."""
    blocks, is_prose = Blocks(has_comments=False), False
    for raw in text.splitlines():
        blocks.read(_without_controls(raw))
        if blocks.opened or blocks.leaf not in ("", "paragraph") or blocks.kind == "rule":
            return False
        if is_prose or blocks.kind:
            break
        is_prose = blocks.leaf == "paragraph"
    return True


def inline(text: str) -> str:
    """Return `text` as words within a line of ours."""
    return _HTML.sub(r"\\<", plain_line(text))


def code(text: str) -> str:
    """Return `text` as one code span, whatever backticks it holds; a line feed becomes a space."""
    line = _without_controls(" ".join(text.splitlines())).strip()
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def cell(text: str) -> str:
    """Return `text` as the content of a table cell that holds no pipe: tools split rows at each one."""
    return " ".join(plain_line(text).replace("\\", "\\\\").replace("|", "/").split())


def heading(text: str) -> str:
    """Return `text` as the words of a heading.

    `C#` stays, but marks that would only close the heading go. Words that tools look for at a document's beginning
    (`**Status**:`, `Sprint:`) are shown without being found.
    """
    line = _CLOSING.sub("", plain_line(text)) or "Untitled"
    return inline(_SPRINT.sub(r"\\", _STATUS.sub(r"\\*\\*", line)))


def front_matter(**entries: str) -> str:
    """Return YAML front matter with JSON-quoted scalars, its fences included."""
    quoted = ((key, json.dumps(plain_line(value), ensure_ascii=False)) for key, value in entries.items())
    lines = [f"{key}: " + _STATUS.sub(r"\\u002a\\u002a", scalar) for key, scalar in quoted]
    return "---\n" + "\n".join(lines) + "\n---\n"


@dataclass(slots=True)
class _Code:
    """A fence or an indented code block that is being read.

    Attributes:
        lead: what stands before its first line: the marks of the containers that this line opens.
        margin: what stands before its other lines.
        mark: what the fence was made of; empty for indented code.
        info: what stands behind the opening fence.
    """

    lead: str
    margin: str
    mark: str
    info: str
    lines: list[str] = field(default_factory=list)


class _Placer:
    """Places the lines of one text."""

    def __init__(self, *, at_margin: bool) -> None:
        self.lines: list[str] = []
        self._blocks = Blocks(has_comments=False)
        self._at_margin = at_margin
        self._code: _Code | None = None
        self._is_apart = False  # the line before must not go on as a paragraph

    def place(self, raw: str) -> None:
        """Take one line, without its end."""
        blocks = self._blocks
        blocks.read(_without_controls(raw))
        outer = blocks.stack[: len(blocks.stack) - blocks.opened]
        margin = _margin(blocks.stack)
        lead = _margin(outer) + "".join(container.mark for container in blocks.stack[len(outer) :])
        is_blank = not blocks.leaf and not blocks.kind
        if self._is_apart and (blocks.opened or not is_blank):
            self._put(_margin(outer).rstrip())
        if blocks.leaf in ("fence", "code"):
            if blocks.is_first:
                self.finish()
                mark, info = blocks.fence if blocks.leaf == "fence" else ("", "")
                self._code = _Code(lead, margin, mark, info.strip())
            if self._code is not None and not (blocks.leaf == "fence" and (blocks.is_first or blocks.is_last)):
                self._code.lines.append(blocks.text)
            return
        self.finish()
        if is_blank:  # but for the marks of containers
            self._put(lead.rstrip())
            return
        if blocks.kind == "heading" and not blocks.opened and self.lines and self.lines[-1].strip(" >"):
            self._put(_margin(outer).rstrip())
        line = "___" if blocks.kind == "rule" and "-" in blocks.text else _as_text(blocks)
        is_found_by_tools = self._at_margin and not lead and line[:1] in ("#", "|")
        self._put(f"{lead}{' ' if is_found_by_tools else ''}{line}")
        self._is_apart = blocks.kind in ("heading", "underline")

    def finish(self) -> None:
        """Put the code that was read so far, in a fence that is longer than any inside."""
        code, self._code = self._code, None
        if code is None:
            return
        blank = 0
        while not code.mark and code.lines and not code.lines[-1].strip():  # these follow indented code
            blank += code.lines.pop() is not None
        mark = code.mark[:1] or "`"
        longest = max((len(run) for line in code.lines for run in re.findall(f"{mark}+", line)), default=0)
        fence = mark * max(3, longest + 1)
        indent = ""
        if any(map(_BOX_IN_CODE.match, code.lines)):
            indent = "> "
        elif self._at_margin and not code.lead:
            indent = _CODE_INDENT
        margin = code.margin + indent
        space = " " if code.info.startswith(mark) else ""
        self._put(code.lead + indent + fence + space + code.info)
        for line in code.lines:
            self._put(margin + line if line else margin.rstrip())
        self._put(margin + fence)
        for _ in range(blank):
            self._put(code.margin.rstrip())

    def _put(self, line: str) -> None:
        self.lines.append(line)
        self._is_apart = False


def _place(text: str, *, at_margin: bool) -> list[str]:
    """Return the lines of `text` with all that would be structure of the document made text."""
    placer = _Placer(at_margin=at_margin)
    for line in text.splitlines():  # at everything that some program takes for the end of a line
        placer.place(line)
    placer.finish()
    return placer.lines


def _as_text(blocks: Blocks) -> str:
    """Return a line of a paragraph or a heading with a backslash before what would open a block."""
    line = blocks.text.strip(" \t")
    indent = len(blocks.text.expandtabs(4)) - len(blocks.text.expandtabs(4).lstrip(" "))
    is_hidden_row = (blocks.is_lazy or indent > 3) and is_delimiter_row(line)
    if blocks.kind != "rule":
        if _OPENING.match(line) or blocks.kind == "underline" or is_hidden_row:
            line = "\\" + line
        elif (indent > 3 or len(blocks.stack) >= MAX_DEPTH) and (hidden := _HIDDEN.match(line)):
            line = f"{hidden[1]}\\{line[hidden.end(1) :]}" if hidden[1] else "\\" + line
        line = _HIDDEN_BOX.sub(r"\1\2\\", line, count=1) if _HIDDEN_BOX.match(line) else line
    return line + ("  " if blocks.text.endswith("  ") and blocks.leaf == "paragraph" else "")


def _margin(stack: list[Container]) -> str:
    return "".join(" " * container.width or "> " for container in stack)


def _trimmed(lines: list[str]) -> list[str]:
    return "\n".join(lines).strip("\n").split("\n") if any(lines) else []


def _without_controls(text: str) -> str:
    return text if text.isprintable() else _CONTROLS.sub("", text)
