from __future__ import annotations

from typing import get_args

import pytest

from rhd.errors import Detached, Refusal
from rhd.repos.problems import MAX_ITEMS, RepoProblem, left_out, worst
from rhd.workflow.catalog import Problem, Reason
from rhwire.codes import CODES


def test_each_exception_is_a_new_one_so_that_none_collects_frames() -> None:
    problem = RepoProblem.make("REPO_BROKEN", "it is broken")
    raised: list[Refusal] = []
    for _ in range(3):
        with pytest.raises(Refusal) as caught:
            raise problem.refusal()
        raised.append(caught.value)
    assert len({id(error) for error in raised}) == 3
    for error in raised:
        assert error.__traceback__ is not None
        assert error.__traceback__.tb_next is None


def test_what_a_refusal_says_comes_back() -> None:
    gone = Detached("it is away")
    problem = RepoProblem.of(gone)
    assert problem.to_json() == gone.to_json()
    assert isinstance(problem.refusal(), Detached)
    assert not isinstance(RepoProblem.make("REPO_BROKEN", "x").refusal(), Detached)


def test_of_many_the_one_that_matters_most_stands_for_all() -> None:
    few = [Problem(f"plans/{n}.md", "unreadable") for n in range(3)]
    assert worst([]) is None
    found = worst(few[:1])
    assert found is not None
    assert (found.code, found.message) == ("READ_FAILED", "plans/0.md cannot be read")
    found = worst([*few, Problem("", "too_many"), Problem("plans/\u202e", "link")])
    assert found is not None
    assert (found.code, found.message) == (
        "CATALOG_TOO_LARGE",
        "the repository holds more than is kept track of (and 4 more)",
    )


@pytest.mark.parametrize("reason", get_args(Reason))
def test_every_reason_has_a_code_a_sentence_and_a_next_step(reason: Reason) -> None:
    found = worst([Problem("plans/\x1b\udcff", reason)])
    assert found is not None
    assert found.code in CODES
    assert "plans/" in found.message
    assert found.message.isprintable()
    assert found.next_step.endswith(".")


def test_what_is_left_out_is_counted_and_named_up_to_a_bound() -> None:
    assert left_out([]) is None
    told = left_out([Problem(f"plans/{n:03}", "link") for n in range(70)] + [Problem("docs/\n", "name")])
    assert told is not None
    assert told["total"] == 71
    assert len(told["items"]) == MAX_ITEMS
    assert told["items"][0]["reason"] == "name"
    assert told["items"][0]["path"].isprintable()
    assert told["items"][1] == {"path": "plans/000", "reason": "link"}
    assert "link" in told["next_step"]
    assert "Rename" in told["next_step"]
