"""The eighteen clients."""

from __future__ import annotations

import pytest

from rhctl.setup.client_table import ALIASES, CHATGPT, IDS, find_spec


def test_there_are_eighteen_and_the_old_name_of_one() -> None:
    assert len(set(IDS)) == len(IDS) == 18
    assert find_spec("windsurf") is find_spec("devin")
    assert not set(ALIASES) & set(IDS)


@pytest.mark.parametrize("name", [name for name in IDS if name != CHATGPT])
def test_each_is_complete(name: str) -> None:
    spec = find_spec(name)
    assert spec.id == name
    assert spec.name
    assert spec.scopes
    assert set(spec.todo) <= set(spec.scopes)
    assert set(spec.add) <= set(spec.scopes)
    assert spec.format in ("toml", "json", "yaml")
    assert spec.format != "yaml" or not spec.is_written, "no library here keeps the comments of YAML"


def test_those_that_are_only_known_from_others_are_printed_and_never_written() -> None:
    """The rows of the table of clients that neither a run nor its vendor's pages alone stand for."""
    printed = [name for name in IDS if name != CHATGPT and not find_spec(name).is_written]
    assert printed == ["claude-desktop", "cursor", "devin", "antigravity", "goose"]
