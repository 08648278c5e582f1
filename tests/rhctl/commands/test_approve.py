"""`rhctl approve`: what is shown before a client is connected, and that silence connects none."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import trio

from rhd.control import socket_server as server
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import HOSTILE, is_safe, type_in

KEYS = {"choices", "client", "host", "redirect_host", "resource", "asked", "age_s", "repos", "profiles", "approved"}


async def test_what_the_owner_compares_is_shown_before_the_question(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.call("start", repo=slug, profile="orchestrator", enable_dev_runner=True)
    code = daemon.begin_login("ChatGPT")
    said = await type_in("approve", code, "--profile", "orchestrator", typed="y\n")
    assert said.code == 0
    shown, _, done = said.out.partition(f"Connect ChatGPT to {slug}? [y/N] ")
    for fact in ("ChatGPT", "this name is not verified", "chatgpt.com", slug, "orchestrator", "s ago"):
        assert fact in shown
    assert "change and run whatever you can" in shown
    assert f"ChatGPT may act as orchestrator in {slug}" in done
    described = daemon.begin_login("App", client_id="https://app.example/client.json")
    assert "described by app.example" in (await type_in("approve", described, typed="n\n")).out


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "no\n", "yess\n", "Y e s\n"])
async def test_whatever_is_not_yes_lets_nobody_in(daemon: Running, repository: Repository, answer: str) -> None:
    await daemon.adopt(repository.path)
    code = daemon.begin_login()
    said = await type_in("approve", code, typed=answer)
    assert (said.code, "nothing was changed" in said.out) == (1, True)
    assert (await daemon.call("clients"))["clients"] == []
    assert (await type_in("approve", code.upper(), typed=" YES \n")).code == 0  # it still waits, however it is typed


async def test_without_a_terminal_it_has_to_be_told_not_to_ask(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    code = daemon.begin_login()
    for words, typed in (((code, "--json"), None), ((code, "--json"), "y\n"), ((code,), None)):
        said = await type_in("approve", *words, typed=typed)
        assert said.code == 2
        assert "--yes" in said.out + said.err
    assert (await daemon.call("clients"))["clients"] == []
    answer = (await type_in("approve", code, "--yes", "--json")).json
    assert set(answer) == KEYS
    assert (answer["approved"], answer["repos"], answer["profiles"]) == (True, [slug], ["planner"])


async def test_a_person_may_think_for_longer_than_the_daemon_waits_on_a_connection(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    await daemon.adopt(repository.path)
    monkeypatch.setattr(server, "NEXT_LINE_WITHIN_S", 0.05)
    code, hung_up = daemon.begin_login(), daemon.context.endpoints

    class Thinker(io.StringIO):
        def isatty(self) -> bool:
            return True

        def readline(self, size: int = -1) -> str:
            trio.from_thread.run(trio.sleep, 0.2)
            return "y\n"

    assert hung_up
    monkeypatch.setattr("tests.support.terminal._Keyboard", lambda typed: Thinker())
    said = await type_in("approve", code, typed="")
    assert (said.code, said.err) == (0, "")


async def test_it_can_be_told_which_repositories_and_profiles(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    one, two = await daemon.adopt(repository.path), await daemon.adopt(Repository.make(tmp_path / "two").path)
    code = daemon.begin_login()
    said = await type_in("approve", code, "--yes", "--json")
    assert (said.code, said.refusal) == (1, "INVALID_ARGUMENT")
    assert "--all-repos" in said.json["error"]["next_step"]
    said = await type_in("approve", code, "--yes", "--repo", "nothing", "--json")
    assert (said.code, said.refusal) == (4, "REPO_NOT_FOUND")
    answer = (
        await type_in("approve", "--profile", "executor", "--profile", "planner", code, "--repo", "./two", "--repo",
                      two, "--yes", "--json")
    ).json  # fmt: skip
    assert (answer["repos"], answer["profiles"]) == ([two], ["planner", "executor"])
    everything = (await type_in("approve", daemon.begin_login("B"), "--all-repos", "--yes", "--json")).json
    assert everything["repos"] == [one, two]
    assert (await type_in("approve", "x", "--repo", "a", "--all-repos")).code == 2


@pytest.mark.parametrize(
    ("typed", "reached"),
    [
        ("1\ny\n", ["project"]),
        ("2, project\ny\n", ["project", "two"]),
        ("all\nyes\n", ["project", "two"]),
        ("3\nnothing\n two\ny\n", ["two"]),
        ("\ny\n", None),
        ("two\nn\n", None),
        ("3", None),
        ("", None),
    ],
)
async def test_with_several_repositories_it_asks_which(
    daemon: Running, repository: Repository, tmp_path: Path, typed: str, reached: list[str] | None
) -> None:
    for path in (repository.path, Repository.make(tmp_path / "two").path):
        await daemon.adopt(path)
    said = await type_in("approve", daemon.begin_login(), typed=typed)
    assert "It may reach the repositories that you name:\n   1  project\n   2  two\n" in said.out
    assert (said.code, said.err) == (0 if reached else 1, "")
    clients = (await daemon.call("clients"))["clients"]
    assert [sorted(client["repos"]) for client in clients] == ([reached] if reached else [])


async def test_which_repositories_there_are_is_shown_only_after_a_right_code(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    for path in (repository.path, Repository.make(tmp_path / "two").path):
        await daemon.adopt(path)
    said = await type_in("approve", "abcd-efgh", typed="all\ny\n")
    assert said.code == 1
    assert "project" not in said.out + said.err


async def test_a_code_that_nothing_waits_under_is_refused(daemon: Running) -> None:
    said = await type_in("approve", "abcd-efgh", "--yes", "--json")
    assert (said.code, said.refusal) == (1, "APPROVAL_NOT_FOUND")


async def test_hostile_names_of_clients_are_escaped(daemon: Running, repository: Repository) -> None:
    await daemon.adopt(repository.path)
    said = await type_in("approve", daemon.begin_login(HOSTILE), typed="y\n")
    assert is_safe(said.out)
    assert said.out.count(r"evil\x1b[2J\nname\u202e") == 3


def test_the_question_is_asked_where_it_is_seen() -> None:
    assert "input(" not in Path(sys.modules["rhctl.commands.approve"].__file__ or "").read_text()
