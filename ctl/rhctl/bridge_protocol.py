"""`BridgeProtocol`: the state of a client's MCP session that the bridge replays to the next daemon.

Does no input or output. Both protocol eras: the handshake era replays `initialize`, `notifications/initialized` and the
subscriptions; in the 2026 era every request stands alone, and a subscription is a request that is still unanswered.
"""

from __future__ import annotations

import json
import os

from rhwire.codes import CODES
from rhwire.messages import REFUSED, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhwire.errors import HarnessError

MAX_ATTEMPTS = 5
"""How many daemons a request is sent to before it is given up: one that makes each of them fail must not go on."""

MAX_NAME_CHARS = 80

ERROR_KEY = "dev.repo-harness/error"
"""In the `_meta` of an error result, as the daemon has it."""

LISTEN = "subscriptions/listen"
_META = "io.modelcontextprotocol/"


class _UnansweredRequest:
    """A request that the client waits for.

    Attributes:
        line: as the client sent it.
        tool: the tool that it calls, or None.
        attempts: how many daemons it was sent to.
        is_modern: of the 2026 era.
        wanted: of a subscription, what it asks to be notified of.
        is_acknowledged: of a subscription, whether the client was told that it began.
    """

    __slots__ = ("attempts", "is_acknowledged", "is_modern", "line", "method", "tool", "wanted")

    def __init__(self, line: bytes, method: str, params: dict[str, Any], attempts: int) -> None:
        self.line = line
        self.method = method
        self.tool = params.get("name") if method == "tools/call" else None
        self.attempts = attempts
        self.is_modern = f"{_META}protocolVersion" in _object(params, "_meta")
        self.wanted = _object(params, "notifications")
        self.is_acknowledged = False


class BridgeProtocol:
    """One client's session, over any number of daemons.

    Attributes:
        id: a random name that stays the same at every daemon: subscriptions and repeated writes are found by it.
        client_name: what the client calls itself, from its first message; None if it does not say.
    """

    def __init__(self) -> None:
        self.id = os.urandom(8).hex()
        self.client_name: str | None = None
        self._initialize: dict[str, Any] | None = None
        self._initialized: bytes | None = None
        self._subscriptions: dict[str, None] = {}
        self._unanswered: dict[int | str, _UnansweredRequest] = {}
        self._own_ids: set[str] = set()
        self._served: tuple[Any, ...] | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether the client waits for an answer; a subscription has none to wait for."""
        return any(request.method != LISTEN for request in self._unanswered.values())

    @property
    def has_requests(self) -> bool:
        """Whether anything that the client asked for is unanswered, be it a subscription."""
        return bool(self._unanswered)

    def from_client(self, line: bytes, *, is_sent: bool) -> None:
        """Record one message of the client.

        Args:
            is_sent: it is being sent to a daemon; otherwise requests are sent by the next `resume`.
        """
        message = _parse(line)
        method, id_, params = message.get("method"), message.get("id"), _object(message, "params")
        if not isinstance(method, str):
            return
        if self.client_name is None:
            info = _object(params, "clientInfo") or _object(_object(params, "_meta"), f"{_META}clientInfo")
            self.client_name = _plain(info.get("name"))
        if method == "initialize":
            self._initialize = message
        elif method == "notifications/initialized":
            self._initialized = line
        elif method == "notifications/cancelled" and isinstance(params.get("requestId"), int | str):
            self._unanswered.pop(params["requestId"], None)
        elif method == "resources/subscribe" and isinstance(params.get("uri"), str):
            self._subscriptions[params["uri"]] = None
        elif method == "resources/unsubscribe" and isinstance(params.get("uri"), str):
            self._subscriptions.pop(params["uri"], None)
        if isinstance(id_, int | str):
            self._unanswered[id_] = _UnansweredRequest(line, method, params, int(is_sent))

    def from_daemon(self, line: bytes) -> bool:
        """Record one message of the daemon, and say whether it is the client's to read."""
        message = _parse(line)
        method, id_ = message.get("method"), message.get("id")
        if method is None and isinstance(id_, int | str):
            if id_ in self._own_ids:
                self._own_ids.discard(str(id_))
                return False
            self._unanswered.pop(id_, None)
        elif method == "notifications/subscriptions/acknowledged":
            named = _object(_object(message, "params"), "_meta").get(f"{_META}subscriptionId")
            request = self._unanswered.get(named) if isinstance(named, int | str) else None
            if request is not None:
                is_repeated, request.is_acknowledged = request.is_acknowledged, True
                return not is_repeated
        return True

    def resume(self, attached: dict[str, Any]) -> tuple[list[bytes], list[bytes]]:
        """Return what to send to a daemon that has just been attached to, and what to send to the client.

        Args:
            attached: the daemon's answer; `repeatable` names the tools that may be called again.
        """
        to_daemon, to_client = self._replay(), []
        for id_, request in list(self._unanswered.items()):
            is_safe = request.tool is None or request.tool in attached["repeatable"]
            if request.attempts and not (is_safe and request.attempts < MAX_ATTEMPTS):
                del self._unanswered[id_]
                what = f"before it answered {request.tool or request.method}"
                repeated = "; whether it was carried out is not known" if not is_safe else ""
                message = f"the daemon ended {what}{repeated}"
                to_client.append(_error(id_, request, "DAEMON_RESTARTED", message, CODES["DAEMON_RESTARTED"][1]))
            else:
                request.attempts += 1
                to_daemon.append(request.line)
        served = attached["slug"], attached["version"], attached["tools_hash"]
        if self._served not in (None, served):
            to_client += self._list_changes()
        self._served = served
        return to_daemon, to_client

    def refuse(self, error: HarnessError) -> list[bytes]:
        """Return what answers every request that waits: no daemon can be had."""
        refused = [
            _error(id_, request, error.code, error.message, error.next_step)
            for id_, request in self._unanswered.items()
            if request.method != LISTEN
        ]
        self._unanswered = {id_: each for id_, each in self._unanswered.items() if each.method == LISTEN}
        return refused

    def _replay(self) -> list[bytes]:
        """Return the handshake and the subscriptions, unless the client still waits for their own answers."""
        if self._initialize is None or self._initialize.get("id") in self._unanswered:
            return []
        self._own_ids = set()
        lines = [self._own({**self._initialize})]
        if self._initialized is not None:
            lines.append(self._initialized)
        subscribe = {"jsonrpc": "2.0", "method": "resources/subscribe"}
        return lines + [self._own({**subscribe, "params": {"uri": uri}}) for uri in self._subscriptions]

    def _own(self, message: dict[str, Any]) -> bytes:
        id_ = f"rhctl-{self.id}-{len(self._own_ids)}"
        self._own_ids.add(id_)
        return encode({**message, "id": id_})

    def _list_changes(self) -> list[bytes]:
        """Return the notifications that tools and resources may be others now."""
        lines = []
        for what, name in (("tools", "toolsListChanged"), ("resources", "resourcesListChanged")):
            method = f"notifications/{what}/list_changed"
            if self._initialized is not None:
                lines.append(encode({"jsonrpc": "2.0", "method": method}))
            for id_, request in self._unanswered.items():
                if request.method == LISTEN and request.wanted.get(name) is True:
                    meta = {f"{_META}subscriptionId": id_}
                    lines.append(encode({"jsonrpc": "2.0", "method": method, "params": {"_meta": meta}}))
        return lines


def _error(id_: int | str, request: _UnansweredRequest, code: str, message: str, next_step: str) -> bytes:
    """Return what answers a request in the daemon's place: for a tool an error result, which the model reads."""
    data = {"code": code, "message": message, "next_step": next_step}
    if request.tool is None:
        error = {"code": REFUSED, "message": f"{code}: {message}. {next_step}", "data": data}
        return encode({"jsonrpc": "2.0", "id": id_, "error": error})
    text = f"{code}: {message}\nNext: {next_step}"
    result: dict[str, Any] = {"resultType": "complete"} if request.is_modern else {}
    result |= {"content": [{"type": "text", "text": text}], "isError": True, "_meta": {ERROR_KEY: data}}
    return encode({"jsonrpc": "2.0", "id": id_, "result": result})


def _parse(line: bytes) -> dict[str, Any]:
    """Return a message; an empty one if the line holds none, which the daemon then refuses."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _plain(name: Any) -> str | None:
    """Return a name that a request can carry."""
    if not isinstance(name, str):
        return None
    return name[:MAX_NAME_CHARS].replace("\0", "").encode("utf-8", "replace").decode() or None


def _object(holder: dict[str, Any], name: str) -> dict[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}
