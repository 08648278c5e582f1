"""`config` on the socket."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.inprocess import Running


@pytest.fixture(autouse=True)
def level_of_ours() -> Iterator[None]:
    """A reload sets the level of every logger of ours; it is taken back."""
    logger = logging.getLogger("rhd")
    before = logger.level
    yield
    logger.setLevel(before)


async def test_what_reloads_is_in_force_at_once(daemon: Running) -> None:
    found = await daemon.call("config", action="set", key="log_level", value="debug")
    assert found["settings"]["log_level"] == {"value": "debug", "origin": "file", "reloads": True, "pending": None}
    assert logging.getLogger("rhd").level == logging.DEBUG
    assert Path(found["config"]).read_text().endswith('log_level = "debug"\n')
    found = await daemon.call("config", action="unset", key="log_level")
    assert found["settings"]["log_level"]["origin"] == "default"
    assert [(row.action, row.target) for row in await daemon.audited()] == [
        ("config.set", "log_level"),
        ("config.unset", "log_level"),
    ]


async def test_what_needs_a_restart_is_pending(daemon: Running) -> None:
    found = await daemon.call("config", action="set", key="watcher", value="poll")
    entry = found["settings"]["watcher"]
    assert (entry["value"], entry["pending"]) == ("auto", {"value": "poll", "origin": "file"})
    assert daemon.context.settings.watcher == "auto"


async def test_a_flag_wins_over_the_file(daemon: Running) -> None:
    found = await daemon.call("config", action="set", key="port", value="9000")
    assert found["settings"]["port"] == {"value": 0, "origin": "flag", "reloads": False, "pending": None}


async def test_a_file_that_cannot_be_used_is_told_with_what_mends_it(daemon: Running) -> None:
    config = Path(daemon.context.config_path)
    config.write_text("prot = 1\nport = 'x'\n")
    found = await daemon.call("config", action="show")
    assert found["problem"]["next_step"].startswith("Take it out with: rhctl config unset prot")
    found = await daemon.call("config", action="unset", key="prot")
    assert "rhctl config unset port" in found["problem"]["next_step"]
    found = await daemon.call("config", action="unset", key="port")
    assert (found["problem"], config.read_text()) == (None, "")


async def test_a_public_url_is_not_replaced_by_the_way(daemon: Running) -> None:
    await daemon.call("config", action="set", key="public_url", value="https://a.example.com")
    refused = await daemon.refusal("config", action="set", key="public_url", value="https://b.example.com")
    assert refused.code == "ENDPOINT_RECORDED"
    assert refused.next_step.endswith("rhctl endpoint https://b.example.com/mcp --replace")
    await daemon.call("config", action="set", key="public_url", value="https://a.example.com/")
    found = await daemon.call("config", action="unset", key="public_url")
    assert found["settings"]["public_url"]["value"] is None


@pytest.mark.parametrize(
    "params",
    [
        {"action": "list"},
        {"action": "show", "key": "port"},
        {"action": "set", "key": "port"},
        {"action": "unset"},
        {"action": "unset", "key": "port", "value": "1"},
        {"action": "set", "key": "port", "value": "high"},
        {"action": "set", "key": "public_url", "value": "http://a.example.com"},
        {"action": "set", "key": "nothing", "value": "1"},
    ],
)
async def test_what_cannot_be_done_is_refused_and_records_nothing(daemon: Running, params: dict[str, Any]) -> None:
    assert (await daemon.refusal("config", **params)).code in ("INVALID_ARGUMENT", "CONFIG_INVALID")
    assert not Path(daemon.context.config_path).exists()
