"""A certificate authority and an https server of a test's own, on loopback."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio

from rhd.oauth.fetching import Network

Handler = Callable[[trio.abc.Stream], Awaitable[None]]


@dataclass(frozen=True)
class Authority:
    """Signs certificates for names that exist nowhere else."""

    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, *names: str) -> Authority:
        """Return one whose single certificate is good for `names`."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        made = cls(folder / "test.pem", folder / "test.key")
        made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        made.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return made

    def server_context(self) -> ssl.SSLContext:
        """Return a context that serves with the certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return a context that trusts this authority alone."""
        return ssl.create_default_context(cafile=str(self.certificate))


@dataclass
class TlsServer:
    """A server that answers every connection by one handler.

    Attributes:
        resolved: what the names resolve to; the addresses are pretended, the server is one on loopback.
        connections: addresses that were connected to.
        requests: first bytes of what was asked.
    """

    authority: Authority
    port: int
    resolved: dict[str, list[str]]
    connections: list[str]
    requests: list[bytes]

    def network(self, **changes: object) -> Network:
        """Return a way out at whose end this server is."""

        async def resolve(host: str) -> list[str]:
            if host not in self.resolved:
                raise OSError("no such host")
            return self.resolved[host]

        async def connect(address: str) -> trio.abc.Stream:
            self.connections.append(address)
            return await trio.open_tcp_stream("127.0.0.1", self.port)

        return Network(resolve=resolve, connect=connect, context=self.authority.client_context)


@asynccontextmanager
async def tls_server(authority: Authority, answer: bytes | Handler) -> AsyncIterator[TlsServer]:
    """Serve until left: the bytes for every request, or whatever the handler does with a stream."""
    requests: list[bytes] = []
    context = authority.server_context()

    async def handle(transport: trio.SocketStream) -> None:
        stream = trio.SSLStream(transport, context, server_side=True, https_compatible=True)
        try:
            requests.append(bytes(await stream.receive_some(4096)))
            if isinstance(answer, bytes):
                await stream.send_all(answer)
            else:
                await answer(stream)
            await stream.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(partial(trio.serve_listeners, handle, listeners, handler_nursery=nursery))
        port = listeners[0].socket.getsockname()[1]
        yield TlsServer(authority, port, {}, [], requests)
        nursery.cancel_scope.cancel()


def http_answer(body: bytes, *headers: str, status: str = "200 OK", media: str = "application/json") -> bytes:
    """Return the bytes of an HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
