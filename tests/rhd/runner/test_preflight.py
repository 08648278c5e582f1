"""What is looked at before a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from rhd.errors import Refusal
from rhd.runner.agent_environment import agent_environment
from rhd.runner.agents import AGENTS
from rhd.runner.preflight import Ready, look_before
from rhd.runner.supervised_process import Folder
from tests.support.agents import FakeAgents
from tests.support.repositories import Repository


async def look(agents: FakeAgents, repository: Repository, name: str = "codex") -> Ready:
    facts = repository.path.stat()
    folder = Folder(str(repository.path), facts.st_dev, facts.st_ino)
    return await look_before(AGENTS[name], agent_environment(agents.environ), folder)


async def test_an_agent_that_is_ready_is_named_with_its_version_and_what_is_not_committed(
    agents: FakeAgents, repository: Repository
) -> None:
    clean = await look(agents, repository)
    assert clean.program == str(agents.folder / "codex")
    assert clean.version == "codex-fake 1.0"
    before = set(clean.uncommitted or ())
    (repository.path / "new file.py").write_text("x")
    (repository.path / "AGENTS.md").write_text("changed")
    found = await look(agents, repository)
    assert set(found.uncommitted or ()) - before == {"new file.py", "AGENTS.md"} - before


@pytest.mark.parametrize("name", ["codex", "claude"])
async def test_one_that_is_missing_or_logged_out_is_a_refusal_with_a_next_step(
    agents: FakeAgents, repository: Repository, name: str
) -> None:
    agents.log_out(name)
    with pytest.raises(Refusal) as refused:
        await look(agents, repository, name)
    assert refused.value.code == "AGENT_NOT_LOGGED_IN"
    assert AGENTS[name].sign_in in str(refused.value.next_step)
    (agents.folder / name).unlink()
    with pytest.raises(Refusal) as refused:
        await look(agents, repository, name)
    assert refused.value.code == "AGENT_NOT_INSTALLED"
    assert AGENTS[name].install in str(refused.value.next_step)


async def test_codex_with_a_provider_of_its_own_needs_no_login(agents: FakeAgents, repository: Repository) -> None:
    agents.log_out("codex")
    config = agents.home / ".codex/config.toml"
    config.parent.mkdir()
    config.write_text('model_provider = "local"\n')
    assert (await look(agents, repository)).version
    config.write_text("broken [")
    with pytest.raises(Refusal):
        await look(agents, repository)


async def test_what_a_repository_s_own_configuration_would_run_is_not_run(
    agents: FakeAgents, repository: Repository, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    with open(repository.path / ".git/config", "a") as config:
        config.write(f"[core]\n\tfsmonitor = touch {mark}\n")
    assert (await look(agents, repository)).uncommitted is not None
    assert not mark.exists()
