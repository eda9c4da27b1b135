"""What a decision rests on, and what it says."""

from dataclasses import dataclass
from datetime import datetime

from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.replication_status import Status, Submission, Target
from cbr_operator.ports import Credential, ReplicateRequest
from cbr_operator.rules.access import EndpointPattern
from cbr_operator.rules.answers import Verdict
from cbr_operator.rules.holds import Refusal
from cbr_operator.rules.lanes import Place


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator was set up with and every decision knows."""

    allowed_endpoints: tuple[EndpointPattern, ...]
    holder: str
    """Random per process start, never a Pod name: marks an intent as this process's own."""
    led_since: datetime
    """When this process began to decide."""


@dataclass(frozen=True, slots=True)
class SecretProblem:
    """Why no credential could be had from a Secret, and what to do."""

    message: str
    age: float = 0.0
    """Seconds since the Secret was read."""


@dataclass(frozen=True, slots=True)
class View:
    """One object and everything that was read about it."""

    policy: Policy
    replication: Replication
    now: datetime
    """Our wall clock."""
    calling: bool = False
    """This process has a call under way for this object."""
    tried: bool = False
    """This process has already tried to submit it, or found it unable to be submitted."""
    credential: Credential | SecretProblem | None = None
    """None: the Secret has not been read within the last seconds."""
    refusals: tuple[Refusal, ...] = ()
    """What the cloud refused to callers with the same credential at the same endpoint."""
    in_front: Place | None = None
    """Who has this object's lane, or comes before it."""
    waiting_since: datetime | None = None
    """Since when it has stood ready in line."""
    clock_offset: float | None = None
    """The cloud's clock minus ours, in seconds; None: not known, look first."""
    look_failed: Verdict | None = None
    """The look at the cloud's clock that this object waited for came to nothing."""
    chance: float = 0.0
    """0 to 1, drawn anew each time: spreads pauses."""
    slot_free: bool = True
    """Another call to this endpoint may start."""


@dataclass(frozen=True, slots=True)
class ReadSecret:
    """Read this Secret, then decide again."""

    namespace: str
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class LookAtClock:
    """Make a harmless call for the cloud's Date header, then decide again."""

    target: Target
    credential: Credential


@dataclass(frozen=True, slots=True)
class Submit:
    """Write the intent (the decision's status) under its guard, and only then make the call."""

    intent: Submission
    request: ReplicateRequest
    credential: Credential


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a View."""

    status: Status | None = None
    """The status to be written, or None where nothing changes."""
    action: ReadSecret | LookAtClock | Submit | None = None
    again: float | None = None
    """Seconds until another look even if nothing happens; None: the next event decides."""
    in_line: bool = False
    """The object is ready and stands in its lane."""
    blocked: bool = False
    """It was found unable to be submitted: that counts as having tried."""
