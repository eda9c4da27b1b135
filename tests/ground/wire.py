"""A raw HTTP server that keeps every byte, and the client under test talking to it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from cbr_operator.cloud.client import CbrClient
from cbr_operator.engine.system_clock import SystemClock
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import Credential, Facts, ReplicateRequest

REQUEST = ReplicateRequest(
    vault_id="v",
    destination_project_id="dp",
    destination_region="region2",
    destination_vault_id="dv",
    auto_trigger=False,
    enable_acceleration=False,
)
TOKEN = "tok-secret-1234"
ANSWER = b'{"replication": {"backups": []}}'
Answerer = Callable[[asyncio.StreamReader, asyncio.StreamWriter, bytes], object]


class Wire:
    """A server that keeps every byte it gets, and how each connection ended."""

    def __init__(self, answer: Answerer) -> None:
        self._answer = answer
        self.requests: list[bytes] = []
        self.connections = 0
        self.endings: list[str] = []
        self.ended = asyncio.Event()
        self.received = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (
                        int(line[15:])
                        for line in head.decode("latin-1").splitlines()
                        if line.startswith("Content-Length:")
                    ),
                    0,
                )
                body = await reader.readexactly(length)
                self.requests.append(head + body)
                self.received.set()
                done = self._answer(reader, writer, body)
                if asyncio.iscoroutine(done):
                    await done
                await writer.drain()
        except asyncio.IncompleteReadError as error:
            self.endings.append(f"closed after {len(error.partial)} bytes")
        except ConnectionError:
            self.endings.append("reset")
        finally:
            self.ended.set()
            writer.close()


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""])
    return head.encode() + body


def says(raw: bytes) -> Answerer:
    return lambda _, writer, __: writer.write(raw)


async def hangs(reader: asyncio.StreamReader, _: asyncio.StreamWriter, __: bytes) -> None:
    await reader.read(1)  # until the client goes away, one way or the other


def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: bytes) -> None:
    writer.transport.abort()


@asynccontextmanager
async def talking_to(
    answer: Answerer, *, tls: ssl.SSLContext | None = None, ca: Path | None = None, seconds: float = 30
) -> AsyncIterator[tuple[Wire, CbrClient, Target]]:
    wire = Wire(answer)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    client = CbrClient(clock=SystemClock(), request_timeout=seconds, ca_file=ca)
    scheme = "https" if tls else "http"
    try:
        yield wire, client, Target(endpoint=f"{scheme}://localhost:{port}/", project_id="p", vault_id="v")
    finally:
        await client.close()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.05)


async def replicate(
    client: CbrClient, target: Target, *, may_send: Callable[[], bool] = lambda: True, token: str = TOKEN
) -> Facts:
    credential = Credential(owner="o", version="1", token=token)
    return await client.replicate(target=target, request=REQUEST, credential=credential, may_send=may_send)
