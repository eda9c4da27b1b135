"""What the policies want of one namespace, and what follows from the Schedules that are there."""

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cbr_operator.kinds.policy import (
    POLICY_LABEL,
    POLICY_UID,
    TEMPLATE_HASH,
    VAULT_PAIRS,
    FailedNamespace,
    PolicyReason,
    ReplicationPolicy,
    ScheduleTemplate,
)
from cbr_operator.kinds.reasons import ConditionType
from cbr_operator.kinds.schedule import SCHEDULES, Schedule
from cbr_operator.ports import Json
from cbr_operator.rules.conditions import FALSE
from cbr_operator.rules.pairs import Pair, pairs_for
from cbr_operator.rules.text import clip, sentence

_LONGEST_MESSAGE = 512


@dataclass(frozen=True, slots=True)
class KnownSchedule:
    """A Schedule that is there."""

    schedule: Schedule
    body: Json
    busy: bool = False
    """A run of its is unfinished, or the outcome of one could not be found out."""


@dataclass(frozen=True, slots=True)
class NamespaceView:
    """One namespace, the policies there are, and its Schedules."""

    name: str
    policies: tuple[ReplicationPolicy, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    schedules: Mapping[str, KnownSchedule] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    """Names of Schedules that the API server just did not take, and its words."""
    unreadable: frozenset[str] = frozenset()
    """Uids of policies that cannot be read at all: what they keep is left alone."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one policy fares in one namespace."""

    generation: int
    """Of the policy."""
    failures: tuple[FailedNamespace, ...] = ()
    schedules: int = 0
    newest_copies: tuple[datetime | None, ...] = ()
    """One a pair."""


@dataclass(frozen=True, slots=True)
class NamespaceDecision:
    """What to do in the namespace, and how each policy that selects it fares there, by the policy's uid."""

    apply: tuple[Json, ...] = ()
    """Schedules to be applied by force."""
    suspend: tuple[Json, ...] = ()
    """Schedules that nobody wants any more, suspended; to be applied as long as they are what was seen."""
    delete: tuple[Schedule, ...] = ()
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Wish:
    """A Schedule that a policy wants."""

    policy: ReplicationPolicy
    pair: Pair
    name: str
    body: Json


def decide_namespace(view: NamespaceView) -> NamespaceDecision:
    """What follows for one namespace that is not being deleted."""
    wishes: dict[str, _Wish] = {}
    outcomes: dict[str, Outcome] = {}
    claimed: dict[str, str] = {}
    for policy in sorted(view.policies, key=lambda each: (each.metadata.creation_timestamp, each.metadata.uid)):
        if policy.spec is None or not selects(policy, view.labels):
            continue
        wanted, failures = _wanted(view, policy, claimed)
        wishes |= {wish.name: wish for wish in wanted}
        outcomes[policy.metadata.uid] = _outcome(view, policy, wanted, failures)
    unreadable = view.unreadable | {policy.metadata.uid for policy in view.policies if policy.spec is None}
    unwanted = [
        known
        for name, known in view.schedules.items()
        if (keeper := _keeper(known)) and keeper not in unreadable and not _wished(wishes.get(name), known)
    ]
    return NamespaceDecision(
        apply=tuple(wish.body for wish in wishes.values() if _to_be_applied(view, wish)),
        suspend=tuple(_suspended(each) for each in unwanted if not _suspends(each)),
        delete=tuple(each.schedule for each in unwanted if _suspends(each) and _over(each)),
        outcomes=outcomes,
    )


def selects(policy: ReplicationPolicy, labels: Mapping[str, str]) -> bool:
    """Whether one of the policy's selectors matches."""
    return policy.spec is not None and any(each.matches(dict(labels)) for each in policy.spec.namespace_selectors)


# ------------------------------------------------------------------------------------------------- what is wanted


def _wanted(
    view: NamespaceView, policy: ReplicationPolicy, claimed: dict[str, str]
) -> tuple[list[_Wish], list[FailedNamespace]]:
    """The Schedules that a policy wants here and may have, and what is wrong; ``claimed``: pairs of older policies."""
    spec = policy.spec
    if spec is None:
        return [], []
    pairs = pairs_for(spec, dict(view.annotations))
    text = f"Annotation {VAULT_PAIRS}: {{}}. The other lines count; mend this one."
    failures = [_failure(view, PolicyReason.INVALID_PAIR, text.format(each)) for each in pairs.bad]
    wanted: list[_Wish] = []
    for pair in pairs.good:
        older = claimed.setdefault(pair.key, policy.metadata.name)
        if older != policy.metadata.name:
            text = (
                f"Policy {older!r} is older and keeps a Schedule for the pair {pair.source}={pair.destination} here: "
                "that one counts. Take the pair, or the namespace, out of one of the two."
            )
            failures.append(_failure(view, PolicyReason.OVERLAPPING, text))
            continue
        name = f"{policy.metadata.name}-{pair.digest}"
        wish = _Wish(policy, pair, name, _body(policy, spec.schedule_template, pair, view.name, name))
        known = view.schedules.get(name)
        if known is not None and _keeper(known) != policy.metadata.uid:
            failures.append(_failure(view, PolicyReason.NOT_OWNED, _not_owned(known, name)))
        else:
            wanted.append(wish)
    return wanted, failures


def _not_owned(known: KnownSchedule, name: str) -> str:
    if _keeper(known):
        return (
            f"Schedule {name!r} is kept for an earlier policy of the same name, which is gone: it is deleted once none "
            "of its runs is unfinished, and then made anew by itself."
        )
    return (
        f"Schedule {name!r} was not made by this policy, and is left alone. Delete or rename it, and this policy makes "
        "its own."
    )


def _outcome(
    view: NamespaceView, policy: ReplicationPolicy, wanted: list[_Wish], failures: list[FailedNamespace]
) -> Outcome:
    copies: list[datetime | None] = []
    there = 0
    for wish in wanted:
        known = view.schedules.get(wish.name)
        copies.append(known.schedule.status.newest_copy_time if known is not None else None)
        there += known is not None
        if wish.name in view.refused:
            text = (
                f"The API server does not take Schedule {wish.name!r}: {clip(sentence(view.refused[wish.name]), 300)} "
                "Mend what it names: the policy's template, a quota, an admission policy. It is tried again by itself."
            )
            failures.append(_failure(view, PolicyReason.APPLY_REFUSED, text))
        elif known is not None and (trouble := _trouble(known)):
            failures.append(_failure(view, PolicyReason.SCHEDULE_NOT_READY, f"Schedule {wish.name!r}: {trouble}"))
    return Outcome(policy.metadata.generation, tuple(failures), there, tuple(copies))


def _trouble(known: KnownSchedule) -> str:
    ready = known.schedule.status.condition(ConditionType.READY)
    if ready is None or ready.status != FALSE:
        return ""
    return f"{ready.reason}: {ready.message}"


def _failure(view: NamespaceView, reason: PolicyReason, message: str) -> FailedNamespace:
    return FailedNamespace(namespace=view.name, reason=reason.value, message=clip(message, _LONGEST_MESSAGE))


# --------------------------------------------------------------------------------------------------- what is there


def _keeper(known: KnownSchedule) -> str:
    """The uid of the policy that made it, gone or not; empty where no policy did."""
    metadata = known.schedule.metadata
    return metadata.annotations.get(POLICY_UID, "") if POLICY_LABEL in metadata.labels else ""


def _wished(wish: _Wish | None, known: KnownSchedule) -> bool:
    return wish is not None and wish.policy.metadata.uid == _keeper(known)


def _suspends(known: KnownSchedule) -> bool:
    return bool(known.body["spec"].get("suspend"))


def _over(known: KnownSchedule) -> bool:
    """Whether nothing of it is under way: no run is, and its own controller has seen that it is suspended."""
    metadata, status = known.schedule.metadata, known.schedule.status
    gone = metadata.deletion_timestamp is not None
    return not known.busy and not gone and status.observed_generation == metadata.generation


def _to_be_applied(view: NamespaceView, wish: _Wish) -> bool:
    known = view.schedules.get(wish.name)
    if wish.name in view.refused:
        return False
    if known is None:
        return True
    return known.schedule.metadata.deletion_timestamp is None and not contains(known.body, wish.body)


def contains(actual: Any, wanted: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether an object says all that is wanted; it may say more, but for the items of a list."""
    if isinstance(wanted, dict) and isinstance(actual, dict):
        return all(key in actual and contains(actual[key], value) for key, value in wanted.items())
    return bool(actual == wanted)


# ------------------------------------------------------------------------------------------------- what is written


def _body(policy: ReplicationPolicy, template: ScheduleTemplate, pair: Pair, namespace: str, name: str) -> Json:
    """A Schedule as it is applied: the template, the pair, and whose it is."""
    spec = {"suspend": False, **copy.deepcopy(template.spec)}
    replication = spec["replicationTemplate"]["spec"]
    replication["source"] = {**replication.get("source", {}), "vaultID": pair.source}
    replication["destination"] = {**replication["destination"], "vaultID": pair.destination}
    labels = {**template.metadata.labels, POLICY_LABEL: policy.metadata.name}
    annotations = {**template.metadata.annotations, POLICY_UID: policy.metadata.uid}
    told = json.dumps([labels, annotations, spec], sort_keys=True)
    annotations[TEMPLATE_HASH] = hashlib.sha256(told.encode()).hexdigest()[:16]
    metadata = {"name": name, "namespace": namespace, "labels": labels, "annotations": annotations}
    return {"apiVersion": SCHEDULES.api_version, "kind": SCHEDULES.kind, "metadata": metadata, "spec": spec}


def _suspended(known: KnownSchedule) -> Json:
    """A Schedule as it is, suspended, and without the digest of the template: were it wanted again, it would differ."""
    metadata = known.schedule.metadata
    annotations = {key: value for key, value in metadata.annotations.items() if key != TEMPLATE_HASH}
    return {
        "apiVersion": SCHEDULES.api_version,
        "kind": SCHEDULES.kind,
        "metadata": {
            "name": metadata.name,
            "namespace": metadata.namespace,
            "resourceVersion": metadata.resource_version,
            "labels": metadata.labels,
            "annotations": annotations,
        },
        "spec": {**known.body["spec"], "suspend": True},
    }
