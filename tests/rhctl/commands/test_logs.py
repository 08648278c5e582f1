"""`rhctl logs`."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from rhctl.managers import detection
from rhctl.managers.systemd import Systemd
from tests.support.daemon_log import daemon_log
from tests.support.inprocess import Running
from tests.support.terminal import HOSTILE, is_safe, run, spawned, type_at, type_in

JOURNALCTL = "--user --unit rhd --output cat --no-pager --lines 1000"
AT = "2026-11-22T10:00:00.000Z"


@pytest.fixture
def log(daemon: Running) -> Iterator[logging.Logger]:
    """A logger whose lines the daemon's ring keeps."""
    with daemon_log(daemon) as logger:
        yield logger


def line(message: str, level: str = "info", at: str = AT) -> str:
    found = {"at": at, "level": level, "logger": "rhd.app", "event": "x", "message": message, "fields": {}}
    return json.dumps(found) + "\n"


async def test_the_daemon_s_lines_are_shown_and_names_escaped(daemon: Running, log: logging.Logger) -> None:
    log.warning("client name=%s", HOSTILE)
    log.debug("little")
    said = await type_in("logs")
    assert is_safe(said.out)
    assert [text.split()[1] for text in said.out.splitlines()] == ["WARNING", "DEBUG"]
    said = await type_in("logs", "--level", "warning", "--json")
    assert (said.json["source"], len(said.json["lines"])) == ("daemon", 1)
    assert (await type_in("logs", "-n", "0")).out == "nothing is logged yet\n"


async def test_a_terminal_is_told_local_times_in_colour(daemon: Running, log: logging.Logger) -> None:
    log.error("failed")
    said = await type_at(80, "logs", color="always")
    assert "\x1b[31mERROR   rhd.test failed" in said


async def test_following_goes_on_with_what_is_logged(daemon: Running, log: logging.Logger) -> None:
    log.info("first")
    async with spawned("logs", "-f", "--json") as process:
        assert process.stdout is not None
        heard = b""
        while b"first" not in heard:
            heard += await process.stdout.receive_some()
        log.info("second")
        with trio.fail_after(10):
            while b"second" not in heard:
                heard += await process.stdout.receive_some()
        assert [json.loads(each)["message"] for each in heard.splitlines()] == ["first", "second"]


def test_with_the_daemon_down_the_files_are_read_and_nothing_is_started(no_daemon: Path) -> None:
    assert run("logs").out == "nothing is logged yet\n"
    no_daemon.mkdir(0o700)
    (no_daemon / "rhd.log.1").write_text(line("old", at="2026-11-21T10:00:00.000Z") + line("older kind", "debug"))
    (no_daemon / "rhd.log").write_text(line("new") + "rhd: the port is taken\n")
    said = run("logs", "--json")
    assert said.json["source"] == "file"
    assert [each["message"] for each in said.json["lines"]] == ["old", "older kind", "new", "rhd: the port is taken"]
    assert run("logs", "--level", "error").out == "ERROR   - rhd: the port is taken\n"
    assert run("logs", "--since", "2026-11-22T00:00:00Z", "--level", "info").out == f"{AT} INFO    rhd.app new\n"
    assert run("logs", "-n", "1").out.count("\n") == 1


def test_of_a_large_file_the_end_is_read(no_daemon: Path) -> None:
    no_daemon.mkdir(0o700)
    (no_daemon / "rhd.log").write_text(line("x" * 1000) * 1200 + line("last"))
    said = run("logs", "-n", "1000", "--json")
    assert said.json["lines"][-1]["message"] == "last"
    assert all(each["level"] == "info" for each in said.json["lines"]), "no line is told by half"


def test_of_a_systemd_service_that_is_down_the_journal_is_read(
    no_daemon: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "lines").write_text(line("of the service"))
    program = tmp_path / "bin/journalctl"
    program.write_text(f"#!/bin/sh\n[ \"$*\" = '{JOURNALCTL}' ] && cat '{tmp_path}/lines'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(detection, "find_service", lambda home: Systemd())
    said = run("logs", "--json")
    assert (said.json["source"], [each["message"] for each in said.json["lines"]]) == ("journal", ["of the service"])


@pytest.mark.parametrize("words", [["-n", "-1"], ["-n", "1001"], ["--level", "loud"], ["--since", "now"]])
def test_what_is_not_understood_is_a_usage_error(no_daemon: Path, words: list[str]) -> None:
    assert run("logs", *words).code == 2
