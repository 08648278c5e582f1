"""`rhctl raw`."""

from __future__ import annotations

from pathlib import Path

from rhd.control.verb_table import VERBS
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import run, type_in


async def test_values_are_json_or_else_strings(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    answer = (await type_in("raw", "events", "count=2", f"repo={slug}")).json
    assert len(answer["changes"]) == 2
    for words in ((f'repo="{slug}"',), (f"repo={slug}", "path=null"), (f"path={repository.path}/plans",)):
        assert [r["slug"] for r in (await type_in("raw", "status", *words)).json["repos"]] == [slug]
    for words in (("count=x",), ("count=true",), ("counted=1",)):
        said = await type_in("raw", "events", *words, "--json")
        assert (said.code, said.refusal) == (1, "INVALID_ARGUMENT")


async def test_an_unknown_verb_is_refused(daemon: Running) -> None:
    said = await type_in("raw", "nothing", "--json")
    assert (said.code, said.refusal) == (1, "INVALID_REQUEST")
    assert said.json["error"]["next_step"] == f"This daemon's verbs: {', '.join(VERBS)}"


def test_what_is_no_pair_is_a_usage_error(no_daemon: Path) -> None:
    for words in ((), ("status", "repo"), ("status", "=x")):
        said = run("raw", *words, "--json")
        assert (said.code, said.refusal) == (2, "USAGE")
    assert "NAME=VALUE" not in run("raw").err  # parameters may be left out
