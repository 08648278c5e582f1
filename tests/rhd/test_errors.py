from __future__ import annotations

import inspect

import rhd.errors
from rhd.errors import HarnessError, Refusal
from rhwire.codes import CODES


def test_every_class_has_a_code_and_stands_in_the_drawn_tree() -> None:
    classes = [c for _, c in inspect.getmembers(rhd.errors, inspect.isclass) if issubclass(c, HarnessError)]
    assert len(classes) > 5
    for each in classes:
        assert each.code in CODES
        assert each.__name__ in (rhd.errors.__doc__ or "")
        assert each is HarnessError or issubclass(each, Refusal)
