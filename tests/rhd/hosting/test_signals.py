"""Signals, sent to a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

PROGRAM = """
import sys, trio
from rhd.hosting.signals import watch_signals

async def main():
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(watch_signals, stop, lambda: print("reload", flush=True))
        if sys.argv[1:] == ["stopped otherwise"]:
            stop.set()
        print("ready", flush=True)
        await stop.wait()
        print("stop", flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


class Program:
    """The process; each line it prints is waited for."""

    def __init__(self, *arguments: str) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", PROGRAM, *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
        assert self.line() == "ready"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=10)


@pytest.fixture
def program() -> Iterator[Program]:
    program = Program()
    yield program
    program.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_stops_and_the_second_ends_at_once(program: Program, number: signal.Signals) -> None:
    program.process.send_signal(number)
    assert program.line() == "stop"
    program.process.send_signal(number)
    assert program.process.wait(10) == -number


def test_the_second_may_be_the_other(program: Program) -> None:
    program.process.send_signal(signal.SIGTERM)
    assert program.line() == "stop"
    program.process.send_signal(signal.SIGINT)
    assert program.process.wait(10) == -signal.SIGINT


def test_a_hang_up_reloads_each_time_and_stops_nothing(program: Program) -> None:
    for _ in range(3):
        program.process.send_signal(signal.SIGHUP)
        assert program.line() == "reload"
    program.process.send_signal(signal.SIGTERM)
    assert program.line() == "stop"
    program.process.send_signal(signal.SIGHUP)
    assert program.line() == "reload"


def test_a_daemon_that_drains_already_is_not_ended_by_the_manager_s_first_signal() -> None:
    program = Program("stopped otherwise")
    try:
        assert program.line() == "stop"
        program.process.send_signal(signal.SIGTERM)
        for _ in range(2):  # Python handles the first together with SIGTERM, and before it
            program.process.send_signal(signal.SIGHUP)
            assert program.line() == "reload"
    finally:
        program.close()
