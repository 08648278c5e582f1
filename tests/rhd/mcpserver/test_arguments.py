from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.errors import Refusal
from rhd.mcpserver.arguments import fit_arguments
from rhd.mcpserver.tools.tool_table import TOOLS, input_schema

TASK = {"title": "a", "objective": "b"}


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("write_prd_from_idea", {"title": "T"}, "missing: idea"),
        ("write_prd_from_idea", {}, "missing: title, idea"),
        ("write_prd_from_idea", {"title": "T", "idea": " \n"}, "idea: must not be blank"),
        ("write_prd_from_idea", {"title": "T", "idea": None}, "idea: must be a string, not null"),
        ("write_prd_from_idea", {"title": "T" * 201, "idea": "i"}, "title: is longer than 200 characters"),
        ("write_prd_from_idea", {"title": "T", "idea": "i" * 60_001}, "idea: is longer than 60,000 characters"),
        (
            "write_prd_from_idea",
            {"title": "T", "idea": "i", "users": ["a", 1]},
            "users[1]: must be a string, not a whole number",
        ),
        ("write_prd_from_idea", {"title": "T", "idea": "i", "users": "all"}, "users: must be a list, not a string"),
        ("write_prd_from_idea", {"title": "T", "idea": "i", "users": ["a"] * 51}, "users: has more than 50"),
        ("write_checklist_sprint", {"title": "T", "prd_path": "x", "tasks": []}, "tasks: needs at least 1"),
        (
            "write_checklist_sprint",
            {"title": "T", "prd_path": "x", "tasks": "prose"},
            "tasks: must be a list, not a str",
        ),
        ("write_checklist_sprint", {"title": "T", "prd_path": "x", "tasks": ["prose"]}, "tasks[0]: must be an object"),
        (
            "write_checklist_sprint",
            {"title": "T", "prd_path": "x", "tasks": [TASK, {"title": "a"}]},
            "tasks[1]: missing: objective",
        ),
        (
            "write_checklist_sprint",
            {"title": "T", "prd_path": "x", "tasks": [TASK | {"checks": [7]}]},
            "tasks[0].checks[0]: must be a string, not a whole number",
        ),
        ("list_workflow_files", {"kind": "novel"}, "kind: must be one of archive, check"),
        ("list_workflow_files", {"limit": 0}, "limit: is below 1"),
        ("list_workflow_files", {"limit": 201}, "limit: is above 200"),
        ("list_workflow_files", {"limit": True}, "limit: must be a whole number, not true or false"),
        ("list_workflow_files", {"limit": "5"}, "limit: must be a whole number, not a string"),
        ("list_workflow_files", {"limit": 5.5}, "limit: must be a whole number, not a fraction"),
        ("list_workflow_files", {"limit": float("inf")}, "limit: must be a whole number"),
        ("list_workflow_files", {"limit": 201.0}, "limit: is above 200"),
        ("write_checklist_sprint", {"title": "T", "prd_path": "x", "tasks": None}, "tasks: must be a list, not null"),
        (
            "write_checklist_sprint",
            {"title": "T", "prd_path": "x", "tasks": [None]},
            "tasks[0]: must be an object, not null",
        ),
        ("list_workflow_changes", {"wait_s": 26}, "wait_s: is above 25"),
        ("append_handoff_note", {"body": "a \ud800 b"}, "body: holds half of a surrogate pair"),
        ("write_prd_from_idea", {"title": "T", "idea": "i", "goals": ["\udfff"]}, "goals[0]: holds half"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place_and_the_rule(
    tool: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refusal) as caught:
        fit_arguments(TOOLS[tool].input, arguments)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert caught.value.message.startswith(said)
    assert caught.value.next_step.startswith(("Send ", "Shorten ", "Leave "))


@pytest.mark.parametrize(
    ("tool", "arguments", "step"),
    [
        ("list_workflow_files", {"kind": "PRD"}, "Send prd if that is what you mean."),
        ("list_workflow_files", {"kind": "handoffs"}, "Send handoff if that is what you mean."),
        ("list_workflow_files", {"kind": "xyz"}, "Send one of them as kind."),
        ("list_workflow_files", {"limit": 999}, "Send at most 200."),
        ("list_workflow_files", {"limit": "5"}, "Send a whole number, such as 5, without quotes."),
        ("read_workflow_file", {}, "Send path as well."),
        ("write_prd_from_idea", {}, "Send title and idea as well."),
        ("write_prd_from_idea", {"title": "T", "idea": "i", "goals": "g"}, 'Send a list, such as ["one", "two"].'),
        ("write_checklist_sprint", {"title": "T", "prd_path": "x", "tasks": [{}]},
         "Send title and objective in tasks[0] as well."),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_send(tool: str, arguments: dict[str, Any], step: str) -> None:
    with pytest.raises(Refusal) as caught:
        fit_arguments(TOOLS[tool].input, arguments)
    assert caught.value.next_step == step


def _required(schema: dict[str, Any]) -> Any:
    """Return what a client sends that gives only what is required, at any depth."""
    if schema["type"] == "object":
        return {name: _required(schema["properties"][name]) for name in schema["required"]}
    return [_required(schema["items"])] if schema["type"] == "array" else schema.get("enum", ["x"])[0]


def _filled(schema: dict[str, Any], blank: object) -> Any:
    """Return what a client sends that also gives every optional property, at any depth, and as `blank`."""
    if schema["type"] == "object":
        given = {name: _filled(schema["properties"][name], blank) for name in schema["required"]}
        return dict.fromkeys(schema["properties"], blank) | given
    return [_filled(schema["items"], blank)] if schema["type"] == "array" else schema.get("enum", ["x"])[0]


@pytest.mark.parametrize("blank", [None, "", "  ", []], ids=repr)
def test_an_optional_argument_that_says_nothing_is_as_if_it_were_not_given(blank: object) -> None:
    """CrewAI, mcp-use and openai-agents send every property of a schema, and its nested ones."""
    for name in TOOLS:
        schema = input_schema(name, is_hub=True)
        assert schema is not None
        assert fit_arguments(schema, _filled(schema, blank)) == _required(schema), name


@pytest.mark.parametrize(
    ("tool", "sent", "fitted"),
    [
        ("list_workflow_files", {"limit": 5.0, "kind": "prd"}, {"limit": 5, "kind": "prd"}),
        ("list_workflow_files", {"wait_for_previous": True, "limit": 5}, {"limit": 5}),
        (
            "write_prd_from_idea",
            {"title": " T ", "idea": "i", "users": ["a", "", None, " b"], "goals": [None, ""]},
            {"title": " T ", "idea": "i", "users": ["a", " b"]},
        ),
        (
            "write_checklist_sprint",
            {"title": "T", "prd_path": "x", "tasks": [TASK | {"checks": ["", "make test"], "stage_gate": None}]},
            {"title": "T", "prd_path": "x", "tasks": [TASK | {"checks": ["make test"]}]},
        ),
    ],
)
def test_arguments_arrive_without_what_says_nothing(tool: str, sent: dict[str, Any], fitted: dict[str, Any]) -> None:
    found = fit_arguments(TOOLS[tool].input, sent)
    assert found == fitted
    assert not any(isinstance(value, float) for value in found.values())


def test_nothing_but_wait_for_previous_is_passed_over() -> None:
    for name in ("wait_for_previous_", "waitForPrevious", "repo_path", "overwrite", ""):
        with pytest.raises(Refusal) as caught:
            fit_arguments(TOOLS["harness_status"].input, {name: None})
        assert caught.value.code == "UNKNOWN_PARAMETER"
    tasks = [TASK | {"wait_for_previous": True}]
    with pytest.raises(Refusal):
        fit_arguments(TOOLS["write_checklist_sprint"].input, {"title": "T", "prd_path": "x", "tasks": tasks})


def test_a_misspelled_parameter_is_refused_and_told_what_there_is() -> None:
    with pytest.raises(Refusal) as caught:
        fit_arguments(TOOLS["write_prd_from_idea"].input, {"title": "T", "idea": "i", "overwrite": True})
    assert (caught.value.code, caught.value.message) == ("UNKNOWN_PARAMETER", "unknown parameter 'overwrite'")
    assert "expected_revision" in (caught.value.details or {})["allowed"]
    assert "expected_revision" in caught.value.next_step, "models do not see details"
    tasks = [TASK, TASK | {"file\x1b[31m": "x"}]
    with pytest.raises(Refusal) as caught:
        fit_arguments(TOOLS["write_checklist_sprint"].input, {"title": "T", "prd_path": "x", "tasks": tasks})
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
            fit_arguments(TOOLS[tool].input, arguments)
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
        fit_arguments(schema, arguments)
        is_accepted = True
    except Refusal:
        is_accepted = False
    assert is_accepted == jsonschema.Draft202012Validator(schema).is_valid(_without_blanks(schema, arguments))


def _without_blanks(schema: dict[str, Any], value: Any) -> Any:
    """Return the value without what says nothing; written anew, so that the two can be compared."""
    blank = (None, "", " ")
    if schema["type"] == "array" and isinstance(value, list):
        return [_without_blanks(schema["items"], each) for each in value]
    if schema["type"] != "object" or not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for name, each in value.items():
        known, is_needed = schema["properties"].get(name), name in schema["required"]
        if known is not None and not is_needed and known["type"] == "array" and isinstance(each, list):
            each = [item for item in each if item not in blank] or None
        if known is None or is_needed or each not in blank:
            kept[name] = each if known is None else _without_blanks(known, each)
    return kept


def test_a_keyword_that_is_not_held_fails_loudly() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "format": "uri"}}, "required": []}
    with pytest.raises(AssertionError, match="format"):
        fit_arguments({**schema, "additionalProperties": False}, {"a": "x"})
