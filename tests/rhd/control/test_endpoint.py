"""`endpoint` on the socket: what is recorded, where, and when it is in force."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.support.inprocess import Running
from tests.support.repositories import Repository

ONE, TWO = "https://one.example.com/mcp", "https://two.example.com/mcp"


async def test_what_is_recorded_is_in_force_at_once_and_after_a_restart(daemon: Running) -> None:
    assert await daemon.call("endpoint") == {"endpoint": None, "public_url": None, "clients": []}
    answer = await daemon.call("endpoint", url=ONE)
    assert answer == {"endpoint": ONE, "public_url": "https://one.example.com", "clients": []}
    assert daemon.context.settings.public_url == "https://one.example.com"
    assert tomllib.loads(Path(daemon.context.config_path).read_text())["public_url"] == "https://one.example.com"
    assert [row.action for row in await daemon.audited()] == ["endpoint.set"]
    assert (await daemon.call("endpoint", url=ONE))["endpoint"] == ONE  # the same again is no replacement
    assert [row.action for row in await daemon.audited()] == ["endpoint.set"]


async def test_another_one_is_refused_with_who_may_lose_it_unless_that_is_wanted(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    await daemon.call("endpoint", url=ONE)
    refused = await daemon.refusal("endpoint", url=TWO)
    assert (refused.code, refused.details) == ("ENDPOINT_RECORDED", {"endpoint": ONE, "clients": ["ChatGPT"]})
    assert (await daemon.call("endpoint"))["endpoint"] == ONE
    assert (await daemon.call("endpoint", url=TWO, replace=True)) == {
        "endpoint": TWO,
        "public_url": "https://two.example.com",
        "clients": ["ChatGPT"],
    }


async def test_an_entry_of_the_file_that_is_wrong_is_told_rather_than_a_success(daemon: Running) -> None:
    config = Path(daemon.context.config_path)
    config.write_text('log_level = "loud"\n')
    refused = await daemon.refusal("endpoint", url=ONE)
    assert refused.code == "CONFIG_INVALID"
    assert daemon.context.settings.public_url is None


async def test_what_the_environment_says_wins_and_that_is_said(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPO_HARNESS_PUBLIC_URL", "https://three.example.com")
    await daemon.context.reload()
    assert (await daemon.call("endpoint"))["endpoint"] == "https://three.example.com/mcp"
    refused = await daemon.refusal("endpoint", url=ONE, replace=True)
    assert refused.code == "CONFIG_INVALID"
    assert "REPO_HARNESS_PUBLIC_URL" in refused.next_step
