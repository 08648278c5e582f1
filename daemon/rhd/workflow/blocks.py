"""The block structure of Markdown, line by line: quotes, list items, fences, indented code, comments, paragraphs.

`Blocks` follows CommonMark's own algorithm as far as it decides where a line belongs. It looks at each line once and
keeps at most `MAX_DEPTH` containers, so that its time is linear in the text. Headings, tables and HTML other than
comments are lines of text here; a caller that needs them reads them from `text`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MAX_DEPTH = 24
"""Containers that are nested deeper are read as text."""

Leaf = Literal["", "paragraph", "table", "fence", "code", "comment"]

_FENCE = re.compile(r"(`{3,})([^`]*)\Z|(~{3,})(.*)\Z", re.DOTALL)
_FENCE_END = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*\Z")
_UNDERLINE = re.compile(r"(?:=+|-+)[ \t]*\Z")
_HEADING = re.compile(r"#{1,6}(?:[ \t]|\Z)")
_DELIMITERS = re.compile(r"\|?(?:[ \t]*:?-+:?[ \t]*\|)+(?:[ \t]*:?-+:?[ \t]*)?\Z")
_PIPE = re.compile(r"(?<!\\)\|")
_BOLD = re.compile(r"\*\*[^\W\d_]")
_PLAIN_ITEM = re.compile(r"- (?:[^\W\d_]|\[|\*\*[^\W\d_]|`[^`])")
_MARK = re.compile(r"([-*+]|(\d{1,9})[.)])(?=[ \t]|\Z)", re.ASCII)


@dataclass(slots=True)
class Container:
    """A quote or a list item.

    Attributes:
        mark: what opens it in its first line: `> `, or the item's indentation, marker and spaces.
        width: how many columns its content is indented; 0 for a quote.
        is_empty: nothing but the mark was seen so far.
    """

    mark: str
    width: int
    is_empty: bool = True


class Blocks:
    """Reads a text line by line; the attributes describe the last line that was read.

    Attributes:
        stack: the open containers, outermost first.
        opened: how many of them this line opened.
        leaf: what the line belongs to; empty for a blank line, a heading or a rule.
        is_first: the line begins its leaf.
        is_last: the line ends its fence or comment.
        is_lazy: the line goes on a paragraph without the marks of its containers.
        kind: of a line that is a leaf of its own: `heading`, `underline` or `rule`; else empty.
        text: the line without its containers' marks, a fence's or a code block's own indentation removed.
        fence: the marks that opened the last fence, and what stands behind them.
    """

    def __init__(self, *, has_comments: bool = True) -> None:
        """Begin a document. With `has_comments` false, `<!--` is text."""
        self.stack: list[Container] = []
        self.opened = 0
        self.leaf: Leaf = ""
        self.is_first = self.is_last = self.is_lazy = False
        self.kind = ""
        self.text = ""
        self.fence = ("", "")
        self._has_comments = has_comments
        self._fence_indent = 0
        self._is_over = False
        self._line, self._at, self._column, self._pad = "", 0, 0, 0

    def read(self, line: str, *, may_hide: bool = True) -> None:
        """Take the next line, without its end.

        Args:
            line: the line.
            may_hide: False if a fence or comment that begins here is known not to end, and is read as text.
        """
        self.opened, self.kind = 0, ""
        self.is_first = self.is_last = self.is_lazy = False
        if self._is_over:
            self.leaf, self._is_over = "", False
        if not self._read_plain(line):
            self._read_any(line, may_hide)

    def _read_plain(self, line: str) -> bool:
        """Take the line if it is of a form that most lines have and that needs no look at its marks; say whether it is.

        What it does is what `_read_any` does. These forms begin in the first column, so that no list item goes on.
        """
        leaf, stack = self.leaf, self.stack
        if leaf in ("fence", "code", "comment"):
            return False
        if not line:
            if stack and not all(container.width and not container.is_empty for container in stack):
                return False
            self.leaf = self.text = ""
            return True
        first = line[0]
        if first.isalpha() or (first == "*" and _BOLD.match(line)):
            if stack and leaf == "paragraph":
                self.is_lazy = True
            elif stack or not leaf:
                stack.clear()
                self.leaf, self.is_first = "paragraph", True
            self.text = line
        elif first == "-" and _PLAIN_ITEM.match(line):
            stack[:] = (Container("- ", 2, is_empty=False),)
            self.opened, self.leaf, self.is_first, self.text = 1, "paragraph", True, line[2:]
        elif first == "#" and _HEADING.match(line):
            stack.clear()
            self.leaf, self.kind, self.text = "", "heading", line
        elif first == "|" and leaf == "table" and not stack:
            self.text = line
        else:
            return False
        return True

    def _read_any(self, line: str, may_hide: bool) -> None:
        self._line, self._at, self._column, self._pad = line, 0, 0, 0
        matched = self._match_containers()
        is_inside = matched == len(self.stack)
        if is_inside and self.leaf in ("fence", "code", "comment") and self._continue_leaf():
            return
        is_paragraph = is_inside and self.leaf == "paragraph"
        goes_on = self.leaf == "paragraph" or (is_inside and self.leaf == "table")
        while True:
            indent, at = self._ahead()
            if at == len(line):
                self._close(matched)
                self.leaf, self.text = "", ""
                return
            if indent > 3:
                break
            if line[at] == ">" and matched < MAX_DEPTH:
                self._close(matched)
                self._skip(indent)
                self._at, self._column = self._at + 1, self._column + 1
                self._skip(1)
                self._fill()
                self.stack.append(Container("> ", 0))
            elif self._begins_leaf(line, at, indent, matched, is_paragraph, may_hide):
                return
            elif (
                (mark := _MARK.match(line, at)) is not None
                and matched < MAX_DEPTH
                and not (is_paragraph and not self._may_interrupt(mark))
            ):
                self._close(matched)
                self._open_item(indent, mark)
            else:
                break
            matched, is_paragraph, goes_on = len(self.stack), False, False
            self.opened += 1
        self._take_text(indent, matched, goes_on)

    def _match_containers(self) -> int:
        """Consume the marks of the open containers that go on; return how many do."""
        for number, container in enumerate(self.stack):
            indent, at = self._ahead()
            is_blank = at == len(self._line)
            if not container.width:
                if is_blank or indent > 3 or self._line[at] != ">":
                    return number
                self._skip(indent)
                self._at, self._column = self._at + 1, self._column + 1
                self._skip(1)
            elif (not is_blank and indent >= container.width) or (is_blank and not container.is_empty):
                self._skip(container.width)
            else:
                return number
        return len(self.stack)

    def _continue_leaf(self) -> bool:
        """Take the line as more of a fence, a code block or a comment; say whether it is."""
        indent, at = self._ahead()
        if self.leaf == "fence":
            end = _FENCE_END.match(self._rest())
            if end is not None and end[1].startswith(self.fence[0]):
                self.is_last = self._is_over = True
            self._skip(min(indent, self._fence_indent))
        elif self.leaf == "comment":
            self.is_last = self._is_over = "-->" in self._rest()
        elif at == len(self._line) or indent > 3:
            self._skip(4)
        else:
            self.leaf = ""
            return False
        self.text = self._rest()
        return True

    def _begins_leaf(self, line: str, at: int, indent: int, matched: int, is_paragraph: bool, may_hide: bool) -> bool:
        """Take the line as a fence, comment, heading, underline or rule; say whether it is one."""
        char = line[at]
        if char in "`~":
            if not may_hide or (found := _FENCE.match(line, at)) is None:
                return False
            self._close(matched)
            self.leaf, self.is_first, self._fence_indent = "fence", True, indent
            self.fence = (found[1], found[2]) if found[1] else (found[3], found[4])
        elif char == "<":
            if not (self._has_comments and may_hide and line.startswith("<!--", at)):
                return False
            self._close(matched)
            self.leaf, self.is_first = "comment", True
            self.is_last = self._is_over = line.find("-->", at + 2) >= 0
        elif char == "#" and _HEADING.match(line, at):
            self._close(matched)
            self.leaf, self.kind = "", "heading"
        elif char in "=-" and is_paragraph and _UNDERLINE.match(line, at):
            self.leaf, self.kind = "", "underline"
        elif char in "*-_" and _is_rule(line, char):
            self._close(matched)
            self.leaf, self.kind = "", "rule"
        else:
            return False
        self._skip(indent)
        self._fill()
        self.text = self._rest()
        return True

    def _may_interrupt(self, mark: re.Match[str]) -> bool:
        """Say whether a list item may begin within a paragraph: it must have content, and no number but 1."""
        return mark[2] in (None, "1") and bool(self._line[mark.end() :].strip(" \t"))

    def _open_item(self, indent: int, mark: re.Match[str]) -> None:
        self._skip(indent)
        size = len(mark[1])
        self._at, self._column = self._at + size, self._column + size
        spaces, at = self._ahead()
        is_blank = at == len(self._line)
        taken = 1 if is_blank or spaces > 4 else spaces
        self._skip(taken)
        self._fill()
        self.stack.append(Container(f"{' ' * indent}{mark[1]}{' ' * taken}", indent + size + taken))

    def _take_text(self, indent: int, matched: int, goes_on: bool) -> None:
        """Take the line as text: the paragraph goes on (lazily, too), or a paragraph or code block begins."""
        before = self.text if goes_on else ""
        if not goes_on:
            self._close(matched)
            self.is_first = True
            self.leaf = "code" if indent > 3 else "paragraph"
            if indent > 3:
                self._skip(4)
        self.is_lazy = matched < len(self.stack)
        self._fill()
        self.text = self._rest()
        if self.leaf == "paragraph" and before and indent < 4 and not self.is_lazy and _is_table(before, self.text):
            self.leaf = "table"

    def _close(self, matched: int) -> None:
        if len(self.stack) > matched:
            del self.stack[matched:]
            self.leaf = ""

    def _fill(self) -> None:
        for container in self.stack:
            container.is_empty = False

    def _ahead(self) -> tuple[int, int]:
        """Return how many columns of white space follow, and where in the line they end."""
        line, at, column = self._line, self._at, self._column
        end = len(line)
        while at < end:
            if line[at] == " ":
                column += 1
            elif line[at] == "\t":
                column += 4 - column % 4
            else:
                break
            at += 1
        return self._pad + column - self._column, at

    def _skip(self, columns: int) -> None:
        """Consume columns of white space; what is left of a tab counts as spaces."""
        while columns > 0:
            if self._pad:
                taken = min(self._pad, columns)
                self._pad -= taken
                columns -= taken
            elif self._line[self._at : self._at + 1] == " ":
                self._at, self._column, columns = self._at + 1, self._column + 1, columns - 1
            elif self._line[self._at : self._at + 1] == "\t":
                self._pad = 4 - self._column % 4
                self._at, self._column = self._at + 1, self._column + self._pad
            else:
                return

    def _rest(self) -> str:
        return " " * self._pad + self._line[self._at :]


def _is_rule(line: str, char: str) -> bool:
    """Say whether a line that begins with `char` is a rule; a pattern would hold the interpreter for a long line."""
    return not line.strip(f"{char} \t") and line.count(char) >= 3


def is_delimiter_row(line: str) -> bool:
    """Say whether a line is the row of dashes under the head of a table."""
    return "-" in line and _DELIMITERS.match(line.strip(" \t")) is not None


def _is_table(head: str, line: str) -> bool:
    return is_delimiter_row(line) and _count_cells(head) == _count_cells(line)


def _count_cells(row: str) -> int:
    row = row.strip(" \t").removeprefix("|")
    return len(_PIPE.findall(row.removesuffix("|") if not row.endswith("\\|") else row)) + 1
