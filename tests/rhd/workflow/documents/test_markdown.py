from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rhd.workflow.documents import markdown
from tests.support.markdown_structure import code_blocks, found_by_tools, frame, nesting, structure

ATTACKS = [
    "# heading",
    "text\n## heading",
    "text\r### Task Card 9: injected",
    "text\u2028### Task Card 9: injected",
    "text\x0b# heading",
    "> # heading in a quote",
    "- # heading in a list",
    "1. ## heading in a list",
    "   ### three spaces",
    "setext\n===",
    "setext\n---",
    "> lazy\n===",
    "- a\n    # deep",
    "```\nfence",
    "~~~~\nfence",
    "> ```\n> fence",
    "```\n## Backlog\n| 1 | [x] | row |\n- [ ] box\n```",
    "```\n~~~\n```\n# after",
    "- [ ] a box",
    "* [x] a box",
    "1) [X] a box",
    "- [~] a box",
    "text\n    - [ ] a box as text",
    "    - [ ] a box in code",
    "a | b\n--- | ---\n# not a row",
    "<script>alert(1)</script>",
    "<!-- comment",
    "text\n<details>\n\n# in it",
    "---\ntitle: evil\n---",
    "***",
    "_ _ _",
    "[x]: https://example.com",
    "- item\n\n      code after a list",
    "\t# tab",
    "> \tcode in a quote",
    "-     code in a list",
    "1.\t > -    code in all of them",
    "> " * 40 + "# deep",
    "- " * 40 + "# deep",
]
MARKS = st.text(alphabet=st.sampled_from("#-*+>|`~=_[]x :<!1.)\\\n\n\r\t\u2028 ab"), max_size=60)
_PIECES = (
    """- ;* ;1. ;2) ;> ;    ;  ;   ; ;\t;```;```py;~~~;````;a;b c;| a | b |;| - | - |;|---|---|;x | y;--- | ---;"""
)
_PIECES += """***;- - -;9. """
PIECES = st.lists(st.sampled_from([*_PIECES.split(";"), "\n", "\n", "\n\n", "\\"]), max_size=20).map("".join)
SNIPPETS = [
    "def add(a, b):\n    # adds\n    if a:\n        return a + b\n\n\treturn 0\n",
    "cat > x.md <<EOF\n## Backlog\n| 1 | [x] | a |\nEOF\n",
    "```\nnested\n```\n",
    "  leading\n\n\ntrailing   \n",
    "<!-- html -->\n",
    "- [ ] box\n- [x] box\n",
]


def placed(text: str) -> str:
    return f"# Ours\n\n{markdown.plain_block(text)}\n\n## Ours too\n"


def listed(text: str) -> str:
    return f"# Ours\n\n{markdown.item('- [ ] Objective: ', text)}\n- [ ] Verification: ours\n\n## Ours too\n"


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_text_makes_no_heading_box_or_html_in_a_section(attack: str) -> None:
    assert frame(placed(attack)) == ["h1", "h2"]
    assert found_by_tools(markdown.plain_block(attack)) == []


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_text_makes_no_heading_box_or_html_in_an_item(attack: str) -> None:
    assert frame(listed(attack)) == ["h1", "checkbox", "checkbox", "h2"]
    assert len(found_by_tools(listed(attack))) == 4


@pytest.mark.parametrize("attack", [*ATTACKS, "a | b", "\\| c", "ends with a backslash\\"])
def test_a_table_cell_from_a_model_stays_one_cell(attack: str) -> None:
    assert "|" not in markdown.cell(attack)
    row = f"| a | b |\n| --- | --- |\n| {markdown.cell(attack)} | ours |\n"
    assert structure(row).count("tr_open") == 2


@given(MARKS)
def test_no_text_of_markdown_marks_changes_the_frame(text: str) -> None:
    assert frame(placed(text)) == ["h1", "h2"]
    assert frame(listed(text)) == ["h1", "checkbox", "checkbox", "h2"]
    assert found_by_tools(markdown.plain_block(text)) == []


@given(PIECES)
def test_lists_quotes_tables_and_code_are_what_they_were(text: str) -> None:
    assert [part.rstrip("\n") for part in nesting(placed(text))] == [part.rstrip("\n") for part in nesting(text)]


@given(st.text(alphabet=st.sampled_from("#-*+>|`~=_[]x :<!1.)\\\n\t ab"), max_size=80), st.sampled_from(["`", "~"]))
def test_fenced_code_arrives_byte_for_byte(code: str, mark: str) -> None:
    fence = mark * 90
    text = f"before\n\n{fence}py\n{code}\n{fence}\n\nafter"
    assert code_blocks(placed(text)) == [f"{code}\n"]
    assert code_blocks(listed(text)) == [f"{code}\n"]


@pytest.mark.parametrize("snippet", SNIPPETS)
@pytest.mark.parametrize("around", ["{}", "text\n{}", "- item\n{}", "1. item\n\n{}\n2. item", "> quote\n\n{}\n# title"])
def test_a_snippet_arrives_byte_for_byte_wherever_it_stands(snippet: str, around: str) -> None:
    text = around.format(f"````sh\n{snippet}````")
    assert code_blocks(placed(text)) == [snippet]
    assert frame(placed(text)) == ["h1", "h2"]
    assert found_by_tools(markdown.plain_block(text)) == []


def test_a_fence_that_is_not_closed_is_closed_and_one_that_is_too_short_is_made_longer() -> None:
    assert markdown.plain_block("````\na ``` b ````` c") == " ``````\n a ``` b ````` c\n ``````"


def test_a_table_stays_a_table() -> None:
    text = "Ports:\n\n| old | new |\n| --- | :-: |\n| `a\\|b` | c |\n| d | |"
    assert structure(placed(text)).count("tr_open") == 3
    assert markdown.plain_block(text) == text.replace("\n|", "\n |")


def test_prose_lists_and_emphasis_stay_as_they_were_written() -> None:
    text = (
        "Some *prose* with a #tag and 3 > 2.  \nNext line.\n\n- one\n- two: `code`\n  - nested\n\n    more of it\n\n"
        "1. first\n> quoted\n\n[1]: https://example.com\n<https://example.com> and <a@b.example>\nHello!\n\n***"
    )
    assert markdown.plain_block(text) == text


def test_a_heading_is_shown_as_a_paragraph_of_its_own() -> None:
    assert markdown.plain_block("text\n## Why\nbecause") == "text\n\n\\## Why\n\nbecause"
    assert markdown.plain_block("Why\n---\nbecause") == "Why\n\\---\n\nbecause"


def test_an_item_that_begins_with_code_or_a_list_has_it_below_its_mark() -> None:
    assert markdown.item("- [ ] **A1** ", "```\nx\n```") == "- [ ] **A1**\n\n  ```\n  x\n  ```"
    assert markdown.item("- ", "- a\n- b") == "- - a\n  - b"
    assert markdown.item("- [ ] ", "one\ntwo\n\n- three") == "- [ ] one\n  two\n\n  - three"
    assert markdown.item("- [ ] ", "> a") == "- [ ] As described:\n\n  > a"
    assert markdown.item("- ", "\n") == "-"


@given(st.text(max_size=80))
def test_a_line_is_one_line_without_control_characters(text: str) -> None:
    line = markdown.plain_line(text)
    assert len(line.splitlines()) <= 1
    assert all(c == " " or c.isprintable() or ord(c) > 127 for c in line)


@given(st.text(alphabet="`ab \n", max_size=20))
def test_a_code_span_closes_where_it_should(text: str) -> None:
    span = markdown.code(text)
    ticks = len(span) - len(span.lstrip("`"))
    assert span.endswith("`" * ticks)
    assert "`" * ticks not in span[ticks:-ticks]


def test_a_code_span_keeps_the_spaces_within() -> None:
    assert markdown.code(" grep 'a  b' x ") == "`grep 'a  b' x`"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Port to C#", "Port to C#"),
        ("Title ##", "Title"),
        ("Issue #7", "Issue #7"),
        ("##", "Untitled"),
        (" ", "Untitled"),
    ],
)
def test_a_heading_shows_its_words_and_not_what_would_close_it(text: str, shown: str) -> None:
    assert markdown.heading(text) == shown
    (_, inline, *_) = MarkdownIt().parse(f"# {markdown.heading(text)}")
    assert inline.content == shown


@pytest.mark.parametrize("title", ["**Status**: Done", "Fix **Status**: X", "Sprint: one", "<details>"])
def test_a_heading_shows_what_tools_look_for_without_being_found(title: str) -> None:
    shown = markdown.heading(title)
    matter = markdown.front_matter(title=title)
    assert all("**Status**:" not in text and not text.startswith(("Sprint:", "<")) for text in (shown, matter))
    (_, inline, *_) = MarkdownIt().parse(f"# {shown}")
    assert "".join(child.content for child in inline.children or ()) == title


def test_front_matter_quotes_what_it_holds() -> None:
    assert markdown.front_matter(title='a "b"\n---\nevil: 1') == '---\ntitle: "a \\"b\\" --- evil: 1"\n---\n'


def test_what_is_taken_out_is_every_control_character_and_half_of_a_pair_and_nothing_else() -> None:
    text = "".join(map(chr, range(0x30000)))  # no plane above has any
    gone = {c for c in text if unicodedata.category(c) in ("Cc", "Cs")}
    ends = set(text) - set("".join(text.splitlines()))
    assert set(text) - set(markdown._without_controls(text)) == gone - {"\t"}
    assert ends <= gone | {"\u2028", "\u2029"}, "no line ends elsewhere than where every reader ends it"
    assert set(markdown.plain_block(text)) & (gone - {"\n"}) == set()
    assert set(markdown.plain_line(text)) & (gone | ends) == set()
