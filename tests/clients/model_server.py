"""The HTTP side of the models on loopback: what a model answers to each POST, and an empty list to each GET."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON, EVENTS = "application/json", "text/event-stream"
Answer = Callable[[str, dict[str, Any]], tuple[bytes, str]]
"""Returns the body and its media type for a path, with its query, and a request's JSON."""


@contextmanager
def serving_model(answer: Answer) -> Iterator[int]:
    """Yield the port that a model listens on."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(b'{"models": [], "data": []}', JSON)

        def do_HEAD(self) -> None:
            self.reply(b"", JSON)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])) or b"{}")
            self.reply(*answer(self.path, body))

        def reply(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
