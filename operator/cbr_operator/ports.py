"""The narrow ports through which the engine reaches the world, and the frozen values that cross them.

The engine depends on these Protocols alone, so that another clock, cloud or API server can be put behind them.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

from cbr_operator.kinds.common import ResourceKind
from cbr_operator.kinds.replication_status import Target

Json = dict[str, Any]


class Clock(Protocol):
    """Time and chance, as the engine sees them: nothing else makes two runs differ that meet the same world."""

    def now(self) -> datetime:
        """The wall clock, in UTC. It may jump."""

    def boottime(self) -> float:
        """Seconds on a clock that never jumps and goes on while the machine is suspended (CLOCK_BOOTTIME)."""

    async def sleep(self, seconds: float) -> None:
        """Let others run for this long."""

    def chance(self) -> float:
        """0 to 1, drawn anew each time: spreads what would else happen in one moment."""


# ---------------------------------------------------------------------------------------------- the cloud


@dataclass(frozen=True, slots=True)
class Route:
    """How requests travel, beside where they go."""

    connection: str = ""
    """Uid of the connection that says so; empty for what uses none."""
    ca: str = field(default="", repr=False)
    """Certificates to trust beside the system's and the operator's own, PEM."""
    proxy: str = ""
    """URL of a proxy; empty: the one that the environment names, if any."""
    requests_per_second: int = 0
    """How many requests may be made by all that travel together; 0: any number."""
    namespace: str = ""
    """Of the connection, or of the Secret; empty for what the whole cluster shares."""
    vouched_by: str = ""
    """Namespace that decides who answers, by the proxy or the certificates; empty where no tenant does."""


DIRECT = Route()


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What requests are signed with."""

    id: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credential:
    """What authenticates a call, and whose it is."""

    owner: str
    """Whose it is, e.g. ``Secret dr/cbr-token token``: refusals hold all calls with the same owner."""
    version: str
    """The resourceVersion of the Secret it was read from; with a connection, also the generation of its spec."""
    token: str = field(repr=False)
    """Sent as X-Auth-Token; beside an access key as X-Security-Token, and empty unless that is a temporary one."""
    access_key: AccessKey | None = None
    """Signs each call, in place of X-Auth-Token."""
    route: Route = DIRECT
    project_id: str = ""
    """The own project of the connection that it is from: a refusal for another one says nothing of the credential."""


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """A login at IAM, for a token that is good for one project."""

    endpoint: str
    domain_name: str
    user_name: str
    password: str = field(repr=False)
    project_id: str
    route: Route = DIRECT


@dataclass(frozen=True, slots=True)
class ReplicateRequest:
    """The body of ``POST /v3/{project_id}/checkpoints/replicate``."""

    vault_id: str
    destination_project_id: str
    destination_region: str
    destination_vault_id: str
    auto_trigger: bool
    enable_acceleration: bool


class Body(Enum):
    """How much of an answer's body was read."""

    NONE = "none"
    WHOLE = "whole"
    TOO_LONG = "too long"
    """Longer than the client reads (8 MiB; 64 KiB for a login, or a look at the clock)."""
    CUT = "cut"
    """The connection ended, or time ran out, in the middle."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What happened to one call: facts, no judgement."""

    sent: bool
    """The body's writer passed its check: from here on the cloud may have taken the call."""
    late: bool = False
    """The body's writer did not pass its check; nothing of the body was sent."""
    failure: str = ""
    """What went wrong below HTTP, in words; empty when an answer with a status came."""
    status: int | None = None
    body: bytes = b""
    body_state: Body = Body.NONE
    request_id: str = ""
    retry_after: float | None = None
    """Seconds that the cloud asked to wait."""
    clock_offset: float | None = None
    """The cloud's Date header minus our wall clock when it came, in seconds; its grain is one second."""


@dataclass(frozen=True, slots=True)
class LoginFacts:
    """What happened to one login."""

    facts: Facts
    token: str = field(default="", repr=False)
    """What came as X-Subject-Token."""


class Cloud(Protocol):
    """The calls this operator makes. None of them retries, redirects or raises: what happened is in the Facts."""

    async def replicate(
        self, *, target: Target, request: ReplicateRequest, credential: Credential, may_send: Callable[[], bool]
    ) -> Facts:
        """Ask for the replication; ``may_send`` is asked in the writer of the body, after the connection stands."""

    async def list_backups(self, *, target: Target, credential: Credential, offset: int, limit: int) -> Facts:
        """One page of the vault's backups, with their replication records."""

    async def list_operation_logs(
        self, *, target: Target, credential: Credential, since: datetime, offset: int, limit: int
    ) -> Facts:
        """One page of the vault's operation log: replications since a moment by the cloud's clock."""

    async def log_in(self, request: LoginRequest) -> LoginFacts:
        """Ask IAM for a token. No password or token is in its Facts."""

    def leave(self, connection: str) -> None:
        """A connection is gone: close what was open for it."""


# ----------------------------------------------------------------------------------------- the API server


@dataclass(frozen=True, slots=True)
class SecretData:
    """A Secret, or a ConfigMap, as read: its version and its decoded data."""

    resource_version: str
    data: dict[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class EventNote:
    """An Event to be posted about an object (events.k8s.io)."""

    regarding: Json
    """apiVersion, kind, namespace, name, uid, resourceVersion."""
    warning: bool
    reason: str
    action: str
    note: str


class KubeError(Exception):
    """Base of what the Kube port raises.

    KubeError
    ├── NotFoundError      404: the object, or its kind, is not there
    ├── ConflictError      409: the object has another resourceVersion now
    ├── RefusedError       the API server will never take this write as it is (400, 413, 422, too large for etcd)
    └── UnavailableError   everything else: 401, 403, 429, 5xx, network. Whether a write took effect is not known
    """


class NotFoundError(KubeError):
    """404."""


class ConflictError(KubeError):
    """409."""


class RefusedError(KubeError):
    """The write can never succeed as it is."""


class UnavailableError(KubeError):
    """No usable answer; whether a write took effect is not known."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    items: tuple[Json, ...]
    version: int
    """The resourceVersion of the list, the same on all of its pages: what is newer than it was not seen by it."""


class Kube(Protocol):
    """The API server. Every method may raise the errors above."""

    def list_pages(self, kind: ResourceKind, *, namespace: str | None) -> AsyncIterator[Page]:
        """All objects, page by page; ``namespace`` None means all. managedFields are dropped."""

    def list_version_pages(self, kind: ResourceKind, *, namespace: str | None) -> AsyncIterator[Page]:
        """Like ``list_pages``, with the objects' metadata alone: for the sweep."""

    async def get(self, kind: ResourceKind, *, namespace: str, name: str) -> Json:
        """One object."""

    async def patch_status(self, kind: ResourceKind, *, namespace: str, name: str, patch: Json) -> Json:
        """JSON merge patch of the status subresource; ``patch.metadata.resourceVersion`` guards it."""

    async def read_secret(self, *, namespace: str, name: str) -> SecretData:
        """One Secret."""

    async def read_config_map(self, *, namespace: str, name: str) -> SecretData:
        """One ConfigMap, in the form of a Secret."""

    async def create(self, kind: ResourceKind, *, namespace: str, body: Json) -> Json:
        """Create an object; ConflictError when there is one of this name."""

    async def apply(self, kind: ResourceKind, *, namespace: str, name: str, body: Json, manager: str) -> Json:
        """Server-side apply, by force: what this field manager says holds, everything else is left alone."""

    async def delete(self, kind: ResourceKind, *, namespace: str, name: str, uid: str, version: str) -> None:
        """Delete this very object, as it was when it had this resourceVersion; ConflictError when it is another."""

    async def create_event(self, event: EventNote) -> None:
        """Post an Event."""
