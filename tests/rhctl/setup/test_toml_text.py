"""One table of a TOML text, and nothing else of it."""

from __future__ import annotations

import tomllib

import pytest

from rhctl.setup.toml_text import parse, remove_entry, set_entry

KEYS = ("mcp_servers", "ours")
BEFORE = """\
# my settings
model = "x"   # a comment

[mcp_servers.other]
command = "other"

[mcp_servers.ours]
command = "old"          # mine
note = "kept"

[mcp_servers.ours.env]
KEY = "kept"

[projects."/repos/project"]
trust_level = "trusted"
"""


def test_everything_else_stays_comments_and_own_keys_included() -> None:
    text = set_entry(BEFORE, KEYS, {"command": "rhctl", "tools": ["a", "b"]})
    assert text == BEFORE.replace('"old"', '"rhctl"').replace('note = "kept"\n', 'note = "kept"\ntools = ["a", "b"]\n')
    assert set_entry(text, KEYS, {"command": "rhctl", "tools": ["a", "b"]}) == text


def test_a_long_list_has_a_line_for_each_item() -> None:
    text = set_entry("", KEYS, {"tools": [f"tool_{number}" for number in range(7)]})
    assert '    "tool_3",\n' in text
    assert parse(text)["mcp_servers"]["ours"]["tools"][6] == "tool_6"


@pytest.mark.parametrize(
    "before",
    [
        "[mcp_servers]\n",
        'mcp_servers = { other = { command = "x" } }\n',
        'mcp_servers.ours.command = "x"\n',
        '[mcp_servers]\nours = { command = "x" }\n',
        "\n\n\n",
        "# only a comment",
    ],
)
def test_however_tables_are_written_ours_is_there_once(before: str) -> None:
    text = set_entry(before, KEYS, {"command": "rhctl", "tools": [str(number) for number in range(12)]})
    found = tomllib.loads(text)["mcp_servers"]
    assert found.pop("ours") == {"command": "rhctl", "tools": [str(number) for number in range(12)]}
    assert found == {name: each for name, each in parse(before).get("mcp_servers", {}).items() if name != "ours"}
    left = parse(remove_entry(text, KEYS))
    assert left.get("mcp_servers", {}) == found


def test_tables_that_are_emptied_go_unless_they_are_kept() -> None:
    text = set_entry("a = 1\n", KEYS, {"command": "rhctl"})
    assert parse(remove_entry(text, KEYS)) == {"a": 1}
    text = set_entry("a = 1\n[mcp_servers]\n", KEYS, {"command": "rhctl"})
    assert parse(remove_entry(text, KEYS, 1)) == {"a": 1, "mcp_servers": {}}
    assert remove_entry("a = 1\n", KEYS) == "a = 1\n"
    assert remove_entry("mcp_servers = 1\n", KEYS) == "mcp_servers = 1\n"


@pytest.mark.parametrize("text", ["not toml", "a = 1\na = 2\n", "mcp_servers = 7\n", "[mcp_servers]\nours = []\n"])
def test_what_cannot_be_changed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        set_entry(text, KEYS, {"command": "rhctl"})
