"""One complete look at a vault: the Secret, all pages of its backups' records and, where asked for, its log."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from cbr_operator.engine.clocks import CloudClocks
from cbr_operator.engine.credentials import Credentials
from cbr_operator.engine.pace import Pace
from cbr_operator.engine.rooms import Rooms
from cbr_operator.engine.secrets import FRESH_SECONDS
from cbr_operator.kinds.reasons import Reason
from cbr_operator.ports import Body, Clock, Cloud, Credential, Facts
from cbr_operator.rules.access import authority_of, comparable_endpoint
from cbr_operator.rules.answers import is_ambiguous, took_credential, without_key_id, without_token
from cbr_operator.rules.lanes import lane_of
from cbr_operator.rules.looks import KEY_REFUSED, LookFailure, failure_of
from cbr_operator.rules.records import Look, Record, read_backups, read_log
from cbr_operator.rules.view import LookAtVault, SecretProblem

LOOKS_AT_ONCE = 16
LOOKS_AN_ENDPOINT = 8
"""So one sick region, whose reads all hang until their time-out, leaves half of the looks to the others."""
LOOKS_A_NAMESPACE = 4
"""So servers of one namespace's own, which all hang, leave the looks to the others."""
PAGE = 200
MOST_PAGES = 500
"""Of a list: a hundred thousand backups; what goes on for longer has no end."""
MOST_RECORDS = 50_000
"""Of a look, in the records of all pages, or in those of the log."""
TRIES = 3
"""How often a list is read that changes while it is read."""
REFUSED_TOKEN_AGAIN = 60.0
"""Seconds until the Secret of a refused token is read again."""
MAY_MEND_AGAIN = 1.0
"""Seconds until a new login, or a new signature, may have mended a refusal."""
RATE_LIMITED_AGAIN = 15.0
"""Seconds to wait after a 429 that does not say how long."""
MOST_HOLDS = 1000
_BACKUPS = "Reading the vault's records (GET backups)"
_LOG = "Reading the operation log (GET operation-logs)"
_HELD = f"{_BACKUPS} is put off: the cloud refused an earlier call with the same credential"
_KEY_REFUSED = replace(KEY_REFUSED, again=REFUSED_TOKEN_AGAIN)
_CHANGING = LookFailure(f"{_BACKUPS} failed: the list changed while its pages were read")
_LOG_CHANGING = LookFailure(f"{_LOG} failed: its pages do not fit together")
_TOO_MANY = LookFailure(f"{_BACKUPS} failed: the vault shows more than {MOST_RECORDS} records")
_LOG_TOO_LONG = LookFailure(f"{_LOG} failed: it shows more than {MOST_RECORDS} lines")
_LOG_CUT = LookFailure(f"{_LOG} failed: the answer was not read to its end")


@dataclass(frozen=True, slots=True)
class _Hold:
    """What the cloud refused to a credential at an endpoint: nothing is asked with it before that may have changed."""

    failure: LookFailure
    lane: str
    """Where that was: what the cloud said is not told elsewhere, for it may be of another namespace's vault."""
    version: str
    """Of the Secret: another one may be tried at once."""
    until: float
    """On the clock that never jumps; for ever after a 401."""


def rooms_for_looks() -> Rooms:
    """Where looks at vaults and at clocks find room."""
    return Rooms(in_all=LOOKS_AT_ONCE, an_origin=LOOKS_AN_ENDPOINT, a_namespace=LOOKS_A_NAMESPACE)


class VaultReader:
    """Looks at vaults, a few at once, with the credential that a Secret holds just then."""

    def __init__(
        self,
        *,
        cloud: Cloud,
        clock: Clock,
        clocks: CloudClocks,
        credentials: Credentials,
        pace: Pace,
        rooms: Rooms,
    ) -> None:
        self._cloud = cloud
        self._clock = clock
        self._clocks = clocks
        self._credentials = credentials
        self._pace = pace
        self._rooms = rooms
        self._holds: dict[tuple[str, str], _Hold] = {}

    async def look(self, action: LookAtVault, *, log_since: datetime | None) -> Look | LookFailure:
        """One look, or why there was none. A refused token is not used again before its Secret changed."""
        credential = await self._credentials.get(action.source)
        if isinstance(credential, SecretProblem):
            person = credential.for_a_person
            return LookFailure(credential.message, credential.reason, again=FRESH_SECONDS, for_a_person=person)
        held = comparable_endpoint(action.target.endpoint), credential.owner
        hold = self._holds.get(held)
        if hold is not None and hold.version == credential.version and self._clock.boottime() < hold.until:
            return hold.failure if hold.lane == lane_of(action.target) else replace(hold.failure, said=_HELD)
        found = await self._look(action, credential, log_since)
        if isinstance(found, Look):
            found = replace(found, vouched_by=credential.route.vouched_by)
        else:
            found = replace(found, credential_version=credential.version)
        if self._holds.get(held) is hold:
            self._holds.pop(held, None)
        self._hold(held, credential, found, lane_of(action.target))
        return found

    def _hold(self, held: tuple[str, str], credential: Credential, found: Look | LookFailure, lane: str) -> None:
        """Note what was refused; what a new login or signature may mend holds nobody."""
        if isinstance(found, LookFailure) and found.again and found.for_good:
            if len(self._holds) >= MOST_HOLDS:
                del self._holds[next(iter(self._holds))]
            forever = found.reason is Reason.AUTHENTICATION_FAILED
            until = float("inf") if forever else self._clock.boottime() + found.again
            self._holds[held] = _Hold(found, lane, credential.version, until)

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
            request = partial(
                self._cloud.list_backups, target=action.target, credential=credential, offset=len(ids), limit=PAGE
            )
            facts, failure = await self._ask(action, credential, request, _BACKUPS)
            if failure is not None:
                return failure
            page = read_backups(without_token(credential.token, facts))
            if page is None:
                words = "an answer that cannot be read, or holds more than any page does"
                return LookFailure(f"{_BACKUPS} failed: HTTP {facts.status}, {words}")
            read = len(ids) + len(page.backup_ids)
            ids.update(page.backup_ids)
            if (number and page.count != count) or len(ids) != read:
                return None
            count = page.count
            records += page.records
            if len(records) > MOST_RECORDS:
                return _TOO_MANY
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
            request = partial(
                self._cloud.list_operation_logs,
                target=action.target,
                credential=credential,
                since=since,
                offset=read,
                limit=PAGE,
            )
            facts, failure = await self._ask(action, credential, request, _LOG)
            if failure is not None:
                return failure if _may_pass(facts, failure) else None
            page = read_log(without_token(credential.token, facts))
            if page is None:
                return None if facts.body_state is Body.WHOLE else _LOG_CUT
            entries += page.entries
            if len(entries) > MOST_RECORDS:
                return _LOG_TOO_LONG
            read += page.length
            if not page.length or (page.count is not None and read >= page.count):
                return tuple(entries) if page.count is None or read >= page.count else _LOG_CHANGING
        return _LOG_CHANGING

    async def _ask(
        self, action: LookAtVault, credential: Credential, request: Callable[[], Awaitable[Facts]], what: str
    ) -> tuple[Facts, LookFailure | None]:
        """One request: when its connection's turn has come, an untried key alone, a few at once of all."""
        await self._pace.turn(credential.route, lane_of(action.target))
        async with self._credentials.trial(credential) as usable:
            if not usable:
                return Facts(sent=False), _KEY_REFUSED
            async with self._rooms.room(action.target.endpoint, credential.route.namespace):
                facts = without_key_id(credential, await request())
            return facts, self._learn(action, facts, credential, what)

    def _learn(self, action: LookAtVault, facts: Facts, credential: Credential, what: str) -> LookFailure | None:
        self._clocks.learn(authority_of(action.target.endpoint, credential.route.vouched_by), facts)
        failure = failure_of(facts, token=credential.token, what=what)
        refused = failure is not None and failure.reason is Reason.AUTHENTICATION_FAILED
        for_good = took_credential(facts) is not None and self._credentials.answered(
            credential, refused=refused, project_id=action.target.project_id, ambiguous=is_ambiguous(facts)
        )
        if failure is None:
            return None
        if refused:
            again = MAY_MEND_AGAIN if for_good is False else REFUSED_TOKEN_AGAIN
            return replace(failure, again=again, for_good=bool(for_good))
        if failure.reason is Reason.RATE_LIMITED:
            return replace(failure, again=max(RATE_LIMITED_AGAIN, failure.retry_after))
        return replace(failure, again=failure.retry_after)


def _may_pass(facts: Facts, failure: LookFailure) -> bool:
    """Whether the log may be readable another time; else this cloud, or this token, does not show it."""
    passing = failure.reason in (Reason.AUTHENTICATION_FAILED, Reason.RATE_LIMITED)
    return passing or facts.status in (None, 408) or facts.status >= 500  # noqa: PLR2004 - HTTP
