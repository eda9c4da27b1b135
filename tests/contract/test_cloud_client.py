"""The HTTP client against real sockets: what is on the wire, and what the Facts say of it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from cbr_operator.cloud.client import LONGEST_ANSWER, LONGEST_SHORT_ANSWER, CbrClient
from cbr_operator.engine.system_clock import SystemClock
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import Body, Credential, LoginRequest
from ground.wire import ANSWER, TOKEN, Answerer, hangs, http, replicate, resets, says, talking_to


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


def floods(status: str) -> Answerer:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: bytes) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {2**30}\r\n\r\n".encode())
        for _megabyte in range(2**10):
            writer.write(b"x" * 2**20)
            await writer.drain()

    return answer


@pytest.mark.parametrize("what", ["look", "login"])
async def test_of_a_look_at_the_clock_and_of_a_login_little_is_read(what: str) -> None:
    async with talking_to(floods("200 OK")) as (wire, client, target):
        if what == "look":
            facts = await client.list_backups(target=target, credential=Credential("o", "1", TOKEN), offset=0, limit=1)
        else:
            facts = (await client.log_in(LoginRequest(target.endpoint, "acme", "dr", "password", "p"))).facts
        assert (facts.body_state, len(facts.body)) == (Body.TOO_LONG, LONGEST_SHORT_ANSWER)
        await asyncio.wait_for(wire.ended.wait(), 20)


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request"])
async def test_an_answer_is_read_up_to_its_bound(status: str) -> None:
    async with talking_to(floods(status)) as (wire, client, target):
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


async def test_a_date_that_is_no_moment_costs_nothing_but_the_clock() -> None:
    odd = "Fri, 31 Dec 9999 23:59:59 -2300"
    answer = http("200 OK", ANSWER, f"Date: {odd}", f"Retry-After: {odd}")
    async with talking_to(says(answer)) as (_, client, target):
        facts = await replicate(client, target)
        assert (facts.sent, facts.status, facts.body, facts.body_state) == (True, 200, ANSWER, Body.WHOLE)
        assert (facts.clock_offset, facts.retry_after, facts.failure) == (None, None, "")


async def test_a_defect_below_the_call_is_a_fact_and_no_exception() -> None:
    def problem(_address: str, _literal: bool) -> str:  # noqa: FBT001 - the port's own form
        raise RuntimeError

    client = CbrClient(clock=SystemClock(), request_timeout=10, address_problem=problem)
    try:
        facts = await replicate(client, Target(endpoint="http://127.0.0.1:1"))
        assert (facts.sent, facts.status, facts.failure) == (False, None, "the call failed (RuntimeError)")
    finally:
        await client.close()


async def test_the_clock_and_the_pause_are_read_from_the_headers() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    raw = http("429 Too Many Requests", b"", f"Date: {date}", "Retry-After: 17")
    async with talking_to(says(raw)) as (wire, client, target):
        facts = await replicate(client, target)
        assert facts.clock_offset is not None
        assert abs(facts.clock_offset - 3600) < 60
        assert facts.retry_after == 17
        looked = await client.list_backups(target=target, credential=Credential("o", "1", TOKEN), offset=0, limit=1)
        assert (looked.sent, looked.status) == (False, 429)
        assert wire.requests[1].startswith(
            b"GET /v3/p/backups?vault_id=v&show_replication=true&offset=0&limit=1 HTTP/1.1\r\n"
        )


async def test_a_cancelled_call_leaves_no_connection_behind() -> None:
    async with talking_to(hangs) as (wire, client, target):
        task = asyncio.create_task(replicate(client, target))
        await asyncio.wait_for(wire.received.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(wire.ended.wait(), 10)
        assert wire.endings == ["reset"]
