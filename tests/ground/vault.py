"""A vault and a Secret behind the ports, in memory: what a look reads, as a test sets it."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import (
    Body,
    Credential,
    Facts,
    LoginFacts,
    LoginRequest,
    NotFoundError,
    ReplicateRequest,
    SecretData,
)
from ground.objects import TOKEN

Answer = Facts | Callable[[int, int], Facts]
"""What a list answers; it may depend on offset and limit."""


def answered(body: Any, *, status: int = 200, **changes: Any) -> Facts:
    """An answer with this JSON."""
    content = json.dumps(body).encode()
    return Facts(**{"sent": False, "status": status, "body": content, "body_state": Body.WHOLE, **changes})


def pages(key: str, listed: list[Any], **keys: Any) -> Answer:
    """A list that is read page by page."""

    def page(offset: int, limit: int) -> Facts:
        return answered({key: listed[offset : offset + limit], "count": len(listed), **keys})

    return page


def backup(id_: str, *states: str) -> dict[str, Any]:
    """A backup with a record in each of these states."""
    records = [{"id": f"{id_}-{number}", "status": state} for number, state in enumerate(states)]
    return {"id": id_, "replication_records": records}


class Vault:
    """The Cloud port, as far as looking goes, and the Kube port, as far as Secrets go."""

    def __init__(self, *backups: dict[str, Any]) -> None:
        self.backups: Answer = pages("backups", list(backups))
        self.log: Answer = pages("operation_logs", [])
        self.token: str | None = TOKEN
        self.version = 1
        self.reads: list[tuple[str, int]] = []
        """Every read: backups, log or secret, and its offset."""
        self.open = asyncio.Event()
        """While it is not set, reads of the cloud hang."""
        self.open.set()
        self.hanging = 0
        self.error: Exception | None = None
        self.secret_error: Exception | None = None
        """Raised instead of an answer, as by a defect of ours."""

    def show(self, *backups: dict[str, Any]) -> None:
        """From now on the vault holds these."""
        self.backups = pages("backups", list(backups))

    def read_of(self, what: str) -> int:
        """How often this was read."""
        return sum(each == what for each, _ in self.reads)

    async def list_backups(self, *, target: Target, credential: Credential, offset: int, limit: int) -> Facts:
        del target, credential
        return await self._answer("backups", self.backups, offset, limit)

    async def list_operation_logs(
        self, *, target: Target, credential: Credential, since: datetime, offset: int, limit: int
    ) -> Facts:
        del target, credential, since
        return await self._answer("log", self.log, offset, limit)

    async def replicate(
        self, *, target: Target, request: ReplicateRequest, credential: Credential, may_send: Callable[[], bool]
    ) -> Facts:
        raise AssertionError((target, request, credential, may_send))

    async def read_secret(self, *, namespace: str, name: str) -> SecretData:
        self.reads.append(("secret", 0))
        if self.secret_error is not None:
            raise self.secret_error
        if self.token is None:
            raise NotFoundError(namespace, name)
        return SecretData(str(self.version), {"token": self.token.encode()})

    async def read_config_map(self, *, namespace: str, name: str) -> SecretData:
        raise NotFoundError(namespace, name)

    async def log_in(self, request: LoginRequest) -> LoginFacts:
        raise AssertionError(request)

    def leave(self, connection: str) -> None:
        raise AssertionError(connection)

    async def _answer(self, what: str, answer: Answer, offset: int, limit: int) -> Facts:
        self.reads.append((what, offset))
        self.hanging += 1
        await self.open.wait()
        self.hanging -= 1
        if self.error is not None:
            raise self.error
        return answer if isinstance(answer, Facts) else answer(offset, limit)


async def settle() -> None:
    """Let everything run that waits for no time."""
    for _ in range(100):
        await asyncio.sleep(0)
