from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from rhwire.errors import HarnessError
from rhwire.home import Home
from rhwire.start_report import read_report, write_report


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(str(tmp_path / "home"))
    found.prepare()
    return found


def test_the_reason_is_read_as_it_was_written(home: Home) -> None:
    error = HarnessError("the port is taken", code="PORT_IN_USE", details={"port": 8765})
    write_report(home, error)
    found = read_report(home, since=time.time() - 60)
    assert found is not None
    assert found.to_json() == error.to_json()
    assert os.stat(f"{home.base}/start-refused.json").st_mode & 0o777 == 0o600


def test_a_reason_of_an_earlier_start_is_none(home: Home) -> None:
    write_report(home, HarnessError("the port is taken", code="PORT_IN_USE"))
    assert read_report(home, since=time.time() + 60) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"code": 1}', "\xff"])
def test_what_is_no_report_is_none(home: Home, text: str) -> None:
    Path(home.base, "start-refused.json").write_bytes(text.encode("latin-1"))
    assert read_report(home, since=0) is None


def test_a_home_that_is_not_there_says_nothing_and_takes_nothing(tmp_path: Path) -> None:
    home = Home(str(tmp_path / "nowhere"))
    write_report(home, HarnessError("no", code="INTERNAL"))
    assert read_report(home, since=0) is None
