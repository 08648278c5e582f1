"""`doctor` on the socket."""

from __future__ import annotations

from pathlib import Path

from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_everything_or_one_repository_is_examined(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    one = await daemon.adopt(repository.path)
    two = await daemon.adopt(Repository.make(tmp_path / "two").path)
    everything = (await daemon.call("doctor"))["findings"]
    assert {finding["repo"] for finding in everything} == {None, one, two}
    assert {"home", "daemon", "socket", "database"} <= {f["check"] for f in everything if f["repo"] is None}
    of_one = (await daemon.call("doctor", repo="x", path=f"{repository.path}/plans"))["findings"]
    assert {finding["repo"] for finding in of_one} == {one}
    assert of_one == [finding for finding in everything if finding["repo"] == one]


async def test_what_is_wrong_has_a_cause_and_a_next_step(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    slug = await daemon.adopt(repository.path)
    repository.path.rename(tmp_path / "elsewhere")
    await daemon.until_state(slug, "detached")
    found = {f["check"]: f for f in (await daemon.call("doctor", repo=slug))["findings"]}
    assert found["repository"]["status"] == "error"
    assert found["repository"]["next_step"]
    assert (await daemon.refusal("doctor", repo="nothing")).code == "REPO_NOT_FOUND"


async def test_a_passphrase_that_could_be_committed_is_among_the_findings(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    (repository.path / ".repo-harness" / ".gitignore").write_text("!mcp.oauth.json\n")
    for params in ({}, {"repo": slug}):
        findings = (await daemon.call("doctor", **params))["findings"]
        (found,) = [finding for finding in findings if finding["check"] == "passphrase"]
        assert (found["status"], found["repo"]) == ("error", slug)
    await daemon.call("passphrase", repo=slug, action="rotate")
    findings = (await daemon.call("doctor", repo=slug))["findings"]
    assert [f["status"] for f in findings if f["check"] == "passphrase"] == ["ok"]
