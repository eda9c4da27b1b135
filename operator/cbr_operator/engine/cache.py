"""The CheckpointReplications as last seen, with what the rules need to know of each beside the others."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from cbr_operator.engine.lanes import Lanes
from cbr_operator.engine.store import Key, Store, Stored, annotations_of, key_of, pack, version_of
from cbr_operator.kinds.connection import Connection, ConnectionKey
from cbr_operator.kinds.reasons import ConditionType
from cbr_operator.kinds.replication import Replication
from cbr_operator.ports import Clock, Json
from cbr_operator.rules.claims import Claim, claim_of
from cbr_operator.rules.connections import connection_of
from cbr_operator.rules.copies import Copy, copy_of
from cbr_operator.rules.expiry import marks_of
from cbr_operator.rules.holds import Refusal, refusal_of
from cbr_operator.rules.lanes import Place, lane_of, place_of, target_of
from cbr_operator.rules.looks import NOTHING_REMEMBERED, Memory
from cbr_operator.rules.runs import Run, run_of

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Left:
    """An object as a process left it."""

    generation: int
    version: int
    moment: float
    """On the clock that never jumps."""


@dataclass(slots=True)
class Notes:
    """What this process remembers of an object beside what its status says; it may be forgotten at any time."""

    waiting_since: datetime | None = None
    in_front: bool = False
    """Whether it has waited for a slot since then, and not for its vault."""
    tried: bool = False
    older: bool = False
    """It was there before this process led, which has not called for it yet."""
    memory: Memory = NOTHING_REMEMBERED
    """Of its looks at the cloud."""
    left: Left | None = None
    """How this process left it when it last wrote its status."""

    def waiting(self, *, in_front: bool) -> datetime | None:
        """Since when it has waited for the same as now: anew once it comes in front, or somebody before it."""
        return self.waiting_since if self.in_front == in_front else None


@dataclass(slots=True)
class Entry(Stored):
    """One object."""

    place: Place | None = None
    refusal: Refusal | None = None
    reason: str = "New"
    """Of Succeeded, for the metrics."""
    lane: str = ""
    """To which its call goes or went, also when it has no business there (any more): its records are there."""
    claim: Claim | None = None
    """Which of the records there are its own."""
    run: Run | None = None
    """What its Schedule needs to know of it."""
    copy: Copy | None = None
    """The newest copy it tells of, for the metrics."""
    key: Key = ("", "")
    connection: ConnectionKey | None = None
    """The one that it names."""
    notes: Notes = field(default_factory=Notes)


class Cache(Store[Entry]):
    """The objects, the lanes they stand in, and the refusals they tell of.

    ``gone`` is called with an entry that was dropped; whoever made a call for it may still have to hold its lane.
    ``ran`` is called with a Schedule's run that came, changed for the Schedule, or went.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        lanes: Lanes,
        gone: Callable[[Entry], None],
        connection: Callable[[Replication], Connection | None] = lambda _: None,
        ran: Callable[[Run], None] = lambda _run: None,
    ) -> None:
        """``connection``: the one that an object names, if it is there."""
        super().__init__(clock=clock, entry=self._derive, moved=self._index)
        self._lanes = lanes
        self._connection = connection
        self._users: defaultdict[ConnectionKey, dict[str, Key]] = defaultdict(dict)
        self._gone = gone
        self._ran = ran
        self._runs: defaultdict[tuple[str, str], dict[str, Run]] = defaultdict(dict)
        self._refusals: defaultdict[str, dict[str, Refusal]] = defaultdict(dict)
        self._claimants: defaultdict[str, dict[str, Entry]] = defaultdict(dict)

    def refusals(self, key: str) -> tuple[Refusal, ...]:
        """What the cloud refused to callers that share this hold key."""
        return tuple(self._refusals.get(key, {}).values())

    def users_of(self, connection: ConnectionKey) -> list[Key]:
        """The objects that name this connection."""
        return list(self._users.get(connection, {}).values())

    def others_in_lane(self, entry: Entry) -> list[Entry]:
        """All other objects with the same source vault, as the same cloud shows it: what they claim counts.

        Not by the vault's id alone: what another cloud says of this id, and a tenant may name any, is no evidence here.
        """
        return [each for uid, each in self._claimants.get(entry.lane, {}).items() if uid != entry.uid]

    def runs_of(self, namespace: str, schedule_uid: str) -> tuple[Run, ...]:
        """The runs that are a Schedule's own; one that only says so, in another namespace, is none of them."""
        return tuple(self._runs.get((namespace, schedule_uid), {}).values())

    def _index(self, before: Entry | None, after: Entry | None) -> None:
        self._lanes.move(before.place if before else None, after.place if after else None)
        if before is not None and before.refusal is not None:
            _remove(self._refusals, before.refusal.key, before.uid)
        if after is not None and after.refusal is not None:
            self._refusals[after.refusal.key][after.uid] = after.refusal
        if before is not None and before.lane:
            _remove(self._claimants, before.lane, before.uid)
        if after is not None and after.lane:
            self._claimants[after.lane][after.uid] = after
        if before is not None and before.connection is not None:
            _remove(self._users, before.connection, before.uid)
        if after is not None and after.connection is not None:
            self._users[after.connection][after.uid] = after.key
        self._index_run(before.run if before is not None else None, after.run if after is not None else None)
        if before is not None and after is None:
            self._gone(before)

    def _index_run(self, before: Run | None, after: Run | None) -> None:
        if before is not None:
            _remove(self._runs, (before.namespace, before.owner), before.uid)
        if after is not None:
            self._runs[after.namespace, after.owner][after.uid] = after
        changed = after or before
        if changed is not None and (before is None or after is None or replace(before, version=after.version) != after):
            self._ran(changed)

    def _derive(self, body: Json, before: Entry | None) -> Entry:
        """An object, and where it stands beside others; what cannot be read stands nowhere: the worker reports it."""
        key, uid, version = key_of(body), body["metadata"]["uid"], version_of(body)
        notes = before.notes if before is not None else Notes()
        try:
            replication = Replication.from_json(body)
        except ValidationError:
            return Entry(pack(body, annotations=marks_of(annotations_of(body))), uid, version, key=key, notes=notes)
        connection = self._connection(replication)
        target = target_of(replication, connection)
        succeeded = replication.status.condition(ConditionType.SUCCEEDED)
        return Entry(
            packed=pack(body, annotations=marks_of(annotations_of(body))),
            uid=uid,
            version=version,
            place=place_of(replication, connection),
            refusal=refusal_of(replication),
            reason=succeeded.reason if succeeded is not None else "New",
            lane=lane_of(target) if target is not None else "",
            claim=claim_of(replication),
            run=run_of(replication),
            copy=copy_of(replication),
            key=key,
            connection=connection_of(replication),
            notes=notes,
        )


def _remove(index: dict[K, dict[str, Any]], key: K, uid: str) -> None:
    """Take an entry out of an index, and with its last one the key."""
    index[key].pop(uid, None)
    if not index[key]:
        del index[key]
