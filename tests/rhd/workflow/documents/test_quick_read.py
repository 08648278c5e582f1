from __future__ import annotations

import pytest

from rhd.workflow.documents.quick_read import MAX_CHARS, first_sentences, one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("One. Two.\nThree.", "One. Two."),
        ("\n# Title\n\nBelow it.", "Below it."),
        ("# Title", "Title"),
        ("Replace it by a nested one:\n\n```\nx\n```", "Replace it by a nested one."),
        ("把它换掉：\n", "把它换掉。"),
        ("```\ncode\n```\n\nAfter the code.", "After the code."),
        ("- first\n- second", "first"),
        ("| a | b |\n| - | - |", ""),
        ("```\nonly code\n```", ""),
        ("", ""),
    ],
)
def test_the_first_line_of_prose_in_whole_sentences(text: str, line: str) -> None:
    assert first_sentences(text) == line


def test_a_long_line_ends_with_a_sentence_or_else_with_a_word() -> None:
    sentence = "A sentence of some words. "
    assert first_sentences(sentence * 40).endswith("words.")
    assert len(first_sentences(sentence * 40)) <= MAX_CHARS
    assert first_sentences("word " * 200).endswith("word…")
    assert len(first_sentences("x" * 1000)) <= MAX_CHARS


def test_among_others_it_has_no_full_stop() -> None:
    assert one_line("Pro customers.\nmore") == "Pro customers"
