"""Clients find our server as `rhctl setup` configures it, and Codex keeps it when the daemon is restarted or killed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from tests.clients import page
from tests.clients.client_home import Seat
from tests.clients.codex import Codex


def test_the_page_of_clients_was_written_with_these_tools() -> None:
    assert page.stated_hash() == page.current_hash(), "the tools changed; this run writes docs/clients.md anew"
    assert page.stated_files() == {path.name for path in Path(__file__).parent.glob("test_*.py")}


def set_up(seat: Seat, client: str, scope: str) -> None:
    done = seat.run("rhctl", "setup", client, "--write", "--scope", scope)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("scope", ["user", "project"])
@pytest.mark.parametrize(
    ("client", "folder", "program"), [("gemini", ".gemini", "gemini"), ("qwen-code", ".qwen", "qwen")]
)
def test_gemini_and_qwen_connect(
    seat: Seat, kept_to_loopback: None, client: str, folder: str, program: str, scope: str
) -> None:
    set_up(seat, client, scope)
    trusted = seat.home / folder / "trustedFolders.json"
    trusted.parent.mkdir(exist_ok=True)
    trusted.write_text(json.dumps({str(seat.repository.path): "TRUST_FOLDER"}))
    listed = seat.run(seat.programs.program(program), "mcp", "list")
    assert "repo_harness" in listed.stdout + listed.stderr
    # Qwen asks its user about the servers of a project, which `rhctl setup` says.
    expected = "Pending approval" if (client, scope) == ("qwen-code", "project") else "Connected"
    assert expected in listed.stdout + listed.stderr


@pytest.mark.parametrize("scope", ["user", "project"])
def test_opencode_connects(seat: Seat, kept_to_loopback: None, scope: str) -> None:
    set_up(seat, "opencode", scope)
    (program,) = (seat.programs.folder / "node_modules").glob("opencode-linux-*[46]/bin/opencode")
    listed = seat.run(program, "mcp", "list")
    assert "repo_harness" in listed.stdout
    assert "connected" in listed.stdout


async def test_codex_keeps_its_tools_over_stdio_when_the_daemon_is_restarted_or_killed(
    seat: Seat, kept_to_loopback: None
) -> None:
    codex = Codex(seat)
    set_up(seat, "codex", "project")
    codex.trust()
    async with codex.app_server() as server:
        for end in (seat.daemon.end, seat.daemon.kill):
            assert (await server.tool("repo_harness", "harness_status"))["repo"] == seat.slug
            await trio.to_thread.run_sync(end)
            await trio.to_thread.run_sync(seat.daemon.start)
        assert (await server.tool("repo_harness", "harness_status"))["repo"] == seat.slug
