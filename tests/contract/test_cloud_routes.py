"""How requests travel: which addresses are connected to, whom a connection trusts, through which proxy."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from cbr_operator.cloud.client import CbrClient
from cbr_operator.cloud.links import MOST_LINKS, Links
from cbr_operator.engine.system_clock import SystemClock
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import Credential, Facts, Route
from cbr_operator.rules.addresses import AddressRules
from ground.wire import ANSWER, Wire, hangs, http, says

NAMED = AddressRules(named=frozenset({ip_address("127.0.0.1")}))
OK = says(http("200 OK", ANSWER))


@asynccontextmanager
async def listening(wire: Wire, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0, ssl=tls)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await asyncio.sleep(0)


@asynccontextmanager
async def calling(rules: AddressRules = NAMED) -> AsyncIterator[CbrClient]:
    client = CbrClient(clock=SystemClock(), request_timeout=10, address_problem=rules.problem)
    yield client
    await client.close()


async def read(client: CbrClient, endpoint: str, route: Route) -> Facts:
    to = Target(endpoint=endpoint, project_id="p", vault_id="v")
    return await client.list_backups(target=to, credential=Credential("o", "1", "tok", route=route), offset=0, limit=1)


async def test_a_name_that_leads_to_this_machine_is_not_connected_to() -> None:
    wire = Wire(OK)
    async with listening(wire) as port, calling() as client:
        facts = await read(client, f"http://localhost:{port}", Route())
        assert (facts.status, wire.connections) == (None, 0)
        assert "localhost leads to" in facts.failure
        assert "a loopback address, and may not be connected to" in facts.failure
        assert (await read(client, f"http://127.0.0.1:{port}", Route())).status == 200


async def test_an_address_that_no_pattern_names_is_not_connected_to() -> None:
    wire = Wire(OK)
    async with listening(wire) as port, calling(AddressRules()) as client:
        for host in ("127.0.0.1", "[::ffff:127.0.0.1]"):
            facts = await read(client, f"http://{host}:{port}", Route())
            assert facts.status is None
            assert "is a loopback address, and may not be connected to" in facts.failure
        for host in ("2130706433", "127.1"):
            assert (await read(client, f"http://{host}:{port}", Route())).status is None
        assert wire.connections == 0


async def test_a_proxy_s_address_is_checked_too() -> None:
    wire = Wire(OK)
    async with listening(wire) as port, calling() as client:
        route = Route("u", proxy=f"http://localhost:{port}")
        facts = await read(client, "http://cbr.example.com", route)
        assert (facts.status, wire.connections) == (None, 0)
        assert "may not be connected to" in facts.failure


async def test_a_connection_s_proxy_is_gone_through() -> None:
    wire = Wire(OK)
    async with listening(wire) as port, calling() as client:
        facts = await read(client, "http://cbr.example.com", Route("u", proxy=f"http://127.0.0.1:{port}"))
        assert facts.status == 200
        assert wire.requests[0].startswith(b"GET http://cbr.example.com/v3/p/backups?")


async def test_https_goes_through_a_tunnel_and_a_proxy_that_refuses_it_is_named() -> None:
    wire = Wire(says(http("403 Forbidden")))
    async with listening(wire) as port, calling() as client:
        facts = await read(client, "https://cbr.example.com", Route("u", proxy=f"http://127.0.0.1:{port}"))
        assert wire.requests[0].startswith(b"CONNECT cbr.example.com:443 ")
        assert b"tok" not in wire.requests[0]
        assert facts.failure == "the proxy did not connect: HTTP 403"


async def test_the_environment_s_proxy_is_used_where_none_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, own, direct = Wire(OK), Wire(OK), Wire(OK)
    async with listening(proxy) as port, listening(own) as own_port, listening(direct) as direct_port:
        monkeypatch.setenv("http_proxy", f"http://localhost:{port}")  # the administrator's own: not asked about
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with calling() as client:
            assert (await read(client, "http://cbr.example.com", Route())).status == 200
            assert (await read(client, "http://cbr.example.com", Route("a"))).status == 200
            route = Route("b", proxy=f"http://127.0.0.1:{own_port}")
            assert (await read(client, "http://cbr.example.com", route)).status == 200
            assert (await read(client, f"http://127.0.0.1:{direct_port}", Route())).status == 200
    assert [len(each.requests) for each in (proxy, own, direct)] == [2, 1, 1]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two self-signed certificates: for 127.0.0.1, and for another address."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("127.0.0.1", "192.0.2.1"):
        command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name}"
        names = f"-addext subjectAltName=IP:{name} -keyout {name}.key -out {name}.crt"
        subprocess.run([*command.split(), *names.split()], cwd=folder, check=True, capture_output=True)
    return folder


def server_tls(folder: Path, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    return context


async def test_a_connection_trusts_its_own_bundle_and_nobody_else_does(certificates: Path) -> None:
    wire = Wire(OK)
    ca = (certificates / "127.0.0.1.crt").read_text()
    async with listening(wire, server_tls(certificates, "127.0.0.1")) as port, calling() as client:
        url = f"https://127.0.0.1:{port}"
        assert (await read(client, url, Route("mine", ca=ca))).status == 200
        for route in (Route(), Route("other")):
            facts = await read(client, url, route)
            assert facts.status is None
            assert "is not trusted" in facts.failure
        # the bundle may be changed at any time, and what was trusted before is not any more
        other = (certificates / "192.0.2.1.crt").read_text()
        assert (await read(client, url, Route("mine", ca=other))).status is None


async def test_a_certificate_of_another_name_is_refused_though_it_is_trusted(certificates: Path) -> None:
    wire = Wire(OK)
    ca = (certificates / "192.0.2.1.crt").read_text()
    async with listening(wire, server_tls(certificates, "192.0.2.1")) as port, calling() as client:
        facts = await read(client, f"https://127.0.0.1:{port}", Route("mine", ca=ca))
        assert (facts.status, wire.requests) == (None, [])
        assert "certificate" in facts.failure


async def test_a_bundle_that_is_none_is_named(certificates: Path) -> None:
    async with calling() as client:
        facts = await read(client, "https://127.0.0.1:9", Route("mine", ca="-----BEGIN CERTIFICATE-----\nno\n"))
        assert facts.status is None
        assert "the certificates of its caBundle cannot be used" in facts.failure


async def test_what_is_open_for_a_connection_ends_with_it_and_its_call_does_not() -> None:
    idle, busy = Wire(OK), Wire(hangs)
    async with listening(idle) as port, listening(busy) as busy_port, calling() as client:
        route = Route("gone")
        assert (await read(client, f"http://127.0.0.1:{port}", route)).status == 200
        call = asyncio.create_task(read(client, f"http://127.0.0.1:{busy_port}", route))
        await busy.received.wait()
        client.leave("gone")
        await asyncio.sleep(0.05)
        assert not idle.ended.is_set()
        assert not call.done()
        call.cancel()
        await asyncio.wait({call})
        await asyncio.wait_for(idle.ended.wait(), 5)


def links(**parts: float) -> Links:
    return Links(request_timeout=10, ca_file=None, address_problem=lambda _address, _literal: "", **parts)


async def test_a_link_that_stays_idle_is_closed_and_one_in_use_is_not() -> None:
    made = links(idle_seconds=0.01)
    idle, busy = made.get(Route("gone")), made.get(Route("used"))
    busy.calls = 1
    for each in (idle, busy):
        made.release(each)
    async with asyncio.timeout(10):
        while not idle.session.closed:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
    assert (made.get(Route("used")), busy.session.closed) == (busy, False)
    assert made.get(Route("gone")) is not idle
    await made.close()


async def test_there_are_so_many_links_at_most_and_the_oldest_idle_one_goes() -> None:
    made = links()
    first, second = made.get(Route("0")), made.get(Route("1"))
    for each in range(2, MOST_LINKS):
        made.get(Route(str(each)))
        assert made.get(Route("0")) is first, "used again and again"
    async with asyncio.timeout(10):
        while not second.session.closed:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
    assert not first.session.closed
    await made.close()
