"""Short forms of a text for places that hold one line: whole sentences, in the text's own words."""

from __future__ import annotations

import re

from rhd.workflow.blocks import Blocks
from rhd.workflow.documents.markdown import plain_line

MAX_CHARS = 280
_SENTENCE_END = re.compile(r"[.!?](?=[\"')\]]*\s)|[。！？]")
_HEADING_MARKS = re.compile(r"#{1,6}(?=\s)\s*")


def first_sentences(text: str) -> str:
    """Return the first line of prose of a text, as many whole sentences of it as fit; empty if it has no prose.

    A colon at its end, which announces a list or code, becomes a full stop.
    """
    line = _first_prose(text)
    if len(line) > MAX_CHARS:
        ends = [end.end() for end in _SENTENCE_END.finditer(line, 0, MAX_CHARS)]
        line = line[: ends[-1]] if ends else line[: MAX_CHARS - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"
    if line.endswith((":", "：")):
        line = line.rstrip(":： ") + ("." if line.endswith(":") else "。")
    return line


def one_line(text: str) -> str:
    """Return the first line of prose of a text without its full stop, to stand among others; empty if it has none."""
    return first_sentences(text).rstrip(" .。;；")


def _first_prose(text: str) -> str:
    """Return the first line of a paragraph or a list item, or else of a heading, without its marks."""
    blocks, title = Blocks(has_comments=False), ""
    for raw in text.splitlines():
        blocks.read(raw)
        if blocks.leaf == "paragraph" and (line := plain_line(blocks.text)) and not line.startswith("|"):
            return line
        if blocks.kind == "heading" and not title:
            title = plain_line(_HEADING_MARKS.sub("", blocks.text, count=1))
    return title
