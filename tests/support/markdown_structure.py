"""What a Markdown document is made of, as a real parser sees it: the oracle for documents made from foreign text."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER = MarkdownIt("commonmark", {"html": True, "maxNesting": 200}).enable(["table", "strikethrough"])
_PARTS = ("fence", "code_block", "tr_open", "hr", "html_block")
_LISTS = ("bullet_list_open", "ordered_list_open", "list_item_open", "blockquote_open", "table_open")


def parse(text: str) -> list[Token]:
    """Return the parser's tokens of a text without front matter."""
    return _PARSER.parse(text)


def structure(text: str) -> list[str]:
    """Return headings (with level), fences, table rows, rules, HTML blocks and checkboxes, in order."""
    found: list[str] = []
    body = re.sub(r"\A---\n.*?\n---\n", "", text, count=1, flags=re.DOTALL)
    if body != text:
        found.append("front matter")
    previous = None
    for token in _PARSER.parse(body):
        if token.type == "heading_open":
            found.append(token.tag)
        elif token.type in _PARTS:
            found.append(token.type)
        elif token.type == "inline":
            if previous == "paragraph_open" and re.match(r"\[[ xX]\]\s", token.content):
                found.append("checkbox")
            found.extend("html_inline" for child in token.children or () if child.type == "html_inline")
        previous = token.type
    return found


def frame(text: str) -> list[str]:
    """Return what only the document may make: front matter, headings, checkboxes and HTML blocks, in order."""
    return [part for part in structure(text) if part not in ("fence", "code_block", "tr_open", "hr", "html_inline")]


def code_blocks(text: str) -> list[str]:
    """Return the content of each code block, fenced or indented."""
    return [token.content for token in _PARSER.parse(text) if token.type in ("fence", "code_block")]


def nesting(text: str) -> list[str]:
    """Return lists, items, quotes and tables as they open and close, with the code and the rows between them."""
    found: list[str] = []
    for token in _PARSER.parse(text):
        if token.type in _LISTS or token.type.replace("_close", "_open") in _LISTS or token.type == "tr_open":
            found.append(token.type)
        elif token.type in ("fence", "code_block"):
            found.append(f"code: {token.content}")
    return found


def found_by_tools(text: str) -> list[str]:
    """Return the lines that tools which read line by line (awk, grep) take for a heading, a row, a box or matter."""
    kinds = r"#{1,6}[ \t]|\||---\s*\Z|[ \t]*[-*+][ \t]+\[[ xX]\][ \t]"
    return [line for line in text.split("\n") if re.match(kinds, line)]
