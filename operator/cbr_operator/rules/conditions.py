"""The only builder of conditions: three statements in, the five conditions out."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from cbr_operator.kinds.common import Condition, ConditionedStatus
from cbr_operator.kinds.reasons import ConditionType, Reason
from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.replication_status import Status

TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"
_PAUSED = frozenset({Reason.SUSPENDED, Reason.RESTORED})
_KNOWN = frozenset(map(str, Reason))


@dataclass(frozen=True, slots=True)
class Statement:
    """What one condition says."""

    status: str
    reason: StrEnum
    """One of the kind's own."""
    message: str
    for_a_person: bool = False
    """It does not go on before a person acts."""


ACCEPTED = Statement(TRUE, Reason.VALID, "The resource is complete and allowed.")


def with_conditions(
    replication: Replication,
    status: Status,
    *,
    now: datetime,
    accepted: Statement = ACCEPTED,
    submitted: Statement | None = None,
    succeeded: Statement | None = None,
) -> Status:
    """``status`` with the conditions that follow from what is said of the three of our own.

    What is left out carries the statement before it: a resource that is not accepted is not submitted for the
    same reason, and one that is not submitted has not succeeded for the same reason. completionTime is set when
    Succeeded becomes final, and a status write always speaks for the generation that was read.
    """
    submitted = submitted or _carried(accepted)
    succeeded = succeeded or submitted
    said = {
        ConditionType.ACCEPTED: accepted,
        ConditionType.SUBMITTED: submitted,
        ConditionType.SUCCEEDED: succeeded,
        **_for_kstatus(accepted, succeeded),
    }
    generation = replication.metadata.generation
    conditions = tuple(_condition(status, type_, one, generation, now) for type_, one in said.items())
    final = succeeded.status != UNKNOWN
    return status.model_copy(
        update={
            "conditions": conditions,
            "observed_generation": generation,
            "completion_time": (status.completion_time or now) if final else None,
        }
    )


Conditioned = TypeVar("Conditioned", bound=ConditionedStatus)


def with_ready(status: Conditioned, ready: Statement, *, generation: int, now: datetime) -> Conditioned:
    """The status of a kind that is ready or not, with this said of it."""
    said = {ConditionType.READY: ready}
    if ready.status != TRUE:
        type_ = ConditionType.STALLED if ready.for_a_person else ConditionType.RECONCILING
        said[type_] = Statement(TRUE, ready.reason, ready.message)
    conditions = tuple(_condition(status, type_, one, generation, now) for type_, one in said.items())
    return status.model_copy(update={"conditions": conditions, "observed_generation": generation})


def _carried(accepted: Statement) -> Statement:
    """What a resource that is not accepted says of its submission: held, unless the spec can never be right."""
    final = accepted.reason is Reason.INVALID_SPEC
    return replace(accepted, status=FALSE if final else UNKNOWN)


def observed(replication: Replication) -> Status:
    """The status as it is, speaking for the present generation: ``kubectl wait`` and kstatus compare the two."""
    generation = replication.metadata.generation
    conditions = tuple(
        each.model_copy(update={"observed_generation": generation}) for each in replication.status.conditions
    )
    return replication.status.model_copy(update={"conditions": conditions, "observed_generation": generation})


def amended(replication: Replication, text: str) -> Status:
    """The status of what has ended, with one more sentence where it says how it ended."""
    said = (ConditionType.SUCCEEDED, ConditionType.STALLED)
    status = observed(replication)
    conditions = tuple(
        each.model_copy(update={"message": f"{each.message} {text}"})
        if each.type in said and not each.message.endswith(text)
        else each
        for each in status.conditions
    )
    return status.model_copy(update={"conditions": conditions})


def statement_of(status: Status, type_: ConditionType) -> Statement | None:
    """What the status says of this type now, to be said again; None where it says nothing that we know a word for."""
    said = status.condition(type_)
    if said is None or said.reason not in _KNOWN:
        return None
    return Statement(said.status, Reason(said.reason), said.message)


def _for_kstatus(accepted: Statement, succeeded: Statement) -> dict[ConditionType, Statement]:
    """Stalled or Reconciling, never both, absent rather than False.

    Source: kubernetes-sigs/cli-utils, pkg/kstatus, "abnormal-true" conditions.
    """
    if succeeded.status == TRUE or (succeeded.status == UNKNOWN and succeeded.reason in _PAUSED):
        return {}
    stalled = FALSE in (succeeded.status, accepted.status) or succeeded.for_a_person
    type_ = ConditionType.STALLED if stalled else ConditionType.RECONCILING
    return {type_: Statement(TRUE, succeeded.reason, succeeded.message)}


def _condition(
    status: ConditionedStatus, type_: ConditionType, said: Statement, generation: int, now: datetime
) -> Condition:
    before = status.condition(type_)
    moved = before is None or before.status != said.status
    return Condition(
        type=type_,
        status=said.status,
        reason=said.reason,
        message=said.message,
        last_transition_time=now if before is None or moved else before.last_transition_time,
        observed_generation=generation,
    )


def is_final(status: Status) -> bool:
    """Whether Succeeded is True or False: then nothing about the object ever changes again."""
    succeeded = status.condition(ConditionType.SUCCEEDED)
    return succeeded is not None and succeeded.status != UNKNOWN
