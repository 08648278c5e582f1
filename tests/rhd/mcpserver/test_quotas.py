from __future__ import annotations

from contextlib import ExitStack

import pytest

from rhd.errors import Refusal
from rhd.mcpserver import quotas
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.quotas import DAY_S, MAX_BYTES_A_DAY, MAX_DOCUMENTS_A_DAY, MAX_WAITS, Quotas


def caller(name: str, *, is_owner: bool = False) -> Caller:
    return Caller(name, name, is_owner, lambda: None)


def refused(act: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act()  # type: ignore[operator]
    assert caught.value.code == "LIMIT_REACHED"
    assert caught.value.next_step
    return caught.value


def test_a_client_waits_in_so_many_calls_at_once_and_no_other_notices() -> None:
    found = Quotas()
    with ExitStack() as stack:
        for _ in range(MAX_WAITS):
            stack.enter_context(found.waiting(caller("g_1")))
        assert "waiting" in refused(lambda: found.waiting(caller("g_1")).__enter__()).message
        stack.enter_context(found.waiting(caller("g_2")))
    with found.waiting(caller("g_1")):
        pass
    assert not found._waits


def test_a_client_writes_so_many_documents_a_day() -> None:
    now = 0.0
    found = Quotas(lambda: now)
    for _ in range(MAX_DOCUMENTS_A_DAY):
        found.take_document(caller("g_1"), 1)
    assert "writes" in refused(lambda: found.take_document(caller("g_1"), 1)).message
    found.take_document(caller("g_2"), 1)
    now = DAY_S
    found.take_document(caller("g_1"), 1)


def test_a_client_writes_so_many_bytes_a_day() -> None:
    found = Quotas()
    found.take_document(caller("g_1"), MAX_BYTES_A_DAY - 1)
    assert "MiB" in refused(lambda: found.take_document(caller("g_1"), 2)).message
    found.take_document(caller("g_1"), 1)


def test_the_owner_has_no_limits() -> None:
    found, owner = Quotas(), caller("owner", is_owner=True)
    found.take_document(owner, 2 * MAX_BYTES_A_DAY)
    with ExitStack() as stack:
        for _ in range(2 * MAX_WAITS):
            stack.enter_context(found.waiting(owner))


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "MAX_REMEMBERED", 10)
    now = 0.0
    found = Quotas(lambda: now)
    for number in range(100):
        now += DAY_S / 5
        found.take_document(caller(f"g_{number}"), 1)
    assert len(found._days) <= 11
