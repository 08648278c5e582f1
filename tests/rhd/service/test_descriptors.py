"""How many descriptors the process may have."""

from __future__ import annotations

import resource

import pytest

from rhd.service.descriptors import WANTED, raise_descriptor_limit

INFINITY = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1024, 524288), (WANTED, 524288)),
        ((256, INFINITY), (WANTED, INFINITY)),  # macOS
        ((1024, 4096), (4096, 4096)),
        ((65536, 524288), None),
        ((INFINITY, INFINITY), None),
        ((4096, 4096), None),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_is_wanted_and_allowed(
    monkeypatch: pytest.MonkeyPatch, before: tuple[int, int], after: tuple[int, int] | None
) -> None:
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: before)
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: calls.append(limits))
    raise_descriptor_limit()
    assert calls == ([] if after is None else [after])


def test_a_kernel_that_grants_less_than_it_names_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    raise_descriptor_limit()


def test_the_real_limit_is_raised() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
        raise_descriptor_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(WANTED, before[1]), before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
