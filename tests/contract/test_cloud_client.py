"""The HTTP client against real sockets: what is on the wire, and what the Facts say of it."""

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.cloud.client import LONGEST_ANSWER, CbrClient
from cbr_operator.cloud.wire import http_date, replicate_body, request_id, retry_after
from cbr_operator.engine.system_clock import SystemClock
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import Body, Credential, Facts, ReplicateRequest

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


async def test_the_call_is_what_the_documentation_shows() -> None:
    async with talking_to(says(http("200 OK", ANSWER, "X-Request-Id: req-7"))) as (wire, client, target):
        facts = await replicate(client, target)
        [request] = wire.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /v3/p/checkpoints/replicate HTTP/1.1"
    assert f"X-Auth-Token: {TOKEN}" in lines
    assert "Content-Type: application/json;charset=UTF-8" in lines
    assert "Accept-Encoding: identity" in lines
    assert json.loads(body) == {
        "replicate": {
            "vault_id": "v",
            "destination_project_id": "dp",
            "destination_region": "region2",
            "destination_vault_id": "dv",
            "auto_trigger": False,
        }
    }
    assert (facts.sent, facts.status, facts.body, facts.body_state, facts.request_id, facts.failure) == (
        *(True, 200, ANSWER, Body.WHOLE, "req-7", ""),
    )
    assert TOKEN not in repr(facts)


async def test_late_means_that_nothing_of_the_request_was_sent() -> None:
    asked: list[bool] = []

    def may_send() -> bool:
        asked.append(True)
        return False

    async with talking_to(says(http("200 OK", ANSWER))) as (wire, client, target):
        facts = await replicate(client, target, may_send=may_send)
        await asyncio.wait_for(wire.ended.wait(), 10)
        assert (facts.sent, facts.late, facts.status) == (False, True, None)
        assert asked == [True]
        assert wire.requests == []
        assert wire.connections == 1, "it connects first, and asks then"
        assert wire.endings in (["reset"], ["closed after 0 bytes"])
        again = await replicate(client, target)
        assert (again.sent, again.status, wire.connections) == (True, 200, 2)


async def test_a_failure_to_connect_asks_nobody_and_sends_nothing() -> None:
    asked: list[bool] = []

    def may_send() -> bool:
        asked.append(True)
        return True

    client = CbrClient(clock=SystemClock(), request_timeout=10)
    try:
        for endpoint, words in (
            ("http://127.0.0.1:1", "connection refused"),
            ("https://cbr.region1.invalid", "was not found"),
        ):
            facts = await replicate(client, Target(endpoint=endpoint), may_send=may_send)
            assert (facts.sent, facts.late, facts.status) == (False, False, None)
            assert words in facts.failure
    finally:
        await client.close()
    assert asked == []


async def test_a_header_that_cannot_be_sent_is_a_fact_and_no_exception() -> None:
    async with talking_to(says(http("200 OK", ANSWER))) as (wire, client, target):
        facts = await replicate(client, target, token="tok\r\nX-Evil: 1")
        assert (facts.sent, facts.status, wire.requests) == (False, None, [])
        assert "tok" not in facts.failure


async def test_a_time_out_aborts_the_connection() -> None:
    async with talking_to(hangs, seconds=1) as (wire, client, target):
        facts = await replicate(client, target)
        assert (facts.sent, facts.status) == (True, None)
        assert "no answer within 1 seconds" in facts.failure
        assert len(wire.requests) == 1
        await asyncio.wait_for(wire.ended.wait(), 10)
        assert wire.endings == ["reset"], "not closed in order: what the kernel still held is thrown away"


async def test_a_reset_after_sending_is_sent() -> None:
    async with talking_to(resets) as (wire, client, target):
        facts = await replicate(client, target)
        assert (facts.sent, facts.status, len(wire.requests)) == (True, None, 1)
        assert facts.failure


async def test_a_connection_that_the_server_closed_under_us_does_not_repeat_the_call() -> None:
    def once(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: bytes) -> None:
        if len(wire.requests) == 1:
            writer.write(http("200 OK", ANSWER))
        else:
            writer.transport.abort()

    async with talking_to(once) as (wire, client, target):
        await replicate(client, target)
        facts = await replicate(client, target)
        assert (facts.sent, facts.status) == (True, None)
        assert len(wire.requests) == 2
        assert wire.connections == 1


async def test_no_redirect_is_followed() -> None:
    async with talking_to(says(http("302 Found", b"", "Location: http://127.0.0.1:1/x"))) as (wire, client, target):
        facts = await replicate(client, target)
        assert (facts.status, len(wire.requests)) == (302, 1)


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request"])
async def test_an_answer_is_read_up_to_its_bound(status: str) -> None:
    async def floods(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: bytes) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {2**30}\r\n\r\n".encode())
        for _megabyte in range(2**10):
            writer.write(b"x" * 2**20)
            await writer.drain()

    async with talking_to(floods) as (wire, client, target):
        facts = await replicate(client, target)
        assert (facts.body_state, len(facts.body)) == (Body.TOO_LONG, LONGEST_ANSWER)
        await asyncio.wait_for(wire.ended.wait(), 20)


async def test_an_answer_that_ends_early_is_cut() -> None:
    def cuts(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        writer.close()

    async with talking_to(cuts) as (_, client, target):
        facts = await replicate(client, target)
        assert (facts.sent, facts.status, facts.body_state) == (True, 200, Body.CUT)
        assert facts.failure


async def test_a_dribbling_answer_ends_with_the_call_s_time() -> None:
    async def dribbles(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with talking_to(dribbles, seconds=1) as (_, client, target):
        facts = await replicate(client, target)
        assert (facts.sent, facts.status, facts.body_state) == (True, 200, Body.CUT)
        assert "no answer within" in facts.failure


async def test_a_compressed_answer_is_not_unpacked() -> None:
    packed = b"\x1f\x8b" + b"\x00" * 20
    async with talking_to(says(http("200 OK", packed, "Content-Encoding: gzip"))) as (_, client, target):
        facts = await replicate(client, target)
        assert (facts.body, facts.body_state) == (packed, Body.WHOLE)


async def test_what_is_no_http_is_a_fact() -> None:
    async with talking_to(says(b"SSH-2.0-OpenSSH_9\r\n\r\n")) as (_, client, target):
        facts = await replicate(client, target)
        assert (facts.sent, facts.status) == (True, None)
        assert facts.failure


async def test_cookies_are_neither_kept_nor_sent() -> None:
    async with talking_to(says(http("200 OK", ANSWER, "Set-Cookie: a=b; Path=/"))) as (wire, client, target):
        await replicate(client, target)
        await replicate(client, target)
        assert b"Cookie" not in wire.requests[1]


async def test_the_clock_and_the_pause_are_read_from_the_headers() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    raw = http("429 Too Many Requests", b"", f"Date: {date}", "Retry-After: 17")
    async with talking_to(says(raw)) as (wire, client, target):
        facts = await replicate(client, target)
        assert facts.clock_offset is not None
        assert abs(facts.clock_offset - 3600) < 60
        assert facts.retry_after == 17
        looked = await client.look_at_clock(target=target, credential=Credential("o", "1", TOKEN))
        assert (looked.sent, looked.status) == (False, 429)
        assert wire.requests[1].startswith(b"GET /v3/p/backups?vault_id=v&limit=1 HTTP/1.1\r\n")


async def test_a_cancelled_call_leaves_no_connection_behind() -> None:
    async with talking_to(hangs) as (wire, client, target):
        task = asyncio.create_task(replicate(client, target))
        await asyncio.wait_for(wire.received.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(wire.ended.wait(), 10)
        assert wire.endings == ["reset"]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two self-signed certificates: for localhost, and for another name."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("localhost", "other.example"):
        command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name}"
        names = f"-addext subjectAltName=DNS:{name} -keyout {name}.key -out {name}.crt"
        subprocess.run([*command.split(), *names.split()], cwd=folder, check=True, capture_output=True)
    return folder


def server_tls(folder: Path, name: str, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    context.maximum_version = newest
    return context


async def test_a_trusted_certificate_of_the_right_name_is_taken(certificates: Path) -> None:
    tls = server_tls(certificates, "localhost")
    async with talking_to(says(http("200 OK", ANSWER)), tls=tls, ca=certificates / "localhost.crt") as (_, client, to):
        assert (await replicate(client, to)).status == 200


@pytest.mark.parametrize(("name", "trusted"), [("localhost", None), ("other.example", "other.example")])
async def test_an_untrusted_certificate_or_one_of_another_name_ends_before_anything_is_sent(
    certificates: Path, name: str, trusted: str | None
) -> None:
    ca = certificates / f"{trusted}.crt" if trusted else None
    async with talking_to(says(http("200 OK", ANSWER)), tls=server_tls(certificates, name), ca=ca) as (
        wire,
        client,
        to,
    ):
        facts = await replicate(client, to)
        assert (facts.sent, facts.status, wire.requests) == (False, None, [])
        assert "certificate" in facts.failure


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")  # asked for on purpose
async def test_old_tls_is_refused(certificates: Path) -> None:
    tls = server_tls(certificates, "localhost", newest=ssl.TLSVersion.TLSv1_1)
    async with talking_to(says(http("200 OK", ANSWER)), tls=tls, ca=certificates / "localhost.crt") as (_, client, to):
        facts = await replicate(client, to)
        assert (facts.sent, facts.status) == (False, None)


def test_acceleration_is_only_named_when_it_is_wanted() -> None:
    assert b"enable_acceleration" not in replicate_body(REQUEST)
    wanted = ReplicateRequest("v", "p", "r", "d", auto_trigger=True, enable_acceleration=True)
    assert json.loads(replicate_body(wanted))["replicate"]["enable_acceleration"] is True


NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("17", 17.0),
        (" 17 ", 17.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("9" * 50, 86400.0),
        ("Sun, 01 Mar 2026 00:01:00 GMT", 60.0),
        ("Sat, 28 Feb 2026 00:01:00 GMT", None),
        ("Sun, 01 Mar 2099 00:01:00 GMT", 86400.0),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, now=NOW) == seconds


@given(st.text())
def test_no_header_raises(value: str) -> None:
    http_date(value)
    assert len(request_id(value)) <= 128
    waited = retry_after(value, now=NOW)
    assert waited is None or 0 <= waited <= 86400
