"""Servers on loopback that repeat whatever they are told, secrets too: hostile, or careless."""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

API_VERSIONS, HANDSHAKE, AUTHENTICATE, METADATA = 18, 17, 36, 3
AUTHENTICATION_FAILED = 58


class _Server(ThreadingHTTPServer):
    status = 401
    asked = 0


class _Repeats(BaseHTTPRequestHandler):
    """Answers with an error of the server's `status`, in the forms of Qdrant and of OpenAI."""

    server: _Server

    def _answer(self) -> None:
        self.server.asked += 1
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = "you said " + " ".join(f"{name}={value}" for name, value in self.headers.items())
        said = said.replace('"', "'").replace("\\", "/")
        body = f'{{"status": {{"error": "{said}"}}, "error": {{"message": "{said}"}}}}'.encode()
        self.send_response(self.server.status, said[:100].split("\n")[0])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = _answer

    def log_message(self, *_: Any) -> None:
        """Nothing."""


class _Broker(socketserver.StreamRequestHandler):
    """Speaks as much of Kafka's protocol as it takes to be told a password by SASL PLAIN."""

    def handle(self) -> None:
        while len(head := self.rfile.read(4)) == 4:
            (size,) = struct.unpack(">i", head)
            request = self.rfile.read(size)
            kind, _, number, name = struct.unpack(">hhih", request[:10])
            body = request[10 + max(0, name) :]
            answer = struct.pack(">i", number) + self._answer(kind, body)
            self.wfile.write(struct.pack(">i", len(answer)) + answer)

    def _answer(self, kind: int, body: bytes) -> bytes:
        if kind == API_VERSIONS:
            known = [(API_VERSIONS, 0), (HANDSHAKE, 1), (AUTHENTICATE, 0), (METADATA, 1)]
            rows = b"".join(struct.pack(">hhh", key, version, version) for key, version in known)
            return struct.pack(">hi", 0, len(known)) + rows
        if kind == HANDSHAKE:
            return struct.pack(">hih", 0, 1, 5) + b"PLAIN"
        self.server.asked += 1  # type: ignore[attr-defined]
        (size,) = struct.unpack(">i", body[:4])
        said = b"you said " + body[4 : 4 + size].replace(b"\0", b" ")
        return struct.pack(">hh", AUTHENTICATION_FAILED, len(said)) + said + struct.pack(">i", 0)


class _Brokers(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    asked = 0


@contextmanager
def parrot() -> Iterator[_Server]:
    """Serve HTTP until the block ends; `status` may be set, `asked` counts."""
    with _Server(("127.0.0.1", 0), _Repeats) as server:
        yield from _until_done(server)


@contextmanager
def parrot_broker() -> Iterator[_Brokers]:
    """Serve Kafka until the block ends; `asked` counts the passwords that were told."""
    with _Brokers(("127.0.0.1", 0), _Broker) as server:
        yield from _until_done(server)


def _until_done(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
