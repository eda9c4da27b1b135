"""The calls themselves: one request each, no retry, no redirect, one time-out; what happened comes back as Facts."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from cbr_operator.cloud import wire
from cbr_operator.cloud.failures import LateError, describe
from cbr_operator.cloud.links import Links
from cbr_operator.cloud.signing import signed
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import Body, Clock, Credential, Facts, LoginFacts, LoginRequest, ReplicateRequest, Route

LONGEST_ANSWER = 8 * 2**20
"""Bytes that are read of an answer; 5,000 backups take less than one MiB."""
LONGEST_SHORT_ANSWER = 65536
"""The same of an answer to a login, and to a look at the clock, of which the head is all that counts."""
_CHUNK = 65536

OnCall = Callable[[str, str, float], None]
"""Told of each call: the operation, the HTTP status or what went wrong, and the seconds it took."""


class _GuardedBody(aiohttp.BytesPayload):
    """A body that asks whether it may still be sent when the connection stands and its turn to be written has come.

    aiohttp keeps the request's head back until the first bytes of the body, so a refusal leaves nothing on the wire.
    """

    def __init__(self, value: bytes, may_send: Callable[[], bool]) -> None:
        super().__init__(value)
        self._may_send = may_send
        self.sent = False
        self.late = False

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write the body, if that is still allowed."""
        if self.sent or self.late or not self._may_send():
            self.late = not self.sent
            raise LateError
        self.sent = True  # before the first byte: from here on the cloud may have taken the call
        await super().write_with_length(writer, content_length)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What happened to one request, and the one header beside the Facts that is of use to somebody."""

    facts: Facts
    subject_token: str = ""


class CbrClient:
    """The Cloud port on aiohttp; to be made inside a running event loop."""

    def __init__(
        self,
        *,
        clock: Clock,
        request_timeout: float,
        ca_file: Path | None = None,
        on_call: OnCall | None = None,
        address_problem: Callable[[str, bool], str] = lambda _address, _literal: "",
    ) -> None:
        """``request_timeout``: seconds for one call in all, from connecting to the last byte of its answer.

        ``address_problem``: what is wrong with connecting to an address, see ``connector.Addresses``.

        Raises:
            OSError: ``ca_file`` cannot be used.
        """
        self._clock = clock
        self._timeout = request_timeout
        self._on_call = on_call
        self._links = Links(request_timeout=request_timeout, ca_file=ca_file, address_problem=address_problem)

    async def close(self) -> None:
        """Close its connections."""
        await self._links.close()

    def leave(self, connection: str) -> None:
        """Close what is open for a connection that is gone, once its calls have ended."""
        self._links.leave(connection)

    async def replicate(
        self, *, target: Target, request: ReplicateRequest, credential: Credential, may_send: Callable[[], bool]
    ) -> Facts:
        """Ask for the replication, once."""
        content = wire.replicate_body(request)
        body = _GuardedBody(content, may_send)
        url = wire.replicate_url(target)
        headers = self._headers("POST", url, content, credential, target)
        answer = await self._call("replicate", "POST", url, headers, body, route=credential.route)
        return replace(answer.facts, sent=body.sent, late=body.late)

    async def list_backups(self, *, target: Target, credential: Credential, offset: int, limit: int) -> Facts:
        """One page of the vault's backups; ``sent`` is always false in its Facts: it submits nothing."""
        url = wire.backups_url(target, offset=offset, limit=limit)
        longest = LONGEST_ANSWER if limit > 1 else LONGEST_SHORT_ANSWER
        return await self._get("list_backups", url, credential, target, longest=longest)

    async def list_operation_logs(
        self, *, target: Target, credential: Credential, since: datetime, offset: int, limit: int
    ) -> Facts:
        """One page of the vault's operation log; ``sent`` is always false, as above."""
        url = wire.operation_logs_url(target, since=since, offset=offset, limit=limit)
        return await self._get("list_operation_logs", url, credential, target)

    async def log_in(self, request: LoginRequest) -> LoginFacts:
        """Ask IAM for a token, once."""
        body = aiohttp.BytesPayload(wire.login_body(request))
        headers = {"Content-Type": wire.JSON}
        url = wire.login_url(request)
        answer = await self._call(
            "log_in", "POST", url, headers, body, route=request.route, longest=LONGEST_SHORT_ANSWER
        )
        return LoginFacts(answer.facts, answer.subject_token)

    async def _get(
        self, operation: str, url: str, credential: Credential, target: Target, *, longest: int = LONGEST_ANSWER
    ) -> Facts:
        headers = self._headers("GET", url, b"", credential, target)
        answer = await self._call(operation, "GET", url, headers, None, route=credential.route, longest=longest)
        return answer.facts

    def _headers(self, method: str, url: str, content: bytes, credential: Credential, target: Target) -> dict[str, str]:
        headers = {"Content-Type": wire.JSON}
        if credential.access_key is None:
            return {**headers, "X-Auth-Token": credential.token}
        headers["X-Project-Id"] = target.project_id
        if credential.token:
            headers["X-Security-Token"] = credential.token
        now = self._clock.now()
        return signed(method, url, headers=headers, body=content, key=credential.access_key, now=now)

    async def _call(  # noqa: PLR0913 - each a part of the request
        self,
        operation: str,
        method: str,
        url: str,
        headers: dict[str, str],
        body: aiohttp.BytesPayload | None,
        *,
        route: Route,
        longest: int = LONGEST_ANSWER,
    ) -> _Answer:
        started = time.monotonic()
        facts = Facts(sent=False)
        code = token = ""
        try:
            link = self._links.get(route)
        except ValueError as error:
            return _Answer(replace(facts, failure=str(error)))
        link.calls += 1
        try:
            async with (
                asyncio.timeout(self._timeout),
                link.session.request(
                    method, url, data=body, headers=headers, allow_redirects=False, proxy=link.proxy_for(url)
                ) as response,
            ):
                facts = self._head(response)
                token = response.headers.get("X-Subject-Token", "")
                content, state = await _read(response, longest)
                facts = replace(facts, body=content, body_state=state)
        except TimeoutError:
            code, words = "timeout", f"no answer within {self._timeout:g} seconds"
            facts = replace(facts, failure=words)
        except Exception as error:  # noqa: BLE001 - whatever comes of an answer, what is known of the call is not lost
            code, words = describe(error)
            facts = replace(facts, failure=words)
        finally:
            link.calls -= 1
            self._links.release(link)
        if self._on_call is not None:
            self._on_call(operation, code or str(facts.status), time.monotonic() - started)
        return _Answer(facts, token)

    def _head(self, response: aiohttp.ClientResponse) -> Facts:
        now = self._clock.now()
        date = wire.http_date(response.headers.get("Date"))
        return Facts(
            sent=False,
            status=response.status,
            body_state=Body.CUT,  # until it has been read to its end
            request_id=wire.request_id(response.headers.get("X-Request-Id")),
            retry_after=wire.retry_after(response.headers.get("Retry-After"), now=now),
            clock_offset=(date - now).total_seconds() if date is not None else None,
        )


async def _read(response: aiohttp.ClientResponse, longest: int) -> tuple[bytes, Body]:
    """The body, as far as it is read; leaving a longer one unread makes aiohttp close its connection."""
    content = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        content += chunk
        if len(content) > longest:
            response.close()
            return bytes(content[:longest]), Body.TOO_LONG
    return bytes(content), Body.WHOLE
