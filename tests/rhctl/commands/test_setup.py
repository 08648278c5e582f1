"""`rhctl setup`: what a client needs, printed to be pasted, or written."""

from __future__ import annotations

import contextlib
import json
import tomllib
from pathlib import Path

import pytest

from rhctl.commands.setup import ANSWER
from rhctl.setup.client_spec import SERVER
from rhctl.setup.client_table import CHATGPT, IDS, find_spec
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import is_safe, plain, run_at, type_in

ONE, TWO = "https://one.example.com/mcp", "https://two.example.com/mcp"


@pytest.fixture(autouse=True)
def no_codex_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own Codex configuration is that of the test's user."""
    monkeypatch.delenv("CODEX_HOME", raising=False)


def trust(path: Path) -> None:
    """Let Codex trust a project."""
    config = Path.home() / ".codex/config.toml"
    config.parent.mkdir()
    config.write_text(f'[projects."{path}"]\ntrust_level = "trusted"\n')


async def test_what_is_printed_for_codex_is_a_configuration_as_it_is(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    said = await type_in("setup", "codex", slug)
    assert said.code == 0
    server = tomllib.loads(said.out)["mcp_servers"]["repo_harness"]  # everything else is comments
    assert (server["command"], server["args"]) == ("rhctl", ["connect", "--profile", "executor"])
    assert '# http_headers_helper = "rhctl auth-header"' in said.out
    assert server["enabled_tools"] == (await daemon.call("setup", repo=slug, profile="executor"))["tools"]
    assert "--write" in said.out
    assert not (repository.path / ".codex").exists()
    assert tomllib.loads((await type_in("setup", "codex", slug, "--json")).json["config"]) == tomllib.loads(said.out)


async def test_writing_merges_and_a_dry_run_shows_exactly_that(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    trust(repository.path)
    config = repository.write(".codex/config.toml", '# mine\nmodel = "x"\n')
    shown = (await type_in("setup", "codex", slug, "--write", "--dry-run")).out
    assert config.read_text() == '# mine\nmodel = "x"\n'
    said = await type_in("setup", "codex", slug, "--write")
    assert said.out.splitlines()[:3] == [f"Codex config: {config}", "Server: repo_harness", "Transport: stdio"]
    assert shown.startswith(f"--- {config}\n+++ {config}\n")
    added = "".join(line[1:] for line in shown.splitlines(keepends=True)[2:] if line.startswith("+"))
    assert config.read_text() == f'# mine\nmodel = "x"\n{added}'
    answer = (await type_in("setup", "codex", slug, "--write", "--json")).json
    assert (answer["written"], answer["needs_trust"], answer["file"]) == (True, False, str(config))


async def test_a_project_that_codex_does_not_trust_is_told_of(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    assert (await type_in("setup", "codex", slug, "--json")).json["needs_trust"] is True
    said = await type_in("setup", "codex", slug, "--write")
    assert f"[projects.{json.dumps(str(repository.path))}]" in said.out
    assert (await type_in("setup", "codex", slug, "--scope", "user", "--json")).json["needs_trust"] is None


async def test_the_user_s_own_file_pins_no_repository_and_needs_none(daemon: Running) -> None:
    said = await type_in("setup", "codex", "--scope", "user", "--write", "--json")
    assert (said.code, said.json["slug"], said.json["written"]) == (0, None, True)
    server = tomllib.loads((Path.home() / ".codex/config.toml").read_text())["mcp_servers"]["repo_harness"]
    assert server["args"] == ["connect", "--home", daemon.home.base, "--profile", "executor"]
    said = await type_in("setup", "codex", "nothing", "--scope", "user", "--json")
    assert (said.code, said.refusal) == (4, "REPO_NOT_FOUND")


@pytest.mark.parametrize("name", [name for name in IDS if name != CHATGPT])
async def test_every_client_s_entry_is_printed_written_found_and_removed(
    daemon: Running, repository: Repository, name: str
) -> None:
    slug, spec = await daemon.adopt(repository.path), find_spec(name)
    for scope in spec.scopes:
        words = ("setup", name, slug, "--scope", scope)
        said = await type_in(*words)
        assert (said.code, is_safe(said.out)) == (0, True)
        printed = (await type_in(*words, "--json")).json
        assert set(printed) == set(ANSWER)
        assert (printed["client"], printed["scope"], printed["written"]) == (name, scope, False)
        if scope == "project":
            assert daemon.home.base not in printed["config"]
            assert str(repository.path) not in printed["config"]
        path = Path(printed["file"])
        assert not path.exists()
        said = await type_in(*words, "--write", "--json")
        if not spec.is_written:
            assert (said.code, said.refusal) == (2, "USAGE")
            assert not path.exists()
            continue
        assert said.json["written"]
        with contextlib.chdir(repository.path):
            listed = (await type_in("setup", "--list", "--json")).json["clients"]
        assert str(path) in next(each for each in listed if each["client"] == name)["configured"]
        written = path.read_bytes()
        assert (await type_in(*words, "--remove", "--dry-run")).out.startswith(f"--- {path}\n")
        assert path.read_bytes() == written
        assert (await type_in(*words, "--remove", "--json")).json["removed"]
        assert not path.exists()
    missing = {"project", "user"} - set(spec.scopes)
    for scope in missing:
        said = await type_in("setup", name, slug, "--scope", scope, "--json")
        assert (said.code, said.refusal) == (2, "USAGE")


async def test_what_stops_a_client_from_reading_it_is_said(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    said = (await type_in("setup", "gemini", slug, "--json")).json
    assert said["needs_trust"] is True
    assert any("trustedFolders.json" in step for step in said["steps"])
    trusted = Path.home() / ".gemini/trustedFolders.json"
    trusted.parent.mkdir()
    trusted.write_text(json.dumps({str(repository.path): "TRUST_FOLDER"}))
    said = (await type_in("setup", "gemini", slug, "--json")).json
    assert said["needs_trust"] is False
    assert not any("trustedFolders.json" in step for step in said["steps"])
    assert (await type_in("setup", "zed", slug, "--json")).json["needs_trust"] is None


async def test_the_clients_that_are_here_are_listed(no_daemon: Path) -> None:
    said = await type_in("setup", "--list")
    assert said.out.splitlines()[0].split() == ["CLIENT", "INSTALLED", "CONFIGURED"]
    assert len(said.out.splitlines()) == len(IDS)
    assert not no_daemon.exists(), "no daemon is needed"


async def test_a_file_that_cannot_be_merged_with_stays_as_it_is(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    config = repository.write(".codex/config.toml", "not toml")
    said = await type_in("setup", "codex", slug, "--write", "--json")
    assert (said.code, said.refusal) == (1, "CONFIG_INVALID")
    assert config.read_text() == "not toml"


@pytest.mark.parametrize("is_noticed", [False, True])
async def test_a_repository_that_is_gone_is_not_made_anew(
    daemon: Running, repository: Repository, tmp_path: Path, is_noticed: bool
) -> None:
    slug = await daemon.adopt(repository.path)
    repository.path.rename(tmp_path / "moved")
    if is_noticed:
        await daemon.until_state(slug, "detached")
    said = await type_in("setup", "codex", slug, "--write", "--json")
    assert (said.code, said.refusal) == (1, "REPO_DETACHED")
    assert "forget project" in said.json["error"]["next_step"]
    assert not repository.path.exists()


async def test_for_chatgpt_the_tunnel_comes_first_then_the_connector(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    said = await type_in("setup", "chatgpt", slug)
    assert f"cloudflared tunnel run --url {daemon.url}" in said.out
    assert (
        f"rhctl setup chatgpt {slug} --endpoint https://harness.example.com/mcp --home {daemon.home.base}" in said.out
    )
    said = await type_in("setup", "chatgpt", slug, "--endpoint", ONE)
    assert f"  URL             {ONE}" in said.out
    assert (await daemon.call("endpoint"))["endpoint"] == ONE
    answer = (await type_in("setup", "chatgpt", slug, "--json")).json
    assert (answer["url"], answer["local_url"], answer["authentication"]) == (ONE, f"{daemon.url}/mcp", "oauth")
    assert answer["steps"]


async def test_another_endpoint_is_refused_unless_it_is_to_be_replaced(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    await type_in("setup", "chatgpt", slug, "--endpoint", ONE)
    said = await type_in("setup", "chatgpt", slug, "--endpoint", TWO, "--json")
    assert (said.code, said.refusal) == (1, "ENDPOINT_RECORDED")
    said = await type_in("setup", "chatgpt", slug, "--endpoint", TWO, "--replace")
    assert "no longer answered. Logged in: ChatGPT" in said.out


async def test_a_wrong_repository_records_no_endpoint(daemon: Running) -> None:
    said = await type_in("setup", "chatgpt", "nothing", "--endpoint", ONE, "--json")
    assert (said.code, said.refusal) == (4, "REPO_NOT_FOUND")
    assert (await daemon.call("endpoint"))["endpoint"] is None


async def test_what_makes_no_sense_is_a_usage_error(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    for words in (
        ("chatgpt", slug, "--write"),
        ("chatgpt", slug, "--remove"),
        ("codex", slug, "--write", "--remove"),
        ("codex", "--list"),
        ("nobody", slug),
        (),
        ("codex", slug, "--scope", "world"),
    ):
        said = await type_in("setup", *words, "--json")
        assert (said.code, said.refusal) == (2, "USAGE")


@pytest.mark.parametrize(("columns", "color"), [(80, "never"), (40, "never"), (80, "always"), (40, "always")])
def test_in_a_terminal_the_list_fits_and_says_how_to_configure_one(no_daemon: Path, columns: int, color: str) -> None:
    file = Path.home() / ".cursor/mcp.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"mcpServers": {SERVER: {"command": "rhctl"}}}))
    seen = run_at(columns, "setup", "--list", color=color)
    assert ("\x1b[32myes\x1b[0m" in seen) == (color == "always")
    text = plain(seen)
    assert "~/.cursor/mcp.json" in text
    assert max(len(line) for line in text.splitlines() if "rhctl" not in line) <= columns
    assert text.endswith("configure one with: rhctl setup CLIENT --write\n")
