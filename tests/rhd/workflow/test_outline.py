"""rhd.workflow.outline: titles, statuses and cards, as documents in the wild have them."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.workflow.documents.sprint import Card, Sprint, render_sprint
from rhd.workflow.outline import BROKEN_JSON, MAX_STATUS, MAX_TITLE, Outline, read_outline

SIZE = 1 << 18


def outline(text: str, kind: str = "prd", name: str = "a.md") -> Outline:
    return read_outline(kind, name, text.encode())


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# Search\n", "Search"),
        ("\n\n# Search  \n", "Search"),
        ("# Search #\n", "Search"),
        ("\ufeff# Search\n", "Search"),
        ("# Search\r\n\r\ntext\r\n", "Search"),
        ("intro\n\n# Search\n# Second\n", "Search"),
        ("## Not this\n# Search\n", "Search"),
        ("#NoSpace\n# Search", "Search"),
        ("# Größe: 计划 — v2\n", "Größe: 计划 — v2"),
        ("# A \\# and \\`b\\`\n", "A # and `b`"),
        ("```\n# In a fence\n```\n# Search\n", "Search"),
        ("~~~md\n# In a fence\n```\n# Still\n~~~\n# Search\n", "Search"),
        ("````\n```\n# In\n```\n````\n# Search\n", "Search"),
        ("> ```\n> # In\n> ```\n\n# Search\n", "Search"),
        ("1. ```\n   # In\n   ```\n# Search\n", "Search"),
        ("```code``` begins no fence\n# Search\n", "Search"),
        ("```\n# In\n``` ends no fence\n# In\n```\n# Search\n", "Search"),
        ("~~~ a `b` ~~~\n# In\n~~~~\t\n# Search\n", "Search"),
        ("<!--\n# Hidden\n-->\n# Search\n", "Search"),
        ("<!-- # Hidden -->\n# Search\n", "Search"),
        ("> <!-- a\n> # Hidden\n> --> the rest of its line too\n# Search\n", "Search"),
        ("<!-->\n# Search\n", "Search"),
        ("<!--\n```\n-->\n# Search\n", "Search"),
        ("```\n<!--\n```\n# Search\n", "Search"),
        ("a <!-- that nothing ends\n# Search\n", "Search"),
        ("# Search <!-- todo: --> again <!-- a --><!-- b -->\n", "Search again"),
        ("# Search `<!-- -->` <!-- x\n", "Search `<!-- -->` <!-- x"),
        ("<!-- to the end\n# Hidden\n", None),
        ("# Port to C#\n", "Port to C#"),
        ("# Port to C# ##\n", "Port to C#"),
        ("# Search\t#\r\n", "Search"),
        ("# Sharp \\#\n", "Sharp #"),
        ("# ##\n", None),
        ("   # Search\n", "Search"),
        ("#\tSearch\n", "Search"),
        ("    # Code\n", None),
        ('---\ntitle: "From \\"matter\\" \\u8ba1"\nkind: "prd"\n---\n\n# Search\n', 'From "matter" 计'),
        ("---\ntitle: plain words\n---\n# Search\n", "plain words"),
        ("---\ntitle: 'it''s'\n---\n", "it's"),
        ("---\r\ntitle: x\r\n---\r\n", "x"),
        ("Underlined\n===\n\ntext\n", "Underlined"),
        ("text\n\nUnderlined\r\n=\r\n", "Underlined"),
        ("- item\n===\n", None),
        ("Second level\n---\n", None),
        ("---\nkind: prd\n---\n# Search\n", "Search"),
        ("---\nno end\n# Search\n", "Search"),
        ("no heading\n", None),
        ("", None),
        ("# \n", None),
        ("# \x1b[31mred\u202e\x07\n", "[31mred"),
    ],
)
def test_titles(text: str, title: str | None) -> None:
    assert outline(text).title == title


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("# T\n\n> **Status**: Draft\n", "Draft"),
        ("**Status**: Approved\n", "Approved"),
        ("- **Status**: Executing  \n", "Executing"),
        ("> **Status:** Done\r\n", "Done"),
        ("**Status** : `Draft`\n", "Draft"),
        ("> **Status**: Draft\n> **Status**: Done\n", "Draft"),
        ("the line **Status**: X says\n> **Status**: Draft\n", "Draft"),
        ("```\n**Status**: Fenced\n```\n**Status**: Draft\n", "Draft"),
        ("> **Status**: Draft <!-- Draft | Approved | Done -->\n", "Draft"),
        ("<!-- **Status**: Hidden\n**Status**: Hidden -->\n**Status**: Draft\n", "Draft"),
        ("> **Status**:\n", None),
        ("> **Statuses**: many\n", None),
        ("status: Draft\n", None),
    ],
)
def test_statuses(text: str, status: str | None) -> None:
    assert outline(text).status == status


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ('{"status": "pass"}', "pass"),
        ('{"status": "fail", "x": [1]}', "fail"),
        ("{}", None),
        ("[]", None),
        ('{"status": 1}', None),
        ('{"status": ["pass"]}', None),
        ('"status"', None),
        ("not json", BROKEN_JSON),
        ('{"status": "pass"', BROKEN_JSON),
        ("", BROKEN_JSON),
    ],
)
def test_statuses_of_checks(data: str, status: str | None) -> None:
    assert read_outline("check", "latest.json", data.encode()) == Outline(None, status)


CARDS = """\
# Sprint

## Execution Rule

- [ ] not a card's box

## Checklist

### Task Card 1: Index

- [x] Objective: a
- [X] Stage gate: b

### Task Card 2: Query

- [x] Objective: a
- [ ] Stage gate: b

### Task Card 3: Nothing to tick

Prose.

## Final Acceptance

- [ ] all cards
"""

PHASES = """\
# Sprint

## Task Card 1: Index
status: done
Tasks:
- [ ] left over

## Task Card 2: Query
- **Status:** `completed`

## Task Card 3: Rest
status: pending
"""

BACKLOG = """\
# Sprint

## Backlog

| # | Status | Task | Mode | Acceptance | Plan |
| --- | --- | --- | --- | --- | --- |
| 1 | [x] | Index | inline | it works | |
| 2 | [ ] | Query | inline | it answers | |
|  3 |[X]| Rest | contract | done | p |
"""

PARTS = """\
# Sprint

| # | Status | Task |
| --- | --- | --- |
| 2.1 | [x] | Rest |

   ### Task Card 1.1: Index

1. [x] Objective: a
2) [x]

  ## Task Card 1.2. Query

1. [x] Objective: a
- [ ]

### Task Card 2.1: Rest

- [ ] Objective: a

### Task Card 2.2

10. [X]\tObjective: a
"""


@pytest.mark.parametrize(
    ("text", "cards"),
    [
        (CARDS, (1, 3)),
        (PHASES, (1, 3)),
        (BACKLOG, (2, 3)),
        (CARDS + BACKLOG.replace("| 2 | [ ]", "| 2 | [x]"), (2, 3)),
        (CARDS.replace("### Task Card 2", "```\n### Task Card 9: an example\n```\n### Task Card 2"), (1, 3)),
        (CARDS.replace("\n", "\r\n"), (1, 3)),
        (CARDS.replace("- [ ] Stage gate: b", "<!-- - [ ] Stage gate: b -->"), (2, 3)),
        (CARDS.replace("### Task Card 2", "<!--\n### Task Card 9: hidden\n-->\n### Task Card 2"), (1, 3)),
        (CARDS.replace("Prose.", "```code``` in a line.\n- [x] a <!-- b -->"), (2, 3)),
        (PARTS, (2, 4)),
        (PARTS.replace("\n", "\r\n"), (2, 4)),
        ("### Task Card 01: a\n- [x] a\n### Task Card 1: a\n- [ ] b\n", (0, 1)),
        ("### Task Card 1: a\n    ### Task Card 2: in code\n- [x] a\n", (1, 1)),
        ("# Sprint\n\nonly prose\n", None),
        ("", None),
    ],
    ids=[
        "boxes",
        "statuses",
        "backlog",
        "both",
        "fenced",
        "crlf",
        "comment",
        "commented card",
        "code span",
        "parts",
        "parts, crlf",
        "01",
        "code",
        "prose",
        "empty",
    ],
)
def test_cards(text: str, cards: tuple[int, int] | None) -> None:
    assert outline(text, "sprint").cards == cards
    assert outline(text, "plan").cards is None, "only sprints have cards"


def test_the_cards_of_our_own_sprints_are_counted_whatever_a_model_wrote_into_them() -> None:
    nasty = "x\n### Task Card 9: injected\n- [x] Objective: done\n| 7 | [x] | row |\n```\n"
    sprint = Sprint(
        nasty, "plans/prds/a.md", nasty, [Card(nasty, nasty, [nasty], [nasty], [nasty], nasty) for _ in range(3)]
    )
    text = render_sprint(sprint, "2026-11-22T10:00:00.000Z")
    assert outline(text, "sprint").cards == (0, 3)
    ticked = text.replace("- [ ] ", "- [x] ", 3)
    assert outline(ticked, "sprint").cards == (1, 3)


def test_what_lists_show_is_short_one_line_and_holds_no_secret() -> None:
    secret = "gh" + "p_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"
    shown = outline(f"# Use {secret} {'long ' * 100}\n> **Status**: {'very ' * 50}\n")
    assert shown.title is not None
    assert shown.status is not None
    assert secret not in shown.title
    assert (len(shown.title), len(shown.status)) == (MAX_TITLE, MAX_STATUS)
    assert "\n" not in shown.title + shown.status


def test_what_is_remembered_of_long_lines_is_short() -> None:
    line = "x" * 60_000
    tracemalloc.start()
    for number in range(600):
        outline(f"---\ntitle: {number}{line}\n---\n> **Status**: {number}{line}\n")
        read_outline("check", "a.json", json.dumps({"status": f"{number}{line}"}).encode())
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 4 << 20


@pytest.mark.parametrize("data", [b"# T\n\0", b"# T\xff\xfe\n", b"\xff\xfe#\0 \0T\0"])
def test_what_is_no_text_has_no_outline(data: bytes) -> None:
    assert read_outline("prd", "a.md", data) == Outline()


def test_a_large_file_is_read_at_its_beginning_only() -> None:
    filler = "é" * 200_000
    assert outline(f"# First\n{filler}\n> **Status**: Late\n") == Outline("First", None)
    assert outline(f"{filler}\n# Late\n").title is None
    many = "".join(f"### Task Card {n}: t\n- [x] a\n" for n in range(1, 3000))
    assert outline(f"# S\n{many}", "sprint").cards == (2999, 2999)


@pytest.mark.parametrize(
    "data",
    [
        b'{"status": "pass", "status": "fail"}',
        b'{"status": NaN}',
        b'{"Status": "pass"}',
        b'{"status": 1e999}',
        b'{"status": ' + b"9" * 5000 + b"}",
        b"[" * 20_000,
        b'{"a":' * 20_000,
        b'\xef\xbb\xbf{"status": "pass"}',
        b'{"status": "\\ud800"}',
        b'[{"status": "pass"}]',
    ],
    ids=["twice", "NaN", "case", "infinite", "long int", "deep lists", "deep objects", "BOM", "surrogate", "batch"],
)
def test_cve_2026_27896_json_that_parsers_disagree_on_harms_nobody(data: bytes) -> None:
    status = read_outline("check", "latest.json", data).status
    assert status is None or status.encode("utf-8")


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "piece",
    [
        "`", "`" * 9 + " ", "```", "```a", "~", "```\n", "``` x\n", "```x`y\n", "- ```", "> ", "1. ", "<!--", "`<!--",
        "<!-- -->", "-->", "x <!--\n", " ", "\t#", "# ", "#\n", " #", "### Task Card 1.", "### Task Card 1.1\n- [ ]\n",
        "- [", "1.1", "|1.1", "| 1 | [x] |\n", "**Status", "\\#",
    ],
)  # fmt: skip
def test_no_document_is_slow_to_read(piece: str) -> None:
    """Whatever would take more than linear time takes minutes at this size."""
    repeated = piece * (SIZE // len(piece))
    for end in ("", "`", "x`", "\n```"):
        outline(f"### Task Card 1\n{repeated}"[:SIZE] + end, "sprint")
    outline(repeated, "sprint")
    outline(f"x {repeated}", "sprint")


@given(st.binary(max_size=200), st.sampled_from(["prd", "sprint", "check"]), st.sampled_from(["a.md", "a.json"]))
def test_nothing_that_a_file_holds_raises(data: bytes, kind: str, name: str) -> None:
    shown = read_outline(kind, name, data)
    json.dumps(shown).encode()


@given(
    st.lists(
        st.sampled_from(
            [
                "# ",
                "## Task Card 1: a",
                "- [x] ",
                "```",
                "> ",
                "| 1 | [x] |",
                "status: done",
                "\n",
                "---\n",
                "<!--",
                "-->",
            ]
        )
    )
)
def test_no_structure_raises(pieces: list[str]) -> None:
    cards = outline("".join(pieces), "sprint").cards
    assert cards is None or cards[0] <= cards[1]
