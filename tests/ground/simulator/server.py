"""The HTTP server of the simulated cloud: three reads and the one call, with faults on order."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from email.utils import formatdate
from typing import Any

from aiohttp import web

from ground.simulator import replication, wire
from ground.simulator.calls import Call, Calls
from ground.simulator.errors import RefusedError, gateway_body, service_body
from ground.simulator.faults import CHANGES, Fault, Faults, as_bytes
from ground.simulator.iam import SIGNED, Iam
from ground.simulator.replication import Replicator, Visibility
from ground.simulator.settings import Settings
from ground.simulator.state import Record, Vaults, VaultState
from ground.simulator.vaults import Backup

MOST = 1000
"""The largest and the default limit of a list."""
_ID = web.RequestKey("id", str)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Cloud:
    """The simulated cloud, to be run in one event loop; its books may be read from any thread."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.vaults = Vaults()
        self.faults = Faults()
        self.read_faults = Faults()
        """Those of the reads, by the list that is read: ``backups`` or ``operation-logs``."""
        self.calls = Calls()
        self.iam = Iam(self.now)
        self._replicator = Replicator(self.vaults)
        self._released = asyncio.Event()

    def application(self) -> web.Application:
        """Its routes."""
        app = web.Application(middlewares=[self._around], client_max_size=2**20)
        app.router.add_post("/v3/auth/tokens", self.iam.log_in)
        app.router.add_post("/v3/{project}/checkpoints/replicate", self._replicate)
        app.router.add_get("/v3/{project}/backups", self._list_backups)
        app.router.add_get("/v3/{project}/backups/{backup}", self._show_backup)
        app.router.add_get("/v3/{project}/operation-logs", self._list_logs)
        app.router.add_get("/simulator/summary", self._summary)
        app.router.add_get("/simulator/calls", self._show_calls)
        app.on_response_prepare.append(self._prepare)
        return app

    def now(self) -> float:
        """This cloud's time."""
        return time.time() + self.settings.clock_offset

    def release(self) -> None:
        """Let everything that hangs go on, and forget what was ordered."""
        self.faults.clear()
        self.read_faults.clear()
        self._released.set()
        self._released = asyncio.Event()

    @web.middleware
    async def _around(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Authentication before, and the forms of refusals after, whatever was asked for."""
        request[_ID] = uuid.uuid4().hex
        try:
            if not request.path.startswith(("/simulator/", "/v3/auth/")):
                await self._authenticate(request)
            return await handler(request)
        except RefusedError as error:
            return self._refusal(request, error)
        except web.HTTPException as error:
            if error.status not in (404, 405):
                raise
            return self._refusal(request, RefusedError("0101", gateway=True))

    async def _prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Request-Id"] = request.get(_ID, "")
        if self.settings.date_header:
            response.headers["Date"] = formatdate(self.now(), usegmt=True)
        else:
            response.headers.pop("Date", None)

    async def _authenticate(self, request: web.Request) -> None:
        token = request.headers.get("X-Auth-Token", "")
        signed = request.headers.get("Authorization", "").startswith(SIGNED)
        if signed and self.iam.keys:
            self.iam.check_signature(request, await request.read())
        if self.iam.gave(token):
            return self.iam.check_token(token, request.match_info.get("project", ""))
        valid = self.settings.valid_tokens
        if (not token and not signed) or (token and valid is not None and token not in valid):
            raise RefusedError("0301", gateway=True)
        if token in self.settings.refused_tokens:
            self.calls.refused[token] += 1
            raise RefusedError("0307", gateway=True)
        return None

    def _refusal(self, request: web.Request, error: RefusedError) -> web.Response:
        if error.gateway:
            prefix = self.settings.gateway_prefix
            body = gateway_body(error.code, request[_ID], message=error.message, prefix=prefix)
        else:
            body = service_body(error.code, error.message)
        return web.json_response(body, status=error.status)

    # ---------------------------------------------------------------------------------------------- the call

    async def _replicate(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        parameters = replication.parse(raw, self.settings)
        call = Call(
            vault_id=parameters.vault_id,
            destination_region=parameters.destination_region,
            token=request.headers.get("X-Auth-Token", ""),
            body=raw,
        )
        self.calls.begin(call)
        fault = self.faults.take(call.vault_id, rate=self.settings.fault_rate)
        try:
            if fault.hang and not fault.after:
                await self._released.wait()
            if not fault.refuses:
                self._take(request, parameters, call, fault)
            if fault.hang and fault.after:
                await self._released.wait()
            await asyncio.sleep(fault.latency + self.settings.latency)
            return await _answer(request, fault, call)
        finally:
            self.calls.end(call)

    def _take(self, request: web.Request, parameters: replication.Parameters, call: Call, fault: Fault) -> None:
        after = self.settings.records_visible_after if fault.records_after is None else fault.records_after
        visibility = Visibility(after=after, count=fault.records_shown, in_log=fault.in_log)
        taken = self._replicator.replicate(
            request.match_info["project"],
            parameters,
            settings=self.settings,
            visibility=visibility,
            request_id=request[_ID],
            now=self.now(),
        )
        call.accepted = True
        call.answer = wire.replicated(taken)

    # ---------------------------------------------------------------------------------------------- the reads

    async def _failed_read(self, request: web.Request, name: str) -> web.Response | None:
        """What goes wrong with a read, if something was ordered."""
        self.calls.count_get(name, request.query.get("vault_id", ""))
        fault = self.read_faults.take(name)
        if fault.hang:
            await self._released.wait()
        await asyncio.sleep(fault.latency)
        if fault.reset:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("ordered")
        if fault.status is not None:
            return web.Response(status=fault.status, body=fault.body, headers=fault.headers)
        return None

    async def _list_backups(self, request: web.Request) -> web.Response:
        if failed := await self._failed_read(request, "backups"):
            return failed
        project, query, now = request.match_info["project"], request.query, self.now()
        vault_id = query.get("vault_id", "")
        states = [self.vaults.get(project, vault_id)] if vault_id else self.vaults.in_project(project)
        found = [(state, backup) for state in states for backup in state.all_backups(now)]
        shown = query.get("show_replication", "false") == "true"
        page = [
            wire.backup(state, backup, settings=self.settings, now=now, show_records=shown)
            for state, backup in _page(found, request)
        ]
        return web.json_response({"backups": page, "count": len(found), **_bounds(request)})

    async def _show_backup(self, request: web.Request) -> web.Response:
        self.calls.count_get("backup")
        now = self.now()
        state, backup = self._find_backup(request.match_info["project"], request.match_info["backup"], now)
        return web.json_response(
            {"backup": wire.backup(state, backup, settings=self.settings, now=now, show_records=True)}
        )

    def _find_backup(self, project: str, backup_id: str, now: float) -> tuple[VaultState, Backup]:
        state = self.vaults.holding(backup_id)
        if state is not None and state.vault.project_id == project:
            for backup in state.all_backups(now):
                if backup.id == backup_id:
                    return state, backup
        raise RefusedError("6200")

    async def _list_logs(self, request: web.Request) -> web.Response:
        if failed := await self._failed_read(request, "operation-logs"):
            return failed
        if not self.settings.has_operation_logs:
            raise RefusedError("0101", gateway=True)
        now = self.now()
        found = [record for record in self._logged(request) if _wanted(record, request, now)]
        found.sort(key=lambda record: record.created_at, reverse=True)
        page = [wire.operation_log(record, settings=self.settings, now=now) for record in _page(found, request)]
        return web.json_response({"operation_logs": page, "count": len(found)})

    def _logged(self, request: web.Request) -> list[Record]:
        vault_id = request.query.get("vault_id", "")
        project = request.match_info["project"]
        states = [self.vaults.get(project, vault_id)] if vault_id else self.vaults.in_project(project)
        return [record for state in states for record in state.records if record.log_visible]

    async def _show_calls(self, _: web.Request) -> web.Response:
        calls = [[each.vault_id, each.came, each.went] for each in self.calls.received()]
        requests = [each.came for each in self.calls.requests()]
        return web.json_response({"calls": calls, "requests": requests, "logins": len(self.iam.logins)})

    async def _summary(self, _: web.Request) -> web.Response:
        return web.json_response({**self.calls.summary(), "settings": asdict(self.settings)}, dumps=_dumps)


def _dumps(value: Any) -> str:
    return json.dumps(value, default=list)


def _bounds(request: web.Request) -> dict[str, int]:
    try:
        limit, offset = int(request.query.get("limit", MOST)), int(request.query.get("offset", 0))
    except ValueError:
        raise RefusedError("9900", "limit and offset are numbers.") from None
    if not 1 <= limit <= MOST or offset < 0:
        raise RefusedError("9900", f"limit is 1 to {MOST}, offset not negative.")
    return {"limit": limit, "offset": offset}


def _page(found: list[Any], request: web.Request) -> list[Any]:
    bounds = _bounds(request)
    return found[bounds["offset"] : bounds["offset"] + bounds["limit"]]


def _wanted(record: Record, request: web.Request, now: float) -> bool:
    query = request.query
    try:
        after = wire.parse_moment(query["start_time"]) if "start_time" in query else 0.0
        before = wire.parse_moment(query["end_time"]) if "end_time" in query else float("inf")
    except ValueError:
        raise RefusedError("9900", "Times are of the form %Y-%m-%dT%H:%M:%SZ.") from None
    return (
        query.get("operation_type", "replication") == "replication"
        and query.get("status", wire.log_status(record, now)) == wire.log_status(record, now)
        and after <= record.created_at <= before
    )


async def _answer(request: web.Request, fault: Fault, call: Call) -> web.StreamResponse:
    """What goes back over the wire."""
    if fault.reset:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()  # which nobody gets: aiohttp notices that the connection is gone
    if fault.status is not None:
        return web.Response(status=fault.status, body=fault.body, headers=fault.headers)
    answer = CHANGES[fault.change](call.answer) if fault.change else call.answer
    if not fault.dribble:
        return web.json_response(answer)
    body = as_bytes(answer)
    response = web.StreamResponse(headers={"Content-Length": str(len(body))})
    await response.prepare(request)
    for position in range(len(body)):
        await response.write(body[position : position + 1])
        await asyncio.sleep(fault.dribble)
    return response
