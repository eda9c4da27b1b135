"""What is said of the kinds whose one condition of their own is Ready."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from cbr_operator.kinds.common import ConditionedStatus, Metadata
from cbr_operator.rules.conditions import FALSE, TRUE, Statement, with_ready

S = TypeVar("S", bound=ConditionedStatus)


@dataclass(frozen=True, slots=True)
class Readiness:
    """What Ready says."""

    ready: bool
    reason: StrEnum
    message: str
    for_a_person: bool = False
    """It does not go on before a person acts: kstatus then counts it as failed, and else as in progress."""


def with_readiness(metadata: Metadata, status: S, said: Readiness, *, now: datetime) -> S:
    """``status`` with its conditions, speaking for the generation that was read."""
    ready = Statement(TRUE if said.ready else FALSE, said.reason, said.message, for_a_person=said.for_a_person)
    return with_ready(status, ready, generation=metadata.generation, now=now)
