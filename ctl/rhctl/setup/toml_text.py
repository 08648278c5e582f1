"""Changes one table of a TOML text and nothing else of it, comments included."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

LONG_LIST = 6
"""A list with more items is written with one on each line."""


def parse(text: str) -> dict[str, Any]:
    """Return what a text holds.

    Raises:
        ValueError: it is not TOML.
    """
    import tomllib

    return tomllib.loads(text)


def set_entry(text: str, keys: Sequence[str], value: Mapping[str, Any]) -> str:
    """Return `text` with the keys of `value` set in the table that `keys` lead to; its other keys stay.

    Raises:
        ValueError: the text is not TOML, or `keys` lead through something that is not a table.
    """
    import tomlkit
    from tomlkit.items import InlineTable

    document = _parse(text)
    table: Any = document
    for depth, key in enumerate(keys):
        is_last = depth + 1 == len(keys)
        is_inline = isinstance(table, InlineTable)
        table = table.setdefault(
            key, tomlkit.inline_table() if is_inline else tomlkit.table(is_super_table=not is_last)
        )
        if not isinstance(table, MutableMapping):
            raise ValueError(f"{'.'.join(keys[: depth + 1])} is not a table")
    for key, wanted in value.items():
        if key in table and _plain(table[key]) == wanted:
            continue
        if isinstance(wanted, list):
            array = tomlkit.array()
            array.extend(wanted)
            table[key] = array.multiline(len(wanted) > LONG_LIST and not isinstance(table, InlineTable))
        else:
            table[key] = wanted
    return tomlkit.dumps(document)


def remove_entry(text: str, keys: Sequence[str], is_kept: int = 0) -> str:
    """Return `text` without the table that `keys` lead to, and without the tables on the way that this empties.

    Args:
        is_kept: how many of the first keys keep their table although it is empty then.

    Raises:
        ValueError: the text is not TOML.
    """
    import tomlkit

    document = _parse(text)
    holders: list[Any] = [document]
    for key in keys:
        if not isinstance(holders[-1], MutableMapping) or key not in holders[-1]:
            return text
        holders.append(holders[-1][key])
    for depth in reversed(range(len(keys))):
        if depth + 1 < len(keys) and (holders[depth + 1] or depth < is_kept):
            break
        del holders[depth][keys[depth]]
    return tomlkit.dumps(document)


def _parse(text: str) -> Any:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ValueError(str(error)) from None


def _plain(item: Any) -> Any:
    return item.unwrap() if hasattr(item, "unwrap") else item
