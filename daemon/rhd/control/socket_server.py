"""Serves the control socket: accepts clients within limits, runs the verbs that they ask for, and answers."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

import trio

from rhd.control.verb import ControlConnection, Slots, Verb, VerbCall
from rhd.control.verb_context import VerbContext
from rhd.control.verb_table import VERBS
from rhd.errors import HarnessError, Refusal, StoreFailed
from rhd.hosting.sockets import Peer, peer_of
from rhwire import messages
from rhwire.messages import Request as Message
from rhwire.messages import WireError

log = logging.getLogger(__name__)

NEXT_LINE_WITHIN_S = 30.0

DRAIN_S = 2.2
"""How long requests have to be answered once the daemon ends; as long as over HTTP."""

ACCEPT_WAITING_S = 0.05


class ControlServer:
    """Accepts clients and runs verbs. A client that fails or does not read harms no other."""

    def __init__(self, context: VerbContext, *, who: Callable[..., Peer] = peer_of) -> None:
        self._context = context
        self._who = who
        self._slots = Slots()
        self._live: set[ControlConnection] = set()
        self._news = trio.lowlevel.ParkingLot()

    async def serve(
        self,
        listeners: Sequence[trio.SocketListener],
        *,
        stop: trio.Event,
        release: Callable[[], None] | None = None,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until `stop` is set and what was asked is answered; return `DRAIN_S` after that at the latest.

        Args:
            release: takes the socket's path away, so that later clients find no daemon; those that wait already are
                accepted. None if a service manager holds the sockets: then they, and the clients that wait, are left
                to the next daemon.
        """
        async with trio.open_nursery() as nursery:
            async with trio.open_nursery() as accepting:
                for listener in listeners:
                    accepting.start_soon(self._accept, listener, nursery)
                task_status.started()
                await stop.wait()
                accepting.cancel_scope.cancel()
            if release is not None:
                release()
                for listener in listeners:
                    await self._accept_waiting(listener, nursery)
                    await listener.aclose()
            for connection in self._live:
                connection.drain()
            with trio.move_on_after(DRAIN_S):
                while self._live:
                    await self._news.park()
            nursery.cancel_scope.cancel()

    async def _accept(self, listener: trio.SocketListener, nursery: trio.Nursery) -> None:
        while True:
            try:
                self._begin(await listener.accept(), nursery)
            except OSError as error:
                # Out of descriptors, most likely: others must close before this can succeed.
                log.warning("accept-failed reason=%s", error.strerror)
                await trio.sleep(0.1)

    async def _accept_waiting(self, listener: trio.SocketListener, nursery: trio.Nursery) -> None:
        with trio.move_on_after(ACCEPT_WAITING_S):
            while True:
                try:
                    self._begin(await listener.accept(), nursery)
                except OSError:
                    return

    def _begin(self, stream: trio.SocketStream, nursery: trio.Nursery) -> None:
        try:
            connection = ControlConnection(stream, self._who(stream.socket), self._slots)
        except OSError:  # the client has left
            stream.socket.close()
            return
        self._live.add(connection)
        nursery.start_soon(self._handle, connection)

    async def _handle(self, connection: ControlConnection) -> None:
        with connection.scope:
            async with connection.stream:
                try:
                    await self._admit(connection)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass
                except Exception as error:
                    log.error("connection-failed", exc_info=error)
                finally:
                    connection.close_slot()
                    self._live.discard(connection)
                    self._news.unpark_all()

    async def _admit(self, connection: ControlConnection) -> None:
        if connection.peer.uid != os.geteuid():
            log.warning("foreign-peer uid=%d", connection.peer.uid)
        elif not connection.has_place:
            await self._refuse(connection, None, Refusal("too many clients are waiting", code="LIMIT_REACHED"))
        else:
            await self._converse(connection)

    async def _converse(self, connection: ControlConnection) -> None:
        within_s = messages.FIRST_LINE_WITHIN_S
        while (line := await self._read_line(connection, within_s)) is not None:
            connection.note_idle(False)
            if not await self._answer(connection, line) or connection.is_draining:
                return
            within_s = NEXT_LINE_WITHIN_S
            connection.note_idle(True)

    async def _read_line(self, connection: ControlConnection, within_s: float) -> bytes | None:
        """Return the next line, or None if the client left, took too long or sent too much."""
        lines = connection.lines
        with trio.move_on_after(within_s):
            while True:
                if (line := lines.take_line()) is not None:
                    return line
                if len(lines) > messages.MAX_LINE_BYTES:
                    error = WireError("the line is longer than 1 MiB", code="REQUEST_TOO_LARGE")
                    await self._refuse(connection, None, error, error.rpc_code)
                    return None
                data = await connection.stream.receive_some(65536)
                if not data:
                    return None
                if not len(lines) and not data.startswith((b"{", b"\n", b" ")):
                    # A browser or another program speaks another protocol here: say so and hang up.
                    error = WireError("this socket speaks JSON-RPC, one object a line", rpc_code=messages.PARSE_ERROR)
                    await self._refuse(connection, None, error, error.rpc_code)
                    return None
                lines.feed(data)
        return None

    async def _answer(self, connection: ControlConnection, line: bytes) -> bool:
        """Answer one line; return whether the connection goes on."""
        try:
            message = Message.decode(line)
        except WireError as error:
            await self._refuse(connection, None, error, error.rpc_code)
            return False
        verb = VERBS.get(message.method)
        if verb is None:
            unknown = Refusal(
                f"there is no verb {message.method[:40]!r}",
                code="INVALID_REQUEST",
                next_step=f"This daemon's verbs: {', '.join(VERBS)}",
            )
            await self._refuse(connection, message.id, unknown, messages.METHOD_NOT_FOUND)
            return True
        try:
            request = VerbCall(self._context, connection, verb.check(message.params))
        except Refusal as refusal:
            await self._refuse(connection, message.id, refusal, messages.INVALID_PARAMS)
            return True
        try:
            result = await self._run(verb, request)
            if verb.takes_over is not None:
                connection.stay_open()
        except StoreFailed as error:
            # The owner sees where the database is. The exception does not say it, since a model may read it too.
            named = f"{error.message} ({self._context.store.path})"
            await self._refuse(connection, message.id, Refusal(named, code=error.code, next_step=error.next_step))
            return True
        except HarnessError as refusal:
            await self._refuse(connection, message.id, refusal)
            return True
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise
        except Exception as error:
            log.error("verb-failed verb=%s", verb.name, exc_info=error)
            failed = Refusal("the daemon failed while it carried this out", code="INTERNAL")
            await self._refuse(connection, message.id, failed, messages.INTERNAL_ERROR)
            return True
        await connection.send(messages.encode_result(message.id, result))
        if verb.takes_over is None:
            return True
        await verb.takes_over(request, result)
        return False

    async def _run(self, verb: Verb, request: VerbCall) -> Any:
        """Return a verb's result; say every 3 seconds that it is worked on, until it streams."""
        failure: Exception | None = None
        result = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell_progress, request.connection)
            try:
                result = await verb.run(request)
            except Exception as error:  # not through the nursery, which would wrap it
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return result

    async def _tell_progress(self, connection: ControlConnection) -> None:
        while True:
            await trio.sleep(messages.PROGRESS_EVERY_S)
            if connection.is_open:
                return
            try:
                await connection.send(messages.encode_event(messages.PROGRESS, {}))
            except (
                trio.BrokenResourceError,
                trio.ClosedResourceError,
            ):  # it has left; the verb is finished all the same
                return

    async def _refuse(
        self,
        connection: ControlConnection,
        id_: int | str | None,
        error: HarnessError,
        rpc_code: int = messages.REFUSED,
    ) -> None:
        await connection.send(messages.encode_error(id_, error, rpc_code))
