"""Servers that a tenant may put where a cloud should be."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

_CHUNK = b" " * 2**20
GIGABYTE = 2**30


class Rogue(ThreadingHTTPServer):
    """Keeps what it is sent, and answers as its kind does."""

    daemon_threads = True

    def __init__(self, *, endless: bool = False, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.endless = endless
        self.requests: list[str] = []
        self.scheme = "https" if tls is not None else "http"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are what it is there for."""


class _Handler(BaseHTTPRequestHandler):
    server: Rogue

    def do_GET(self) -> None:
        self._answer(b'{"backups": [], "count": 0}')

    def do_CONNECT(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.server.endless:
            self._answer(b'{"replication": {"backups": []}}')
            return
        self.server.requests.append(f"POST {urlsplit(self.path).path}")
        self.send_response(200)
        self.send_header("Content-Length", str(GIGABYTE))
        self.end_headers()
        for _ in range(GIGABYTE // len(_CHUNK)):
            self.wfile.write(_CHUNK)

    def _answer(self, body: bytes) -> None:
        self.server.requests.append(f"{self.command} {urlsplit(self.path).path}")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name for it
        """Say nothing."""


@contextmanager
def rogue(*, endless: bool = False, tls: ssl.SSLContext | None = None) -> Iterator[Rogue]:
    """A rogue that serves for as long as it is needed."""
    with Rogue(endless=endless, tls=tls) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def certificate(folder: Path, address: str) -> tuple[ssl.SSLContext, str]:
    """TLS with a certificate for this address that signs itself, and the certificate, PEM."""
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={address}"
    names = f"-addext subjectAltName=IP:{address} -keyout {address}.key -out {address}.crt"
    subprocess.run([*command.split(), *names.split()], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{address}.crt", folder / f"{address}.key")
    return context, (folder / f"{address}.crt").read_text()
