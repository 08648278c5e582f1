"""The checks of one repository: by fakes for every state, and once on a real one."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from rhd.doctor.repositories import _POLLED, _UNKNOWN, CHECKS, advise, examine_repository
from rhd.errors import Detached, Refusal
from rhd.watch.hints import Usage, Why
from rhd.workflow.artifacts import Artifact, Artifacts
from rhd.workflow.outline import Outline
from rhwire.findings import ERROR, OK, WARNING, Finding
from tests.support.repositories import Repository
from tests.support.running_repos import running_rooms

USAGE = Usage(40, 1, 8192, 128, {}, ())
FULL = Refusal("there are too many", code="CATALOG_TOO_LARGE")


def service(
    *paths: str,
    state: str = "ok",
    problem: Refusal | None = None,
    watch: str = "events",
    status: str | None = None,
) -> Any:
    """A service in some state; the later a path, the newer it is."""
    artifacts = [Artifact(path, (1, 1, at, 1), b"A" * 9, Outline(None, status, None)) for at, path in enumerate(paths)]
    repo = SimpleNamespace(id="rh", slug="project")
    return SimpleNamespace(
        repo=repo,
        state=state,
        is_served=state in ("ok", "degraded"),
        problem=problem,
        watch=watch,
        artifacts=Artifacts(artifacts),
    )


def examine(subject: Any, *running: str, usage: Usage = USAGE) -> dict[str, Finding]:
    registry: Any = SimpleNamespace(profiles=lambda _: frozenset(running or {"planner"}))
    found = examine_repository(subject, registry, usage)
    for finding in found:
        # A model is told of no folder that its profile may not reach.
        assert not finding.is_local
        assert finding.repo == "project"
        assert finding.status == OK or finding.next_step, "what is wrong says what to do"
    assert len({finding.check for finding in found}) == len(found)
    return {finding.check: finding for finding in found}


def test_when_all_is_well_every_check_says_so() -> None:
    found = examine(service("plans/prds/a.prd.md", "plans/sprints/a.sprint.md"))
    assert {check: finding.status for check, finding in found.items()} == dict.fromkeys(CHECKS, OK)
    assert found["workflow"].message.startswith("2 artifacts")


def test_a_repository_that_is_being_opened_is_no_problem() -> None:
    found = examine(service(state="opening", watch="off"))["repository"]
    assert (found.status, found.next_step) == (OK, None)


def test_the_checks_stand_in_order() -> None:
    assert list(CHECKS) == sorted(CHECKS)


@pytest.mark.parametrize("state", ["detached", "broken"])
def test_a_repository_that_cannot_be_served_is_an_error_and_comes_first(state: str) -> None:
    subject = service(state=state, problem=Detached("it was moved"), watch="off")
    found = examine(subject)
    assert list(found) == ["repository", "profiles"], "what cannot be looked at is not judged"
    assert (found["repository"].status, found["repository"].cause) == (ERROR, "it was moved")
    assert (found["repository"].next_step or "").endswith("or, if it is gone: rhctl forget project")
    assert advise(service()) is None


def test_a_problem_that_does_not_end_it_is_a_warning() -> None:
    found = examine(service(problem=FULL))
    assert (found["repository"].status, found["repository"].message) == (WARNING, "there are too many")


def test_nothing_started_is_a_warning_with_the_command() -> None:
    registry: Any = SimpleNamespace(profiles=lambda _: frozenset())
    (finding,) = [f for f in examine_repository(service(), registry, USAGE) if f.check == "profiles"]
    assert finding.status == WARNING
    assert (finding.next_step or "").endswith("rhctl start project")


@pytest.mark.parametrize("why", _POLLED)
def test_a_polled_repository_says_why_and_what_to_do(why: Why) -> None:
    finding = examine(service(watch="poll"), usage=USAGE._replace(polled={"rh": why}))["watch"]
    cause, next_step = _POLLED[why]
    assert (finding.status, finding.cause) == (WARNING, cause)
    assert finding.next_step == next_step.format(slug="project")


def test_every_reason_to_poll_has_words() -> None:
    assert _POLLED.keys() == set(get_args(Why))


@pytest.mark.parametrize("polled", [{}, {"rh": "new"}])
def test_a_polled_repository_without_a_known_reason_is_a_warning_too(polled: Any) -> None:
    finding = examine(service(watch="poll"), usage=USAGE._replace(polled=polled))["watch"]
    assert (finding.status, finding.cause) == (WARNING, _UNKNOWN[0])


def test_sprints_without_any_prd_are_at_odds() -> None:
    assert examine(service("plans/sprints/a.sprint.md"))["workflow"].status == WARNING
    assert examine(service("plans/prds/a.prd.md"))["workflow"].status == OK


def test_the_newest_check_that_failed_is_named_and_an_older_one_is_not() -> None:
    names = (".ai/harness/checks/a.json", ".ai/harness/checks/b\u202e.json")
    finding = examine(service(*names, status="Fail"))["workflow"]
    assert finding.status == WARNING
    assert "checks/b" in finding.message
    assert "\u202e" not in finding.message
    assert examine(service(*names, status="pass"))["workflow"].status == OK
    assert examine(service(*names))["workflow"].status == OK


async def test_a_real_repository_is_examined_served_failing_and_moved(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        running = rooms.service(await rooms.adopt(repository))

        def statuses() -> dict[str, str]:
            return {f.check: f.status for f in examine_repository(running, rooms.registry, rooms.hints.usage())}

        assert (statuses()["repository"], statuses()["workflow"]) == (OK, OK)
        os.utime(repository.write(".ai/harness/checks/new.json", '{"status": "fail"}'), (4e9, 4e9))
        await running.settle()
        assert statuses()["workflow"] == WARNING
        repository.path.rename(tmp_path / "elsewhere")
        with pytest.raises(Detached):
            await running.settle()
        found = examine_repository(running, rooms.registry, rooms.hints.usage())
        assert str(tmp_path) not in str([finding.to_json() for finding in found])
