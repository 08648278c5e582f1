"""Serves an ASGI app over HTTP/1.1 on sockets that we own: Hypercorn's protocol on trio, hardened.

`hypercorn.trio.serve` cannot carry a daemon: an unhandled error of one connection ends the whole server; an app
that answers a large body without reading it, or that ends itself when its answer is complete, leaves its connection
hanging; a client that does not read holds up the shutdown; one that leaves while its next request waits is never
noticed. So Hypercorn's HTTP/1.1 protocol and its ASGI stream are used (`http11`, the only module that touches
Hypercorn), and what is around them is ours: accepting and draining (`server`), reading, writing, running the app and
closing (`connection`), what the app sees of a request (`exchange`).

Everything a client can make last has a bound in `ServerLimits`, except an answer: an app may stream for hours to
a client that reads. Nothing that happens in one connection leaves it, except cancellation from outside.

Draining, once `stop` is set, loses no request of a client that was accepted. Where the service manager holds the
sockets, accepting ends first, and new connections wait in the kernel's queue for the next process; each open connection
may make one more request, which is answered with `Connection: close`, and is closed once it has been idle for
`drain_idle_s`. Where the sockets are ours, idle connections are closed at once, so that the port is closed for as short
a time as possible, and it stays open until the requests in progress are answered. One race cannot be won from this
side: a client may send on an idle connection while the end of the stream is on its way to it. The connection looks for
a request right before it closes its side, so that the window is the flight of one segment. Such a request was never
read; its client sees the stream end without an answer and may send it again.
"""

from rhd.web.serving.http_server import Server, serve
from rhd.web.serving.server_limits import ServerLimits

__all__ = ["Server", "ServerLimits", "serve"]
