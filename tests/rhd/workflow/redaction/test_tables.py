"""rhd.workflow.redaction.tables: the header names a secret, the cells below hold it."""

from __future__ import annotations

import pytest

from rhd.workflow.redaction.tables import find_table_cells

VALUE = "f3Kq9" + "ZxT7mB2" + "wLp8Rv4c"
CHOSEN = "hunter" + "2"


def cells(text: str) -> list[str]:
    return [text[found.start : found.end] for found in find_table_cells(text)]


@pytest.mark.parametrize(
    "name", ["Token", "API key", "`api_key`", "**Secret**", "Password", "DB_PASSWORD", "auth token"]
)
def test_the_cells_below_the_name_of_a_secret_are_found(name: str) -> None:
    text = f"| Host | {name} | Note |\n|---|:---:|---|\n| db | `{VALUE}` | a |\n| x | {VALUE}1 |\n\n| y | {VALUE} |\n"
    assert cells(text) == [VALUE, VALUE + "1"]


@pytest.mark.parametrize(
    "table", ["Host | Token\n--- | ---\ndb | {}\n", "> | Host | Token |\n> | - | - |\n> | db | {} |"]
)
def test_a_table_is_one_without_bars_at_its_ends_and_in_a_quote(table: str) -> None:
    assert cells(table.format(VALUE)) == [VALUE]


def test_a_chosen_password_is_found_below_its_name_alone() -> None:
    table = "| Host | {} |\n| --- | --- |\n| db | {} |\n"
    assert cells(table.format("Password", CHOSEN)) == [CHOSEN]
    assert cells(table.format("Token", CHOSEN)) == []


@pytest.mark.parametrize("value", ["changeme", "<password>", "$DB_PASSWORD", "see the vault", "string", "", "–", "8"])
def test_a_cell_that_holds_no_secret_is_left(value: str) -> None:
    assert cells(f"| Field | Password |\n|---|---|\n| db | {value} |\n") == []


@pytest.mark.parametrize("name", ["Key", "Token lifetime", "Secret name", "Commit", "Passwordless"])
def test_a_column_of_another_name_is_left(name: str) -> None:
    assert cells(f"| A | {name} |\n|---|---|\n| db | {VALUE} |\n") == []


def test_the_rows_of_a_table_are_followed_however_long_it_is() -> None:
    text = "| A | Token |\n|---|---|\n" + "| a | none |\n" * 20_000 + f"| b | {VALUE} |\n"
    assert cells(text) == [VALUE]
