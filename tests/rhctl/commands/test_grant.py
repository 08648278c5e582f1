"""`rhctl grant`."""

from __future__ import annotations

from pathlib import Path

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import HOSTILE, is_safe, type_in


async def test_a_client_may_do_more_by_name_or_id(daemon: Running, repository: Repository, tmp_path: Path) -> None:
    one, two = await daemon.adopt(repository.path), await daemon.adopt(Repository.make(tmp_path / "two").path)
    grant = await daemon.connect_client(one)
    said = await type_in("grant", "chatgpt", "./project/plans", "--profile", "executor")
    start = f"rhctl start {one} --profile executor --home {daemon.home.base}"
    assert (said.code, said.out) == (0, f"chatgpt may act as executor in {one}, once it is started: {start}\n")
    said = await type_in("grant", "chatgpt", one, "--profile", "planner")
    assert said.out == f"chatgpt may act as planner in {one}\n"
    answer = (await type_in("grant", grant, "--profile", "planner", two, "--json")).json
    assert [each["id"] for each in answer.pop("grants")] == [grant]
    assert answer == {"client": grant, "slug": two, "profile": "planner", "started": True}
    (client,) = (await daemon.call("clients"))["clients"]
    assert client["repos"] == {one: ["planner", "executor"], two: ["planner"]}


async def test_what_cannot_be_granted_is_refused(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    for words, code, refusal in (
        (("nobody", slug, "--profile", "planner"), 1, "CLIENT_NOT_FOUND"),
        (("nobody", "nothing", "--profile", "planner"), 4, "REPO_NOT_FOUND"),
        (("nobody", slug), 2, "USAGE"),
        (("nobody", slug, "--profile", "root"), 2, "USAGE"),
        (("nobody", "--profile", "planner"), 2, "USAGE"),
    ):
        said = await type_in("grant", *words, "--json")
        assert (said.code, said.refusal) == (code, refusal)


async def test_a_name_that_two_grants_have_means_both_and_they_are_listed(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    grants = {await daemon.connect_client(slug) for _ in range(2)}
    said = await type_in("grant", "ChatGPT", slug, "--profile", "executor", "--json")
    assert {each["id"] for each in said.json["grants"]} == grants
    said = await type_in("revoke", "ChatGPT")
    assert all(grant in said.out for grant in grants)


async def test_hostile_names_are_escaped(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug, name=HOSTILE)
    said = await type_in("grant", HOSTILE, slug, "--profile", "executor")
    assert said.code == 0
    assert is_safe(said.out)
