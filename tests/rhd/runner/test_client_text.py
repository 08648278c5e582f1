"""An agent's words as a client may see them."""

from __future__ import annotations

import pytest

from rhd.runner.client_text import MESSAGE_BYTES, client_text, relative_path


def test_secrets_and_paths_of_the_machine_are_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    text = "Changed /home/me/app/a.py in /home/me/app with ghp_Zk3vQ8sLxW1tYbN5mRdC7fHjP2gA9eUoKqIw from /home/me/.x"
    said = client_text(text, "/home/me/app")
    assert said == "Changed a.py in . with [REDACTED:github_token] from ~/.x"
    assert client_text(None, "/home/me/app") is None


@pytest.mark.parametrize("character", ["x", "ä", "漢", "😀"])
def test_it_is_cut_between_characters(character: str) -> None:
    said = client_text(character * (MESSAGE_BYTES + 1), "/r")
    assert said is not None
    assert said.endswith("…")
    assert MESSAGE_BYTES - 8 < len(said.encode()) <= MESSAGE_BYTES
    assert client_text("x" * MESSAGE_BYTES, "/r") == "x" * MESSAGE_BYTES


def test_a_path_is_named_relative_to_the_repository() -> None:
    assert relative_path("/r/app/a/b.py", "/r/app") == "a/b.py"
    assert relative_path("./a/b.py", "/r/app") == "a/b.py"
    assert relative_path("/r/apple/b.py", "/r/app") is None
