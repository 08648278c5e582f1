"""Every word of the predecessor that has no place here is answered with where it went."""

from __future__ import annotations

import pytest

from rhctl.errors import UsageError
from rhctl.predecessor_words import SERVE_OPTIONS, SETUP_OPTIONS, VERBS, find_moved, refuse_options
from tests.support.terminal import run


@pytest.mark.parametrize("words", VERBS)
def test_a_verb_is_answered_whatever_stands_behind_it(words: str) -> None:
    said = run(*words.split(), "--repo", ".", "--json", program="repo-harness")
    assert (said.code, said.refusal) == (2, "USAGE")
    error = said.json["error"]
    assert error["message"].startswith(words)
    assert error["next_step"] == VERBS[words][1]


def test_a_word_that_it_did_not_have_either_is_not_answered_here() -> None:
    assert find_moved(["mcp", "nothing"]) is None
    assert find_moved(["serve"]) is None


@pytest.mark.parametrize(
    ("verb", "option"), [*(("mcp serve", o) for o in SERVE_OPTIONS), *(("mcp setup", o) for o in SETUP_OPTIONS)]
)
def test_an_option_is_answered_with_or_without_its_value(verb: str, option: str) -> None:
    for words in ([option], [f"{option}=1"], ["--repo", ".", option, "1"]):
        with pytest.raises(UsageError) as refused:
            refuse_options(verb, words)
        assert refused.value.message == f"{verb} has no {option}"
        assert refused.value.next_step
    refuse_options(verb, ["--repo", "."])
