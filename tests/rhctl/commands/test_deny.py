"""`rhctl deny`."""

from __future__ import annotations

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import HOSTILE, is_safe, type_in


async def test_a_login_is_refused_once_and_nobody_is_let_in(daemon: Running, repository: Repository) -> None:
    await daemon.adopt(repository.path)
    code = daemon.begin_login("ChatGPT")
    said = await type_in("deny", f" {code.upper()} ")
    assert (said.code, said.out) == (0, "the login of ChatGPT is refused\n")
    for words in (("deny", code), ("approve", code, "--yes")):
        again = await type_in(*words, "--json")
        assert (again.code, again.refusal) == (1, "APPROVAL_NOT_FOUND")
    assert (await daemon.call("clients"))["clients"] == []


async def test_programs_get_the_whole_login(daemon: Running) -> None:
    answer = (await type_in("deny", daemon.begin_login(), "--json")).json
    assert set(answer) == {"client", "host", "redirect_host", "resource", "asked", "age_s", "denied"}
    assert (answer["denied"], answer["resource"], answer["asked"]) == (True, "hub", ["planner"])


async def test_hostile_names_of_clients_are_escaped(daemon: Running) -> None:
    said = await type_in("deny", daemon.begin_login(HOSTILE))
    assert said.out == "the login of evil\\x1b[2J\\nname\\u202e is refused\n"
    assert is_safe(said.out)
