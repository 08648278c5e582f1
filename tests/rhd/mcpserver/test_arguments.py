from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.errors import Refusal
from rhd.mcpserver.arguments import check_arguments
from rhd.mcpserver.tools.tool_table import TOOLS, input_schema

TASK = {"title": "a", "objective": "b"}


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("write_prd_from_idea", {"title": "T"}, "missing: idea"),
        ("write_prd_from_idea", {}, "missing: title, idea"),
        ("write_prd_from_idea", {"title": "T", "idea": " \n"}, "idea: must not be blank"),
        ("write_prd_from_idea", {"title": "T", "idea": None}, "idea: must be of type string"),
        ("write_prd_from_idea", {"title": "T" * 201, "idea": "i"}, "title: is longer than 200 characters"),
        ("write_prd_from_idea", {"title": "T", "idea": "i" * 60_001}, "idea: is longer than 60,000 characters"),
        ("write_prd_from_idea", {"title": "T", "idea": "i", "users": ["a", ""]}, "users[1]: must not be blank"),
        ("write_prd_from_idea", {"title": "T", "idea": "i", "users": "all"}, "users: must be of type array"),
        ("write_prd_from_idea", {"title": "T", "idea": "i", "users": ["a"] * 51}, "users: has more than 50"),
        ("write_checklist_sprint", {"title": "T", "prd_path": "x", "tasks": []}, "tasks: needs at least 1"),
        ("write_checklist_sprint", {"title": "T", "prd_path": "x", "tasks": "prose"}, "tasks: must be of type array"),
        ("write_checklist_sprint", {"title": "T", "prd_path": "x", "tasks": ["prose"]}, "tasks[0]: must be of type"),
        (
            "write_checklist_sprint",
            {"title": "T", "prd_path": "x", "tasks": [TASK, {"title": "a"}]},
            "tasks[1]: missing: objective",
        ),
        (
            "write_checklist_sprint",
            {"title": "T", "prd_path": "x", "tasks": [TASK | {"checks": [7]}]},
            "tasks[0].checks[0]: must be of type string",
        ),
        ("list_workflow_files", {"kind": "novel"}, "kind: must be one of archive, check"),
        ("list_workflow_files", {"limit": 0}, "limit: is below 1"),
        ("list_workflow_files", {"limit": 201}, "limit: is above 200"),
        ("list_workflow_files", {"limit": True}, "limit: must be of type integer"),
        ("list_workflow_files", {"limit": "5"}, "limit: must be of type integer"),
        ("list_workflow_changes", {"wait_s": 26}, "wait_s: is above 25"),
        ("append_handoff_note", {"body": "a \ud800 b"}, "body: holds half of a surrogate pair"),
        ("write_prd_from_idea", {"title": "T", "idea": "i", "goals": ["\udfff"]}, "goals[0]: holds half"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place_and_the_rule(
    tool: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refusal) as caught:
        check_arguments(TOOLS[tool].input, arguments)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert caught.value.message.startswith(said)


def test_a_misspelled_parameter_is_refused_and_told_what_there_is() -> None:
    with pytest.raises(Refusal) as caught:
        check_arguments(TOOLS["write_prd_from_idea"].input, {"title": "T", "idea": "i", "overwrite": True})
    assert (caught.value.code, caught.value.message) == ("UNKNOWN_PARAMETER", "unknown parameter 'overwrite'")
    assert "expected_revision" in (caught.value.details or {})["allowed"]
    tasks = [TASK, TASK | {"file\x1b[31m": "x"}]
    with pytest.raises(Refusal) as caught:
        check_arguments(TOOLS["write_checklist_sprint"].input, {"title": "T", "prd_path": "x", "tasks": tasks})
    assert caught.value.code == "UNKNOWN_PARAMETER"
    assert "in tasks[1]" in caught.value.message
    assert "\x1b" not in caught.value.message


def test_no_message_repeats_a_value() -> None:
    for tool, arguments in (
        ("read_workflow_file", {"path": "canary" * 400}),
        ("list_workflow_files", {"kind": "canary"}),
        ("list_workflow_files", {"limit": "canary"}),
        ("write_prd_from_idea", {"title": ["canary"], "idea": "canary"}),
    ):
        with pytest.raises(Refusal) as caught:
            check_arguments(TOOLS[tool].input, arguments)
        assert "canary" not in json.dumps(caught.value.to_json())


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.sampled_from(["", " ", "prd", "x", "é", "y" * 300, "plans/a.md"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["title", "objective", "checks", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def _calls(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    schema = draw(st.sampled_from([input_schema(name, is_hub) for name in TOOLS for is_hub in (False, True)]))
    assume_it = schema if schema is not None else TOOLS["list_repos"].input
    names = [*assume_it["properties"], "unknown"]
    required = {name: draw(_values) for name in assume_it["required"] if draw(st.booleans())}
    return assume_it, required | draw(st.dictionaries(st.sampled_from(names), _values, max_size=3))


@given(_calls())
def test_it_says_yes_and_no_exactly_where_json_schema_does(call: tuple[dict[str, Any], dict[str, Any]]) -> None:
    schema, arguments = call
    try:
        check_arguments(schema, arguments)
        is_accepted = True
    except Refusal:
        is_accepted = False
    assert is_accepted == jsonschema.Draft202012Validator(schema).is_valid(arguments)


def test_a_keyword_that_is_not_held_fails_loudly() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "format": "uri"}}, "required": []}
    with pytest.raises(AssertionError, match="format"):
        check_arguments({**schema, "additionalProperties": False}, {"a": "x"})
