from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from rhd.hosting.descriptors import WANTED, raise_descriptor_limit

ENDLESS = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "becomes"),
    [
        (1024, 1 << 20, WANTED),
        (256, ENDLESS, WANTED),
        (256, 4096, 4096),
        (4096, 4096, None),
        (WANTED, 1 << 20, None),
        (WANTED * 2, 1 << 20, None),
        (ENDLESS, ENDLESS, None),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_is_wanted_and_allowed(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, becomes: int | None
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: told.append(limits))
    raise_descriptor_limit()
    assert told == ([] if becomes is None else [(becomes, hard)])


@pytest.mark.parametrize("error", [OSError(22, "Invalid argument"), ValueError("not allowed to raise maximum limit")])
def test_a_kernel_that_does_not_grant_it_stops_no_start(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, ENDLESS))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    raise_descriptor_limit()


def test_a_real_process_gets_more(monkeypatch: pytest.MonkeyPatch) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    code = (
        "import resource as r; from rhd.hosting.descriptors import raise_descriptor_limit;"
        f"r.setrlimit(r.RLIMIT_NOFILE, (64, {hard})); raise_descriptor_limit(); print(r.getrlimit(r.RLIMIT_NOFILE)[0])"
    )
    monkeypatch.setenv("PYTHONPATH", "daemon:ctl")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert int(done.stdout) == (WANTED if hard == ENDLESS else min(WANTED, hard))


def test_no_core_file_is_written() -> None:
    code = (
        "import resource as r; from rhd.hosting.descriptors import forbid_core_files; forbid_core_files();"
        " print(r.getrlimit(r.RLIMIT_CORE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "(0, 0)\n"
