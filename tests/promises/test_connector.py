"""ChatGPT through a tunnel and Codex over stdio, step by step as a person types it; others take their places."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import trio
from mcp import Client, StdioServerParameters

from tests.support.attached import told
from tests.support.consent_person import Memory, Person, logged_in
from tests.support.daemons import environment
from tests.support.repositories import Repository
from tests.support.tls import Authority
from tests.support.tunnel import trusting, tunnel

READS = {
    "harness_status",
    "harness_doctor",
    "read_workflow_file",
    "list_workflow_files",
    "latest_handoff",
    "latest_checks",
}
WRITES = {"write_prd_from_idea", "write_checklist_sprint", "prepare_codex_goal_from_sprint"}


class Terminal:
    """A shell in a repository, on a home whose settings name a free port."""

    def __init__(self, home: Path, folder: Path) -> None:
        home.mkdir(mode=0o700)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        (home / "config.toml").write_text(f"port = {self.port}\n")
        self.folder = folder
        self.environment = environment(REPO_HARNESS_HOME=str(home))

    def words(self, line: str) -> list[str]:
        program, *words = shlex.split(line)
        return [
            sys.executable,
            "-m",
            {"repo-harness": "rhctl.repo_harness", "rhctl": "rhctl"}[Path(program).name],
            *words,
        ]

    def type(self, line: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a line and return what it did."""
        return subprocess.run(
            self.words(line),
            cwd=self.folder,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def must(self, line: str) -> str:
        """Run a line that must succeed and return what it printed."""
        done = self.type(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def running(self, line: str, until: str) -> Iterator[subprocess.Popen[str]]:
        """Run a line for as long as the block, which begins once `until` was printed."""
        process = subprocess.Popen(
            self.words(line), cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        try:
            while until not in (printed := process.stdout.readline()):
                assert printed, f"{line} ended"
            yield process
        finally:
            process.terminate()
            process.wait(15)
            process.stdout.close()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal in a plain git repository; whatever daemon it started is ended."""
    terminal = Terminal(tmp_path / "home", Repository.make(tmp_path / "app", artifacts=False).path)
    yield terminal
    terminal.must("rhctl service stop")


async def test_every_step_from_adopting_to_the_goal_works_as_written(terminal: Terminal, tmp_path: Path) -> None:
    serve = f"repo-harness mcp serve --repo . --transport http --host 127.0.0.1 --port {terminal.port}"
    refused = terminal.type(f"{serve} --profile planner")
    assert refused.returncode == 4
    assert "repo-harness adopt" in refused.stderr
    terminal.must("repo-harness adopt")

    with terminal.running(f"{serve} --profile planner", until="health"):
        authority = Authority.make(tmp_path, "harness.example.com")
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{terminal.port}") as curl:
            health = await curl.get("/health")
            assert (health.status_code, health.json()["status"]) == (200, "ok")
            discovery = await curl.get("/.well-known/oauth-protected-resource/mcp")
            assert discovery.json()["resource"] == f"http://127.0.0.1:{terminal.port}/mcp"
        copy = terminal.folder / ".repo-harness" / "mcp.oauth.json"
        passphrase = json.loads(copy.read_text())["passphrase"]

        async with tunnel(authority, "harness.example.com", terminal.port) as origin:
            terminal.must(f"repo-harness mcp setup chatgpt --repo . --endpoint {origin}/mcp")
            person = Person(passphrase, **trusting(authority))
            with trio.fail_after(60):
                async with logged_in(f"{origin}/mcp", person, Memory(), name="ChatGPT") as chatgpt:
                    tools = {tool.name: tool for tool in (await chatgpt.list_tools()).tools}
                    assert tools.keys() >= READS | WRITES
                    read_only = {name for name, tool in tools.items() if tool.annotations.read_only_hint}  # type: ignore[union-attr]
                    assert read_only >= READS
                    assert not read_only & WRITES
                    goal = await _plan(chatgpt)
            assert [page.alert for page in person.pages] == [None, None]
        assert (terminal.folder / goal).read_text().count("plans/sprints/") > 0

        terminal.must("repo-harness mcp setup codex --repo . --scope project")
        entry = tomllib.loads((terminal.folder / ".codex/config.toml").read_text())["mcp_servers"]["repo_harness"]
        assert "url" not in entry
        line = shlex.join([entry["command"], *entry["args"]])
        command, *args = terminal.words(line)
        stdio = StdioServerParameters(command=command, args=args, env=terminal.environment, cwd=terminal.folder)
        with trio.fail_after(60):
            async with Client(stdio) as codex:
                offered = {tool.name for tool in (await codex.list_tools()).tools}
                assert set(entry["enabled_tools"]) == offered
                assert goal in told(await codex.call_tool("latest_handoff", {}))["handoffs"][0]["path"]


async def _plan(client: Client) -> str:
    prd = told(await client.call_tool("write_prd_from_idea", {"title": "Search", "idea": "Find things."}))
    sprint = {
        "title": "Search",
        "prd_path": prd["path"],
        "tasks": [{"title": "Index", "objective": "build the index"}],
    }
    cards = told(await client.call_tool("write_checklist_sprint", sprint))
    goal = {"prd_path": prd["path"], "sprint_path": cards["path"]}
    return str(told(await client.call_tool("prepare_codex_goal_from_sprint", goal))["path"])


REFUSED = {
    "http://harness.example.com/mcp": "https",
    "https://harness.example.com": "/mcp",
    "https://harness.example.com/mcp/": "/mcp",
    "https://harness.example.com/mcp?x=1": "query",
    "https://127.0.0.1/mcp": "public",
    "https://localhost/mcp": "public",
    "https://user@harness.example.com/mcp": "user",
    "harness.example.com/mcp": "https",
}


def test_what_cannot_be_is_refused_with_the_reason(terminal: Terminal) -> None:
    terminal.must("repo-harness adopt")
    for endpoint, reason in REFUSED.items():
        done = terminal.type(f"repo-harness mcp setup chatgpt --repo . --endpoint {shlex.quote(endpoint)}")
        assert done.returncode == 1
        assert reason in done.stderr, endpoint
        assert "https://HOST/mcp" in done.stderr

    plain = terminal.type("repo-harness mcp serve --repo . --transport http --profile orchestrator")
    assert plain.returncode == 1
    assert "--enable-dev-runner" in plain.stderr, "the orchestrator is served with agent runs or not at all"
