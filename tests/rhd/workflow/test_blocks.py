from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.workflow.blocks import MAX_DEPTH, Blocks, is_delimiter_row
from tests.support.markdown_structure import parse


def read(text: str) -> list[tuple[str, int, str]]:
    """Return of each line what it is, how deep it stands and its text."""
    blocks, found = Blocks(), []
    for line in text.split("\n"):
        blocks.read(line)
        found.append((blocks.kind or blocks.leaf, len(blocks.stack), blocks.text))
    return found


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\nb", [("paragraph", 0, "a"), ("paragraph", 0, "b")]),
        ("# a\n\nb", [("heading", 0, "# a"), ("", 0, ""), ("paragraph", 0, "b")]),
        ("a\n===\n---", [("paragraph", 0, "a"), ("underline", 0, "==="), ("rule", 0, "---")]),
        ("- a\n  b\nc\n\nd", [("paragraph", 1, t) for t in "abc"] + [("", 1, ""), ("paragraph", 0, "d")]),
        ("> - a\n> b\nc", [("paragraph", 2, t) for t in "abc"]),
        ("-\n\n  a", [("", 1, ""), ("", 0, ""), ("paragraph", 0, "  a")]),
        ("- - a\n\n    b", [("paragraph", 2, "a"), ("", 2, ""), ("paragraph", 2, "b")]),
        ("```x\n# a\n  ```\nb", [("fence", 0, t) for t in ("```x", "# a", "  ```")] + [("paragraph", 0, "b")]),
        ("- ~~~\n  a\n~~~", [("fence", 1, "~~~"), ("fence", 1, "a"), ("fence", 0, "~~~")]),
        ("``` a ` b", [("paragraph", 0, "``` a ` b")]),
        ("    a\n\n\tb\nc", [("code", 0, "a"), ("code", 0, ""), ("code", 0, "b"), ("paragraph", 0, "c")]),
        ("-\ta\n\n\t\tb", [("paragraph", 1, "a"), ("", 1, ""), ("code", 1, "b")]),
        ("> \ta", [("paragraph", 1, "\ta")]),
        ("<!-- a\n# b\n-->\n# c", [("comment", 0, t) for t in ("<!-- a", "# b", "-->")] + [("heading", 0, "# c")]),
        ("a\n2. b\n1. c", [("paragraph", 0, "a"), ("paragraph", 0, "2. b"), ("paragraph", 1, "c")]),
        ("a | b\n-|-\nc\n", [("paragraph", 0, "a | b"), ("table", 0, "-|-"), ("table", 0, "c"), ("", 0, "")]),
    ],
)  # fmt: skip
def test_each_line_belongs_where_commonmark_puts_it(text: str, lines: list[tuple[str, int, str]]) -> None:
    assert read(text) == lines


PIECES = st.lists(
    st.sampled_from(["- ", "* ", "1. ", "2) ", "> ", "    ", "  ", " ", "\t", "```", "~~~", "a", "b c", "\n", "\n\n"]),
    max_size=24,
).map("".join)


@given(PIECES)
def test_code_is_what_a_real_parser_takes_for_code(text: str) -> None:
    blocks, found = Blocks(has_comments=False), list[list[str]]()
    for line in text.split("\n"):
        blocks.read(line)
        if blocks.leaf in ("fence", "code"):
            if blocks.is_first:
                found.append([])
            if blocks.leaf == "code" or not (blocks.is_first or blocks.is_last):
                found[-1].append(blocks.text)
    wanted = [token.content for token in parse(text) if token.type in ("fence", "code_block")]
    assert ["\n".join(lines).rstrip() for lines in found] == [content.rstrip() for content in wanted]


@given(PIECES)
def test_list_items_and_quotes_are_those_of_a_real_parser(text: str) -> None:
    blocks, opened = Blocks(has_comments=False), 0
    for line in text.split("\n"):
        blocks.read(line)
        opened += blocks.opened
    # A quote whose marks the next line repeats is one quote for both.
    assert opened == sum(token.type in ("list_item_open", "blockquote_open") for token in parse(text))


class AllMarks(Blocks):
    """Looks at the marks of every line."""

    def _read_plain(self, line: str) -> bool:
        return False


_BLOCK_MARKS = [
    "- ",
    "* ",
    "1. ",
    "2) ",
    "> ",
    "    ",
    "  ",
    " ",
    "\t",
    "```",
    "~~~",
    "# ",
    "#",
    "|",
    "---",
    "===",
    "-",
]
_WORDS = ["a", "é b", "a|b", "**b**", "**", "[ ] x", "[", "`c`", "<!--", "-->", "+ ", "\n|-|-|\n", "\n", "\n", "\n\n"]
MIXED = st.lists(st.sampled_from(_BLOCK_MARKS + _WORDS), max_size=24).map("".join)


@given(MIXED)
def test_a_plain_line_is_read_as_one_whose_marks_are_looked_at(text: str) -> None:
    plain, full = Blocks(), AllMarks()
    for number, line in enumerate(text.split("\n")):
        for blocks in (plain, full):
            blocks.read(line, may_hide=number % 7 > 0)
        for name in ("opened", "leaf", "is_first", "is_last", "is_lazy", "kind", "text", "fence", "stack"):
            assert getattr(plain, name) == getattr(full, name), (line, name)


def test_containers_are_text_once_they_are_nested_too_deep() -> None:
    assert read("> " * 60 + "a")[0][1] == MAX_DEPTH
    assert read("- " * 60 + "a")[0][1] == MAX_DEPTH


def test_a_fence_that_is_known_not_to_end_is_text() -> None:
    blocks = Blocks()
    blocks.read("```", may_hide=False)
    assert blocks.leaf == "paragraph"


@pytest.mark.parametrize(("line", "is_row"), [("|-|", True), ("a|-", False), ("---", False), (" :-: | -", True)])
def test_delimiter_rows(line: str, is_row: bool) -> None:
    assert is_delimiter_row(line) is is_row


@pytest.mark.timeout(30)
@pytest.mark.parametrize("piece", ["> ", "- ", "-\n", "- \n", "1. a\n", "\t", "```\n", "> ```\n", "| a |\n|-|\n", " "])
def test_no_text_takes_more_than_linear_time(piece: str) -> None:
    blocks = Blocks()
    for line in ("- " * 200 + "\n\n" + piece * ((1 << 19) // len(piece))).split("\n"):
        blocks.read(line)
