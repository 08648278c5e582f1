"""`rhctl revoke`."""

from __future__ import annotations

from pathlib import Path

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import HOSTILE, is_safe, type_in


async def test_a_repository_is_taken_out_or_everything_ends(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    one, two = await daemon.adopt(repository.path), await daemon.adopt(Repository.make(tmp_path / "two").path)
    await daemon.connect_client(one, two)
    said = await type_in("revoke", "ChatGPT", "two/plans")
    assert (said.code, said.out) == (0, f"ChatGPT no longer reaches {two}\n")
    assert (await daemon.call("clients"))["clients"][0]["repos"] == {one: ["planner"]}
    again = await type_in("revoke", "ChatGPT", two, "--json")
    assert (again.code, again.refusal) == (1, "NO_GRANT")
    done = (await type_in("revoke", "ChatGPT", "--json")).json
    assert (done["client"], done["slug"], len(done["grants"])) == ("ChatGPT", None, 1)
    assert (await daemon.call("clients"))["clients"] == []
    assert (await type_in("revoke", "ChatGPT", "--json")).refusal == "CLIENT_NOT_FOUND"


async def test_without_a_repository_everything_is_meant_even_inside_one(
    daemon: Running, repository: Repository, tmp_path: Path, monkeypatch: object
) -> None:
    one, two = await daemon.adopt(repository.path), await daemon.adopt(Repository.make(tmp_path / "two").path)
    grant = await daemon.connect_client(one, two)
    assert (await type_in("revoke", grant)).out == f"{grant} is disconnected\n"
    assert (await daemon.call("clients"))["clients"] == []


async def test_a_repository_that_is_not_there_ends_nothing(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug, name=HOSTILE)
    said = await type_in("revoke", HOSTILE, "nothing", "--json")
    assert (said.code, said.refusal) == (4, "REPO_NOT_FOUND")
    assert len((await daemon.call("clients"))["clients"]) == 1
    assert is_safe((await type_in("revoke", HOSTILE)).out)
