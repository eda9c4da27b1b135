"""One complete look at a vault: the Secret, all pages of its backups' records and, where asked for, its log."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from weakref import WeakValueDictionary

from cbr_operator.engine.clocks import CloudClocks
from cbr_operator.engine.secrets import FRESH_SECONDS, SecretReader
from cbr_operator.kinds.reasons import Reason
from cbr_operator.ports import Body, Clock, Cloud, Credential, Facts
from cbr_operator.rules.access import comparable_endpoint
from cbr_operator.rules.answers import without_token
from cbr_operator.rules.looks import LookFailure, failure_of
from cbr_operator.rules.records import Look, Record, read_backups, read_log
from cbr_operator.rules.view import LookAtVault, SecretProblem

LOOKS_AT_ONCE = 16
LOOKS_AN_ENDPOINT = 8
"""So one sick region, whose reads all hang until their time-out, leaves half of the looks to the others."""
PAGE = 200
MOST_PAGES = 500
"""Of a list: a hundred thousand backups; what goes on for longer has no end."""
TRIES = 3
"""How often a list is read that changes while it is read."""
REFUSED_TOKEN_AGAIN = 60.0
"""Seconds until the Secret of a refused token is read again."""
RATE_LIMITED_AGAIN = 15.0
"""Seconds to wait after a 429 that does not say how long."""
MOST_HOLDS = 1000
_BACKUPS = "Reading the vault's records (GET backups)"
_LOG = "Reading the operation log (GET operation-logs)"
_CHANGING = LookFailure(f"{_BACKUPS} failed: the list changed while its pages were read")
_LOG_CHANGING = LookFailure(f"{_LOG} failed: its pages do not fit together")
_LOG_CUT = LookFailure(f"{_LOG} failed: the answer was not read to its end")


@dataclass(frozen=True, slots=True)
class _Hold:
    """What the cloud refused to a credential at an endpoint: nothing is asked with it before that may have changed."""

    failure: LookFailure
    version: str
    """Of the Secret: another one may be tried at once."""
    until: float
    """On the clock that never jumps; for ever after a 401."""


class VaultReader:
    """Looks at vaults, a few at once, with the credential that a Secret holds just then."""

    def __init__(self, *, cloud: Cloud, clock: Clock, clocks: CloudClocks, secrets: SecretReader) -> None:
        self._cloud = cloud
        self._clock = clock
        self._clocks = clocks
        self._secrets = secrets
        self._room = asyncio.Semaphore(LOOKS_AT_ONCE)
        self._rooms: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._holds: dict[tuple[str, str], _Hold] = {}

    async def look(self, action: LookAtVault, *, log_since: datetime | None) -> Look | LookFailure:
        """One look, or why there was none. A refused token is not used again before its Secret changed."""
        credential = await self._secrets.read(action.secret)
        if isinstance(credential, SecretProblem):
            return LookFailure(credential.message, Reason.WAITING_FOR_SECRET, again=FRESH_SECONDS)
        held = comparable_endpoint(action.target.endpoint), credential.owner
        hold = self._holds.get(held)
        if hold is not None and hold.version == credential.version and self._clock.boottime() < hold.until:
            return hold.failure
        room = self._rooms.setdefault(held[0], asyncio.Semaphore(LOOKS_AN_ENDPOINT))
        async with room, self._room:
            found = await self._look(action, credential, log_since)
        if self._holds.get(held) is hold:
            self._holds.pop(held, None)
        if isinstance(found, LookFailure) and found.again:
            if len(self._holds) >= MOST_HOLDS:
                del self._holds[next(iter(self._holds))]
            forever = found.reason is Reason.AUTHENTICATION_FAILED
            until = float("inf") if forever else self._clock.boottime() + found.again
            self._holds[held] = _Hold(found, credential.version, until)
        return found

    async def _look(
        self, action: LookAtVault, credential: Credential, log_since: datetime | None
    ) -> Look | LookFailure:
        for _ in range(TRIES):
            started = self._clock.boottime()
            look = await self._read_records(action, credential, started)
            if look is not None:
                break
        else:
            return _CHANGING
        if isinstance(look, LookFailure) or log_since is None:
            return look
        log = await self._read_log(action, credential, log_since)
        if not isinstance(log, LookFailure):
            return replace(look, log=log, log_since=log_since)
        if log.reason is Reason.RATE_LIMITED:
            return log
        # The records are worth telling all the same: most of those who look together do not need the log.
        return replace(look, log_since=log_since, log_failed=log.said)

    async def _read_records(
        self, action: LookAtVault, credential: Credential, started: float
    ) -> Look | LookFailure | None:
        """All pages; None when they do not fit together."""
        ids: set[str] = set()
        records: list[Record] = []
        without, count = 0, None
        for number in range(MOST_PAGES):
            facts = await self._cloud.list_backups(
                target=action.target, credential=credential, offset=len(ids), limit=PAGE
            )
            failure = self._learn(action, facts, credential, _BACKUPS)
            if failure is not None:
                return failure
            page = read_backups(without_token(credential.token, facts))
            if page is None:
                return LookFailure(f"{_BACKUPS} failed: HTTP {facts.status}, an answer that cannot be read")
            read = len(ids) + len(page.backup_ids)
            ids.update(page.backup_ids)
            if (number and page.count != count) or len(ids) != read:
                return None
            count = page.count
            records += page.records
            without += page.without_records
            if not page.backup_ids or (count is not None and read >= count):
                return Look(started, read, without, tuple(records)) if count in (None, read) else None
        return None

    async def _read_log(
        self, action: LookAtVault, credential: Credential, since: datetime
    ) -> tuple[Record, ...] | LookFailure | None:
        """All lines since then; None where this cloud, or this token, does not show the log."""
        entries: list[Record] = []
        read = 0
        for _ in range(MOST_PAGES):
            facts = await self._cloud.list_operation_logs(
                target=action.target, credential=credential, since=since, offset=read, limit=PAGE
            )
            failure = self._learn(action, facts, credential, _LOG)
            if failure is not None:
                return failure if _may_pass(facts, failure) else None
            page = read_log(without_token(credential.token, facts))
            if page is None:
                return None if facts.body_state is Body.WHOLE else _LOG_CUT
            entries += page.entries
            read += page.length
            if not page.length or (page.count is not None and read >= page.count):
                return tuple(entries) if page.count is None or read >= page.count else _LOG_CHANGING
        return _LOG_CHANGING

    def _learn(self, action: LookAtVault, facts: Facts, credential: Credential, what: str) -> LookFailure | None:
        self._clocks.learn(action.target.endpoint, facts)
        failure = failure_of(facts, token=credential.token, what=what)
        if failure is None:
            return None
        if failure.reason is Reason.AUTHENTICATION_FAILED:
            return replace(failure, again=REFUSED_TOKEN_AGAIN)
        if failure.reason is Reason.RATE_LIMITED:
            return replace(failure, again=max(RATE_LIMITED_AGAIN, failure.retry_after))
        return replace(failure, again=failure.retry_after)


def _may_pass(facts: Facts, failure: LookFailure) -> bool:
    """Whether the log may be readable another time; else this cloud, or this token, does not show it."""
    passing = failure.reason in (Reason.AUTHENTICATION_FAILED, Reason.RATE_LIMITED)
    return passing or facts.status in (None, 408) or facts.status >= 500  # noqa: PLR2004 - HTTP
