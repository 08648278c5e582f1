"""Every client's file: our entry goes in and out, and nothing else of what users have there changes."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rhctl.setup.client_spec import SERVER, ClientSpec, Connection
from rhctl.setup.client_table import CHATGPT, IDS, find_spec
from rhctl.setup.config_file import BACKUP, ConfigFile, read
from rhwire.errors import HarnessError
from tests.rhctl.setup.user_files import files_of

CONNECTION = Connection(["rhctl", "connect"], "http://127.0.0.1:8765/mcp", "rhctl auth-header", ["status", "read"])
WRITTEN = [spec for name in IDS if name != CHATGPT and (spec := find_spec(name)).is_written]
CASES = [pytest.param(spec, what, id=f"{spec.id}: {what}") for spec in WRITTEN for what in files_of(spec)]


def load(spec: ClientSpec, data: bytes) -> Any:
    text = data.decode("utf-8-sig")
    if spec.format == "toml":
        return tomllib.loads(text)
    return json.loads(text) if text.strip() else {}


def without_ours(spec: ClientSpec, data: bytes) -> Any:
    """Return what a file holds besides our entry, and besides the tables that may have been added for it."""
    found = load(spec, data)
    table = found
    for key in spec.keys:
        table = table.get(key, {})
    table.pop(SERVER, None)
    for key in reversed(spec.keys):
        if not found.get(key):
            found.pop(key, None)
    return found


def open_file(spec: ClientSpec, path: Path) -> ConfigFile:
    return ConfigFile(spec, str(path))


@pytest.mark.parametrize(("spec", "what"), CASES)
def test_an_entry_goes_in_once_and_out_again_without_a_trace(spec: ClientSpec, what: str, tmp_path: Path) -> None:
    before, path = files_of(spec)[what], tmp_path / "config"
    path.write_bytes(before)
    path.chmod(0o640)
    entry = spec.entry(CONNECTION)

    file = open_file(spec, path)
    file.write(file.merge(entry))
    written = path.read_bytes()
    assert open_file(spec, path).find() == entry
    assert without_ours(spec, written) == without_ours(spec, before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert written.startswith(b"\xef\xbb\xbf") == before.startswith(b"\xef\xbb\xbf")
    if b"\r\n" in before and b"\n" not in before.replace(b"\r\n", b""):
        assert b"\n" not in written.replace(b"\r\n", b"")
    assert (tmp_path / f"config{BACKUP}").read_bytes() == before

    again = open_file(spec, path)
    assert again.merge(entry) == written, "merging twice changes nothing"
    again.write(again.merge(entry))

    file = open_file(spec, path)
    file.write(file.remove())
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["config"], "the copy is gone too"


@pytest.mark.parametrize(("spec", "what"), CASES)
def test_what_the_user_changes_meanwhile_stays(spec: ClientSpec, what: str, tmp_path: Path) -> None:
    """The copy is older than the change, so the entry is cut out of the text."""
    before, path = files_of(spec)[what], tmp_path / "config"
    path.write_bytes(before)
    file = open_file(spec, path)
    file.write(file.merge({**spec.entry(CONNECTION), "mine": {"a": [1, 2]}}))
    path.write_bytes(path.read_bytes() + b"\n")

    file = open_file(spec, path)
    file.write(file.merge(spec.entry(CONNECTION)))
    found = open_file(spec, path).find()
    assert found == {**spec.entry(CONNECTION), "mine": {"a": [1, 2]}}, "what is added to our entry stays"

    file = open_file(spec, path)
    file.write(file.remove())
    left = path.read_bytes()
    assert load(spec, left) == load(spec, before)
    for line in before.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        assert line.strip(b" \t\r,{}") in left


@pytest.mark.parametrize("spec", WRITTEN, ids=lambda spec: spec.id)
def test_a_file_that_was_made_for_the_entry_goes_with_it(spec: ClientSpec, tmp_path: Path) -> None:
    path = tmp_path / "made" / "config"
    file = open_file(spec, path)
    assert file.find() is None
    file.write(file.merge(spec.entry(CONNECTION)))
    assert open_file(spec, path).find() == spec.entry(CONNECTION)
    assert load(spec, path.read_bytes()) == load(spec, spec.snippet(spec.entry(CONNECTION)).encode())
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    file = open_file(spec, path)
    file.write(file.remove())
    assert not path.parent.exists()


@pytest.mark.parametrize("spec", WRITTEN, ids=lambda spec: spec.id)
def test_an_entry_that_was_edited_by_hand_gets_our_keys_back_and_keeps_its_own(
    spec: ClientSpec, tmp_path: Path
) -> None:
    path, entry = tmp_path / "config", spec.entry(CONNECTION)
    command = next(key for key in ("command", "cmd") if key in entry)
    edited = {**entry, command: "/old/rhctl", "disabled": True}
    path.write_text(spec.snippet(edited))
    file = open_file(spec, path)
    file.write(file.merge(entry))
    assert open_file(spec, path).find() == {**entry, "disabled": True}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gemini", '{\n  // a comment\n  "mcpServers": {}\n}\n'),
        ("vscode", '{"servers": {},}'),
        ("gemini", "not json"),
        ("gemini", "[]"),
        ("gemini", '{"mcpServers": 7}'),
        ("gemini", '{"mcpServers": {"repo_harness": []}}'),
        ("gemini", '{"a": 1, "a": 2}'),
        ("gemini", "[" * 100_000),
        ("codex", "not toml"),
        ("codex", "a = 1\na = 2\n"),
        ("codex", "mcp_servers = 7\n"),
        ("codex", "[mcp_servers]\nrepo_harness = []\n"),
        ("codex", "[[mcp_servers.repo_harness]]\n"),
    ],
)
def test_what_cannot_be_merged_is_refused_and_stays(name: str, text: str, tmp_path: Path) -> None:
    spec, path = find_spec(name), tmp_path / "config"
    path.write_text(text)
    file = open_file(spec, path)
    assert file.find() is None
    with pytest.raises(HarnessError) as refused:
        file.merge(spec.entry(CONNECTION))
    assert refused.value.code == "CONFIG_INVALID"
    assert str(path) in refused.value.message
    assert file.remove() == text.encode(), "there is nothing of ours in it"


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    spec, path = find_spec("codex"), tmp_path / "config"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(HarnessError) as refused:
        open_file(spec, path).merge(spec.entry(CONNECTION))
    assert refused.value.code == "CONFIG_INVALID"


def test_a_change_of_another_program_at_the_same_moment_is_not_lost(tmp_path: Path) -> None:
    spec, path = find_spec("claude-code"), tmp_path / "config"
    path.write_text("{}")
    file = open_file(spec, path)
    path.write_text('{"new": 1}')
    with pytest.raises(HarnessError) as refused:
        file.write(file.merge(spec.entry(CONNECTION)))
    assert refused.value.code == "WRITE_FAILED"
    assert path.read_text() == '{"new": 1}'


def test_a_file_that_its_owner_made_read_only_is_left_alone(tmp_path: Path) -> None:
    spec, path = find_spec("claude-code"), tmp_path / "config"
    path.write_text("{}")
    path.chmod(0o444)
    file = open_file(spec, path)
    with pytest.raises(HarnessError) as refused:
        file.write(file.merge(spec.entry(CONNECTION)))
    assert refused.value.code == "WRITE_FAILED"
    assert (path.read_text(), [each.name for each in tmp_path.iterdir()]) == ("{}", ["config"])


def test_links_are_not_written_through_and_a_lost_checkout_is_not_made_anew(tmp_path: Path) -> None:
    spec, real = find_spec("codex"), tmp_path / "real"
    real.write_text("")
    link = tmp_path / "link"
    link.symlink_to(real)
    (tmp_path / "folder").symlink_to(tmp_path)
    for project, path, code in (
        (None, link, "SYMLINK_ESCAPE"),
        (tmp_path, link, "SYMLINK_ESCAPE"),
        (tmp_path, tmp_path / "folder" / "deep" / "new", "SYMLINK_ESCAPE"),
        (tmp_path / "gone", tmp_path / "gone" / ".codex" / "config.toml", "REPO_DETACHED"),
        (None, real / "config.toml", "WRITE_FAILED"),
    ):
        file = ConfigFile(spec, str(path), str(project) if project is not None else None)
        with pytest.raises(HarnessError) as refused:
            file.write(file.merge(spec.entry(CONNECTION)))
        assert refused.value.code == code
    assert real.read_text() == ""


def test_a_pipe_or_a_folder_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(HarnessError) as refused:
            read(str(tmp_path / name))
        assert refused.value.code == "CONFIG_INVALID"
    assert read(str(tmp_path / "nothing")) is None


def test_a_diff_shows_what_would_change(tmp_path: Path) -> None:
    spec, path = find_spec("gemini"), tmp_path / "config"
    path.write_text('{\n  "a": 1\n}')
    file = open_file(spec, path)
    lines = file.diff(file.merge(spec.entry(CONNECTION))).splitlines()
    assert lines[:2] == [f"--- {path}", f"+++ {path}"]
    assert '+    "repo_harness": {' in lines
    assert file.diff(path.read_bytes()) == ""
