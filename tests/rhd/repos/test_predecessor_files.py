from __future__ import annotations

import json
from pathlib import Path

import pytest

from rhd.repos.predecessor_files import Leftovers, find_leftovers
from rhd.workflow.root import Root


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def put(folder: Path, name: str, value: object) -> None:
    (folder / ".repo-harness").mkdir(parents=True, exist_ok=True)
    (folder / ".repo-harness" / name).write_text(json.dumps(value))


def found(path: Path) -> Leftovers:
    path.mkdir(exist_ok=True)
    with Root.open(str(path)) as root:
        return find_leftovers(root)


def test_nothing_is_left_where_it_never_was(home: Path, tmp_path: Path) -> None:
    assert found(tmp_path / "r") == Leftovers()


def test_secrets_and_the_endpoint_are_found_in_the_repository_and_at_home(home: Path, tmp_path: Path) -> None:
    repository = tmp_path / "r"
    put(repository, "mcp.tokens.json", {"bearerToken": "t"})
    put(home, "mcp.oauth.json", {"passphrase": "p"})
    put(home, "mcp.oauth-tokens.json", {})
    put(home, "mcp.local.json", {"chatgpt": {"endpoint": "https://mine.example/mcp"}})
    assert found(repository) == Leftovers(
        (
            ".repo-harness/mcp.tokens.json",
            "~/.repo-harness/mcp.oauth-tokens.json",
            "~/.repo-harness/mcp.oauth.json",
        ),
        "https://mine.example/mcp",
    )


@pytest.mark.parametrize(
    "config",
    [
        {},
        [],
        {"chatgpt": None},
        {"chatgpt": {"endpoint": 1}},
        {"chatgpt": {"endpoint": "http://a.example/mcp"}},
        {"chatgpt": {"endpoint": "https://u:p@a.example/mcp"}},
        {"chatgpt": {"endpoint": "https://a.example/\u001b[31m"}},
        {"chatgpt": {"endpoint": "https://a.example/ --x"}},
        {"chatgpt": {"endpoint": "https://[x/"}},
    ],
)
def test_what_is_no_public_url_is_not_offered(home: Path, tmp_path: Path, config: object) -> None:
    put(tmp_path / "r", "mcp.local.json", config)
    assert found(tmp_path / "r").endpoint is None
