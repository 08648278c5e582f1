from __future__ import annotations

import pytest

from rhd.errors import Detached, Refusal
from rhd.repos.problems import RepoProblem, worst
from rhd.workflow.catalog import Problem
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
    few = [Problem(f"plans/{n}.md", "READ_FAILED", f"{n} cannot be read") for n in range(3)]
    full = Problem("", "CATALOG_TOO_LARGE", "there are too many")
    assert worst([]) is None
    assert worst(few[:1]) == RepoProblem("READ_FAILED", "0 cannot be read", CODES["READ_FAILED"][1])
    found = worst([*few, full])
    assert found is not None
    assert (found.code, found.message) == ("CATALOG_TOO_LARGE", "there are too many (and 3 more)")
