"""The checks of one repository: by fakes for every state, and once on a real one."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from rhd.doctor.repositories import _POLLED, _UNKNOWN, CHECKS, advise, examine_repository
from rhd.errors import Detached
from rhd.repos.problems import RepoProblem
from rhd.watch.hints import Usage, Why
from rhd.workflow.artifacts import Artifact, Artifacts
from rhd.workflow.outline import Outline
from rhwire.findings import OK, Finding
from tests.support.repositories import Repository
from tests.support.running_repos import running_rooms
from tests.support.waiting import until

USAGE = Usage(40, 1, 8192, 128, {}, ())
FULL = RepoProblem.make("CATALOG_TOO_LARGE", "there are too many")


def service(
    *paths: str,
    state: str = "ok",
    problem: RepoProblem | None = None,
    watch: str = "events",
    status: str | None = None,
    path: str = "/src/project",
) -> Any:
    """A service in some state; the later a path, the newer it is."""
    artifacts = [Artifact(path, (1, 1, at, 1), b"A" * 9, Outline(None, status, None)) for at, path in enumerate(paths)]
    return SimpleNamespace(
        repo=SimpleNamespace(id="rh", slug="project", path=path),
        state=state,
        is_served=state in ("ok", "degraded"),
        problem=problem,
        watch=watch,
        artifacts=Artifacts(artifacts),
    )


def detached(why: str | None = None) -> RepoProblem:
    return RepoProblem("REPO_DETACHED", "it was moved", "Look.", why)


def examine(subject: Any, *running: str, usage: Usage = USAGE, has_none: bool = False) -> dict[str, Finding]:
    """Return the findings by id."""
    registry: Any = SimpleNamespace(profiles=lambda _: frozenset(() if has_none else running or {"planner"}))
    found = examine_repository(subject, registry, usage)
    for finding in found:
        assert finding.is_for_model, "a model is told of no folder that its profile may not reach"
        assert subject.repo.path not in str(finding.to_model())
        assert finding.repo == "project"
        assert finding.status == OK or finding.to_json()["next_step"], "what is wrong says what to do"
    return {finding.id: finding for finding in found}


def test_when_all_is_well_every_check_says_so() -> None:
    found = examine(service("plans/prds/a.prd.md", "plans/sprints/a.sprint.md"))
    assert set(found) == {"profiles.ok", "repository.ok", "watch.ok", "workflow.ok"}
    assert {name.partition(".")[0] for name in found} == set(CHECKS)
    assert found["workflow.ok"].to_json()["message"].startswith("2 artifacts")


def test_a_repository_that_is_being_opened_is_no_problem() -> None:
    assert "repository.opening" in examine(service(state="opening", watch="off"))


def test_the_checks_stand_in_order() -> None:
    assert list(CHECKS) == sorted(CHECKS)


@pytest.mark.parametrize(
    ("path", "why", "told"),
    [
        ("/src/project", None, "repository.gone"),
        ("/media/me/disk/project", None, "repository.drive_gone"),
        ("/Volumes/Disk/project", None, "repository.drive_gone"),
        ("/src/project", "id_removed", "repository.id_removed"),
        ("/src/project", "replaced", "repository.replaced"),
    ],
)
def test_why_a_repository_is_not_served_is_told_apart_and_comes_first(path: str, why: str | None, told: str) -> None:
    subject = service(state="detached", problem=detached(why), watch="off", path=path)
    assert list(examine(subject)) == [told, "profiles.ok"], "what cannot be looked at is not judged"
    assert advise(subject, "rhctl --home /x") == examine(subject)[told].to_json("rhctl --home /x")["next_step"]


def test_one_that_cannot_be_read_says_why() -> None:
    problem = RepoProblem.make("REPO_BROKEN", "the system refuses")
    finding = examine(service(state="broken", problem=problem, watch="off"))["repository.broken"].to_json()
    assert (finding["cause"], finding["next_step"]) == ("the system refuses", problem.next_step)


def test_a_problem_that_does_not_end_it_is_a_warning() -> None:
    assert examine(service(problem=FULL))["repository.problem"].to_json()["message"] == "there are too many"


def test_nothing_started_is_a_warning_with_the_command_for_each_reader() -> None:
    finding = examine(service(), has_none=True)["profiles.none"]
    assert finding.to_json()["next_step"] == "Run: rhctl start project"
    assert finding.to_model()["next_step"] == "Ask the owner to run: rhctl start project"


@pytest.mark.parametrize("why", _POLLED)
def test_a_polled_repository_says_why_and_what_to_do(why: Why) -> None:
    finding = examine(service(watch="poll"), usage=USAGE._replace(polled={"rh": why}))["watch.polled"].to_json()
    assert (finding["cause"], finding["next_step"]) == _POLLED[why]


def test_every_reason_to_poll_has_words() -> None:
    assert _POLLED.keys() == set(get_args(Why))


@pytest.mark.parametrize("polled", [{}, {"rh": "new"}])
def test_a_polled_repository_without_a_known_reason_is_a_warning_too(polled: Any) -> None:
    finding = examine(service(watch="poll"), usage=USAGE._replace(polled=polled))["watch.polled"].to_json()
    assert finding["cause"] == _UNKNOWN[0]


def test_sprints_without_any_prd_are_at_odds() -> None:
    assert "workflow.no_prd" in examine(service("plans/sprints/a.sprint.md"))
    assert "workflow.ok" in examine(service("plans/prds/a.prd.md"))


def test_the_newest_check_that_failed_is_named_and_an_older_one_is_not() -> None:
    names = (".ai/harness/checks/a.json", ".ai/harness/checks/b\u202e.json")
    message = examine(service(*names, status="Fail"))["workflow.failed_check"].to_json()["message"]
    assert "checks/b" in message
    assert "\u202e" not in message
    assert "workflow.ok" in examine(service(*names, status="pass"))
    assert "workflow.ok" in examine(service(*names))


async def test_a_real_repository_is_examined_served_failing_moved_and_replaced(
    tmp_path: Path, repository: Repository
) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        running = rooms.service(await rooms.adopt(repository))

        def names() -> set[str]:
            return {f.id for f in examine_repository(running, rooms.registry, rooms.hints.usage())}

        assert names() >= {"repository.ok", "workflow.ok"}
        os.utime(repository.write(".ai/harness/checks/new.json", '{"status": "fail"}'), (4e9, 4e9))
        await running.settle()
        assert "workflow.failed_check" in names()
        repository.path.rename(tmp_path / "elsewhere")
        with pytest.raises(Detached):
            await running.settle()
        found = examine_repository(running, rooms.registry, rooms.hints.usage())
        assert "repository.gone" in {finding.id for finding in found}
        assert str(tmp_path) not in str([finding.to_model() for finding in found])
        Repository.make(repository.path).write(".repo-harness/id", "rh_aaaaaaaaaaaaaaaaaaaa\n")
        running.reopen_now()
        await until(lambda: "repository.replaced" in names())
        (repository.path / ".repo-harness/id").unlink()
        running.reopen_now()
        await until(lambda: "repository.id_removed" in names())
        repository.path.rename(tmp_path / "another")
        (tmp_path / "elsewhere").rename(repository.path)
        running.reopen_now()
        await until(lambda: "repository.ok" in names())
