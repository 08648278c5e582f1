"""`rhctl clients`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.attached import attached
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import HOSTILE, is_safe, plain, type_at, type_in
from tests.support.waiting import until

KEYS = {"id", "name", "host", "pid", "resource", "repos", "since", "used_at"}


async def test_nobody_is_connected_at_first_and_what_to_do_is_said(daemon: Running) -> None:
    said = await type_in("clients")
    assert said.out.splitlines()[0] == "no client is connected"
    assert "rhctl setup" in said.out
    assert (await type_in("clients", "--json")).json == {"clients": []}


async def test_who_is_connected_to_all_or_to_one_repository(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    one, two = await daemon.adopt(repository.path), await daemon.adopt(Repository.make(tmp_path / "two").path)
    grant = await daemon.connect_client(one, two, name="ChatGPT", profiles=("executor", "planner"))
    other = await daemon.connect_client(two, name="Other")
    first, second = (await type_in("clients", "--json")).json["clients"]
    assert set(first) == set(second) == KEYS
    assert (first["id"], first["name"], first["host"], first["resource"]) == (grant, "ChatGPT", None, "hub")
    assert first["repos"] == {one: ["planner", "executor"], two: ["planner", "executor"]}
    assert first["since"].endswith("Z")
    assert first["used_at"] is None
    assert [c["id"] for c in (await type_in("clients", two, "--json")).json["clients"]] == [grant, other]
    assert [c["id"] for c in (await type_in("clients", "./project/plans", "--json")).json["clients"]] == [grant]
    said = await type_in("clients", "nothing", "--json")
    assert (said.code, said.refusal) == (4, "REPO_NOT_FOUND")
    titles, row, _ = (await type_in("clients")).out.splitlines()
    assert titles.split() == ["ID", "CLIENT", "MAY", "SINCE", "LAST", "USED"]
    assert row.startswith(grant)
    assert f"{one}: planner, executor; {two}: planner, executor" in row
    assert row.endswith("never")


async def test_of_a_client_whose_login_has_ended_it_is_not_said_that_it_was_never_used(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    await daemon.call("passphrase", repo=slug, action="rotate")
    row = (await type_in("clients")).out.splitlines()[1]
    assert "nothing any more" in row
    assert row.split()[-1] == "-"


async def test_hostile_names_of_clients_are_escaped(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug, name=HOSTILE)
    said = await type_in("clients")
    assert is_safe(said.out)
    assert r"evil\x1b[2J\nname\u202e" in said.out


async def test_clients_on_the_control_socket_are_listed_while_they_are_connected(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    async with attached(daemon, slug, label="codex"):
        (found,) = (await type_in("clients", "--json")).json["clients"]
        assert set(found) == KEYS
        assert (found["name"], found["repos"]) == ("codex", {slug: ["planner", "executor"]})
        row = (await type_in("clients")).out.splitlines()[1]
        assert f"codex (pid {found['pid']})" in row
        assert row.endswith("connected")
    await until(lambda: not daemon.context.endpoints.local_clients())
    assert (await type_in("clients", "--json")).json == {"clients": []}


@pytest.mark.parametrize(("columns", "color"), [(80, "never"), (40, "never"), (80, "always"), (40, "always")])
async def test_in_a_terminal_it_fits_and_says_how_to_remove_a_row(
    daemon: Running, repository: Repository, columns: int, color: str
) -> None:
    slug = await daemon.adopt(repository.path)
    name = "A client with a name that is longer than a narrow terminal is wide"
    grant = await daemon.connect_client(slug, name=name, profiles=("planner", "executor"))
    async with attached(daemon, slug, label="codex"):
        await until(daemon.context.endpoints.local_clients)
        seen = await type_at(columns, "clients", color=color)
        rows = (await daemon.call("status"))["daemon"]["clients"]
    assert ("\x1b[32mconnected\x1b[0m" in seen) == (color == "always")
    text = plain(seen)
    assert max(len(line) for line in text.splitlines() if "local one" not in line) <= columns
    assert grant in text, "an id is never cut: it is typed"
    assert "A client" in text
    assert "…" in text
    assert "codex" in text
    closing = " · ".join(text.rpartition("\n\n")[2].splitlines())
    assert closing == "2 clients · remove one with: rhctl revoke ID · a local one leaves when its agent ends"
    assert rows == 2, "status counts the same"


async def test_a_row_goes_as_the_command_says(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    used = await daemon.connect_client(slug)
    await daemon.connect_client(slug, name="Other")
    await daemon.call("passphrase", repo=slug, action="rotate")
    rows = (await type_in("clients", "--json")).json["clients"]
    assert used not in [row["id"] for row in rows], "its grant has ended"
    for row in rows:
        assert (await type_in("revoke", row["id"])).code == 0
    assert (await type_in("clients", "--json")).json == {"clients": []}
    assert (await daemon.call("status"))["daemon"]["clients"] == 0
