"""The supervisor as a program: started by its file name, spoken to over a socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rhd.runner.run_supervisor import Tree, _marked
from rhd.runner.supervised_process import SUPERVISOR

WITHIN_S = 20


@contextmanager
def supervisor(job: dict[str, Any] | None) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """Start one and send it a job."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-I", "-S", SUPERVISOR]
    with subprocess.Popen(command, stdin=theirs.fileno(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        theirs.close()
        ours.settimeout(WITHIN_S)
        with ours:
            if job is not None:
                ours.sendall(json.dumps(job).encode() + b"\n")
            yield process, ours


def job(script: str, **changes: Any) -> dict[str, Any]:
    """Return a job that runs a shell script."""
    given = {"command": ["/bin/sh", "-c", script], "environ": {"PATH": "/usr/bin:/bin"}, "folder": None}
    return {**given, "input": "the goal\n", "grace_s": 0.2, "mark": "run_x", **changes}


def reports(control: socket.socket) -> list[dict[str, Any]]:
    """Return everything that it says until it ends."""
    said = b""
    while data := control.recv(4096):
        said += data
    return [json.loads(line) for line in said.splitlines()]


def test_a_program_gets_its_input_and_its_end_is_reported() -> None:
    with supervisor(job("cat; exit 3")) as (process, control):
        assert process.stdout is not None
        assert process.stdout.read() == b"the goal\n"
        started, exited, gone = reports(control)
        assert started["event"] == "started"
        assert (exited, gone) == ({"event": "exited", "status": 3}, {"event": "gone", "left": 0})
    assert process.returncode == 0


HIDDEN = "trap '' TERM; (setsid sh -c \"trap '' TERM; sleep 600\" &); echo begun; sleep 600"


@pytest.mark.parametrize("how", ["end", "close", "TERM", "INT", "HUP"])
def test_the_tree_ends_when_it_is_told_to_when_the_daemon_dies_and_by_signal(how: str) -> None:
    with supervisor(job(HIDDEN)) as (process, control):
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        if how == "end":
            control.sendall(b"end\n")
        elif how == "close":
            control.shutdown(socket.SHUT_WR)
        else:
            process.send_signal(signal.Signals[f"SIG{how}"])
        assert reports(control)[-1] == {"event": "gone", "left": 0}
        assert process.stdout.read() == b"", "nothing holds the output any more"


def test_a_daemon_that_dies_before_it_has_sent_the_job_leaves_nothing() -> None:
    with supervisor(None) as (process, control):
        control.sendall(b'{"command": [')
        control.close()
        assert process.wait(WITHIN_S) == 0


def test_an_order_to_end_that_comes_with_the_job_is_heard() -> None:
    with supervisor(None) as (_, control):
        control.sendall(json.dumps(job("sleep 600")).encode() + b"\nend\n")
        assert reports(control)[-1] == {"event": "gone", "left": 0}


def test_what_cannot_be_started_is_reported() -> None:
    with supervisor(job("", command=["/nothing/here"])) as (_, control):
        assert reports(control)[0] == {"event": "failed", "reason": "No such file or directory"}
    with supervisor(job("", folder={"path": "/", "device": 0, "inode": 0})) as (_, control):
        assert reports(control)[0]["reason"] == "the repository's folder was moved or replaced"


def test_agents_give_way_to_the_daemon() -> None:
    with supervisor(job("nice; cat /proc/self/oom_score_adj; ps -o sid= -p $$; echo $$")) as (process, control):
        assert process.stdout is not None
        nice, score, session, pid = process.stdout.read().split()
        reports(control)
    assert (int(nice) - os.nice(0), score) == (10, b"500")
    assert session == pid, "a session of its own: signals of a terminal do not reach it"


def test_the_tree_of_a_process_is_found_by_its_parents() -> None:
    with subprocess.Popen(["/bin/sh", "-c", "sleep 600 & echo; wait"], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        members = Tree().members()
        assert child.pid in members
        assert len(members) >= 2
        child.kill()
        for pid in members:
            if pid != child.pid:
                os.kill(pid, signal.SIGKILL)


def test_a_process_is_found_by_the_mark_of_its_run() -> None:
    environ = {"REPO_HARNESS_RUN": "run_marked", "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(["/bin/sleep", "600"], env=environ) as child:
        while child.pid not in _marked("run_marked"):  # until it has become sleep
            pass
        assert _marked("run_other") == {}
        child.kill()


def test_elsewhere_an_orphan_is_found_by_its_process_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """On macOS orphans do not become our children; what was seen once, and its groups, is remembered."""
    monkeypatch.setattr("rhd.runner.run_supervisor._IS_LINUX", False)
    tree = Tree()
    script = "sleep 600 & echo; read line; exit"
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True, **pipes) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in tree.members()
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.wait(WITHIN_S)
    assert child.pid not in tree.members()
    (orphan,) = tree.members()  # the shell's other children would be the test's own: ps is not counted
    os.kill(orphan, signal.SIGKILL)
    until = time.monotonic() + WITHIN_S
    while tree.members():
        assert time.monotonic() < until
