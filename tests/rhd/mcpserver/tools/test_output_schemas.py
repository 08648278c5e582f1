from __future__ import annotations

import jsonschema
import pytest

from rhd.mcpserver.tools.output_schemas import (
    BOOLEAN,
    STRING,
    Schema,
    closed,
    every,
    listed,
    maybe,
    one_of,
    text,
    texts,
    whole,
)


@pytest.mark.parametrize(
    ("schema", "fits", "does_not"),
    [
        (text("d", longest=3), ["a", "abc", " a "], ["", "  ", "\n", "abcd", 1, None]),
        (texts("d", longest=2, most=2), [[], ["a"], ["a", "bb"]], [["a"] * 3, ["abc"], [""], "a", [1]]),
        (one_of("d", "a", "b"), ["a", "b"], ["c", "A", ""]),
        (whole("d", least=1, most=3), [1, 3], [0, 4, 1.5, "1", True]),
        (closed(["a"], a=STRING, b=STRING), [{"a": ""}, {"a": "", "b": ""}], [{}, {"b": ""}, {"a": "", "c": ""}]),
        (every(a=STRING, b=maybe(BOOLEAN)), [{"a": "", "b": None}, {"a": "", "b": True}], [{}, {"a": ""}, {"b": True}]),
        (listed(STRING), [[], ["a"]], [[1], "a"]),
        (maybe(every(a=STRING)), [None, {"a": ""}], [{}, {"a": None}]),
    ],
)
def test_a_shape_takes_what_it_says_and_nothing_else(
    schema: Schema, fits: list[object], does_not: list[object]
) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for value in fits:
        assert validator.is_valid(value), value
    for value in does_not:
        assert not validator.is_valid(value), value


def test_an_output_that_grows_is_still_valid_for_clients_that_know_the_old_schema() -> None:
    """Inputs are closed, outputs are not: a new field of an answer must not break a client that froze the schema."""
    assert closed([])["additionalProperties"] is False
    assert jsonschema.Draft202012Validator(every(a=STRING)).is_valid({"a": "", "new": 1})
