"""Proof that the daemon touches repositories through `rhd.workflow.root` alone.

`install` puts an audit hook (PEP 578) into this process. The hook looks at every open, listing, removal, rename
and the like that has a frame of `rhd` on its stack, unless that frame is `Root`'s (or of the two modules that
`Root` alone uses), and refuses it

- if its path lies in a registered repository, whatever the name it goes by there;
- if it uses a relative name, or the descriptor of a folder: where those lead cannot be seen from here;
- if it looks up a C function that opens files, which no audit event would tell of;
- if it starts a program in a registered repository, or tells it of one: what that does is not seen from here.

`stat` and its like raise no audit event. The functions of `os` that look at a file by its name are replaced by
`install` with ones that tell the same hook first, and `os.path` and `pathlib` look through those.

A thread has a stack of its own: what `trio.Path`, `trio.open_file`, `to_thread.run_sync(os.listdir, path)` or
`Thread(target=os.mkdir)` do there has no frame of who asked for it. In a thread with frames of neither `rhd` nor the
tests it is taken for `rhd`'s, and refused if its path lies in a registered repository; relative names and
descriptors pass there, because threads of libraries may have some of their own.

A violation is raised where it happens and recorded, since daemons catch exceptions; the fixture in
tests/conftest.py fails the test for every record. Tests register repositories (`Repository.make` does).

Other processes: `environment(folder)` is what a child needs to carry the hook too. PYTHONPATH begins with
tests/support/child, whose `sitecustomize` runs this file by its path before anything else of the child runs, and
CONFINEMENT_FOLDER names a folder in which the test writes the repositories, and children their pids and their
violations. tests/conftest.py puts both into the environment of the whole run, so that a daemon has them however it
is started, unless it is started with a PYTHONPATH of its own making: extend the one that is there.
`watched_processes` says which children carry the hook, for a test that starts a daemon to assert.

Not seen: what C code does without an event (sqlite's own opens, the watcher naming folders to the kernel), a caller
of the module `posix` below `os` (ruff bans it, and whatever else looks by name), and what other programs do.
"""

from __future__ import annotations

import os
import sys
from _thread import _local, get_ident  # threading itself would be a dozen imports in every child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

CHILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "child")
VARIABLE = "CONFINEMENT_FOLDER"
_REPOSITORIES, _VIOLATIONS, _PROCESSES = "repositories", "violations", "processes"

# event -> (positions of paths, positions of folder descriptors); see "Audit events table" in Python's documentation.
_EVENTS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "open": ((0,), ()),
    "os.chdir": ((0,), ()),
    "os.chflags": ((0,), ()),
    "os.chmod": ((0,), (2,)),
    "os.chown": ((0,), (3,)),
    "os.getxattr": ((0,), ()),
    "os.link": ((0, 1), (2, 3)),
    "os.listdir": ((0,), ()),
    "os.listxattr": ((0,), ()),
    "os.mkdir": ((0,), (2,)),
    "os.remove": ((0,), (1,)),
    "os.removexattr": ((0,), ()),
    "os.rename": ((0, 1), (2, 3)),
    "os.rmdir": ((0,), (1,)),
    "os.scandir": ((0,), ()),
    "os.setxattr": ((0,), ()),
    "os.symlink": ((1,), (2,)),
    "os.truncate": ((0,), ()),
    "os.utime": ((0,), (3,)),
    "sqlite3.connect": ((0,), ()),
}
# Functions of os that look at what a name leads to and raise no event: `install` makes each raise one, its name, with
# its path and its descriptor of a folder.
SILENT = ("access", "lstat", "mkfifo", "mknod", "pathconf", "readlink", "stat", "statvfs")
_EVENTS |= {f"os.{name}": ((0,), (1,)) for name in SILENT}
# With these a number names a folder; elsewhere (open, chmod, truncate …) it is a file that was opened before.
_NUMBER_IS_FOLDER = {"os.chdir", "os.listdir", "os.scandir"}
_STARTS = {"os.exec", "os.posix_spawn", "os.system", "subprocess.Popen"}
_FOREIGN = {"syscall", "open", "open64", "openat", "openat2", "creat", "fopen", "opendir", "rename", "unlink"}

_ROOT = os.path.join("workflow", "root.py")
_ROOTS_OWN = (os.path.join("workflow", "openat.py"), os.path.join("workflow", "temporary_file.py"))
_TESTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")

_folder: str | None = None
_known: tuple[tuple[int, int], frozenset[str]] = ((0, 0), frozenset())
_is_installed = False
_main_thread = 0
_inside = _local()


class ConfinementViolation(RuntimeError):
    """Something of `rhd` touched a repository, or might have, beside `Root`."""


def install(folder: str) -> None:
    """Watch this process from now on; `folder` holds the registered repositories and the violations."""
    global _folder, _known, _is_installed, _main_thread
    _folder, _known = folder, ((0, 0), frozenset())
    if not _is_installed:  # a hook cannot be removed
        _main_thread = get_ident()
        sys.addaudithook(_watch)
        for name in SILENT:
            _make_heard(name)
        _is_installed = True
    _append(os.path.join(folder, _PROCESSES), str(os.getpid()))


def register(path: str | os.PathLike[str]) -> None:
    """Watch over the repository at `path`, here and in every child that has the hook."""
    if _folder is not None:
        with _unwatched():
            _append(os.path.join(_folder, _REPOSITORIES), os.path.realpath(path))


def take_violations() -> list[str]:
    """Return the violations recorded since the last call, here and in children."""
    if _folder is None:
        return []
    path = os.path.join(_folder, _VIOLATIONS)
    try:
        with open(path, encoding="utf-8") as lines:
            found = lines.read().splitlines()
        os.unlink(path)
    except FileNotFoundError:
        return []
    return found


def watched_processes() -> set[int]:
    """Return the ids of the processes that have the hook, or had it when they ended."""
    if _folder is None:
        return set()
    with open(os.path.join(_folder, _PROCESSES), encoding="utf-8") as lines:
        return {int(line) for line in lines}


def environment(folder: str) -> dict[str, str]:
    """Return what a child's environment needs so that the hook is installed in it before anything else runs."""
    paths = [CHILD, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {VARIABLE: folder, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _EVENTS or event in _STARTS or event == "ctypes.dlsym":
        _refuse_beside_root(event, arguments, sys._getframe().f_back)  # none: the interpreter opens its script


class _Heard:
    """A function of `os` that tells the hook first. No method when it is a class's attribute: the original is none."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._event = f"os.{function.__name__}"
        self.__name__, self.__doc__ = function.__name__, function.__doc__

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        path = arguments[0] if arguments else named.get("path")
        _refuse_beside_root(self._event, (path, named.get("dir_fd")), sys._getframe(1))
        return self._function(*arguments, **named)


def _make_heard(name: str) -> None:
    function = getattr(os, name)
    heard = _Heard(function)
    setattr(os, name, heard)
    # `os.stat in os.supports_dir_fd` is how the standard library asks what it can do.
    for supports in (os.supports_dir_fd, os.supports_effective_ids, os.supports_fd, os.supports_follow_symlinks):
        if function in supports:
            supports.add(heard)


def _refuse_beside_root(event: str, arguments: tuple[Any, ...], frame: FrameType | None) -> None:
    if _folder is None or frame is None or getattr(_inside, "hook", False):
        return
    where, is_ours = _find_frame_beside_root(frame)
    if where is None:
        return
    with _unwatched():
        reason = _judge(event, arguments) if is_ours else _judge_paths(event, arguments)
        if reason is not None:
            message = f"{event}: {reason} at {where.f_code.co_filename}:{where.f_lineno}"
            if not is_ours:
                message += ", sent to a thread by rhd, or by a test: a test sends a function of its own"
            _append(os.path.join(_folder, _VIOLATIONS), message)
            raise ConfinementViolation(message)


def _find_frame_beside_root(innermost: FrameType) -> tuple[FrameType | None, bool]:
    """Return the innermost frame of `rhd` if it is not `Root`'s, and True; a test that it calls back is the test's.

    In a thread without a frame of either it is the innermost frame of all, and False: `rhd` may have sent it there.
    """
    package = sys.modules.get("rhd")
    if package is None:
        return None, False
    folders = tuple(os.path.join(folder, "") for folder in package.__path__)
    is_lost = get_ident() != _main_thread
    frame: FrameType | None = innermost
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(folders):
            if name.endswith(_ROOT):
                return None, False
            if not name.endswith(_ROOTS_OWN):
                return frame, True
            is_lost = False
        elif name.startswith(_TESTS):
            return None, False
        frame = frame.f_back
    return (innermost, False) if is_lost else (None, False)


def _judge(event: str, arguments: tuple[Any, ...]) -> str | None:
    if event in _STARTS:
        return _judge_start(arguments)
    if event == "ctypes.dlsym":
        return f"looks up {arguments[1]}" if arguments[1] in _FOREIGN else None
    paths, descriptors = _EVENTS[event]
    for position in descriptors:
        if isinstance(arguments[position], int) and arguments[position] >= 0:
            return "uses the descriptor of a folder"
    for position in paths:
        path = arguments[position]
        if isinstance(path, int):
            if event in _NUMBER_IS_FOLDER:
                return "uses the descriptor of a folder"
            continue
        name = _name_of(event, path)
        if (
            name == "<unknown>"
        ):  # from Python 3.13 on a traceback parses source lines, and the parser looks for its file
            continue
        if name is not None and not name.startswith("/"):
            return f"uses the relative name {name!r}"
    return _judge_paths(event, arguments)


def _judge_start(arguments: tuple[Any, ...]) -> str | None:
    for argument in arguments:
        for word in argument if isinstance(argument, (list, tuple)) else (argument,):
            if not isinstance(word, (str, bytes, os.PathLike)):
                continue
            for part in os.fsdecode(word).split():  # os.system's is a whole line
                if part.startswith("/") and (repository := _repository_of(part)) is not None:
                    return f"starts a program on the repository {repository}"
    return None


def _judge_paths(event: str, arguments: tuple[Any, ...]) -> str | None:
    for position in _EVENTS[event][0] if event in _EVENTS else ():
        if isinstance(path := arguments[position], int):
            continue
        name = _name_of(event, path)
        if name is not None and (repository := _repository_of(name)) is not None:
            return f"reaches into the repository {repository} by {name!r}"
    return None


def _name_of(event: str, path: Any) -> str | None:
    """Return the file's name; None for what is none."""
    name = os.fsdecode("." if path is None else path)
    if event == "sqlite3.connect":
        if name.startswith("file:"):
            return name[len("file:") :].partition("?")[0]
        if name.startswith(":memory:"):
            return None
    return None if "\0" in name else name  # Python itself refuses such a name


def _repository_of(name: str) -> str | None:
    repositories = _repositories()
    for spelling in (os.path.abspath(name), os.path.realpath(name)):
        while spelling not in ("/", "//", ""):
            if spelling in repositories:
                return spelling
            spelling = os.path.dirname(spelling)
    return None


def _repositories() -> frozenset[str]:
    """Return the registered repositories; the file is read again when it has grown."""
    global _known
    path = os.path.join(str(_folder), _REPOSITORIES)
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return frozenset()
    stamp = (found.st_mtime_ns, found.st_size)
    if _known[0] != stamp:
        with open(path, encoding="utf-8") as lines:
            _known = (stamp, frozenset(lines.read().splitlines()))
    return _known[1]


def _append(path: str, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line.encode("utf-8", "backslashreplace") + b"\n")
    finally:
        os.close(descriptor)


class _unwatched:  # noqa: N801  # read as a word in `with`; contextlib would be one more import in every child
    """What happens inside of the block is the hook's own."""

    def __enter__(self) -> None:
        self._was = getattr(_inside, "hook", False)
        _inside.hook = True

    def __exit__(self, *_: object) -> None:
        _inside.hook = self._was


if __name__ == "<confinement>" and VARIABLE in os.environ:  # run by tests/support/child/sitecustomize.py
    install(os.environ[VARIABLE])
