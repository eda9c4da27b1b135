"""A step for one CheckpointReplication: gather what is known of it, decide, perform, publish."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain

from pydantic import ValidationError

from cbr_operator.engine.cache import Cache, Entry, Left
from cbr_operator.engine.calls import Calls
from cbr_operator.engine.clocks import CloudClocks
from cbr_operator.engine.connections import Connections, is_same
from cbr_operator.engine.controller import named
from cbr_operator.engine.credentials import Credentials
from cbr_operator.engine.lanes import Lanes
from cbr_operator.engine.looks import ClockLooks
from cbr_operator.engine.pace import Pace
from cbr_operator.engine.pollers import Pollers
from cbr_operator.engine.publish import Publisher, about
from cbr_operator.engine.queue import WorkQueue
from cbr_operator.engine.store import Key
from cbr_operator.engine.submit import Submitter
from cbr_operator.kinds.replication import REPLICATIONS, Replication
from cbr_operator.kinds.replication_status import Outcome, Submission
from cbr_operator.ports import DIRECT, Clock, ConflictError, Credential, NotFoundError, RefusedError, UnavailableError
from cbr_operator.rules.access import authority_of
from cbr_operator.rules.claims import NO_CLAIMS, Claims, claims_of
from cbr_operator.rules.holds import hold_key
from cbr_operator.rules.lanes import Place, lane_of, target_of
from cbr_operator.rules.records import Look
from cbr_operator.rules.replication import decide
from cbr_operator.rules.tries import target_to_call
from cbr_operator.rules.view import (
    Decision,
    Delete,
    LookAtClock,
    LookAtVault,
    Policy,
    ReadSecret,
    SecretProblem,
    Submit,
    UseConnection,
    View,
)

logger = logging.getLogger(__name__)

UNWRITTEN_AGAIN = 5.0
"""Seconds until another decision when the API server did not take a status."""
REFUSED_AGAIN = 60.0
"""The same when it refused the status as it was: waiting alone will not mend that."""
YIELD_SECONDS = 5.0
"""How long what another process says of an object is left as it is. Two that lead for a moment, and know different
things, would else answer each other's status as fast as the API server takes it."""
JITTER = 0.1
"""Looks are spread by up to a tenth, so that what was created together does not wake together for ever."""
MOST_JITTER = 30.0
"""Seconds that the spread adds at most: a deadline or a TTL of days is not to be hours late."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a worker works with."""

    policy: Policy
    clock: Clock
    cache: Cache
    queue: WorkQueue
    lanes: Lanes
    calls: Calls
    clocks: CloudClocks
    looks: ClockLooks
    pollers: Pollers
    pace: Pace
    credentials: Credentials
    connections: Connections
    labels_of: Callable[[str], Mapping[str, str]]
    """The labels of a namespace."""
    publisher: Publisher
    submitter: Submitter
    settle: Callable[[Place], None]
    """Keeps the lane of a call whose object is gone until the cloud must have shown what became of it."""


class Worker:
    """Takes CheckpointReplications further. A cloud call never holds a step: those are tasks of their own."""

    def __init__(self, parts: Parts) -> None:
        self._ = parts

    async def process(self, key: Key) -> None:
        """Take the next step for one object."""
        view = self._gather(key, None)
        if view is None:
            self._.looks.forget(key)
            return
        decision = decide(view)
        while isinstance(decision.action, ReadSecret | UseConnection):
            credential = await self._.credentials.get_now(decision.action)
            if isinstance(credential, asyncio.Task):
                return  # the end of the login wakes it
            used, view = view.connection, self._gather(key, credential)
            if view is None:
                return
            if not is_same(used, view.connection):  # a credential goes nowhere but where its connection led
                view = replace(view, credential=None)
            decision = decide(view)
        await self._perform(key, view, decision)

    def _gather(self, key: Key, credential: Credential | SecretProblem | None) -> View | None:
        """Everything a decision rests on, read in one go: nothing changes between here and the decision."""
        entry = self._.cache.get(key)
        if entry is None:
            return None
        try:
            replication = Replication.from_json(entry.body)
        except ValidationError:
            logger.exception("An object cannot be read; nothing is done about it", extra=named(REPLICATIONS, key))
            return None
        connection = self._.connections.named_by(replication)
        target = target_of(replication, connection)
        endpoint = target.endpoint if target is not None else ""
        authority = authority_of(endpoint, target.vouched_by if target is not None else "")
        route = credential.route if isinstance(credential, Credential) else DIRECT
        look = self._.pollers.result_for(key)
        in_front = self._.lanes.in_front_of(entry.place) if entry.place is not None else None
        return View(
            policy=self._.policy,
            replication=replication,
            now=self._.clock.now(),
            boottime=self._.clock.boottime(),
            older=entry.notes.older,
            calling=entry.uid in self._.calls,
            tried=entry.notes.tried,
            credential=credential,
            refusals=self._.cache.refusals(hold_key(replication, target)),
            in_front=in_front,
            waiting_since=entry.notes.waiting(in_front=in_front is None),
            clock_offset=self._.clocks.offset(authority),
            cloud_has_no_clock=self._.clocks.has_none(authority),
            look_failed=self._.looks.failure_for(key),
            look=look,
            claims=self._claims(entry, replication.status.submission) if isinstance(look, Look) else NO_CLAIMS,
            memory=entry.notes.memory,
            slot_free=self._.calls.has_room(endpoint, key) and self._.pace.may_call(key, route),
            connection=connection,
            namespace_labels=self._.labels_of(key[0]) if connection is not None else {},
            untried=isinstance(credential, Credential) and self._.credentials.is_untried(credential),
            chance=self._.clock.chance(),
        )

    def _claims(self, entry: Entry, submission: Submission | None) -> Claims:
        """What the other objects in the lane claim; what several may adopt is the oldest one's."""
        others = self._.cache.others_in_lane(entry)
        older = (each for each in others if _order(each) < _order(entry))
        pending = chain.from_iterable(each.notes.memory.candidates for each in older)
        claims = (each.claim for each in others if each.claim is not None)
        beside_open = submission is None or submission.outcome not in (Outcome.PENDING, Outcome.UNKNOWN)
        return claims_of(claims, pending=pending, lasting=self._.policy.proof_takes, beside_open=beside_open)

    async def _perform(self, key: Key, view: View, decision: Decision) -> None:
        entry = self._.cache.get(key)
        if entry is None or view.calling:
            return
        self._note(entry, view, decision)
        self._.looks.forget(key)
        if isinstance(decision.action, Submit):
            self._.pollers.drop(key)
            self._submit(key, entry, view, decision, decision.action)
            return
        if isinstance(decision.action, LookAtVault):
            self._.pollers.want(key, decision.action)
        elif isinstance(decision.action, LookAtClock):
            self._.looks.start(key, decision.action)
        elif decision.in_line and view.in_front is None and not view.slot_free:
            self._wait_for_slot(key, view)
        again = await self._publish(key, entry, view, decision)
        if again is None:
            self._looked(key, entry, view, decision)
            again = await self._delete(view) if isinstance(decision.action, Delete) else decision.again
        self._.queue.add_after(key, spread(again, chance=view.chance) if again is not None else None)

    def _wait_for_slot(self, key: Key, view: View) -> None:
        """Have it woken when it is its connection's turn, and then, with the turn, when there is room for its call."""
        target, credential = target_to_call(view), view.credential
        if isinstance(credential, Credential) and not self._.pace.may_call(key, credential.route):
            self._.pace.wait(key, credential.route, lane_of(target))
        else:
            self._.calls.wait(target.endpoint, key)

    def _looked(self, key: Key, entry: Entry, view: View, decision: Decision) -> None:
        """What a look showed is written, where it had to be: only now it may be forgotten."""
        if decision.memory is not None:
            entry.notes.memory = decision.memory
        if view.look is not None:
            self._.pollers.forget(key, view.look)
        if not isinstance(decision.action, LookAtVault):
            self._.pollers.drop(key)

    def _note(self, entry: Entry, view: View, decision: Decision) -> None:
        notes = entry.notes
        notes.waiting_since = (view.waiting_since or view.now) if decision.in_line else None
        notes.in_front = view.in_front is None
        if entry.place is not None and not entry.place.holds:
            self._.lanes.stand(entry.place, ready=decision.in_line)

    async def _publish(self, key: Key, entry: Entry, view: View, decision: Decision) -> float | None:
        """Write the decision's status, if any; None when that is done, else the seconds until another decision."""
        if decision.status is None:
            return None
        if _was_answered(entry, view):
            return YIELD_SECONDS
        try:
            await self._.publisher.publish_or_reduce(view.replication, decision.status)
        except (ConflictError, NotFoundError):
            return decision.again or UNWRITTEN_AGAIN  # as a rule a newer event decides sooner
        except UnavailableError as error:
            logger.warning("A status could not be written: %s", error, extra=about(view.replication))
            return UNWRITTEN_AGAIN
        except RefusedError as error:
            logger.error("The API server refuses a status: %s", error, extra=about(view.replication))  # noqa: TRY400 - the message says it all
            return REFUSED_AGAIN
        written = self._.cache.get(key)
        if written is not None and written is not entry:
            metadata = view.replication.metadata
            written.notes.left = Left(metadata.generation, written.version, self._.clock.boottime())
        return None

    async def _delete(self, view: View) -> float | None:
        """Delete the object; None when that is done, else the seconds until another decision."""
        try:
            await self._.publisher.delete(view.replication)
        except (UnavailableError, RefusedError) as error:
            logger.warning("An object that has expired could not be deleted: %s", error, extra=about(view.replication))
            return REFUSED_AGAIN
        return None

    def _submit(self, key: Key, entry: Entry, view: View, decision: Decision, action: Submit) -> None:
        """Take the lane and a slot in the same step as the decision, then let the submission run by itself."""
        place = entry.place
        if place is None:
            raise AssertionError("what is submitted stands in a lane")
        self._.lanes.hold(place)
        self._.pace.called(key, action.credential.route)
        self._.calls.start(entry.uid, action.intent.target.endpoint, key)
        entry.notes.tried = True
        entry.notes.older = False
        entry.notes.left = None
        entry.notes.waiting_since = None

        def over() -> None:
            self._.calls.end(place.uid)
            current = self._.cache.get(key)
            if current is None or current.uid != place.uid:
                self._.settle(place)
                return
            if current is entry:
                # The intent was not taken: the event that tells why decides, or else time does. Until then it does
                # not stand in line, for the lane that is released below would wake it at once.
                self._.lanes.stand(place, ready=False)
                self._.queue.add_after(key, UNWRITTEN_AGAIN)
            else:
                self._.queue.add(key)
            if current.place is None or not current.place.holds or current.place.lane != place.lane:
                self._.lanes.release(place)

        self._.submitter.start(view.replication, decision, action, over)


def spread(seconds: float, *, chance: float) -> float:
    """Seconds until another decision, spread by ``chance``."""
    return seconds + min(JITTER * seconds, MOST_JITTER) * chance


def _was_answered(entry: Entry, view: View) -> bool:
    """Whether somebody has written since this process wrote a moment ago, and the spec is still the same."""
    left, generation = entry.notes.left, view.replication.metadata.generation
    if left is None or view.boottime - left.moment >= YIELD_SECONDS:
        return False
    return left.generation == generation and left.version != entry.version


def _order(entry: Entry) -> tuple[datetime, str]:
    """Oldest first, ties by uid, as in a lane; what stands in none comes last."""
    return entry.place.order if entry.place is not None else (datetime.max.replace(tzinfo=UTC), entry.uid)
