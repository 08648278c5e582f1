from __future__ import annotations

import json

import pytest

from rhwire.log_lines import parse_line


def test_a_line_of_the_log_is_what_it_says() -> None:
    line = {"at": "2026-11-22T10:00:00.000Z", "level": "info", "logger": "rhd.app", "message": "serving", "fields": {}}
    assert parse_line(json.dumps(line)) == line


@pytest.mark.parametrize("text", ["rhd: the port is taken", "{}", "[1]", '{"message": 1, "level": "info"}', "{"])
def test_anything_else_is_the_message_of_an_error(text: str) -> None:
    assert (parse_line(text)["message"], parse_line(text)["level"]) == (text, "error")
