"""Shards of real inotify, and what they take for granted of RustNotify."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchfiles._rust_notify import RustNotify

from rhd.watch.shard import CannotWatch, FolderGone, FolderRefused, NoMoreInstances, NoMoreWatches, Shard, ShardDied
from tests.support.inotify import ADDED, FakeInotify


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[Shard]:
    made = Shard([str(tmp_path)], born=0)
    yield made
    made.close()


def look_until(shard: Shard, wanted: str, timeout_s: float = 5.0) -> set[tuple[int, str]]:
    """Look until a path is told of; the watcher's own thread needs a moment."""
    seen: set[tuple[int, str]] = set()
    end = time.monotonic() + timeout_s
    while not any(path == wanted for _, path in seen):
        assert time.monotonic() < end, f"not told of {wanted}"
        seen |= shard.look()
    return seen


def test_a_look_at_quiet_folders_returns_at_once_with_nothing(shard: Shard) -> None:
    for _ in range(1000):
        assert not shard.look()


def test_a_look_returns_what_changed(shard: Shard, tmp_path: Path) -> None:
    (tmp_path / "a.md").touch()
    assert (ADDED, str(tmp_path / "a.md")) in look_until(shard, str(tmp_path / "a.md"))


def test_a_pending_change_outlives_a_stop_event_that_raises(tmp_path: Path) -> None:
    """RustNotify's own ways out, a stop event that is set and a timeout, throw the pending changes away."""

    class Impatient(Exception):
        pass

    class Stop:
        def is_set(self) -> bool:
            raise Impatient

    (tmp_path / "folder").mkdir()
    notify = RustNotify([str(tmp_path / "folder")], False, False, 0, False, False)
    shard = Shard([str(tmp_path / "folder")], born=0)
    (tmp_path / "folder" / "a.md").touch()
    look_until(shard, str(tmp_path / "folder" / "a.md"))  # by now the other one has it too, or soon
    end = time.monotonic() + 5
    while True:
        with pytest.raises(Impatient):
            notify.watch(0, 1, 0, Stop())
        shard_like = Shard.__new__(Shard)
        shard_like._notify, shard_like._glance, shard_like.backlog = notify, shard._glance, shard.backlog
        if batch := shard_like.look():
            break
        assert time.monotonic() < end
    assert (ADDED, str(tmp_path / "folder" / "a.md")) in batch
    notify.close()
    shard.close()


def test_no_change_is_lost_between_looks(shard: Shard, tmp_path: Path) -> None:
    wanted = set()
    seen: set[str] = set()
    for number in range(2000):
        path = tmp_path / f"{number}.md"
        path.touch()
        wanted.add(str(path))
        seen |= {path for _, path in shard.look()}
    end = time.monotonic() + 5
    while not wanted <= seen:
        assert time.monotonic() < end, f"{len(wanted - seen)} lost"
        seen |= {path for _, path in shard.look()}


def test_a_name_that_is_not_utf8_kills_the_shard_for_ever(shard: Shard, tmp_path: Path) -> None:
    os.close(os.open(os.fsencode(tmp_path) + b"/bad\xff.md", os.O_CREAT | os.O_WRONLY))
    end = time.monotonic() + 5
    deaths = 0
    while deaths < 3:
        assert time.monotonic() < end
        try:
            shard.look()
            assert not deaths, "it came back to life"
        except ShardDied:
            deaths += 1


def test_a_folder_that_is_not_there_refuses_the_shard(tmp_path: Path) -> None:
    with pytest.raises(FolderGone) as refusal:
        Shard([str(tmp_path), str(tmp_path / "gone")], born=0)
    assert refusal.value.path == str(tmp_path / "gone")


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        'quo"te',
        "back\\slash",
        "計画",
        "e\u0301",
        "\u200b\xad\u202e",
        "\U0001f600",
        "n\nl\tt\r\x01\x7f",
        "\\n",
        '"]',
    ],
)
def test_the_folder_that_is_not_there_is_named_whatever_it_is_called(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for gone in (f"{tmp_path}/{name}", f"{tmp_path}/file/{name}", f"{tmp_path}/loop/{name}"):
        with pytest.raises(FolderGone) as refusal:
            Shard([str(tmp_path), gone, f"{tmp_path}/gone too"], born=0)
        assert refusal.value.path == gone


def test_a_name_that_cannot_be_said_refuses_the_shard(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff")
    os.mkdir(path)
    for refused in (path, f"{tmp_path}/nul\0"):
        with pytest.raises(FolderRefused) as error:
            Shard([str(tmp_path), refused], born=0)
        assert error.value.path == refused


def test_a_folder_that_may_not_be_read_refuses_the_shard() -> None:
    inotify = FakeInotify()
    inotify.refused.add("/")
    with pytest.raises(FolderRefused):
        Shard(["/"], born=0, notify=inotify.notify)
    inotify.unspeakable.add("/tmp")
    with pytest.raises(CannotWatch):
        Shard(["/tmp"], born=0, notify=inotify.notify)


UNPRIVILEGED = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []
"""What makes root a user who may not read everything."""

PRIVATE = """
import os, sys
from rhd.watch.shard import FolderRefused, Shard
os.chmod(sys.argv[2], 0)
try:
    Shard(sys.argv[1:], born=0)
except FolderRefused as error:
    print(repr(error.path))
"""


@pytest.mark.skipif(bool(UNPRIVILEGED) and shutil.which("setpriv") is None, reason="root may read anything")
@pytest.mark.parametrize(
    "name", ["docs", 'with "quotes" in it"]', "e\u0301 \\ \U0001f600", "line\nbreak\ttab", "\u202e"]
)
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, name: str) -> None:
    private = tmp_path / name
    private.mkdir()
    done = run([*UNPRIVILEGED, sys.executable, "-c", PRIVATE, str(tmp_path), str(private)])
    assert done.stdout.strip() == repr(str(private)), done.stderr


CROWDED = """
import os, resource, sys
from rhd.watch.shard import NoMoreFiles, Shard
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
held, refused, watching = [], 0, False
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
while not watching:
    try:
        Shard([sys.argv[1]], born=0)
        watching = True
    except NoMoreFiles:
        refused += 1
        os.close(held.pop())
print(refused > 0)
"""


def test_a_process_that_may_open_no_more_files_is_told_apart_from_the_limit_of_instances(tmp_path: Path) -> None:
    done = run([sys.executable, "-c", CROWDED, str(tmp_path)])
    assert done.stdout == "True\n", done.stderr


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=30,
    )


LIMITED = """
import sys
from rhd.watch.shard import NoMoreInstances, NoMoreWatches, Shard
folders, what = sys.argv[2:], sys.argv[1]
with open(f"/proc/sys/user/max_inotify_{what}", "w") as limit:
    limit.write("3")
held = []
try:
    if what == "watches":
        Shard(folders, born=0)
    else:
        held.extend(Shard([folder], born=0) for folder in folders)
except (NoMoreWatches, NoMoreInstances) as error:
    print(type(error).__name__)
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs a user namespace")
@pytest.mark.parametrize(("what", "refusal"), [("watches", NoMoreWatches), ("instances", NoMoreInstances)])
def test_the_kernels_limits_are_told_apart(what: str, refusal: type[Exception], tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(5)]
    for folder in folders:
        folder.mkdir()
    done = run(["unshare", "--user", "--map-root-user", sys.executable, "-c", LIMITED, what, *map(str, folders)])
    if "unshare" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip("user namespaces are not allowed here")
    assert done.stdout.strip() == refusal.__name__, done.stderr


def test_the_fake_says_what_the_kernel_says(tmp_path: Path) -> None:
    with pytest.raises(NoMoreWatches):
        Shard([str(tmp_path)], born=0, notify=FakeInotify(max_watches=0).notify)
    with pytest.raises(NoMoreInstances):
        Shard([str(tmp_path)], born=0, notify=FakeInotify(max_instances=0).notify)
    with pytest.raises(FolderGone) as refusal:
        Shard([str(tmp_path / "gone")], born=0, notify=FakeInotify().notify)
    assert refusal.value.path == str(tmp_path / "gone")
    inotify = FakeInotify()
    shard = Shard([str(tmp_path)], born=0, notify=inotify.notify)
    assert not shard.look()
    inotify.change(f"{tmp_path}/a.md", ADDED)
    assert shard.look() == {(ADDED, f"{tmp_path}/a.md")}
    inotify.kill(str(tmp_path))
    with pytest.raises(ShardDied):
        shard.look()
