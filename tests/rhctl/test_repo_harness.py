"""`repo-harness`: every sentence of the product's page that names a command, as it stands there.

The page's port 8765 is a free one here, and its `<https-url>` a public name; nothing else of a command is changed.
"""

from __future__ import annotations

import json
import shlex
import signal
import socket
import tomllib
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from rhctl import repo_harness as harness
from rhwire.home import Home
from rhwire.lock import ask_lock
from tests.support.daemons import environment
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import Said, finish, is_safe, run, spawned, type_in
from tests.support.waiting import until

SERVE = "repo-harness mcp serve --repo . --transport http --host 127.0.0.1 --port {port} --profile planner"
CHATGPT = "repo-harness mcp setup chatgpt --repo . --endpoint {url}/mcp"
CODEX = "repo-harness mcp setup codex --repo . --scope project"
RUNNER = """repo-harness mcp serve --repo . --transport http --host 127.0.0.1 --port {port} \\
--profile orchestrator --enable-dev-runner --dev-runner-agents codex"""
RUNNER_VARIABLES = {"REPO_HARNESS_MCP_DEV_RUNNER": "1", "REPO_HARNESS_MCP_DEV_RUNNER_AGENTS": "codex,claude"}
RUNNER_BY_VARIABLES = "repo-harness mcp serve --repo . --transport http --profile orchestrator"

READ_ONLY = (
    "harness_status", "harness_doctor", "read_workflow_file", "list_workflow_files", "latest_handoff", "latest_checks",
)  # fmt: skip
PLANNING_WRITES = ("write_prd_from_idea", "write_checklist_sprint", "prepare_codex_goal_from_sprint")
URL = "https://rh.example.com"


@pytest.fixture
async def here(daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository that `.` means, beside a daemon."""
    monkeypatch.chdir(repository.path)
    monkeypatch.delenv("CODEX_HOME", raising=False)
    return repository


def _split(line: str, words: dict[str, object]) -> list[str]:
    return shlex.split(line.replace("\\\n", "").format(**words))


async def page(line: str, *more: str, **words: object) -> Said:
    """Run a command of the page in this process."""
    program, *arguments = _split(line, words)
    return await type_in(*arguments, *more, program=program)


@asynccontextmanager
async def page_spawned(line: str, **words: object) -> AsyncIterator[trio.Process]:
    """Run a command of the page in a process of its own."""
    program, *arguments = _split(line, words)
    async with spawned(*arguments, program=program) as process:
        yield process


def port_of(daemon: Running) -> int:
    """Return the port of a daemon."""
    return daemon.context.port


async def until_said(process: trio.Process, last: bytes) -> str:
    """Return what a command says up to the line that begins with `last`."""
    assert process.stdout is not None
    said = b""
    while last not in said or not said.endswith(b"\n"):
        data = await process.stdout.receive_some()
        assert data, said.decode()
        said += data
    return said.decode()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def is_free(port: int) -> bool:
    """Say whether nothing listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def curl(url: str) -> Any:
    """Return the JSON at an address."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


# "Run from a repository that has already run repo-harness adopt."


async def test_a_repository_that_has_not_is_told_the_command(
    daemon: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = Repository.make(tmp_path / "empty", artifacts=False)
    monkeypatch.chdir(empty.path)
    for line in (SERVE, CHATGPT, CODEX):
        said = await page(line, port=port_of(daemon), url=URL)
        assert (said.code, said.out) == (4, "")
        assert said.err.splitlines() == [
            f"repo-harness: {empty.path} is not adopted",
            "  Adopt it first: repo-harness adopt .",
        ]
    async with spawned("mcp", "serve", "--repo", ".", program="repo-harness") as process:
        said = await finish(process)  # a client reads it in the answers of its calls
        assert (said.code, said.out) == (0, "")
        assert said.err.endswith("  Adopt it first: repo-harness adopt .\n")
    assert (await page("repo-harness adopt .")).code == 0
    assert (await page(CODEX)).code == 0


async def test_one_that_has_but_is_unknown_to_this_daemon_is_registered_and_that_is_said(
    daemon: Running, here: Repository
) -> None:
    said = await page(CODEX)
    assert said.code == 0
    assert said.err == f"repo-harness: {here.path} was adopted already; it is now known as project\n"
    assert [r["slug"] for r in (await daemon.call("repos"))["repos"]] == ["project"]
    assert (await page(CODEX)).err == ""


# "Launch the planner-profile server over HTTP on localhost", "Confirm it's healthy", "Read the local OAuth passphrase",
# "Smoke-test OAuth discovery".


@pytest.mark.slow
async def test_launching_runs_the_daemon_in_the_foreground_where_none_runs_and_the_four_steps_work(
    no_daemon: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository.path)
    port = free_port()
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    async with page_spawned(SERVE, port=port) as serving:
        said = await until_said(serving, b"Interrupt to stop.")
        assert f"http://127.0.0.1:{port}/health" in said
        health = await trio.to_thread.run_sync(curl, f"http://127.0.0.1:{port}/health")
        assert health["status"] == "ok"
        passphrase = json.loads(repository.read(".repo-harness/mcp.oauth.json"))["passphrase"]
        shown = await type_in("passphrase", "show", ".")
        assert shown.out == f"{passphrase}\n"
        found = await trio.to_thread.run_sync(curl, f"http://127.0.0.1:{port}/.well-known/oauth-protected-resource/mcp")
        assert found["resource"] == f"http://127.0.0.1:{port}/mcp"
        (server,) = found["authorization_servers"]
        found = await trio.to_thread.run_sync(curl, f"{server}/.well-known/oauth-authorization-server")
        assert found["issuer"] == server
        serving.send_signal(signal.SIGINT)
        ended = await finish(serving)
        assert ended.code == 130
        assert "Traceback" not in ended.err
    assert run("status", "--json").json["daemon"] is None  # its daemon went with it


async def test_launching_joins_the_daemon_that_serves_there_for_as_long_as_it_runs(
    daemon: Running, here: Repository
) -> None:
    slug = await daemon.adopt(here.path)
    await daemon.call("stop", repo=slug)
    for line in (SERVE, "repo-harness mcp serve --repo . --transport http"):
        async with page_spawned(line, port=port_of(daemon)) as serving:
            said = await until_said(serving, b"Interrupt to stop.")
            assert f"{slug} is served with the profile planner" in said
            assert f"{daemon.url}/r/{slug}/mcp" in said
            assert (await daemon.call("status"))["repos"][0]["profiles"] == ["planner"]
            serving.send_signal(signal.SIGINT)
            assert (await finish(serving)).code == 130
        with trio.fail_after(10):
            while (await daemon.call("status"))["repos"][0]["profiles"]:
                await trio.sleep(0.01)


async def test_launching_on_another_address_opens_a_listener_there_that_ends_with_the_command(
    daemon: Running, here: Repository
) -> None:
    slug = await daemon.adopt(here.path)
    for host, profile in (("127.0.0.1", "planner"), ("localhost", "executor")):
        port = free_port()
        line = SERVE.replace("127.0.0.1", host).replace("planner", profile)
        async with page_spawned(line, port=port) as serving:
            said = await until_said(serving, b"Interrupt to stop.")
            assert f"http://127.0.0.1:{port}/r/{slug}/mcp" in said
            what = "" if profile == "planner" else f"the profile {profile} for HTTP clients and "
            assert said.splitlines()[-1] == (
                f"Interrupt to stop. This ends {what}the listener on http://127.0.0.1:{port}."
            )
            health = await trio.to_thread.run_sync(curl, f"http://127.0.0.1:{port}/health")
            assert health["status"] == "ok"
            serving.kill()  # a crash ends it as an interrupt does
        await until(partial(is_free, port))
        assert (await daemon.call("status"))["daemon"]["url"] == daemon.url
    with socket.create_server(("127.0.0.1", 0)) as other:
        said = await page(SERVE, "--json", port=other.getsockname()[1])
        assert (said.code, said.refusal) == (1, "PORT_IN_USE")
    assert (await page(SERVE, port=70000)).code == 2


async def test_what_goes_on_after_an_interrupt_is_said(daemon: Running, here: Repository) -> None:
    await daemon.adopt(here.path)  # which starts planner for good
    async with page_spawned("repo-harness mcp serve --repo . --transport http") as serving:
        said = await until_said(serving, b"Interrupt to stop.")
        assert said.splitlines()[-1] == "Interrupt to stop. Everything goes on as it was before."


async def test_a_daemon_of_its_own_ends_with_the_command_even_if_that_is_killed(
    here: Repository, tmp_path: Path
) -> None:
    home, port = tmp_path / "own", free_port()
    for words in (["adopt", str(here.path)], ["service", "stop"]):  # in processes: a detached daemon has no owner here
        async with spawned(*words, "--home", str(home)) as process:
            assert (await finish(process)).code == 0
    async with page_spawned(f"{SERVE} --home {home}", port=port) as serving:
        said = await until_said(serving, b"Interrupt to stop.")
        assert said.splitlines()[-1].endswith("the daemon, with every connection to it.")
        pid = ask_lock(Home(str(home)).lock)
        assert pid
        serving.kill()
        await until(lambda: ask_lock(Home(str(home)).lock) is None)


# What the predecessor's own pages print besides.


@pytest.mark.parametrize("line", ["adopt --repo . --json", "mcp doctor --repo . --json", "mcp doctor --repo=. --json"])
async def test_a_repository_may_be_named_as_the_predecessor_does(daemon: Running, here: Repository, line: str) -> None:
    await daemon.adopt(here.path)
    said = await page(f"repo-harness {line}")
    assert said.code in (0, 10, 11)
    assert isinstance(said.json, dict)


async def test_options_of_the_predecessor_that_change_nothing_are_taken(daemon: Running, here: Repository) -> None:
    await daemon.adopt(here.path)
    line = "repo-harness mcp setup chatgpt --repo . --host 127.0.0.1 --port 8765 --server-name repo-harness"
    assert (await page(line)).code == 0


# "Then record the stable endpoint in ignored local config."


async def test_the_endpoint_is_recorded_outside_of_what_git_sees(daemon: Running, here: Repository) -> None:
    await daemon.adopt(here.path)
    said = await page(CHATGPT, url=URL)
    assert said.code == 0
    assert (await daemon.call("endpoint"))["endpoint"] == f"{URL}/mcp"
    assert here.git("status", "--porcelain") == ""
    steps = ("Developer Mode", "connector", "repo-harness", f"{URL}/mcp", "OAuth", "passphrase", "write confirmations")
    assert [step for step in steps if step not in said.out] == []


@pytest.mark.parametrize("url", ["http://rh.example.com", "https://rh.example.com/x", "https://localhost", "https://"])
async def test_a_url_that_is_not_https_or_does_not_end_in_mcp_is_refused(
    daemon: Running, here: Repository, url: str
) -> None:
    await daemon.adopt(here.path)
    said = await page(CHATGPT, "--json", url=url)
    assert (said.code, said.refusal) == (1, "INVALID_ENDPOINT")
    assert "/mcp" in said.json["error"]["next_step"]
    assert (await daemon.call("endpoint"))["endpoint"] is None


# "This writes .codex/config.toml with a stdio repo_harness server entry and the allowed tool list."


async def test_codex_is_set_up_and_what_was_written_is_a_server_that_answers(daemon: Running, here: Repository) -> None:
    slug = await daemon.adopt(here.path)
    assert (await page(CODEX)).code == 0
    server = tomllib.loads(here.read(".codex/config.toml"))["mcp_servers"]["repo_harness"]
    assert server["args"][-2:] == ["--profile", "executor"]
    assert server["enabled_tools"] == (await daemon.call("setup", repo=slug, profile="executor"))["tools"]
    before = here.read(".codex/config.toml")
    assert (await page(CODEX)).code == 0  # "If Codex cannot see the server, run" it again
    assert here.read(".codex/config.toml") == before
    async with spawned(*server["args"], cwd=here.path) as codex:
        listed = await tools(codex)
    assert set(server["enabled_tools"]) <= set(listed)


async def test_a_dry_run_writes_nothing(daemon: Running, here: Repository) -> None:
    await daemon.adopt(here.path)
    said = await page(CODEX, "--dry-run")
    assert "mcp_servers.repo_harness" in said.out
    assert not (here.path / ".codex").exists()


async def tools(agent: trio.Process) -> list[str]:
    """Return the tools that a stdio server lists."""
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}
    messages = (
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    )
    assert agent.stdin is not None
    await agent.stdin.send_all(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
    said = await finish(agent)
    assert said.code == 0, said.err
    found = {message.get("id"): message for message in said.lines}
    return [tool["name"] for tool in found[2]["result"]["tools"]]


# "Codex runs locally and needs no tunnel": over stdio, or with no transport named.


@pytest.mark.parametrize("transport", ["", " --transport stdio"])
async def test_the_planner_profile_has_the_tools_that_the_page_names(
    daemon: Running, here: Repository, transport: str
) -> None:
    await daemon.adopt(here.path)
    async with page_spawned(f"repo-harness mcp serve --repo .{transport} --profile planner") as agent:
        listed = await tools(agent)
    assert {*READ_ONLY, *PLANNING_WRITES} <= set(listed)
    assert "run_agent_goal" not in listed  # the sidecar is not a remote coding agent


# "--profile orchestrator --enable-dev-runner --dev-runner-agents codex", "Or via environment override".


async def test_agents_are_enabled_by_options_or_by_the_environment_alike_for_as_long_as_it_serves(
    daemon: Running, here: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    slug = await daemon.adopt(here.path)

    async def enabled() -> Any:
        return (await daemon.call("status"))["repos"][0]["agent_runs"]

    for line, variables, agents in ((RUNNER, {}, "codex"), (RUNNER_BY_VARIABLES, RUNNER_VARIABLES, "codex, claude")):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert await enabled() is None
        async with page_spawned(line, port=daemon.context.port) as serving:
            said = await until_said(serving, b"Interrupt to stop.")
            assert f"{slug} is served with the profile orchestrator" in said
            assert f"agent runs enabled ({agents}), since 20" in said
            assert ", ".join((await enabled())["agents"]) == agents
            assert f"{slug}: agent runs enabled ({agents}), since 20" in (await type_in("status")).out
            serving.send_signal(signal.SIGINT)
            await finish(serving)
        with trio.fail_after(10):
            while await enabled() is not None:
                await trio.sleep(0.01)


async def test_the_orchestrator_is_not_served_without_agent_runs(daemon: Running, here: Repository) -> None:
    await daemon.adopt(here.path)
    said = await page(RUNNER_BY_VARIABLES, "--json")
    assert (said.code, said.refusal) == (1, "DEV_RUNNER_DISABLED")


@pytest.mark.parametrize(("word", "profile"), [(w, "orchestrator") for w in ("", "0", "no", "2")] + [("1", "planner")])
def test_agents_are_not_asked_for_by_a_word_that_means_no_or_with_another_profile(
    monkeypatch: pytest.MonkeyPatch, word: str, profile: str
) -> None:
    monkeypatch.setenv("REPO_HARNESS_MCP_DEV_RUNNER", word)
    monkeypatch.setenv("REPO_HARNESS_MCP_DEV_RUNNER_AGENTS", "codex")
    arguments = type("Arguments", (), {"enable_dev_runner": False, "dev_runner_agents": None, "profile": profile})
    assert harness._runner(arguments) == {"enable_dev_runner": None, "dev_runner_agents": None}  # type: ignore[arg-type]


# `mcp doctor`, and the command itself.


async def test_the_doctor_is_the_client_s(daemon: Running, here: Repository) -> None:
    await daemon.adopt(here.path)
    assert (await page("repo-harness mcp doctor --json")).json.keys() == {"findings"}
    assert (await page("repo-harness mcp doctor")).code == 0


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("repo-harness", 2),
        ("repo-harness mcp", 2),
        ("repo-harness --help", 0),
        ("repo-harness mcp --help", 0),
        ("repo-harness help", 0),
    ],
)
def test_the_overview_names_the_commands_of_the_page(no_daemon: Path, line: str, code: int) -> None:
    said = run(*line.split()[1:], program="repo-harness")
    assert (said.code, said.err) == (code, "")
    for command in ("adopt", "mcp serve", "mcp setup chatgpt|codex", "mcp doctor"):
        assert f"  {command}" in said.out
    assert all(len(text) <= 80 for text in said.out.splitlines())


@pytest.mark.parametrize("command", ["mcp serve", "mcp setup", "adopt", "mcp doctor"])
def test_each_command_s_help_fits_a_terminal_and_has_an_example(
    no_daemon: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    said = run(*command.split(), "--help", program="repo-harness")
    assert said.code == 0
    assert "\nexample:\n  " in said.out
    assert all(len(line) <= 100 for line in said.out.splitlines())


def test_the_version_is_the_client_s(no_daemon: Path) -> None:
    assert run("--version", program="repo-harness").out == run("version").out


@pytest.mark.parametrize("line", ["mcp run", "status", "evil\x1b[2J", "mcp serve --transport sse", "mcp setup x"])
def test_what_it_does_not_know_is_a_usage_error(no_daemon: Path, line: str) -> None:
    said = run(*line.split(" "), program="repo-harness")
    assert (said.code, said.out) == (2, "")
    assert is_safe(said.err)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("status", "project"), "Did you mean: rhctl status project"),
        (("mcp", "nothing"), "See: repo-harness --help"),
    ],
)
async def test_what_is_rhctl_s_is_said_to_be(no_daemon: Path, words: tuple[str, ...], hint: str) -> None:
    said = await type_in(*words, "--json", program="repo-harness")
    assert (said.code, said.refusal) == (2, "USAGE")
    assert said.json["error"]["next_step"].removesuffix(" --json") == hint
