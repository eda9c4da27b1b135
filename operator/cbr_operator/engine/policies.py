"""Cluster policies under control: the unit of work is one namespace, with all that every policy wants of it."""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from cbr_operator.engine.cache import Cache
from cbr_operator.engine.controller import named
from cbr_operator.engine.queue import WorkQueue
from cbr_operator.engine.removal import remove
from cbr_operator.engine.schedules import ScheduleEntry, ScheduleStore
from cbr_operator.engine.status_writer import StatusWriter
from cbr_operator.engine.store import Key, Store, Stored, key_of, pack, version_of
from cbr_operator.kinds.policy import FIELD_MANAGER, POLICIES, VAULT_PAIRS, ReplicationPolicy
from cbr_operator.kinds.schedule import SCHEDULES, Schedule
from cbr_operator.ports import Clock, ConflictError, Json, Kube, KubeError, NotFoundError
from cbr_operator.rules.policy import KnownSchedule, NamespaceDecision, NamespaceView, Outcome, decide_namespace
from cbr_operator.rules.policy_status import policy_status
from cbr_operator.rules.runs import RunState

logger = logging.getLogger(__name__)

STATUS_SECONDS = 2.0
"""What happens in many namespaces at once becomes one write."""
APPLY_SECONDS = 5.0
"""Between two applies of the same Schedule: whoever changes it back at once does not make us fight."""
AGAIN_SECONDS = 10.0
"""Until another try of what the API server did not take."""


@dataclass(slots=True)
class NamespaceEntry(Stored):
    """One Namespace, and what policies look at."""

    name: str
    labels: dict[str, str]
    pairs: dict[str, str]
    """Its annotation with the pairs, if it has it."""
    going: bool
    """It is being deleted."""


@dataclass(slots=True)
class PolicyEntry(Stored):
    """One policy, read once for all namespaces; None where it cannot be read at all."""

    name: str
    policy: ReplicationPolicy | None

    @property
    def stands(self) -> ReplicationPolicy | None:
        """The policy, unless it is being deleted: then it is as good as gone."""
        policy = self.policy
        return policy if policy is not None and policy.metadata.deletion_timestamp is None else None


def namespace_entry(body: Json, before: NamespaceEntry | None) -> NamespaceEntry:  # noqa: ARG001 - nothing is kept
    """An entry of a Namespace."""
    metadata = body["metadata"]
    annotations = metadata.get("annotations") or {}
    return NamespaceEntry(
        packed=b"{}",
        uid=metadata["uid"],
        version=version_of(body),
        name=metadata["name"],
        labels=metadata.get("labels") or {},
        pairs={key: value for key, value in annotations.items() if key == VAULT_PAIRS},
        going="deletionTimestamp" in metadata,
    )


def policy_entry(body: Json, before: PolicyEntry | None) -> PolicyEntry:  # noqa: ARG001 - nothing is kept
    """An entry of a policy."""
    try:
        policy = ReplicationPolicy.from_json(body)
    except ValidationError:
        logger.exception("A policy cannot be read; nothing is done about it", extra=named(POLICIES, key_of(body)))
        policy = None
    return PolicyEntry(pack(body), body["metadata"]["uid"], version_of(body), body["metadata"]["name"], policy)


@dataclass(frozen=True, slots=True)
class PolicyParts:
    """What the keeper works with."""

    kube: Kube
    clock: Clock
    cache: Cache
    schedules: ScheduleStore
    namespaces: Store[NamespaceEntry]
    policies: Store[PolicyEntry]
    namespace_queue: WorkQueue
    policy_queue: WorkQueue
    observe: Callable[[Json], None]
    """Takes in a Schedule as the API server answered it."""
    writer: StatusWriter
    may_act: Callable[[], bool]


class PolicyKeeper:
    """Takes the steps that ``rules.policy`` decides, and sums them up in each policy's status."""

    def __init__(self, parts: PolicyParts) -> None:
        self._ = parts
        self._outcomes: defaultdict[str, dict[str, Outcome]] = defaultdict(dict)
        self._done: set[str] = set()
        """Namespaces that were looked at since the policies last changed."""
        self._due: set[str] = set()
        self._applied: dict[Key, float] = {}

    # -------------------------------------------------------------------------------------- what wakes whom

    def policy_moved(self, before: PolicyEntry | None, after: PolicyEntry | None) -> None:
        """A policy came, changed or went: unless that was its status alone, every namespace is looked at again."""
        if before is not None and after is None:
            self._outcomes.pop(before.uid, None)
        if before is None or after is None or _generation(before) != _generation(after):
            self._done.clear()
            for key, _ in self._.namespaces.entries():
                self._.namespace_queue.add(key)

    def namespace_moved(self, before: NamespaceEntry | None, after: NamespaceEntry | None) -> None:
        """A namespace went: it counts no more."""
        if before is not None and after is None:
            self._forget(before.name)

    def schedule_moved(self, before: ScheduleEntry | None, after: ScheduleEntry | None) -> None:
        """A Schedule came, changed or went: its namespace is looked at again, if there is a policy to want it."""
        entry = after or before
        if entry is not None and self._concerns(entry):
            self._.namespace_queue.add(("", entry.key[0]))

    # -------------------------------------------------------------------------------------- one namespace

    async def process_namespace(self, key: Key) -> None:
        """Make the Schedules of one namespace what the policies want."""
        name = key[1]
        view = self._gather(name, {})
        if view is None:
            self._forget(name)
            return
        decision = decide_namespace(view)
        if (decision.apply or decision.suspend or decision.delete) and self._.may_act():
            refused = await self._perform(key, decision)
            view = self._gather(name, refused)
            if view is None:
                self._forget(name)
                return
            decision = decide_namespace(view)
            if refused:
                self._.namespace_queue.add_after(key, AGAIN_SECONDS)
        self._conclude(name, decision.outcomes)

    def _gather(self, name: str, refused: dict[str, str]) -> NamespaceView | None:
        """Everything a decision rests on; None where the namespace is gone, or going."""
        entry = self._.namespaces.get(("", name))
        if entry is None or entry.going:
            return None
        mine = (each for each in self._.schedules.in_namespace(name) if self._concerns(each))
        found = ((each.key[1], self._known(each)) for each in mine)
        policies = (each.stands for _, each in self._.policies.entries())
        return NamespaceView(
            name=name,
            policies=tuple(each for each in policies if each is not None),
            labels=entry.labels,
            annotations=entry.pairs,
            schedules={each: known for each, known in found if known is not None},
            refused=refused,
            unreadable=frozenset(each.uid for _, each in self._.policies.entries() if each.policy is None),
        )

    def _concerns(self, entry: ScheduleEntry) -> bool:
        """Whether a Schedule is, or has the name of one that is, a policy's."""
        policy = entry.key[1].rpartition("-")[0]
        return entry.kept_by_policy or self._.policies.get(("", policy)) is not None

    def _known(self, entry: ScheduleEntry) -> KnownSchedule | None:
        body = entry.body
        try:
            schedule = Schedule.from_json(body)
        except ValidationError:
            return None  # its own controller reports it
        runs = self._.cache.runs_of(entry.key[0], entry.uid)
        busy = any(each.state is RunState.UNFINISHED or each.open_outcome for each in runs)
        return KnownSchedule(schedule, body, busy)

    async def _perform(self, key: Key, decision: NamespaceDecision) -> dict[str, str]:
        """Apply, suspend and delete; the words of the API server by the name of what it did not take."""
        refused: dict[str, str] = {}
        for body in decision.apply:
            if left := self._too_soon(body):
                self._.namespace_queue.add_after(key, left)
                continue
            await self._try(body["metadata"]["name"], self._apply(body), refused)
        for body in decision.suspend:
            await self._try(body["metadata"]["name"], self._apply(body), refused)
        for schedule in decision.delete:
            await self._try(schedule.metadata.name, self._delete(schedule), refused)
        return refused

    async def _try(self, name: str, step: Awaitable[None], refused: dict[str, str]) -> None:
        try:
            await step
        except (ConflictError, NotFoundError):
            return  # it is not what was decided about any more; its event decides again
        except KubeError as error:
            logger.warning("A Schedule of a policy could not be written: %s", error)
            refused[name] = str(error)

    def _too_soon(self, body: Json) -> float:
        """Seconds until this Schedule may be applied again; 0: now."""
        since = self._.clock.boottime() - self._applied.get(key_of(body), float("-inf"))
        there = self._.schedules.get(key_of(body)) is not None
        return max(0.0, APPLY_SECONDS - since) if there else 0.0

    async def _apply(self, body: Json) -> None:
        self._applied[key_of(body)] = self._.clock.boottime()
        namespace, name = key_of(body)
        made = await self._.kube.apply(SCHEDULES, namespace=namespace, name=name, body=body, manager=FIELD_MANAGER)
        self._.observe(made)

    async def _delete(self, schedule: Schedule) -> None:
        metadata = schedule.metadata
        await remove(
            self._.kube,
            SCHEDULES,
            self._.schedules,
            namespace=metadata.namespace,
            name=metadata.name,
            uid=metadata.uid,
            version=metadata.resource_version,
        )

    # -------------------------------------------------------------------------------------- every policy's status

    def _conclude(self, name: str, outcomes: Mapping[str, Outcome]) -> None:
        self._done.add(name)
        for _, entry in self._.policies.entries():
            known, now = self._outcomes[entry.uid].get(name), outcomes.get(entry.uid)
            if now is not None:
                self._outcomes[entry.uid][name] = now
            elif known is not None:
                del self._outcomes[entry.uid][name]
            if known != now:
                self._report(entry.name)

    def _forget(self, name: str) -> None:
        self._conclude(name, {})
        self._done.discard(name)
        self._applied = {key: when for key, when in self._applied.items() if key[0] != name}

    def _report(self, policy: str) -> None:
        """Have its status written, together with what else happens meanwhile."""
        if policy not in self._due:
            self._due.add(policy)
            self._.policy_queue.add_after(("", policy), STATUS_SECONDS)

    async def process_policy(self, key: Key) -> None:
        """Write the status of one policy, once every namespace has been looked at with the policy as it is now."""
        self._due.discard(key[1])
        entry = self._.policies.get(key)
        policy = entry.stands if entry is not None else None
        if entry is None or policy is None:
            return
        outcomes = self._outcomes[entry.uid]
        names = {each.name for _, each in self._.namespaces.entries() if not each.going}
        behind = any(each.generation != policy.metadata.generation for each in outcomes.values())
        if policy.spec is not None and (behind or not names <= self._done):
            self._report(key[1])
            return
        status = policy_status(policy, outcomes, now=self._.clock.now())
        try:
            await self._.writer.write(policy.metadata, policy.status, status)
        except (ConflictError, NotFoundError):
            self._report(key[1])
        except KubeError as error:
            logger.warning("The status of a policy could not be written: %s", error, extra=named(POLICIES, key))
            self._.policy_queue.add_after(key, AGAIN_SECONDS)


def _generation(entry: PolicyEntry) -> tuple[int, bool]:
    policy = entry.policy
    return (policy.metadata.generation if policy is not None else -1), entry.stands is None
