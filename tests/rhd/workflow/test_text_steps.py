from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.workflow import text_steps
from rhd.workflow.redaction.redact import redact
from rhd.workflow.text_steps import in_turns, windows

LONG = "x" * (text_steps.STEP_CHARS + text_steps.AFTER_CHARS + 1)
SIZES = (0, 1, text_steps.STEP_CHARS, text_steps.STEP_CHARS + text_steps.AFTER_CHARS + 1, 200_000)


@pytest.mark.parametrize("size", SIZES)
def test_windows_cover_a_text_once_and_have_context_around(size: int) -> None:
    text = "".join(chr(32 + number % 90) for number in range(size))
    found = list(windows(text))
    assert "".join(window.text[window.begin : window.end] for window in found) == text
    for window in found:
        assert text.startswith(window.text, window.start)
        assert window.begin == min(text_steps.BEFORE_CHARS, window.start + window.begin)
        assert len(window.text) <= text_steps.BEFORE_CHARS + text_steps.STEP_CHARS + text_steps.AFTER_CHARS
        assert window.is_cut == (window.start + len(window.text) < size)
        assert not window.is_cut or len(window.text) - window.end == text_steps.AFTER_CHARS


@given(st.integers(0, 70_000))
def test_windows_of_any_size_cover_it(size: int) -> None:
    assert sum(len(window.text[window.begin : window.end]) for window in windows("x" * size)) == size


def test_one_thread_at_a_time_takes_a_step() -> None:
    inside, most, lock = 0, 0, threading.Lock()

    def job(step: int) -> int:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        sum(range(2000))
        with lock:
            inside -= 1
        return step * 2

    results: list[list[int]] = []
    threads = [threading.Thread(target=lambda: results.append(list(in_turns(LONG, job, range(100))))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [[step * 2 for step in range(100)]] * 4
    assert most == 1


def test_a_step_that_fails_gives_the_turn_back() -> None:
    def fail(_: int) -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        list(in_turns(LONG, fail, [1]))
    assert list(in_turns(LONG, str, [1])) == ["1"]


@pytest.mark.timeout(20)
def test_a_text_of_usual_length_waits_for_no_turn() -> None:
    """The event loop redacts titles, names and errors itself: a long text in a thread must not hold it up."""
    text = "| token |\n| --- |\n| x |\n\n" + BEGIN_OF_KEY + "\n" + "api_key: f3Kq9" + "ZxT7mB2wLp8Rv4c"
    with text_steps._turn:
        assert redact(text).counts
        assert list(in_turns(LONG[1:], str, [1])) == ["1"]


BEGIN_OF_KEY = f"{'-' * 5}BEGIN PRIVATE" + f" KEY{'-' * 5}"
