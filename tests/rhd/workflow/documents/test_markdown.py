from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rhd.workflow.documents import markdown
from tests.support.markdown_structure import structure

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
    "```\nfence",
    "~~~~\nfence",
    "> ```\n> fence",
    "- [ ] a box",
    "* [x] a box",
    "1) [X] a box",
    "| a | b |\n| --- | --- |\n| 1 | 2 |",
    "a | b\n--- | ---\n1 | 2",
    "a | b\n:-: | -:\n1 | 2",
    "<script>alert(1)</script>",
    "<!-- comment",
    "---\ntitle: evil\n---",
    "***",
    "_ _ _",
    "[ref]: https://example.com",
    "- item\n\n      code after a list",
    "\t# tab",
    "> \tcode in a quote",
    "-     code in a list",
    "1.\t > -    code in all of them",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_block_from_a_model_opens_no_structure(attack: str) -> None:
    document = f"# Ours\n\n{markdown.plain_block(attack)}\n\n## Ours too\n"
    assert [s for s in structure(document) if s != "html_inline"] == ["h1", "h2"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_list_item_from_a_model_stays_one_item(attack: str) -> None:
    document = f"# Ours\n\n- [ ] Objective: {markdown.item(attack)}\n- [ ] Verification: ours\n\n## Ours too\n"
    assert [s for s in structure(document) if s != "html_inline"] == ["h1", "checkbox", "checkbox", "h2"]


@pytest.mark.parametrize("attack", [*ATTACKS, "a | b", "\\| c", "ends with a backslash\\"])
def test_a_table_cell_from_a_model_stays_one_cell(attack: str) -> None:
    row = f"| a | b |\n| --- | --- |\n| {markdown.cell(attack)} | ours |\n"
    assert structure(row).count("tr_open") == 2


@given(st.text(alphabet=st.sampled_from("#-*+>|`~=_[]x :<!1.)\\\n\r\t\u2028 ab"), max_size=60))
def test_no_text_of_markdown_marks_changes_the_structure(text: str) -> None:
    document = f"# Ours\n\n{markdown.plain_block(text)}\n\n## Ours too\n"
    assert [s for s in structure(document) if s != "html_inline"] == ["h1", "h2"]


@given(st.text(alphabet=st.sampled_from("#-*+>|`~=_[]x :<!1.)\\\n\r\t ab"), max_size=60))
def test_no_text_of_markdown_marks_changes_a_list(text: str) -> None:
    document = f"# Ours\n\n- [ ] Objective: {markdown.item(text)}\n- [ ] Verification: ours\n\n## Ours too\n"
    assert [s for s in structure(document) if s != "html_inline"] == ["h1", "checkbox", "checkbox", "h2"]


def test_prose_lists_and_emphasis_stay_as_they_were_written() -> None:
    text = "Some *prose* with a #tag and 3 > 2.\n\n- one\n- two: `code`\n\n1. first\n> quoted"
    assert markdown.plain_block(text) == text


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


def test_front_matter_quotes_what_it_holds() -> None:
    assert markdown.front_matter(title='a "b"\n---\nevil: 1') == '---\ntitle: "a \\"b\\" --- evil: 1"\n---\n'


def test_what_is_taken_out_is_every_control_character_and_half_of_a_pair_and_nothing_else() -> None:
    text = "".join(map(chr, range(0x30000)))  # no plane above has any
    gone = {c for c in text if unicodedata.category(c) in ("Cc", "Cs")}
    ends = set(text) - set("".join(text.splitlines()))
    assert set(text) - set(markdown._without_controls(text)) == gone - {"\t"}
    assert ends <= gone | {"\u2028", "\u2029"}, "a line ends nowhere else than where everybody sees it"
    assert set(markdown.plain_block(text)) & (gone - {"\n"}) == set()
    assert set(markdown.plain_line(text)) & (gone | ends) == set()
