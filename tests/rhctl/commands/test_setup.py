"""`rhctl setup`: what a client needs, printed to be pasted, or written."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import type_in

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
    server = tomllib.loads(said.out)["mcp_servers"]["repo_harness"]  # notes are comments
    assert server["args"] == ["connect", "--home", daemon.home.base, "--profile", "executor"]
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
    assert said.out.splitlines() == [f"Codex config: {config}", "Server: repo_harness", "Transport: stdio"]
    assert shown == f"# {config} would be:\n{config.read_text()}"
    assert config.read_text().startswith("# mine\n")
    answer = (await type_in("setup", "codex", slug, "--write", "--json")).json
    assert (answer["written"], answer["needs_trust"], answer["file"]) == (True, False, str(config))


async def test_a_project_that_codex_does_not_trust_is_told_of(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    assert (await type_in("setup", "codex", slug, "--json")).json["needs_trust"] is True
    said = await type_in("setup", "codex", slug, "--write")
    assert f"[projects.{json.dumps(str(repository.path))}]" in said.out
    assert (await type_in("setup", "codex", slug, "--scope", "user", "--json")).json["needs_trust"] is False


async def test_the_user_s_own_file_names_the_repository(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    assert (await type_in("setup", "codex", slug, "--scope", "user", "--write")).code == 0
    config = tomllib.loads((Path.home() / ".codex/config.toml").read_text())
    args = config["mcp_servers"]["repo_harness"]["args"]
    assert args[args.index("--repo") + 1] == str(repository.path)


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
    assert "rhctl forget" in said.json["error"]["next_step"]
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


async def test_another_endpoint_is_refused_unless_its_connectors_may_end(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    await type_in("setup", "chatgpt", slug, "--endpoint", ONE)
    said = await type_in("setup", "chatgpt", slug, "--endpoint", TWO, "--json")
    assert (said.code, said.refusal) == (1, "ENDPOINT_RECORDED")
    said = await type_in("setup", "chatgpt", slug, "--endpoint", TWO, "--replace")
    assert "and ended: ChatGPT" in said.out


async def test_a_wrong_repository_records_no_endpoint(daemon: Running) -> None:
    said = await type_in("setup", "chatgpt", "nothing", "--endpoint", ONE, "--json")
    assert (said.code, said.refusal) == (4, "REPO_NOT_FOUND")
    assert (await daemon.call("endpoint"))["endpoint"] is None


async def test_what_makes_no_sense_is_a_usage_error(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    for words in (("chatgpt", slug, "--write"), ("nobody", slug), (), ("codex", slug, "--scope", "world")):
        said = await type_in("setup", *words, "--json")
        assert (said.code, said.refusal) == (2, "USAGE")
