"""The table of verbs."""

from __future__ import annotations

from pathlib import Path

import pytest

from rhd.control import adopt, version
from rhd.control import verb_table as table
from rhd.control.verb_table import VERBS

ROOT = Path(__file__).resolve().parents[3]


def test_a_duplicate_or_one_out_of_order_is_a_failure_at_import() -> None:
    for verbs in ((adopt.VERB, adopt.VERB), (version.VERB, adopt.VERB)):
        with pytest.raises(AssertionError, match="sorted"):
            table._table(*verbs)


def test_every_verb_has_a_file_of_its_name_and_says_what_it_does() -> None:
    for name, verb in VERBS.items():
        assert verb.name == name
        assert (ROOT / f"daemon/rhd/control/{name.replace('-', '_')}.py").exists()
        assert (verb.run.__doc__ or "").strip()
        assert set(verb.required) <= set(verb.params)


def test_the_command_and_the_verb_of_one_matter_have_one_name() -> None:
    commands = {path.stem.replace("_", "-") for path in (ROOT / "ctl/rhctl/commands").glob("*.py")} - {"--init--"}
    # attach is the verb of connect; the others need no verb of their own
    only_there = {"completion", "connect", "man", "raw", "service", "tunnel"}
    assert commands - only_there <= set(VERBS)
    assert set(VERBS) - commands == {"artifacts", "attach", "doctor-live"}  # completion's, connect's, doctor --live's
