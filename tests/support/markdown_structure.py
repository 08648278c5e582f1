"""What a Markdown document is made of, as a real parser sees it: the oracle for documents made from foreign text."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt

_PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


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
        elif token.type in ("fence", "code_block", "tr_open", "hr", "html_block"):
            found.append(token.type)
        elif token.type == "inline":
            if previous == "paragraph_open" and re.match(r"\[[ xX]\]\s", token.content):
                found.append("checkbox")
            found.extend("html_inline" for child in token.children or () if child.type == "html_inline")
        previous = token.type
    return found
