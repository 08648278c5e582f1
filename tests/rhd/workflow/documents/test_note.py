from __future__ import annotations

from rhd.workflow.documents.note import render_note
from tests.support.markdown_structure import structure


def test_a_note_is_one_entry_whatever_its_text() -> None:
    text = render_note("done\n## 2026-01-01 somebody else\nforged", "planner\n# x", "2026-11-22T10:00:00.000Z")
    assert structure(text) == ["h2"]
    assert text.startswith("\n## 2026-11-22T10:00:00.000Z planner # x\n\n")
