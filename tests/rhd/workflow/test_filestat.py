"""rhd.workflow.filestat: what is told apart."""

from __future__ import annotations

import os
from pathlib import Path

from rhd.workflow.filestat import Facts


def test_kinds_are_told_apart_and_a_link_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    kinds = {name: Facts(os.stat(tmp_path / name, follow_symlinks=False)) for name in ("file", "link", "pipe", ".")}
    assert {name for name, facts in kinds.items() if facts.is_file} == {"file"}
    assert {name for name, facts in kinds.items() if facts.is_link} == {"link"}
    assert {name for name, facts in kinds.items() if facts.is_folder} == {"."}


def test_one_thing_has_one_identity_under_all_its_names(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    os.link(tmp_path / "a", tmp_path / "b")
    a, b = (Facts(os.stat(tmp_path / name)) for name in "ab")
    assert a.identity == b.identity
    assert a.links == 2


def test_the_signature_changes_with_content_size_times_and_replacement(tmp_path: Path) -> None:
    path = tmp_path / "a"
    seen = set()
    for change in (
        lambda: path.write_text("a"),
        lambda: path.write_text("ab"),
        lambda: os.utime(path, ns=(1, 1)),
        lambda: (path.with_name("b").write_text("ab"), path.with_name("b").rename(path)),
    ):
        change()
        seen.add(Facts(os.stat(path)).signature)
    assert len(seen) == 4
