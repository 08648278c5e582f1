from __future__ import annotations

import json
from pathlib import Path

from rhd.access import SCAFFOLD
from rhd.rel_path import RelPath
from rhd.repos.scaffold import ADOPTED_MARKS, COPY, FOLDERS, ID, IGNORE, IGNORED, scaffold_files
from rhd.workflow.reach import may_hold_writes, may_write
from tests.support.repositories import Repository


def test_everything_that_is_made_lies_within_the_scaffolds_reach() -> None:
    names = [name for name, _ in scaffold_files()]
    assert len(names) == len(set(names))
    for name in (*names, ID, IGNORE):
        assert may_write(SCAFFOLD, RelPath(name)), name
    assert not may_write(SCAFFOLD, RelPath(COPY))
    assert all(may_hold_writes(SCAFFOLD, RelPath(folder)) for folder in FOLDERS)


def test_what_says_that_it_is_adopted_comes_last() -> None:
    """An adopt that was interrupted must go on, not be taken for done."""
    names = [name for name, _ in scaffold_files()]
    assert set(names[-2:]) == set(ADOPTED_MARKS)


def test_the_json_is_json_and_texts_end_with_a_newline() -> None:
    for name, text in scaffold_files():
        assert text.endswith("\n") or name.endswith("/.gitkeep")
        if name.endswith(".json"):
            json.loads(text)


def test_no_text_says_how_the_work_stands_since_that_would_not_stay_true() -> None:
    for name in ("tasks/current.md", ".ai/harness/handoff/resume.md"):
        text = dict(scaffold_files())[name]
        assert "- [ ]" not in text
        assert "**Status**" not in text


def test_the_predecessors_strict_check_finds_what_it_asks_for() -> None:
    files = dict(scaffold_files())
    assert files["tasks/current.md"].startswith("# Current Status Snapshot\n")
    todos = files["tasks/todos.md"].splitlines()
    header = "| Goal | Why Deferred | Tradeoff | Revisit Trigger |"
    for line in ("# Deferred Goal Ledger", "> **Status**: Backlog", "## Deferred Goals", header):
        assert line in todos
    assert json.loads(files[".ai/harness/checks/latest.json"]) == {}


def test_what_git_is_to_ignore_is_ignored_and_every_folder_survives_a_clone(tmp_path: Path) -> None:
    repository = Repository.make(tmp_path / "r", artifacts=False)
    for name, text in scaffold_files():
        repository.write(name, text)
    repository.commit("adopted")
    repository.git("clone", "-q", str(repository.path), str(tmp_path / "clone"))
    assert all((tmp_path / "clone" / folder).is_dir() for folder in FOLDERS)
    assert not any((tmp_path / "clone" / name).exists() for name in IGNORED)


def test_the_workflow_contract_has_the_fields_that_the_predecessors_init_requires() -> None:
    """Its `init` ends with 1 at a contract of another shape: each field here, of these types."""
    contract = json.loads(dict(scaffold_files())[".ai/harness/workflow-contract.json"])
    for text in (contract["version"], contract["contractId"], contract["artifacts"]["runtimeManifest"]):
        assert isinstance(text, str)
        assert text
    assert contract["helpers"].keys() == {"scripts", "runtimeDirectory", "runtimeSource"}
    assert contract["artifacts"]["requiredDirectories"] == list(FOLDERS)
    assert set(contract["artifacts"]["requiredFiles"]) <= dict(scaffold_files()).keys()
    assert (contract["compatibility"], contract["documents"]) == ({}, {})
    assert contract["migrations"] == {"legacyVersions": [], "legacyPaths": []}
