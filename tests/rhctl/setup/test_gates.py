"""Whether a client reads a project's file, by what its user told it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rhctl.setup.client_table import CHATGPT, IDS, find_spec
from rhctl.setup.gates import advice, is_open

REPO = "/repos/project"


@pytest.fixture(autouse=True)
def user(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user who has said nothing yet."""
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    return Path.home()


def say(path: Path, value: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


@pytest.mark.parametrize("gate", sorted({gate for n in IDS if n != CHATGPT and (gate := find_spec(n).gate)}))
def test_each_is_closed_until_the_user_opens_it(gate: str) -> None:
    assert not is_open(gate, REPO)
    assert all(isinstance(line, str) for line in advice(gate, REPO))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'[projects."{REPO}"]\ntrust_level = "trusted"\n', True),
        (f'[projects."{REPO}"]\ntrust_level = "untrusted"\n', False),
        ('[projects."/other"]\ntrust_level = "trusted"\n', False),
        ("projects = 1\n", False),
        ("not toml", False),
    ],
)
def test_codex_trusts_projects(user: Path, text: str, expected: bool) -> None:
    say(user / ".codex/config.toml", text)
    assert is_open("codex", REPO) is expected
    assert any(f'[projects."{REPO}"]' in line for line in advice("codex", REPO))


@pytest.mark.parametrize(
    ("settings", "state", "expected"),
    [
        ({"enabledMcpjsonServers": ["repo_harness"]}, {}, True),
        ({"enableAllProjectMcpServers": True}, {}, True),
        ({"enabledMcpjsonServers": ["other"]}, {}, False),
        ({}, {"projects": {REPO: {"enabledMcpjsonServers": ["repo_harness"]}}}, True),
        ({}, {"projects": {"/other": {"enabledMcpjsonServers": ["repo_harness"]}}}, False),
        ({}, {"projects": []}, False),
        ("{", "[]", False),
    ],
)
def test_claude_code_approves_servers(user: Path, settings: Any, state: Any, expected: bool) -> None:
    say(user / ".claude/settings.json", settings)
    say(user / ".claude.json", state)
    assert is_open("claude-code", REPO) is expected


@pytest.mark.parametrize("gate", ["gemini", "qwen-code"])
@pytest.mark.parametrize(
    ("trusted", "expected"),
    [
        ({REPO: "TRUST_FOLDER"}, True),
        ({REPO: "DO_NOT_TRUST", "/repos": "TRUST_FOLDER"}, False),
        ({"/repos": "TRUST_FOLDER"}, True),
        ({"/repos/other": "TRUST_PARENT"}, False),
        ({"/other": "TRUST_FOLDER"}, False),
    ],
)
def test_gemini_and_qwen_trust_folders(user: Path, gate: str, trusted: Any, expected: bool) -> None:
    say(user / (".gemini" if gate == "gemini" else ".qwen") / "trustedFolders.json", trusted)
    assert is_open(gate, REPO) is expected
    assert any("trustedFolders.json" in line for line in advice(gate, REPO))
