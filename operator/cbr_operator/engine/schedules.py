"""Schedules under control: runs are created at their times, counted when they end, and deleted when they are old."""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from pydantic import ValidationError

from cbr_operator.engine.alarms import Alarms
from cbr_operator.engine.cache import Cache
from cbr_operator.engine.controller import named
from cbr_operator.engine.removal import remove
from cbr_operator.engine.status_writer import StatusWriter
from cbr_operator.engine.store import Key, Store, Stored, annotations_of, key_of, pack, version_of
from cbr_operator.kinds.common import Metadata
from cbr_operator.kinds.policy import POLICY_LABEL
from cbr_operator.kinds.replication import REPLICATIONS
from cbr_operator.kinds.schedule import RUN_NOW, SCHEDULES, Schedule, ScheduleReason
from cbr_operator.ports import Clock, ConflictError, EventNote, Json, Kube, KubeError, NotFoundError
from cbr_operator.rules.copies import Copy, copy_of_schedule
from cbr_operator.rules.readiness import Readiness
from cbr_operator.rules.runs import Run
from cbr_operator.rules.schedule import decide_schedule, short_run_now
from cbr_operator.rules.schedule_view import ScheduleDecision, ScheduleView
from cbr_operator.rules.text import sentence

logger = logging.getLogger(__name__)

AGAIN = timedelta(seconds=10)
"""Until another try of what the API server did not take."""
MOST_STEPS = 4
"""A time and a run that was asked for, each created and then known, and no more."""


Moved = Callable[["ScheduleEntry | None", "ScheduleEntry | None"], None]


@dataclass(slots=True)
class ScheduleEntry(Stored):
    """One Schedule."""

    key: Key
    kept_by_policy: bool
    """It says that it is kept for a policy."""
    created: set[str] = field(default_factory=set)
    """Names of runs that were created, as long as the status does not tell of them."""
    copy: Copy | None = None
    """The newest copy it tells of, for the metrics."""


def _entry(body: Json, before: ScheduleEntry | None) -> ScheduleEntry:
    """An entry that remembers what the one before it did."""
    try:
        copy = copy_of_schedule(Schedule.from_json(body))
    except ValidationError:
        copy = None  # its worker reports it
    return ScheduleEntry(
        packed=pack(body, annotations=_annotations(body)),
        uid=body["metadata"]["uid"],
        version=version_of(body),
        key=key_of(body),
        kept_by_policy=POLICY_LABEL in (body["metadata"].get("labels") or {}),
        created=before.created if before is not None else set(),
        copy=copy,
    )


def _annotations(body: Json) -> dict[str, str]:
    """What is kept of a Schedule's annotations; of a policy's all, for they are compared with the template's."""
    there = annotations_of(body)
    if POLICY_LABEL in (body["metadata"].get("labels") or {}):
        return there
    return {RUN_NOW: short_run_now(there[RUN_NOW])} if RUN_NOW in there else {}


class ScheduleStore(Store[ScheduleEntry]):
    """All Schedules, by name and by namespace."""

    def __init__(self, *, clock: Clock, moved: Moved) -> None:
        """``moved`` is told of each entry that comes, changes or goes: before and after."""
        super().__init__(clock=clock, entry=_entry, moved=self._index)
        self._tell = moved
        self._namespaces: defaultdict[str, dict[str, ScheduleEntry]] = defaultdict(dict)

    def in_namespace(self, namespace: str) -> list[ScheduleEntry]:
        """The Schedules of one namespace."""
        return list(self._namespaces.get(namespace, {}).values())

    def _index(self, before: ScheduleEntry | None, after: ScheduleEntry | None) -> None:
        if before is not None:
            namespace, name = before.key
            self._namespaces[namespace].pop(name, None)
            if not self._namespaces[namespace]:
                del self._namespaces[namespace]
        if after is not None:
            namespace, name = after.key
            self._namespaces[namespace][name] = after
        self._tell(before, after)


class ScheduleKeeper:
    """Takes the steps that ``rules.schedule`` decides."""

    def __init__(  # noqa: PLR0913 - its ports and parts, each by its name
        self,
        *,
        kube: Kube,
        clock: Clock,
        store: ScheduleStore,
        cache: Cache,
        writer: StatusWriter,
        alarms: Alarms,
        observe: Callable[[Json], None],
        may_act: Callable[[], bool],
        post: Callable[[EventNote], None],
    ) -> None:
        """``observe`` takes in a CheckpointReplication that was created; its watch event is no news any more.

        ``may_act``: whether this process still leads, asked before a run is created.
        """
        self._kube = kube
        self._clock = clock
        self._store = store
        self._cache = cache
        self._writer = writer
        self._alarms = alarms
        self._observe = observe
        self._may_act = may_act
        self._post = post

    async def process(self, key: Key) -> None:
        """Create what is due, then write what is known."""
        not_created: Readiness | None = None
        for _ in range(MOST_STEPS):
            entry = self._store.get(key)
            schedule = _read(entry, key)
            if entry is None or schedule is None:
                self._alarms.set(key, None)
                return
            decision = decide_schedule(
                ScheduleView(
                    schedule,
                    self._clock.now(),
                    runs=self._cache.runs_of(key[0], entry.uid),
                    created=frozenset(entry.created),
                    not_created=not_created,
                )
            )
            if decision.create is None:
                await self._settle(key, entry, schedule, decision, tried=not_created is not None)
                return
            if not self._may_act():
                return
            not_created = await self._create(entry, decision.create)
        logger.error("A Schedule does not come to rest; it is looked at again", extra=named(SCHEDULES, key))
        self._alarms.set(key, self._clock.now() + AGAIN)

    async def _create(self, entry: ScheduleEntry, body: Json) -> Readiness | None:
        """Create a run; None when it is there and this Schedule's, else why it is not."""
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        try:
            try:
                made = await self._kube.create(REPLICATIONS, namespace=namespace, body=body)
            except ConflictError:
                made = await self._kube.get(REPLICATIONS, namespace=namespace, name=name)
        except KubeError as error:
            text = (
                f"The API server did not take the run {name!r}: {sentence(str(error))} Mend what it names: the "
                "template, a quota, an admission policy. It is tried again every ten seconds, for a time of the "
                "schedule until spec.startingDeadlineSeconds have passed."
            )
            return Readiness(ready=False, reason=ScheduleReason.CREATION_REFUSED, message=text, for_a_person=True)
        if entry.uid not in {each.uid for each in Metadata.model_validate(made["metadata"]).owner_references}:
            text = (
                f"The run that is due would be named {name!r}, and a CheckpointReplication of that name is there that "
                "this Schedule did not make. Delete that one, and the run starts within spec.startingDeadlineSeconds."
            )
            return Readiness(ready=False, reason=ScheduleReason.NAME_TAKEN, message=text, for_a_person=True)
        entry.created.add(name)
        self._observe(made)
        return None

    async def _settle(
        self, key: Key, entry: ScheduleEntry, schedule: Schedule, decision: ScheduleDecision, *, tried: bool
    ) -> None:
        """Write the status, and only then what rests on it."""
        again = decision.again
        if tried:
            again = min(again or self._clock.now() + AGAIN, self._clock.now() + AGAIN)
        self._alarms.set(key, again)
        if decision.status is None:
            return
        try:
            await self._writer.write(schedule.metadata, schedule.status, decision.status)
        except (ConflictError, NotFoundError):
            self._alarms.set(key, self._clock.now() + AGAIN)  # as a rule a newer event decides sooner
            return
        except KubeError as error:
            logger.warning("The status of a Schedule could not be written: %s", error, extra=named(SCHEDULES, key))
            self._alarms.set(key, self._clock.now() + AGAIN)
            return
        entry.created.clear()
        for note in decision.notes:
            self._post(note)
        for run in decision.delete:
            if not await self._delete(run):
                self._alarms.set(key, self._clock.now() + AGAIN)

    async def _delete(self, run: Run) -> bool:
        """Delete an old run as it was seen; False where that must be tried again."""
        try:
            await remove(
                self._kube,
                REPLICATIONS,
                self._cache,
                namespace=run.namespace,
                name=run.name,
                uid=run.uid,
                version=run.version,
            )
        except ConflictError:
            return True  # it changed, so an event decides again
        except KubeError as error:
            where = named(REPLICATIONS, (run.namespace, run.name))
            logger.warning("An old run could not be deleted: %s", error, extra=where)
            return False
        return True


def _read(entry: ScheduleEntry | None, key: Key) -> Schedule | None:
    if entry is None:
        return None
    try:
        return Schedule.from_json(entry.body)
    except ValidationError:
        logger.exception("A Schedule cannot be read; nothing is done about it", extra=named(SCHEDULES, key))
        return None
