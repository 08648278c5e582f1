from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rhwire.home import MAX_SOCKET_PATH_BYTES, Home, HomeUnusable, make_folders


def test_the_flag_wins_over_the_variable_and_the_variable_over_home() -> None:
    environ = {"HOME": "/h", "REPO_HARNESS_HOME": "/v", "XDG_STATE_HOME": "/x"}
    assert Home.find("/f", environ).base == "/f"
    assert Home.find(None, environ).base == "/v"
    del environ["REPO_HARNESS_HOME"]
    found = Home.find(None, environ)
    assert (found.base, found.is_default) == ("/h/.local/state/repo-harness", True)


def test_both_sides_agree_though_a_client_strips_the_environment() -> None:
    """Codex hands its servers HOME and PATH, no XDG_*: the answer must be the same."""
    full = {"HOME": "/h", "PATH": "/bin", "XDG_RUNTIME_DIR": "/run/user/1", "XDG_STATE_HOME": "/elsewhere"}
    bare = {"HOME": "/h", "PATH": "/bin"}
    assert Home.find(None, full).socket == Home.find(None, bare).socket


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "relative"}])
def test_without_any_home_the_reason_is_said(environ: dict[str, str]) -> None:
    with pytest.raises(HomeUnusable, match="neither"):
        Home.find(None, environ)


def test_a_long_base_gets_a_short_socket_in_a_folder_of_ours(tmp_path: Path) -> None:
    base = str(tmp_path / ("x" * 120))
    home = Home(base, temporary=str(tmp_path / "t"))
    assert len(os.fsencode(Home(base).socket)) <= MAX_SOCKET_PATH_BYTES
    assert home.socket == Home(base, temporary=str(tmp_path / "t")).socket
    assert home.socket != Home(base + "y", temporary=str(tmp_path / "t")).socket
    (tmp_path / "t").mkdir()
    home.prepare()
    folder = Path(home.socket).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_folders_are_ours_alone_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        Home(str(tmp_path / "a" / "base")).prepare()
    finally:
        os.umask(before)
    for folder in (tmp_path / "a", tmp_path / "a" / "base"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_open_to_others_is_refused_with_the_command_that_closes_it(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    base.chmod(0o755)
    with pytest.raises(HomeUnusable) as caught:
        Home(str(base)).prepare()
    assert caught.value.code == "FOLDER_NOT_OURS"
    assert f"chmod 700 {base}" in caught.value.next_step


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of another user's")
def test_somebody_elses_folder_is_refused(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir(mode=0o700)
    os.chown(base, 65534, 65534)
    with pytest.raises(HomeUnusable, match="belongs to user 65534"):
        Home(str(base)).prepare()


def test_a_link_or_a_file_in_the_place_of_the_home_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_text("")
    for name in ("link", "file"):
        with pytest.raises(HomeUnusable):
            Home(str(tmp_path / name)).prepare()


@pytest.mark.parametrize("named", ["/h/.local/state/repo-harness", "/h/../h/.local/state/repo-harness/"])
def test_the_default_home_is_the_default_one_though_it_is_named(named: str) -> None:
    """Or a service that names it would look for its database elsewhere than a daemon that does not."""
    assert Home.find(named, {"HOME": "/h"}).is_default
    assert Home.find(None, {"HOME": "/h", "REPO_HARNESS_HOME": named}).is_default
    assert not Home.find(named, {"HOME": "/other"}).is_default
    assert not Home.find(named, {}).is_default


def test_parents_that_exist_stay_as_they_are_and_missing_ones_are_ours_alone(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        for _ in range(2):
            make_folders(str(shared / "one" / "two" / "three"))
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in [shared, *shared.rglob("*")]}
    assert modes == {"shared": 0o755, "one": 0o700, "two": 0o700, "three": 0o700}


@pytest.mark.parametrize("place", ["file", "dangling", "file/below", "dangling/below"])
def test_a_folder_cannot_be_made_where_something_else_is(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OSError, match=r"exists|Not a directory"):
        make_folders(str(tmp_path / place))
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_holds_other_things_is_not_to_be_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "passwd").touch()
    with pytest.raises(HomeUnusable) as refused:
        Home(str(tmp_path)).prepare()
    assert "chmod" not in refused.value.next_step
    assert "--home" in refused.value.next_step
    (tmp_path / "passwd").rename(tmp_path / "home.json")
    with pytest.raises(HomeUnusable) as refused:
        Home(str(tmp_path)).prepare()
    assert refused.value.next_step == f"Close it with: chmod 700 {tmp_path}"
