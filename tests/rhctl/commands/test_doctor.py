"""`rhctl doctor`: findings with a cause and a next step, with a daemon and without one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rhctl.commands import doctor
from rhctl.errors import DaemonHangs
from rhwire.findings import ERROR, WARNING, Finding
from rhwire.home import Home
from rhwire.lock import take_lock
from tests.support.daemons import environment
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import HOSTILE, is_safe, run, type_in

KEYS = {"id", "check", "status", "message", "cause", "next_step", "repo"}


@pytest.fixture(autouse=True)
def runnable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon's program can be run, from any folder."""
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])


async def test_a_sound_installation_is_exit_0_and_every_finding_complete(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    said = await type_in("doctor", "--json")
    assert said.code == 0
    assert all(set(finding) == KEYS for finding in said.json["findings"])
    assert {finding["repo"] for finding in said.json["findings"]} == {None, slug}
    lines = (await type_in("doctor")).out.splitlines()
    assert lines[0] == "installation"
    assert slug in lines
    assert {f["repo"] for f in (await type_in("doctor", slug, "--json")).json["findings"]} == {slug}


async def test_warnings_are_exit_10_and_errors_11_with_what_to_do(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.call("stop", repo=slug)
    said = await type_in("doctor")
    assert said.code == 10
    assert "  warn  profiles" in said.out
    assert f"start {slug}" in said.out
    repository.path.rename(tmp_path / "moved")
    await daemon.until_state(slug, "detached")
    said = await type_in("doctor", slug)
    assert said.code == 11
    assert "  FAIL  repository" in said.out
    assert "because: " in said.out


def test_with_the_daemon_down_it_looks_from_outside_and_starts_none(no_daemon: Path) -> None:
    said = run("doctor", "--json")
    findings = {finding["check"]: finding for finding in said.json["findings"]}
    assert findings["daemon"]["status"] == WARNING
    assert said.code in (10, 11)  # 11 where another program has the port
    assert not (no_daemon / "rhd.sock").exists()


def test_a_daemon_that_lives_and_does_not_answer_is_examined_from_outside(
    no_daemon: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(str(no_daemon))
    home.prepare()
    lock = take_lock(home.lock)
    try:
        said = run("doctor", "--json")
        found = {finding["check"]: finding for finding in said.json["findings"]}
        assert found["daemon"]["message"] == f"process {os.getpid()} serves this home"
        assert (said.code, found["socket"]["status"]) == (11, ERROR)
    finally:
        os.close(lock)


def test_a_daemon_that_hangs_is_said_in_place_of_the_one_that_runs(no_daemon: Path) -> None:
    home = Home(str(no_daemon))
    home.prepare()
    lock = take_lock(home.lock)
    try:
        findings = doctor.examine_from_outside(home, DaemonHangs(7))
    finally:
        os.close(lock)
    told = {finding["id"]: finding for finding in findings}
    assert told["daemon.hangs"]["next_step"].endswith("kill -9 7")
    assert "daemon.running" not in told


def test_nothing_of_the_current_folder_is_run(no_daemon: Path, tmp_path: Path) -> None:
    """Python would look for modules where it is started: a stranger's checkout could be examined by its own code."""
    for name in ("rhd.py", "rhd/__main__.py", "sitecustomize.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"open({str(tmp_path / 'harm')!r}, 'w')\n")
    assert run("doctor", "--json").code in (10, 11)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("code", "words"),
    [("raise SystemExit('no module named rhd')", "no module named rhd"), ("print('{}')", "it said nothing")],
)
def test_an_installation_that_cannot_even_be_examined_is_told(
    no_daemon: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    monkeypatch.setattr("rhctl.daemon_start.daemon_command", lambda home: [sys.executable, "-S", "-c", code])
    said = run("doctor", "--json")
    assert (said.code, said.refusal) == (3, "NO_DAEMON")
    assert words in said.json["error"]["message"]


def test_an_examination_that_hangs_is_given_up(no_daemon: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("rhd", 60)

    monkeypatch.setattr(subprocess, "run", hang)
    assert run("doctor", "--json").refusal == "TIMEOUT"


def test_names_are_escaped_and_what_is_fine_is_said_shortly(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [
        Finding("endpoint.none"),
        Finding("watch.polled", HOSTILE, cause=HOSTILE, next_step=HOSTILE),
        Finding("store.failing", HOSTILE, message=HOSTILE, path=HOSTILE, kept=HOSTILE, next_step=HOSTILE),
    ]
    doctor.show([finding.to_json() for finding in findings])
    out = capsys.readouterr().out
    assert is_safe(out)
    assert out.count("next: ") == 3
