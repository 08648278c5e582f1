"""The process that starts an agent and ends its whole process tree; a program of its own, run by file name.

    python -I -S run_supervisor.py    standard input: a socket to the daemon; output and error: the agent's

It imports the standard library alone, so that it starts fast. The daemon sends one JSON line (`Job` below) and then
keeps the socket open. The tree is ended when the daemon sends `end`, when the socket closes (the daemon has died), when
a signal asks this process to end, and when the agent itself has ended: SIGTERM to every process, two seconds later
SIGKILL, again and again until nothing is left.

On Linux this process is the child subreaper (prctl(2)): a process whose parent ends becomes its child, in any session
and process group, so that "I have no child" means "the tree is gone". Where systemd has delegated the daemon's
cgroup, the tree is in a cgroup of its own too, which the kernel kills as one. On macOS there is neither: processes are
found by repeated walks over parents and process groups, and one that hides from both between two walks escapes.

    Job      {"command": [...], "environ": {...}, "folder": {"path", "device", "inode"} | null, "input": "...",
              "grace_s": 2.0, "mark": "run_..."}
             {"sweep": "run_..."}: end what an earlier supervisor of that run has left, which was killed
    Reports  {"event": "started", "pid": N} | {"event": "failed", "reason": "..."} | {"event": "exited", "status": N}
             {"event": "gone", "left": N}: nothing is left, or N processes that cannot be ended (another user's)
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

CONTROL = 0
MARK = "REPO_HARNESS_RUN"
"""The environment variable by which the processes of a run are found once their supervisor is gone."""

WALK_EVERY_S = 1.0
KILL_EVERY_S = 0.02
GIVE_UP_S = 30.0
"""How long a tree is being killed; what still lives then belongs to another user (sudo) or hangs in the kernel."""

NICE = 10
"""The niceness of agents: the daemon, and the programs that the user works with, come first."""

UNIT = "rhd.service"
PATH = "/usr/bin:/bin"
MAX_JOB_BYTES = 8 << 20
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_IS_LINUX = sys.platform == "linux"


class Tree:
    """The processes below this one."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}  # pid -> when it started; used where orphans do not become our children

    def members(self) -> dict[int, str]:
        """Return the processes of the tree that have not ended, with what tells each from a later one of its number."""
        return self._descendants(_processes()) if _IS_LINUX else self._walk()

    def signal(self, number: int) -> None:
        """Send a signal to every process of the tree."""
        for pid, started in self.members().items():
            _send(pid, started, number)

    def is_gone(self) -> bool:
        """Reap what has ended and return whether nothing is left."""
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return _IS_LINUX or not self.members()
            if pid == 0:
                return False

    def _descendants(self, processes: dict[int, tuple[int, int, str]]) -> dict[int, str]:
        children: dict[int, list[int]] = {}
        for pid, (parent, _, _) in processes.items():
            children.setdefault(parent, []).append(pid)
        found: dict[int, str] = {}
        waiting = [os.getpid()]
        while waiting:
            for pid in children.get(waiting.pop(), ()):
                if pid not in found:
                    found[pid] = processes[pid][2]
                    waiting.append(pid)
        return found

    def _walk(self) -> dict[int, str]:
        processes = _processes()
        found = self._descendants(processes)
        known = {pid for pid, started in self._known.items() if pid in processes and processes[pid][2] == started}
        groups = {processes[pid][1] for pid in (*known, *found)} - {os.getpgrp()}
        for pid, (parent, group, started) in processes.items():
            if pid in known or parent in known or group in groups:
                found[pid] = started
        self._known = found
        return found


def _processes() -> dict[int, tuple[int, int, str]]:
    """Return parent, process group and start of every process that has not ended."""
    found: dict[int, tuple[int, int, str]] = {}
    if _IS_LINUX:
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/stat", "rb") as stream:
                        fields = stream.read().rpartition(b")")[2].split()
                except OSError:  # it has just ended
                    continue
                if fields[0] not in (b"Z", b"X"):
                    found[int(name)] = (int(fields[1]), int(fields[2]), fields[19].decode())
        return found
    import subprocess

    command = ["ps", "-axo", "pid=,ppid=,pgid=,stat=,lstart="]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"LC_ALL": "C", "PATH": PATH}) as listing:
        assert listing.stdout is not None
        for line in listing.stdout:
            pid, parent, group, state, *started = line.split()
            if not state.startswith("Z") and int(pid) != listing.pid:
                found[int(pid)] = (int(parent), int(group), " ".join(started))
    return found


def _send(pid: int, started: str, number: int) -> None:
    """Send a signal to a process unless its number has meanwhile become another's."""
    try:
        if not _IS_LINUX:
            os.kill(pid, number)
            return
        descriptor = os.pidfd_open(pid)
        try:
            with open(f"/proc/{pid}/stat", "rb") as stream:
                if stream.read().rpartition(b")")[2].split()[19].decode() == started:
                    signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)
    except (OSError, IndexError):  # it has ended
        pass


class Cgroup:
    """The control group of one run, below the daemon's; every call on one that does not exist does nothing."""

    def __init__(self, path: str | None) -> None:
        self._path = path

    @classmethod
    def of(cls, mark: str, *, make: bool) -> Cgroup:
        """Return the group of a run, where systemd runs the daemon: its unit is ours, and says Delegate=yes."""
        own = _own_cgroup()
        if own is None or os.path.basename(own) != UNIT:
            return cls(None)
        path = f"{own}/{mark}"
        if make:
            try:
                os.mkdir(path)
            except OSError:
                return cls(None)
        return cls(path)

    def enter(self) -> None:
        """Move this process into the group."""
        self._write("cgroup.procs", b"0")

    def kill(self) -> None:
        """Kill every process in the group, at once."""
        self._write("cgroup.kill", b"1")

    def remove(self) -> bool:
        """Remove the group; return False if it still has processes."""
        if self._path is None:
            return True
        try:
            os.rmdir(self._path)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def _write(self, name: str, data: bytes) -> None:
        if self._path is not None:
            try:
                descriptor = os.open(f"{self._path}/{name}", os.O_WRONLY)
                try:
                    os.write(descriptor, data)
                finally:
                    os.close(descriptor)
            except OSError:  # the walk over the tree does it too
                pass


def _own_cgroup() -> str | None:
    """Return the folder of this process's cgroup of version 2."""
    if not _IS_LINUX:
        return None
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as stream:
            ours = next(line.rstrip("\n")[3:] for line in stream if line.startswith("0::"))
        with open("/proc/self/mountinfo", encoding="utf-8") as stream:
            mounts = [line.split() for line in stream if " - cgroup2 " in line]
    except (OSError, StopIteration):
        return None
    for mount in mounts:
        root, folder = mount[3], mount[4]
        if root == "/" or ours == root or ours.startswith(f"{root}/"):
            return folder + (ours if root == "/" else ours[len(root) :]).rstrip("/")
    return None


def _prctl(option: int, value: int) -> None:
    if _IS_LINUX:
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def report(**what: Any) -> None:
    """Tell the daemon. If it is gone, the tree is being ended anyway."""
    try:
        os.write(CONTROL, json.dumps(what).encode() + b"\n")
    except OSError:
        pass


def read_job() -> dict[str, Any] | None:
    """Return the job; None if the daemon died before it had sent it, or wants the end already."""
    data = b""
    while b"\n" not in data:
        piece = os.read(CONTROL, 1 << 16)
        if not piece or len(data) > MAX_JOB_BYTES:
            return None
        data += piece
    line, _, rest = data.partition(b"\n")
    if rest:
        report(event="gone", left=0)
        return None
    return dict(json.loads(line))


def open_input(text: str) -> int:
    """Return a descriptor that reads `text` to its end, whether or not the agent reads it."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("goal")
    else:
        import tempfile

        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    data = text.encode()
    while data:
        data = data[os.write(descriptor, data) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def spawn(job: dict[str, Any], cgroup: Cgroup) -> tuple[int, str | None]:
    """Start the agent; return its pid, and why it could not be started if so."""
    source = open_input(job["input"])
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(job, cgroup, source, writing)
    os.close(writing)
    os.close(source)
    reason = b""
    while piece := os.read(reading, 4096):
        reason += piece
    os.close(reading)
    return pid, reason.decode(errors="replace") or None


def _become(job: dict[str, Any], cgroup: Cgroup, source: int, writing: int) -> NoReturn:
    """Turn this child into the agent; what fails is written to `writing`, which closes with success."""
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        cgroup.enter()
        os.nice(NICE)
        _write_oom_score()
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        if job["folder"] is not None:
            _enter(job["folder"])
        os.dup2(source, 0)
        os.set_inheritable(1, True)
        os.set_inheritable(2, True)
        os.closerange(3, writing)
        os.execve(job["command"][0], job["command"], job["environ"])
    except BaseException as error:
        os.write(writing, str(getattr(error, "strerror", None) or type(error).__name__).encode())
    os._exit(127)


def _enter(folder: dict[str, Any]) -> None:
    """Make a folder the current one if it is still the one that was meant."""
    descriptor = os.open(folder["path"], os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    found = os.fstat(descriptor)
    if (found.st_dev, found.st_ino) != (folder["device"], folder["inode"]):
        raise OSError(errno.ESTALE, "the repository's folder was moved or replaced")
    os.fchdir(descriptor)


def _write_oom_score() -> None:
    """Let the kernel end the agent rather than the daemon where memory runs out."""
    try:
        with open("/proc/self/oom_score_adj", "w") as stream:
            stream.write("500")
    except OSError:
        pass


def supervise(job: dict[str, Any]) -> None:
    """Start the agent, wait for a reason to end its tree, end it."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    waking, woken = os.pipe()
    os.set_blocking(waking, False)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: asked.append(number))
    signal.signal(signal.SIGCHLD, lambda number, _: None)
    cgroup = Cgroup.of(job["mark"], make=True)
    agent, reason = spawn(job, cgroup)
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # so that the agent's output ends with the last process that could print
        os.dup2(nothing, stream)
    report(**({"event": "failed", "reason": reason} if reason else {"event": "started", "pid": agent}))
    _wait_for_end(agent, waking, asked)
    report(event="gone", left=end_tree(job["grace_s"], cgroup))


def _wait_for_end(agent: int, waking: int, asked: list[int]) -> None:
    """Return once the agent has ended, which is reported, or the tree shall end."""
    tree = Tree()
    poll = select.poll()
    poll.register(CONTROL, select.POLLIN)
    poll.register(waking, select.POLLIN)
    while not asked:
        for descriptor, _ in poll.poll(None if _IS_LINUX else WALK_EVERY_S * 1000):
            data = os.read(descriptor, 4096)
            if descriptor == CONTROL and (not data or b"end" in data):
                return
        if not _IS_LINUX:
            tree.members()  # notes what may hide later
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                break
            if pid == agent:
                report(event="exited", status=os.waitstatus_to_exitcode(status))
                return


def end_tree(grace_s: float, cgroup: Cgroup) -> int:
    """End every process of the tree; return how many are left, which is 0 unless they cannot be ended."""
    tree = Tree()
    if not tree.is_gone():
        tree.signal(signal.SIGTERM)
    kill_at = time.monotonic() + grace_s
    while not tree.is_gone():
        if time.monotonic() >= kill_at:
            cgroup.kill()
            tree.signal(signal.SIGKILL)
        if time.monotonic() >= kill_at + GIVE_UP_S:
            break
        time.sleep(KILL_EVERY_S)
    while not cgroup.remove() and time.monotonic() < kill_at + GIVE_UP_S:
        cgroup.kill()
        time.sleep(KILL_EVERY_S)
    return len(tree.members())


def sweep(mark: str, within_s: float = 5.0) -> None:
    """End what is left of a run whose supervisor was killed: its cgroup, and what bears its mark."""
    cgroup = Cgroup.of(mark, make=False)
    until = time.monotonic() + within_s
    while (left := _marked(mark)) and time.monotonic() < until:
        cgroup.kill()
        for pid, started in left.items():
            _send(pid, started, signal.SIGKILL)
        time.sleep(KILL_EVERY_S)
    cgroup.kill()
    cgroup.remove()
    report(event="gone", left=len(_marked(mark)))


def _marked(mark: str) -> dict[int, str]:
    """Return the processes in whose environment a run's mark is."""
    if not _IS_LINUX:
        return {}
    wanted, found = f"{MARK}={mark}".encode(), {}
    for pid, (_, _, started) in _processes().items():
        try:
            with open(f"/proc/{pid}/environ", "rb") as stream:
                if wanted in stream.read().split(b"\0"):
                    found[pid] = started
        except OSError:  # it has ended, or is another user's
            pass
    return found


def main() -> None:
    """Do one job."""
    job = read_job()
    if job is None:
        return
    if "sweep" in job:
        sweep(job["sweep"])
    else:
        supervise(job)


if __name__ == "__main__":
    main()
