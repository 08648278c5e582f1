from __future__ import annotations

from pathlib import Path

from rhd.doctor.repositories import examine_repository
from rhwire.findings import Finding
from tests.support.mcp_client import Desk, seated
from tests.support.repositories import Repository

LOCAL = Finding("secrets.open", path="/home/me/db", mode="0644", files="/home/me/db")
FINE = Finding("repository.ok", "project")
WRONG = Finding("watch.polled", "project", cause="the limit", next_step="Raise it.")


async def test_what_speaks_of_the_machine_is_not_for_a_model(tmp_path: Path, repository: Repository) -> None:
    async with seated(tmp_path / "rhd.db", repository) as desk:
        shown: list[Finding] = []
        object.__setattr__(desk.context, "examine", lambda repo_id: shown if repo_id == desk.repo.id else [WRONG])
        for found, status in (([LOCAL], "ok"), ([FINE, LOCAL], "ok"), ([FINE, WRONG, LOCAL], "attention")):
            shown[:] = found
            said = await desk.call("harness_doctor")
            assert said["status"] == status
            assert [each["check"] for each in said["findings"]] == [
                each.id.partition(".")[0] for each in found if each is not LOCAL
            ]
        assert said["findings"][1] == {
            "check": "watch",
            "status": "warning",
            "message": "changes are noticed by looking every few seconds",
            "cause": "the limit",
            "next_step": "Raise it.",
        }


async def test_a_moved_repository_is_examined_all_the_same(desk: Desk, repository: Repository, tmp_path: Path) -> None:
    object.__setattr__(
        desk.context,
        "examine",
        lambda repo_id: examine_repository(
            desk.rooms.services.get(repo_id), desk.rooms.registry, desk.rooms.hints.usage()
        ),
    )
    assert (await desk.call("harness_doctor"))["findings"]
    repository.path.rename(tmp_path / "elsewhere")
    await desk.refused("harness_status", "REPO_DETACHED")
    said = await desk.call("harness_doctor")
    assert said["status"] == "attention"
    assert str(tmp_path) not in str(said)
