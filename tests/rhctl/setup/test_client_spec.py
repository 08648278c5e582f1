"""How a client's data becomes a path, an entry and a command line."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import pytest

from rhctl.setup.client_spec import Connection
from rhctl.setup.client_table import CHATGPT, IDS, find_spec

CONNECTION = Connection(["/opt/my apps/rhctl", "connect", "--home", "/h"], "http://127.0.0.1:1/mcp", "rhctl h", ["a"])


def test_a_variable_moves_the_user_s_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert find_spec("codex").file("user", None) == "/home/me/.codex/config.toml"
    assert find_spec("claude-code").file("user", None) == "/home/me/.claude.json"
    monkeypatch.setenv("CODEX_HOME", "/codex")
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", "/claude")
    assert find_spec("codex").file("user", None) == "/codex/config.toml"
    assert find_spec("claude-code").file("user", None) == "/claude/.claude.json"
    assert find_spec("codex").file("project", "/repo") == "/repo/.codex/config.toml"


def test_the_file_that_is_there_is_meant(tmp_path: Path) -> None:
    spec = find_spec("opencode")
    assert spec.file("project", str(tmp_path)) == f"{tmp_path}/opencode.json"
    (tmp_path / "opencode.jsonc").touch()
    assert spec.file("project", str(tmp_path)) == f"{tmp_path}/opencode.jsonc"


def test_macos_has_its_own_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/Users/me")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert find_spec("vscode").file("user", None) == "/Users/me/Library/Application Support/Code/User/mcp.json"
    assert find_spec("zed").file("user", None) == "/Users/me/.config/zed/settings.json"


@pytest.mark.parametrize("name", [name for name in IDS if name != CHATGPT])
def test_an_entry_names_the_bridge_and_the_endpoint_and_no_secret(name: str) -> None:
    spec = find_spec(name)
    entry, http = spec.entry(CONNECTION), spec.http_entry(CONNECTION)
    text = json.dumps(entry)
    for word in CONNECTION.words:
        assert word in text
    assert "<" not in text
    assert http is None or (CONNECTION.url in http.values() and "<" not in json.dumps(http))
    assert "Bearer" not in json.dumps([entry, http])
    snippet = spec.snippet(entry)
    if spec.format == "yaml":
        assert '    cmd: "/opt/my apps/rhctl"\n' in snippet
        return
    whole = tomllib.loads(snippet) if spec.format == "toml" else json.loads(snippet)
    for key in spec.keys:
        whole = whole[key]
    assert whole == {"repo_harness": entry}


def test_a_vendor_s_command_is_quoted_for_a_shell() -> None:
    spec = find_spec("claude-code")
    assert spec.add_line("user", CONNECTION) == (
        "claude mcp add -s user repo_harness -- '/opt/my apps/rhctl' connect --home /h"
    )
    assert spec.add_http_line(CONNECTION) == "claude mcp add -s user -t http repo_harness http://127.0.0.1:1/mcp"
    assert find_spec("goose").add_line("user", CONNECTION) is None
    assert find_spec("goose").add_http_line(CONNECTION) is None
