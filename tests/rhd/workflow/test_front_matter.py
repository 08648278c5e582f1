"""Front matter as YAML reads it.

The values were compared with PyYAML's. It refuses `a: b` and pairs of surrogates, which are read here as they are
meant.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.workflow.front_matter import split_front_matter


@pytest.mark.parametrize(
    ("lines", "title"),
    [
        ("title: plain words", "plain words"),
        ("title:   plain words   ", "plain words"),
        ("title: plain # a comment", "plain"),
        ("title: C# and F#", "C# and F#"),
        ("title: a: b", "a: b"),
        ("title: 'it''s' # a comment", "it's"),
        ('title: "a \\"quoted\\" word" # a comment', 'a "quoted" word'),
        ('title: "\\u8ba1 \\U0001F600 \\x41\\e"', "计 \U0001f600 A\x1b"),
        ('title: "\\ud83d\\ude00"', "\U0001f600"),
        ("title: >\n  folded\n  over lines\nkind: prd", "folded over lines"),
        ("title: >-  # a comment\n  folded", "folded"),
        ("title: |\n  literal\n  lines", "literal lines"),
        ("title: plain\n  over lines\nkind: prd", "plain over lines"),
        ("title: 'quoted\n  over lines'", "quoted over lines"),
        ("title:\n  below", "below"),
        ('"title": x', "x"),
        ("kind: prd\n\n# a comment\ntitle: x", "x"),
        ("kind: prd", None),
        ("nested:\n  title: x", None),
        ("title:", None),
        ("title: null", None),
        ("title: ~", None),
        ('title: ""', None),
        ("title: !!str Tagged", "Tagged"),
        ("title: &anchor 'Anchored'", "Anchored"),
        ("title: !!str &a >\n  On two\n  lines", "On two lines"),
        ("title: &a", None),
        ("title: [a, b]", None),
        ("title: {a: b}", None),
        ("title: *anchor", None),
        ("title: R&D and Q*A!", "R&D and Q*A!"),
        ("subtitle: x", None),
        ("title:x: 1", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("end", ["---", "..."])
def test_the_title_is_what_yaml_says(lines: str, title: str | None, end: str) -> None:
    for newline in ("\n", "\r\n"):
        text = f"---\n{lines}\n{end}\n# Heading\n".replace("\n", newline)
        assert split_front_matter(text) == (title, f"# Heading{newline}")
        assert split_front_matter("\ufeff" + text).title == title


@pytest.mark.parametrize(
    "text",
    [
        "---\n\nSome prose.\n\n---\n\n# Heading\n",
        "---\n# Heading\nprose\n---\n",
        "---\n- a list\n---\n",
        "---\ntitle: no end\n# Heading\n",
        "----\ntitle: x\n---\n",
        "text\n---\ntitle: x\n---\n",
        "---",
        "",
    ],
)
def test_a_rule_is_no_front_matter(text: str) -> None:
    assert split_front_matter(text) == (None, text)


@given(st.text(alphabet="-.\n\r\t #'\"\\:|>titleux0", max_size=60))
def test_nothing_raises_and_no_text_is_lost(text: str) -> None:
    found = split_front_matter("---\n" + text)
    assert ("---\n" + text).endswith(found.rest)
