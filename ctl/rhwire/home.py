"""Where a daemon lives: base folder, socket, lock, record. Both sides compute the same answer.

`base` comes from `--home`, else `$REPO_HARNESS_HOME`, else `~/.local/state/repo-harness`, from `HOME` alone:
MCP clients start their servers with a stripped environment (Codex passes no `XDG_*`), and a client that
computed another path than the daemon would start a second one.
"""

from __future__ import annotations

import os
import stat

from rhwire.errors import HarnessError, code_of_write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRONMENT_NAME = "REPO_HARNESS_HOME"
MAX_SOCKET_PATH_BYTES = 100
"""`sun_path` holds 107 bytes on Linux and 103 on macOS; a temporary name beside it must fit too."""


class HomeUnusable(HarnessError):
    """The home cannot be made, or belongs to another user."""

    code = "HOME_UNUSABLE"


class Home:
    """The paths of one home. Nothing is created or looked at until `prepare`.

    Attributes:
        base: absolute path of the folder.
        is_default: True if it is the one that neither flag nor variable would have to name.
        socket: path of the control socket; outside of `base` if that would be too long for the kernel.
        lock: path of the file whose lock says that a daemon lives.
        record: path of `home.json`, which says where configuration, database and logs are.
        log: path of the file that a detached daemon writes to.
    """

    __slots__ = ("base", "is_default", "lock", "log", "record", "socket")

    def __init__(self, base: str, *, is_default: bool = False, temporary: str = "/tmp") -> None:
        self.base = base
        self.is_default = is_default
        self.lock = base + "/rhd.lock"
        self.record = base + "/home.json"
        self.log = base + "/rhd.log"
        self.socket = base + "/rhd.sock"
        if len(os.fsencode(self.socket)) > MAX_SOCKET_PATH_BYTES:
            import hashlib

            name = hashlib.sha256(os.fsencode(base)).hexdigest()[:32]
            self.socket = f"{temporary}/rhd-{os.getuid()}/{name}.sock"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Home) and (self.base, self.socket) == (other.base, other.socket)

    def __hash__(self) -> int:
        return hash((self.base, self.socket))

    @classmethod
    def find(cls, flag: str | None, environ: Mapping[str, str] | None = None) -> Home:
        """Return the home that a process with this flag and environment uses.

        Raises:
            HomeUnusable: there is neither a flag nor a variable nor `HOME`.
        """
        environ = os.environ if environ is None else environ
        user = environ.get("HOME", "")
        default = os.path.normpath(user) + "/.local/state/repo-harness" if user.startswith("/") else None
        if named := flag or environ.get(ENVIRONMENT_NAME):
            base = os.path.abspath(os.path.expanduser(named))
            return cls(base, is_default=base == default)
        if default is None:
            raise HomeUnusable(f"neither --home nor {ENVIRONMENT_NAME} nor HOME says where the daemon lives")
        return cls(default, is_default=True)

    def client(self) -> str:
        """Return `rhctl`, or `rhctl --home FOLDER` where it does not find this home by itself, as it is to be typed."""
        if self.is_default:
            return "rhctl"
        import shlex

        return f"rhctl --home {shlex.quote(self.base)}"

    def prepare(self) -> None:
        """Make the folders that are missing, each 0700, and check those that exist.

        Raises:
            HomeUnusable: a folder cannot be made, is a link, is not ours or is open to others.
        """
        make_private_folder(self.base)
        folder = os.path.dirname(self.socket)
        if folder != self.base:
            make_private_folder(folder)


def make_private_folder(path: str) -> None:
    """Make sure that `path` is a folder of ours with mode 0700.

    Raises:
        HomeUnusable: it is not, or cannot be made.
    """
    try:
        make_folders(path)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        code = code_of_write(error, HomeUnusable.code)
        raise HomeUnusable(f"cannot use the folder {path}: {error.strerror}", code=code) from error
    try:
        found = os.fstat(fd)
        if found.st_uid != os.geteuid():
            raise HomeUnusable(
                f"the folder {path} belongs to user {found.st_uid}, not to you",
                code="FOLDER_NOT_OURS",
                next_step="Choose another home with --home.",
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise HomeUnusable(
                f"the folder {path} is open to others (mode {stat.S_IMODE(found.st_mode):04o})",
                code="FOLDER_NOT_OURS",
                next_step=_cure(path),
            )
    finally:
        os.close(fd)


def _cure(path: str) -> str:
    """Return what to do about a folder that is open to others: only one that holds nothing else is to be closed."""
    ours = ("home.json", "rhd.lock", "rhd.sock")
    try:
        names = os.listdir(path)
    except OSError:
        names = [path]
    if not names or any(name in ours or name.endswith(".sock") for name in names):
        return f"Close it with: chmod 700 {path}"
    return "It holds files of others. Choose a folder of its own with --home."


def make_folders(path: str) -> None:
    """Make `path` and the parents that are missing, each 0700 whatever the umask; what exists stays as it is.

    That is how the XDG base directory specification wants them made. `os.makedirs` makes parents as the umask says:
    under one of 000, another user could replace the folder.

    Raises:
        OSError: one cannot be made.
    """
    try:
        os.mkdir(path, 0o700)
    except FileNotFoundError:
        make_folders(os.path.dirname(path))
        make_folders(path)
    except OSError:
        if not os.path.isdir(path):  # a root file system that is read-only does not say that it exists
            raise
