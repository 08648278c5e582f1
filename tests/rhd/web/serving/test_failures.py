"""What passes a connection's walls, and what is said of the rest."""

from __future__ import annotations

import logging

import pytest
import trio

from rhd.web.serving.failures import contain

log = logging.getLogger("test")


async def caught() -> trio.Cancelled:
    """A Cancelled that its scope has already dealt with."""
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as error:
            return error
    raise AssertionError("not cancelled")


async def test_an_error_stays_and_is_described_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="canary") as raised:
        raise ValueError("canary")
    assert contain(raised.value, "app", log) is None
    (record,) = caplog.records
    assert record.getMessage().startswith(f"app failed: ValueError at {__name__}:")
    assert "canary" not in caplog.text


async def test_each_error_of_a_group_is_named(caplog: pytest.LogCaptureFixture) -> None:
    group = ExceptionGroup("canary", [ValueError("canary"), ExceptionGroup("", [KeyError("canary")])])
    assert contain(group, "app", log) is None
    assert "ValueError" in caplog.text
    assert "KeyError" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.parametrize("kind", [SystemExit, MemoryError])
async def test_whatever_is_raised_stays(kind: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    assert contain(kind(), "app", log) is None
    assert kind.__name__ in caplog.text


async def test_cancellation_from_outside_passes_and_what_came_with_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    cancelled = await caught()
    with trio.CancelScope() as scope:
        scope.cancel()
        assert contain(cancelled, "app", log) is cancelled
        assert caplog.records == []
        passing = contain(BaseExceptionGroup("", [cancelled, ValueError("canary")]), "app", log)
    assert isinstance(passing, BaseExceptionGroup)
    assert passing.exceptions == (cancelled,)
    assert "ValueError" in caplog.text


async def test_a_cancellation_that_nobody_asked_for_stays(caplog: pytest.LogCaptureFixture) -> None:
    assert contain(await caught(), "app", log) is None
    assert "Cancelled" in caplog.text


@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit])
async def test_what_ends_the_process_or_the_task_passes(kind: type[BaseException]) -> None:
    interrupt = kind()
    assert contain(interrupt, "app", log) is interrupt
    group = BaseExceptionGroup("", [interrupt, ValueError()])
    passing = contain(group, "app", log)
    assert isinstance(passing, BaseExceptionGroup)
    assert passing.exceptions == (interrupt,)
