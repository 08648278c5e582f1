"""One member of a JSON text, and nothing else of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhctl.setup.json_text import parse, remove_member, set_member

KEYS = ("servers", "ours")
ENTRY: dict[str, Any] = {"command": "rhctl", "args": ["connect", "--home", "/a b"], "env": {}}


def test_a_member_is_laid_out_as_those_before_it() -> None:
    text = '{\n   "servers": {\n      "a": {}\n   }\n}\n'
    assert set_member(text, KEYS, ENTRY) == (
        '{\n   "servers": {\n      "a": {},\n      "ours": {\n         "command": "rhctl",\n'
        '         "args": ["connect", "--home", "/a b"],\n         "env": {}\n      }\n   }\n}\n'
    )
    assert set_member('{"servers":{"a":{}}}', KEYS, {"c": 1}) == '{"servers":{"a":{}, "ours": {"c": 1}}}'
    assert set_member("", KEYS, {"c": 1}) == '{\n  "servers": {\n    "ours": {\n      "c": 1\n    }\n  }\n}\n'


def test_only_what_differs_is_written_again() -> None:
    text = '{"servers": {"ours": {  "command":"old","mine" : [1,\n2], "args": []}}}'
    changed = set_member(text, KEYS, {"command": "new", "args": []})
    assert changed == text.replace('"old"', '"new"')
    assert set_member(changed, KEYS, {"command": "new"}) == changed


@pytest.mark.parametrize(
    ("text", "is_kept", "left"),
    [
        ('{"a": 1, "servers": {"ours": {}, "z": 2}}', 0, '{"a": 1, "servers": {"z": 2}}'),
        ('{"a": 1, "servers": {"ours": {}}}', 0, '{"a": 1}'),
        ('{"a": 1, "servers": {"ours": {}}}', 1, '{"a": 1, "servers": {}}'),
        ('{ "servers": { "ours": {} } }', 0, "{}"),
        ('{"servers": {"a": 1 , "ours": {}}}', 0, '{"servers": {"a": 1}}'),
        ('{"servers": {"other": 1}}', 0, '{"servers": {"other": 1}}'),
        ('{"servers": 7}', 0, '{"servers": 7}'),
        ("{}", 0, "{}"),
    ],
)
def test_a_member_is_cut_out_with_its_comma(text: str, is_kept: int, left: str) -> None:
    assert remove_member(text, KEYS, is_kept) == left


@pytest.mark.parametrize("text", ["[]", "7", "{", '{"a": 1, "a": 2}', '{"a": 1} // no', '{"a": 1,}', "[" * 10**5])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def test_keys_that_lead_through_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match="servers is not an object"):
        set_member('{"servers": []}', KEYS, ENTRY)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    whole=st.dictionaries(st.text(min_size=1), values, max_size=4),
    servers=st.none() | st.dictionaries(st.text(min_size=5), values, max_size=3),
    indent=st.sampled_from([None, 0, 1, 4, "\t"]),
    separators=st.sampled_from([(",", ":"), (" ,", " : "), (", ", ": ")]),
)
def test_whatever_stands_around_it_goes_in_and_out(
    whole: dict[str, Any], servers: dict[str, Any] | None, indent: Any, separators: tuple[str, str]
) -> None:
    before: dict[str, Any] = {key: value for key, value in whole.items() if key != "servers"}
    if servers is not None:
        before["servers"] = servers
    text = json.dumps(before, indent=indent, separators=separators, ensure_ascii=False)
    changed = set_member(text, KEYS, ENTRY)
    assert json.loads(changed) == {**before, "servers": {**(servers or {}), "ours": ENTRY}}
    assert set_member(changed, KEYS, ENTRY) == changed
    removed = remove_member(changed, KEYS, is_kept=int(servers is not None))
    assert json.loads(removed) == before
    if servers and (before.keys() - {"servers"} or servers):
        assert removed == text
