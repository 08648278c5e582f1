"""Agents walk the chain on a scripted model, configured as `rhctl setup` prints it, while the daemon ends twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio

from tests.clients import chain
from tests.clients.client_home import Seat
from tests.clients.codex import Codex
from tests.clients.tool_model import LAST_WORDS, ToolModel, tool_model
from tests.promises.test_chain import PLANNER_TOOLS

WITHIN_S = 240
VERSIONS: dict[str, str] = json.loads((Path(__file__).parent / "package.json").read_text())["dependencies"]
NAME = "repo_harness"


class Agent(NamedTuple):
    """How an agent is started.

    Attributes:
        file: its user file, below the home.
        settings: what stands in that file besides our entry.
        has_helper: it asks `rhctl auth-header` for its token; the others have it in their file.
    """

    package: str
    file: str
    command: Callable[[Seat], list[str | Path]]
    variables: Callable[[ToolModel], dict[str, str]]
    settings: Callable[[ToolModel], dict[str, Any]] = lambda _: {}
    has_helper: bool = False


def _opencode(seat: Seat) -> list[str | Path]:
    (program,) = (seat.programs.folder / "node_modules").glob("opencode-linux-*[46]/bin/opencode")
    return [program, "run", "go on"]


def _claude(seat: Seat) -> list[str | Path]:
    program = seat.programs.package("@anthropic-ai/claude-code") / "cli-wrapper.cjs"
    return [seat.programs.node, program, "-p", "go on", "--allowedTools", f"mcp__{NAME}"]


AGENTS = {
    "gemini": Agent(
        "@google/gemini-cli",
        ".gemini/settings.json",
        lambda seat: [seat.programs.program("gemini"), "--yolo", "--model", "gemini-2.5-flash", "--prompt", "go on"],
        lambda model: {"GEMINI_API_KEY": "loopback", "GOOGLE_GEMINI_BASE_URL": model.url},
        lambda _: {"security": {"auth": {"selectedType": "gemini-api-key"}}},
    ),
    "qwen-code": Agent(
        "@qwen-code/qwen-code",
        ".qwen/settings.json",
        lambda seat: [seat.programs.program("qwen"), "--yolo", "--auth-type", "openai", "--prompt", "go on"],
        lambda model: {
            "OPENAI_API_KEY": "loopback",
            "OPENAI_BASE_URL": f"{model.url}/v1",
            "OPENAI_MODEL": "scripted",
        },
        lambda _: {"tools": {"toolSearch": {"enabled": False}}},  # which would hide our tools until it is asked
    ),
    "opencode": Agent(
        "opencode-ai",
        ".config/opencode/opencode.json",
        _opencode,
        lambda _: {},
        lambda model: {
            "model": "scripted/scripted",
            "autoupdate": False,
            "provider": {
                "scripted": {
                    "npm": "@ai-sdk/openai-compatible",
                    "options": {"baseURL": f"{model.url}/v1", "apiKey": "loopback"},
                    "models": {"scripted": {"name": "scripted"}},
                }
            },
        },
    ),
    "copilot": Agent(
        "@github/copilot",
        ".copilot/mcp-config.json",
        lambda seat: [seat.programs.program("copilot"), "--allow-all-tools", "--prompt", "go on"],
        lambda model: {
            "COPILOT_PROVIDER_BASE_URL": f"{model.url}/v1",
            "COPILOT_PROVIDER_API_KEY": "loopback",
            "COPILOT_MODEL": "scripted",
            "COPILOT_OFFLINE": "true",
        },
    ),
    "claude-code": Agent(
        "@anthropic-ai/claude-code",
        ".claude.json",
        _claude,
        lambda model: {
            "ANTHROPIC_API_KEY": "sk-ant-loopback",
            "ANTHROPIC_BASE_URL": model.url,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "ENABLE_TOOL_SEARCH": "false",
        },
        has_helper=True,
    ),
}


def entry(seat: Seat, client: str, transport: str) -> str:
    """Return what `rhctl setup` prints for the user's file."""
    done = seat.run("rhctl", "setup", client, "--scope", "user", "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["config" if transport == "stdio" else "http"])


@pytest.mark.parametrize("transport", ["stdio", "http"])
@pytest.mark.parametrize("name", AGENTS)
async def test_an_agent_walks_the_chain_and_keeps_its_tools(
    seat: Seat,
    kept_to_loopback: None,
    name: str,
    transport: str,
    record_property: Callable[..., None],
) -> None:
    agent = AGENTS[name]
    record_property("client", f"{agent.package} {VERSIONS[agent.package]}, {transport}")
    ours: dict[str, Any] = json.loads(entry(seat, name, transport))
    if transport == "http" and not agent.has_helper:
        (servers,) = ours.values()
        servers[NAME]["headers"] = {"Authorization": f"Bearer {await seat.token(seat.hub_url)}"}
    with tool_model(*chain.steps(seat)) as model:
        file = seat.home / agent.file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({**agent.settings(model), **ours}))
        if name in ("gemini", "qwen-code"):
            (file.parent / "trustedFolders.json").write_text(json.dumps({str(seat.repository.path): "TRUST_FOLDER"}))
        seat.variables.update(agent.variables(model))
        async with seat.running(*agent.command(seat), within_s=WITHIN_S) as run:
            await run.input.aclose()
            code = await run.until_end()
    assert code == 0, run.said
    assert LAST_WORDS in run.said
    offered = [tool for tool in PLANNER_TOOLS if any(name.endswith(tool) for name in model.offered)]
    assert offered == PLANNER_TOOLS, model.offered
    chain.check(seat, model.results)


async def test_codex_walks_the_chain_over_http_with_the_header_that_we_print(
    seat: Seat, kept_to_loopback: None, record_property: Callable[..., None]
) -> None:
    record_property("client", f"@openai/codex {VERSIONS['@openai/codex']}, http")
    codex = Codex(seat)
    codex.configure(entry(seat, "codex", "http"))
    results: list[str] = []
    async with codex.app_server() as server:
        assert sorted(PLANNER_TOOLS) == sorted(set((await server.servers())[NAME]["tools"]) - {"list_repos"})
        for step in chain.steps(seat):
            if step.before is not None:
                await trio.to_thread.run_sync(step.before)
            results.append(await server.text(NAME, step.tool, step.arguments(results)))
    chain.check(seat, results)
    (held,) = seat.daemon.rhctl("clients")["clients"]
    assert held["name"] == f"local client ({seat.slug})"
