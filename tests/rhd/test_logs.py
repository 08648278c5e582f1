from __future__ import annotations

import io
import json
import logging
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rhd.logs import _QUIET, LIMIT_S, MAX_ALIKE, set_level, set_up_logging, trace_of


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Whatever a test sets up is taken back."""
    root, levels = logging.getLogger(), {name: logging.getLogger(name).level for name in (*_QUIET, "rhd")}
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal is told."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    set_up_logging("info")
    return stream


def fail(text: str) -> None:
    raise ValueError(text)


def test_an_event_is_one_line_with_its_moment_in_utc(out: io.StringIO) -> None:
    logging.getLogger("rhd.app").info("serving version=%s", "0.1.0")
    logging.getLogger("rhd.app").debug("not said")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO rhd\.app serving version=0\.1\.0\n", out.getvalue()
    )


def test_a_line_break_in_it_makes_no_second_line(out: io.StringIO) -> None:
    logging.getLogger("rhd.app").info("a\n2026-01-01T00:00:00.000Z INFO rhd.app forged")
    assert out.getvalue().count("\n") == 1


def test_of_an_exception_its_kind_and_place_are_said_and_never_its_text(out: io.StringIO) -> None:
    try:
        fail("canary-secret")
    except ValueError:
        logging.getLogger("rhd.app").exception("it-failed what=%s", "x")
    (line,) = out.getvalue().splitlines()
    assert " ERROR rhd.app it-failed what=x ValueError at " in line
    assert re.search(r"test_logs\.py:\d+:fail$", line)
    assert "canary" not in line


def test_elsewhere_a_line_is_one_json_object_with_the_values_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    ring = set_up_logging("info")
    logger = logging.getLogger("rhd.app")
    logger.info("serving url=%s port=%d", "http://x\x1b[2J", 8765)
    logger.info("done %s of=%s", "a", "b")
    try:
        fail("canary-secret")
    except ValueError:
        logger.exception("it-failed")
    first, second, third = map(json.loads, stream.getvalue().splitlines())
    assert stream.getvalue().isascii()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("at"))
    assert first == {
        "level": "info",
        "logger": "rhd.app",
        "event": "serving",
        "message": r"serving url=http://x\x1b[2J port=8765",
        "fields": {"url": r"http://x\x1b[2J", "port": 8765},
    }
    assert second["fields"] == {}
    assert third["trace"].startswith("ValueError at ")
    assert "canary" not in stream.getvalue()
    assert [line for _, line in ring.since(1)[0]] == [second, third], "the ring keeps the same lines"


def test_journald_is_told_the_priority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        found = os.fstat(stream.fileno())
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        set_up_logging("info")
        logging.getLogger("rhd.app").warning("trouble")
        stream.seek(0)
        assert stream.read().startswith('<4>{"at":"')


def test_a_group_says_what_is_in_it_and_is_bounded() -> None:
    group = ExceptionGroup("canary-secret", [ValueError("canary-secret")] * 5)
    said = trace_of(group)
    assert said.startswith("ExceptionGroup at ")
    assert said.count("ValueError") == 3
    assert "canary" not in said


def test_a_deep_stack_is_cut_to_where_it_failed() -> None:
    def deep(left: int) -> None:
        if not left:
            fail("x")
        deep(left - 1)

    try:
        deep(50)
    except ValueError as error:
        said = trace_of(error)
    assert said.count(" > ") == 7
    assert said.endswith(":fail")


def test_libraries_are_heard_from_warnings_up_however_much_we_say(out: io.StringIO) -> None:
    set_level("debug")
    for name in (*_QUIET, "some.other"):
        logging.getLogger(name).info("chatter")
        logging.getLogger(name + ".inner").warning("trouble")
    logging.getLogger("rhd.x").debug("ours")
    assert "chatter" not in out.getvalue()
    assert out.getvalue().count("trouble") == len(_QUIET) + 1
    assert "DEBUG rhd.x ours" in out.getvalue()


def test_setting_it_up_again_does_not_say_everything_twice(out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", out)  # pytest has put its own there since
    set_up_logging("info")
    logging.getLogger("rhd.app").info("once")
    assert out.getvalue().count("once") == 1


@pytest.mark.parametrize(("level", "said"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_decides_what_the_daemon_says(out: io.StringIO, level: str, said: int) -> None:
    set_level(level)
    for each in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger("rhd.app").log(each, "x")
    assert out.getvalue().count("\n") == said


def test_lines_of_one_kind_are_limited_and_others_are_not(out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 1_000_000.0
    monkeypatch.setattr(
        logging.LogRecord, "created", property(lambda self: moment, lambda self, _: None), raising=False
    )
    for number in range(1000):
        logging.getLogger("rhd.web").info("a request to %s failed", f"/{number}")
    logging.getLogger("rhd.web").info("another kind")
    logging.getLogger("rhd.app").info("a request to %s failed", "/other")
    assert out.getvalue().count("a request to /") == MAX_ALIKE + 1
    assert out.getvalue().count("another kind") == 1
    moment += LIMIT_S
    logging.getLogger("rhd.web").info("a request to %s failed", "/later")
    assert out.getvalue().endswith(f"a request to /later failed left-out={1000 - MAX_ALIKE}\n")


SPEAKER = """
import logging, sys
from rhd import logs
logs.MAX_FILE_BYTES = 10_000
logs.MAX_ALIKE = 10 ** 9
logs.set_up_logging("info", sys.argv[1])
for number in range(2000):
    logging.getLogger("rhd.x").info("line=%d", number)
print("printed")
"""


def test_the_log_file_is_bounded_while_the_daemon_runs(tmp_path: Path) -> None:
    path = tmp_path / "rhd.log"
    with path.open("ab") as log:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run(
            [sys.executable, "-c", SPEAKER, str(path)], stdout=log, stderr=log, env=environment, check=True, timeout=30
        )
    kept = (tmp_path / "rhd.log.1").read_text() + path.read_text()
    assert path.stat().st_size <= 10_100
    assert (tmp_path / "rhd.log.1").stat().st_size <= 10_100
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "line=1999" in kept
    assert "printed" in path.read_text(), "standard output goes along"


def test_a_file_that_is_not_the_log_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "redirected"
    (tmp_path / "rhd.log").touch()
    with other.open("ab") as log:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run(
            [sys.executable, "-c", SPEAKER, str(tmp_path / "rhd.log")],
            stderr=log, stdout=subprocess.DEVNULL, env=environment, check=True, timeout=30,
        )  # fmt: skip
    assert other.read_text().count('"message":"line=') == 2000
    assert not (tmp_path / "rhd.log.1").exists()
