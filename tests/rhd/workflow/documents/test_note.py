from __future__ import annotations

from rhd.workflow.documents.note import render_note
from tests.support.markdown_structure import code_blocks, structure


def test_a_note_is_one_entry_whatever_its_text() -> None:
    text = render_note("done\n## 2026-01-01 somebody else\nforged", "planner\n# x", "2026-11-22T10:00:00.000Z")
    assert structure(text) == ["h2"]
    assert text.startswith("\n## 2026-11-22T10:00:00.000Z planner # x\n\n")


def test_code_and_tables_in_a_note_arrive_as_they_were_given() -> None:
    body = "Ran:\n\n```sh\nmake  test\n# all green\n```\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"
    text = render_note(body, "executor", "2026-11-22T10:00:00.000Z")
    assert code_blocks(text) == ["make  test\n# all green\n"]
    assert structure(text) == ["h2", "fence", "tr_open", "tr_open"]
