from __future__ import annotations

import os
import subprocess
import sys

import pytest

import rhd.__main__
from rhwire.version import VERSION


def test_it_hands_the_words_of_the_command_line_on_and_the_exit_code_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", sys.modules.get("uvicorn"))  # as it was, after this
    monkeypatch.setattr(sys, "argv", ["rhd", "--version"])
    with pytest.raises(SystemExit) as ended:
        rhd.__main__.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"rhd {VERSION}\n"
    monkeypatch.setattr("rhd.commandline.main", lambda words: len(words) + 40)
    monkeypatch.setattr(sys, "argv", ["rhd", "a", "b"])
    assert rhd.__main__.main() == 42


def test_as_a_module_it_ends_with_the_code_of_the_refusal() -> None:
    environment = {**os.environ, "PYTHONPATH": "daemon:ctl"}
    command = [sys.executable, "-m", "rhd", "--home", "/dev/null/home"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("rhd: cannot use the folder /dev/null/home")
