"""What the bridge remembers of a session: what it replays to the next daemon, and what it answers itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rhctl.bridge_protocol import ERROR_KEY, LISTEN, MAX_ATTEMPTS, BridgeProtocol
from rhd.mcpserver import tool_calls
from rhwire.errors import HarnessError

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "claude-code", "version": "2"},
}
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
ATTACHED = {"slug": "project", "version": "1", "tools_hash": "a", "repeatable": ["harness_status", "write_prd"]}


def line(method: str, id_: int | str | None = None, **params: Any) -> bytes:
    message = {"jsonrpc": "2.0", "method": method, "params": params} | ({} if id_ is None else {"id": id_})
    return json.dumps(message).encode() + b"\n"


def answer(id_: int | str, **result: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id_, "result": result}).encode() + b"\n"


def calls(tool: str, id_: int | str, **params: Any) -> bytes:
    return line("tools/call", id_, name=tool, arguments={}, **params)


INITIALIZE = line("initialize", 0, protocolVersion="2025-06-18", clientInfo={"name": "codex", "version": "1"})
INITIALIZED = line("notifications/initialized")


def handshaken() -> BridgeProtocol:
    """Return a session of the handshake era that is attached to a daemon, its handshake done."""
    session = BridgeProtocol()
    session.from_client(INITIALIZE, is_sent=False)
    assert session.resume(ATTACHED) == ([INITIALIZE], [])
    assert session.from_daemon(answer(0))
    session.from_client(INITIALIZED, is_sent=True)
    return session


def parsed(lines: list[bytes]) -> list[Any]:
    return [json.loads(each) for each in lines]


def test_the_first_message_says_who_the_client_is() -> None:
    for first, name in (
        (INITIALIZE, "codex"),
        (line("server/discover", 1, _meta=META), "claude-code"),
        (line("ping", 1), None),
        (line("initialize", 1, clientInfo={"name": 7}), None),
        (line("initialize", 1, clientInfo={"name": "a\0" + "b" * 500 + "\ud800"}), "a" + "b" * 78),
        (b"no json\n", None),
        (b"[]\n", None),
        (b'{"method": 1, "params": []}\n', None),
    ):
        session = BridgeProtocol()
        session.from_client(first, is_sent=True)
        assert session.client_name == name


def test_two_sessions_have_names_of_their_own() -> None:
    assert BridgeProtocol().id != BridgeProtocol().id


def test_the_handshake_and_the_subscriptions_are_replayed_and_their_answers_kept_from_the_client() -> None:
    session = handshaken()
    for number, (method, uri) in enumerate(
        (("subscribe", "a"), ("subscribe", "b"), ("unsubscribe", "a"), ("subscribe", "c")), 10
    ):
        session.from_client(line(f"resources/{method}", number, uri=uri), is_sent=True)
        assert session.from_daemon(answer(number))
    to_daemon, to_client = session.resume(ATTACHED)
    first, second, *subscribed = parsed(to_daemon)
    assert first["params"] == json.loads(INITIALIZE)["params"]
    assert second["method"] == "notifications/initialized"
    assert [each["params"]["uri"] for each in subscribed] == ["b", "c"]
    assert to_client == []
    for each in (first, *subscribed):
        assert not session.from_daemon(answer(each["id"])), "the client did not ask this"
    assert session.from_daemon(line("notifications/resources/updated", uri="b"))


def test_a_handshake_that_was_not_answered_is_sent_again_as_the_client_sent_it() -> None:
    session = BridgeProtocol()
    session.from_client(INITIALIZE, is_sent=True)
    assert session.resume(ATTACHED) == ([INITIALIZE], [])
    assert session.from_daemon(answer(0)), "and its answer is the client's"


def test_what_was_not_answered_is_sent_again_if_it_may_be_and_answered_here_if_not() -> None:
    session = handshaken()
    safe = [line("tools/list", 1), calls("harness_status", "2"), calls("write_prd", 3), line("resources/read", 4)]
    for each in safe:
        session.from_client(each, is_sent=True)
    session.from_client(calls("append_note", 5), is_sent=True)
    session.from_client(calls("append_note", 6, _meta=META), is_sent=True)
    session.from_client(calls("append_note", 7), is_sent=False)  # while no daemon was there
    session.from_client(calls("harness_status", 8), is_sent=True)
    assert session.from_daemon(answer(8))
    session.from_client(calls("append_note", 9), is_sent=True)
    session.from_client(line("notifications/cancelled", requestId=9), is_sent=True)
    to_daemon, to_client = session.resume(ATTACHED)
    assert to_daemon[2:] == [*safe, calls("append_note", 7)]
    legacy, modern = parsed(to_client)
    assert (legacy["id"], modern["id"]) == (5, 6)
    assert legacy["result"]["isError"] is True
    assert legacy["result"]["_meta"][ERROR_KEY]["code"] == "DAEMON_RESTARTED"
    assert ERROR_KEY == tool_calls.ERROR_KEY
    text = legacy["result"]["content"][0]["text"]
    assert text.startswith("DAEMON_RESTARTED: the daemon ended before it answered append_note; whether")
    assert text.endswith("Look at what exists before you repeat the call.")
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(text)  # Gemini CLI would validate it against the tool's output schema and hide it
    assert "resultType" not in legacy["result"]
    assert modern["result"]["resultType"] == "complete"
    assert session.from_daemon(answer(7))
    assert session.resume(ATTACHED)[1] == [], "each is answered once"


def test_a_request_that_ends_every_daemon_is_given_up() -> None:
    session = handshaken()
    session.from_client(line("tools/list", 1), is_sent=True)
    for _ in range(MAX_ATTEMPTS - 1):
        assert session.resume(ATTACHED)[0][-1] == line("tools/list", 1)
    to_daemon, to_client = session.resume(ATTACHED)
    assert len(to_daemon) == 2
    (refused,) = parsed(to_client)
    assert (refused["id"], refused["error"]["data"]["code"]) == (1, "DAEMON_RESTARTED")


def test_a_subscription_of_the_2026_era_goes_on_and_is_acknowledged_once() -> None:
    session = BridgeProtocol()
    listen = line(LISTEN, "s", _meta=META, notifications={"toolsListChanged": True})
    session.from_client(listen, is_sent=True)
    acknowledged = line("notifications/subscriptions/acknowledged", _meta={SUBSCRIPTION: "s"}, notifications={})
    assert session.from_daemon(acknowledged)
    assert not session.is_waiting
    assert session.resume(ATTACHED) == ([listen], [])
    assert not session.from_daemon(acknowledged)
    assert session.from_daemon(line("notifications/tools/list_changed", _meta={SUBSCRIPTION: "s"}))
    session.from_client(line("notifications/cancelled", requestId="s"), is_sent=True)
    assert session.resume(ATTACHED) == ([], [])


@pytest.mark.parametrize("change", [{"slug": "other"}, {"version": "2"}, {"tools_hash": "b"}])
def test_a_client_is_told_that_its_lists_changed_if_another_thing_serves_it_now(change: dict[str, str]) -> None:
    session = handshaken()
    assert session.resume(ATTACHED)[1] == []
    told = parsed(session.resume({**ATTACHED, **change})[1])
    assert [each["method"] for each in told] == [
        "notifications/tools/list_changed",
        "notifications/resources/list_changed",
    ]
    assert session.resume({**ATTACHED, **change})[1] == []

    session = BridgeProtocol()
    session.from_client(line(LISTEN, 1, notifications={"toolsListChanged": True}, _meta=META), is_sent=False)
    session.from_client(line(LISTEN, 2, notifications={"resourcesListChanged": True}, _meta=META), is_sent=False)
    session.resume(ATTACHED)
    told = parsed(session.resume({**ATTACHED, **change})[1])
    assert [(each["method"].split("/")[1], each["params"]["_meta"][SUBSCRIPTION]) for each in told] == [
        ("tools", 1),
        ("resources", 2),
    ]


def test_while_no_daemon_can_be_had_each_request_is_told_why() -> None:
    session = handshaken()
    for each in (line("tools/list", 1), calls("harness_status", 2), line(LISTEN, 3)):
        session.from_client(each, is_sent=False)
    assert session.is_waiting
    listed, called = parsed(session.refuse(HarnessError("it is gone", code="NO_DAEMON", next_step="Start it.")))
    assert listed["error"]["message"] == "NO_DAEMON: it is gone. Start it."
    assert listed["error"]["data"] == {"code": "NO_DAEMON", "message": "it is gone", "next_step": "Start it."}
    assert called["result"]["content"][0]["text"] == "NO_DAEMON: it is gone\nNext: Start it."
    assert not session.is_waiting
    assert session.resume(ATTACHED)[0][-1] == line(LISTEN, 3), "a subscription waits for the next daemon"
