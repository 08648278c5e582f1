"""What a run has done so far."""

from __future__ import annotations

from rhd.runner.run_progress import MAX_FILES, MAX_TEXT_CHARS, RunProgress, tail, text_of


def test_what_runs_now_is_what_began_last() -> None:
    progress = RunProgress()
    assert progress.current is None
    progress.running |= {"1": "sleep 1", "2": "sleep 2"}
    assert progress.current == "sleep 2"
    progress.end_command("2", is_failed=True)
    assert (progress.current, progress.commands, progress.is_last_command_failed) == ("sleep 1", 1, True)
    progress.end_command("unknown", is_failed=False)
    assert (progress.commands, progress.commands_failed, progress.is_last_command_failed) == (2, 1, False)


def test_what_is_kept_is_bounded() -> None:
    progress = RunProgress()
    for number in range(MAX_FILES + 5):
        progress.add_file(f"{number}")
        progress.add_file(f"{number}")
    assert len(progress.files) == MAX_FILES
    progress.add_message("x" * (MAX_TEXT_CHARS + 1))
    assert progress.last_message == "x" * MAX_TEXT_CHARS
    assert tail("abc", 3) == "abc"
    assert tail("abcd", 3) == "…bcd"
    assert text_of(5) == ""
