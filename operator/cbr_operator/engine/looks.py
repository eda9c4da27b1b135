"""Looks at a cloud's clock: one at a time for an endpoint and credential, shared by all who wait for it."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from cbr_operator.engine.clocks import CloudClocks
from cbr_operator.engine.credentials import Credentials
from cbr_operator.engine.pace import Pace
from cbr_operator.engine.rooms import Rooms
from cbr_operator.engine.store import Key
from cbr_operator.kinds.reasons import Reason
from cbr_operator.ports import Cloud
from cbr_operator.rules.access import authority_of, comparable_endpoint
from cbr_operator.rules.answers import is_ambiguous, took_credential, without_key_id
from cbr_operator.rules.lanes import lane_of
from cbr_operator.rules.looks import KEY_REFUSED, LookFailure, judge_clock_look
from cbr_operator.rules.view import LookAtClock

logger = logging.getLogger(__name__)


class ClockLooks:
    """Makes the looks that decisions ask for; ``wake`` is called with each object that waited for one."""

    def __init__(
        self,
        *,
        cloud: Cloud,
        clocks: CloudClocks,
        credentials: Credentials,
        pace: Pace,
        rooms: Rooms,
        wake: Callable[[Key], None],
    ) -> None:
        self._cloud = cloud
        self._credentials = credentials
        self._pace = pace
        self._rooms = rooms
        self._clocks = clocks
        self._wake = wake
        self._waiting: dict[tuple[str, str], dict[Key, None]] = {}
        self._failures: dict[Key, LookFailure] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, key: Key, action: LookAtClock) -> None:
        """Look, or wait for the look that is under way."""
        shared = comparable_endpoint(action.target.endpoint), action.credential.owner
        under_way = shared in self._waiting
        self._waiting.setdefault(shared, {})[key] = None
        if not under_way:
            task = asyncio.create_task(self._look(shared, action))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def failure_for(self, key: Key) -> LookFailure | None:
        """What the look that this object waited for came to, until it is forgotten."""
        return self._failures.get(key)

    def forget(self, key: Key) -> None:
        """The object has taken note of its failed look: its next try looks again."""
        self._failures.pop(key, None)

    async def _look(self, shared: tuple[str, str], action: LookAtClock) -> None:
        failure: LookFailure | None = _DEFECT
        try:
            async with self._credentials.trial(action.credential) as usable:
                failure = await self._ask(action) if usable else KEY_REFUSED
        except Exception:
            logger.exception("A look at a cloud's clock met a defect of the operator; it is made again later")
        finally:
            for key in self._waiting.pop(shared):
                if failure is not None:
                    self._failures[key] = replace(failure, credential_version=action.credential.version)
                self._wake(key)

    async def _ask(self, action: LookAtClock) -> LookFailure | None:
        """What kept the look from going well."""
        credential = action.credential
        await self._pace.turn(credential.route, lane_of(action.target))
        async with self._rooms.room(action.target.endpoint, credential.route.namespace):
            facts = await self._cloud.list_backups(target=action.target, credential=credential, offset=0, limit=1)
        facts = without_key_id(credential, facts)
        failure = judge_clock_look(facts, token=credential.token)
        if failure is None:
            authority = authority_of(action.target.endpoint, credential.route.vouched_by)
            self._clocks.learn(authority, facts, or_none=True)
        if took_credential(facts) is None:
            return failure
        for_good = self._credentials.answered(
            credential,
            refused=failure is not None and failure.reason is Reason.AUTHENTICATION_FAILED,
            project_id=action.target.project_id,
            ambiguous=is_ambiguous(facts),
        )
        return replace(failure, for_good=bool(for_good)) if failure is not None else None


_DEFECT = LookFailure("the look at the cloud's clock met a defect of the operator")
