"""The conditions of the kinds whose one condition is Ready, with what kstatus makes of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cbr_operator.kinds.common import Condition, ConditionedStatus, Metadata
from cbr_operator.kinds.reasons import ConditionType
from cbr_operator.rules.conditions import FALSE, TRUE

READY = "Ready"

S = TypeVar("S", bound=ConditionedStatus)


@dataclass(frozen=True, slots=True)
class Readiness:
    """What Ready says."""

    ready: bool
    reason: str
    message: str
    for_a_person: bool = False
    """It does not go on before a person acts: kstatus then counts it as failed, and else as in progress."""


def with_readiness(metadata: Metadata, status: S, said: Readiness, *, now: datetime) -> S:
    """``status`` with its conditions, speaking for the generation that was read.

    Source: kubernetes-sigs/cli-utils, pkg/kstatus: Stalled is failed, and Ready False without it is in progress.
    """
    conditions = {READY: (TRUE if said.ready else FALSE, said)}
    if said.for_a_person and not said.ready:
        conditions[ConditionType.STALLED] = (TRUE, said)
    made = tuple(_condition(status, metadata, type_, each, now) for type_, each in conditions.items())
    return status.model_copy(update={"conditions": made, "observed_generation": metadata.generation})


def _condition(
    status: ConditionedStatus, metadata: Metadata, type_: str, said: tuple[str, Readiness], now: datetime
) -> Condition:
    value, words = said
    before = status.condition(type_)
    moved = before is None or before.status != value
    return Condition(
        type=type_,
        status=value,
        reason=words.reason,
        message=words.message,
        last_transition_time=now if before is None or moved else before.last_transition_time,
        observed_generation=metadata.generation,
    )
