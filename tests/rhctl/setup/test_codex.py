"""Codex's configuration file: our server in it, everything else as it was."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rhctl.setup import codex
from rhwire.errors import HarnessError
from rhwire.home import Home

FACTS: dict[str, Any] = {"path": "/repos/project", "profile": "executor", "tools": ["harness_status", "latest_checks"]}
DEFAULT = Home("/home/me/.local/state/repo-harness", is_default=True)


def table(**changes: Any) -> dict[str, Any]:
    """Return a server's table."""
    return codex.entry(DEFAULT, {**FACTS, **changes}, "project")


# What stands in it.


def test_a_project_names_no_repository_since_it_may_be_checked_out_elsewhere_too() -> None:
    project, user = (codex.entry(DEFAULT, FACTS, scope) for scope in ("project", "user"))
    assert project["args"] == ["connect", "--profile", "executor"]
    assert user["args"] == ["connect", "--repo", "/repos/project", "--profile", "executor"]
    for entry in (project, user):
        assert entry["enabled_tools"] == FACTS["tools"]
        assert entry["default_tools_approval_mode"] == "writes"
        assert entry["startup_timeout_sec"] > 0
    other = codex.entry(Home("/other"), FACTS, "project")
    assert other["args"] == ["connect", "--home", "/other", "--profile", "executor"]


def test_an_empty_file_gets_exactly_our_table() -> None:
    assert tomllib.loads(codex.merge("", table())) == {"mcp_servers": {"repo_harness": table()}}
    assert codex.snippet(table()) == codex.merge("", table())


BEFORE = """\
# my settings
model = "x"   # a comment

[mcp_servers.other]
command = "other"

[mcp_servers.repo_harness]
command = "old"          # mine
note = "kept"

[mcp_servers.repo_harness.env]
KEY = "kept"

[projects."/repos/project"]
trust_level = "trusted"
"""


def test_everything_else_stays_comments_and_own_keys_included() -> None:
    text = codex.merge(BEFORE, table())
    found = tomllib.loads(text)
    assert found["model"] == "x"
    assert found["mcp_servers"]["other"] == {"command": "other"}
    assert found["mcp_servers"]["repo_harness"] == {**table(), "note": "kept", "env": {"KEY": "kept"}}
    assert found["projects"] == {"/repos/project": {"trust_level": "trusted"}}
    for comment in ("# my settings", "# a comment"):
        assert comment in text


def test_merging_again_changes_nothing() -> None:
    once = codex.merge(BEFORE, table())
    assert codex.merge(once, table()) == once


@pytest.mark.parametrize(
    "before",
    [
        "[mcp_servers]\n",
        'mcp_servers = { other = { command = "x" } }\n',
        'mcp_servers.repo_harness.command = "x"\n',
        '[mcp_servers]\nrepo_harness = { command = "x" }\n',
        'model = "x"\r\n[mcp_servers.other]\r\ncommand = "x"\r\n',
        "\n\n\n",
        "# only a comment",
    ],
)
def test_however_tables_are_written_ours_is_there_once(before: str) -> None:
    found = tomllib.loads(codex.merge(before, table(tools=[f"tool_{n}" for n in range(12)])))
    assert found["mcp_servers"]["repo_harness"]["enabled_tools"] == [f"tool_{n}" for n in range(12)]
    assert tomllib.loads(before).get("mcp_servers", {}).get("other") == found["mcp_servers"].get("other")


@pytest.mark.parametrize(
    "before",
    [
        "not toml",
        "a = 1\na = 2\n",
        "mcp_servers = 7\n",
        "[mcp_servers]\nrepo_harness = []\n",
        "[[mcp_servers.repo_harness]]\n",
    ],
)
def test_what_cannot_be_merged_is_refused_and_not_replaced(before: str) -> None:
    with pytest.raises(HarnessError) as refused:
        codex.merge(before, table())
    assert refused.value.code == "CONFIG_INVALID"


# Where it stands.


def test_each_scope_has_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("CODEX_HOME", raising=False)
    assert codex.config_path("project", "/repos/project") == "/repos/project/.codex/config.toml"
    assert codex.config_path("user", "/repos/project") == "/home/me/.codex/config.toml"
    monkeypatch.setenv("CODEX_HOME", "/elsewhere")
    assert codex.config_path("user", "/repos/project") == "/elsewhere/config.toml"


def test_a_file_is_made_or_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / ".codex/config.toml"
    codex.write(str(path), "one\r\n", "project")
    assert path.read_bytes() == b"one\r\n"
    path.chmod(0o600)
    codex.write(str(path), "two\n", "project")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("two\n", 0o600)
    assert os.listdir(path.parent) == ["config.toml"]


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    target = tmp_path / "dotfiles/config.toml"
    target.write_text("mine")
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex/config.toml").symlink_to(target)
    for scope in ("project", "user"):
        with pytest.raises(HarnessError) as refused:
            codex.write(str(tmp_path / ".codex/config.toml"), "ours", scope)
        assert refused.value.code == "SYMLINK_ESCAPE"
    assert target.read_text() == "mine"


def test_a_checkout_s_folder_that_leads_elsewhere_is_not_written_to_and_a_user_s_own_is(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".codex").symlink_to("elsewhere")
    with pytest.raises(HarnessError) as refused:
        codex.write(str(tmp_path / ".codex/config.toml"), "ours", "project")
    assert refused.value.code == "SYMLINK_ESCAPE"
    assert os.listdir(tmp_path / "elsewhere") == []
    codex.write(str(tmp_path / ".codex/config.toml"), "ours", "user")
    assert (tmp_path / "elsewhere/config.toml").read_text() == "ours"


def test_a_project_that_is_gone_is_not_made_anew_and_a_user_s_own_folder_is(tmp_path: Path) -> None:
    with pytest.raises(HarnessError) as refused:
        codex.write(str(tmp_path / "gone/.codex/config.toml"), "ours", "project")
    assert refused.value.code == "REPO_DETACHED"
    assert not (tmp_path / "gone").exists()
    codex.write(str(tmp_path / "gone/.codex/config.toml"), "ours", "user")
    assert (tmp_path / "gone/.codex/config.toml").read_text() == "ours"


def test_what_cannot_be_written_or_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HarnessError) as refused:
        codex.write(str(tmp_path / "file/config.toml"), "ours", "user")
    assert refused.value.code == "WRITE_FAILED"
    assert codex.read(str(tmp_path / "nothing")) == ""
    (tmp_path / "latin").write_bytes(b"\xe9")
    for name in ("latin", "."):
        with pytest.raises(HarnessError) as refused:
            codex.read(str(tmp_path / name))
        assert refused.value.code == "CONFIG_INVALID"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[projects."/repos/project"]\ntrust_level = "trusted"\n', True),
        ('[projects."/repos/project"]\ntrust_level = "untrusted"\n', False),
        ('[projects."/work"]\ntrust_level = "trusted"\n', False),
        ("projects = 7\n", False),
        ("not toml", False),
        ("", False),
    ],
)
def test_whether_codex_reads_a_project_s_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: bool
) -> None:
    monkeypatch.setenv("CODEX_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text(text)
    assert codex.is_trusted("/repos/project") is expected
