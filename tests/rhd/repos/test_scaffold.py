from __future__ import annotations

import json

from rhd.access import SCAFFOLD
from rhd.ids import RelPath
from rhd.repos.scaffold import ADOPTED_MARKS, COPY, FOLDERS, ID, IGNORE, scaffold_files
from rhd.workflow.reach import may_hold_writes, may_write


def test_everything_that_is_made_lies_within_the_scaffolds_reach() -> None:
    names = [name for name, _ in scaffold_files(0.0)]
    assert len(names) == len(set(names))
    for name in (*names, ID, IGNORE):
        assert may_write(SCAFFOLD, RelPath(name)), name
    assert not may_write(SCAFFOLD, RelPath(COPY))
    assert all(may_hold_writes(SCAFFOLD, RelPath(folder)) for folder in FOLDERS)


def test_what_says_that_it_is_adopted_comes_last() -> None:
    """An adopt that was interrupted must go on, not be taken for done."""
    names = [name for name, _ in scaffold_files(0.0)]
    assert set(names[-2:]) == set(ADOPTED_MARKS)


def test_the_json_is_json_and_texts_end_with_a_newline() -> None:
    for name, text in scaffold_files(0.0):
        assert text.endswith("\n")
        if name.endswith(".json"):
            json.loads(text)


def test_the_current_status_has_no_boxes_since_it_is_no_checklist() -> None:
    files = dict(scaffold_files(0.0))
    assert "- [ ]" not in files["tasks/current.md"]
