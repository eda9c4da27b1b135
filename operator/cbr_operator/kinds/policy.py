"""ClusterCheckpointReplicationPolicy: keeps Schedules in every namespace that it selects."""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field

from cbr_operator.kinds.common import ConditionedStatus, Metadata, Model, ResourceKind, Time, read_object
from cbr_operator.kinds.fields import Id
from cbr_operator.kinds.schedule import ScheduleSpec
from cbr_operator.kinds.selector import LabelSelector
from cbr_operator.kinds.template import AsWritten, TemplateMetadata

POLICIES = ResourceKind(
    kind="ClusterCheckpointReplicationPolicy", plural="clustercheckpointreplicationpolicies", namespaced=False
)

POLICY_LABEL = "cbr-operator.io/policy"
"""On each Schedule that a policy keeps: the policy's name."""
POLICY_UID = "cbr-operator.io/policy-uid"
"""Annotation of the same: which policy of this name. Not an owner reference: Kubernetes would then delete the
Schedule, and its unfinished runs with it, together with the policy."""
TEMPLATE_HASH = "cbr-operator.io/template-hash"
"""Annotation of the same: what was applied last, so that what left the template is taken back."""
VAULT_PAIRS = "cbr-operator.io/vault-pairs"
"""Annotation of a Namespace: lines ``source=destination``, the ids of two vaults."""
FIELD_MANAGER = "cbr-operator-policy"

LONGEST_NAME = 43
"""A Schedule's name is the policy's with 9 characters more, and has at most 52."""
MAX_FAILED = 100
MAX_FAILED_OF_ONE = 3
"""Of one namespace, so that it leaves room for the others."""
MAX_PAIRS = 100
"""Of a namespace's annotation, as of a policy's targets."""
"""So many failures stand in a status; namespaces.failed is exact."""


class VaultPair(Model):
    """A vault whose backups are copied, and the one that receives the copies."""

    source_vault_id: Id
    """Id of the source vault."""
    destination_vault_id: Id
    """Id of the destination vault."""


class ScheduleTemplate(Model):
    """What each Schedule is made from."""

    metadata: TemplateMetadata = Field(default_factory=TemplateMetadata)
    """Labels and annotations of each Schedule."""
    spec: Annotated[dict[str, Any], AsWritten(lambda: ScheduleSpec.__pydantic_core_schema__)]
    """The spec of each Schedule: the same fields and rules as in one that you write yourself, without
    replicationTemplate.spec.source.vaultID and destination.vaultID, which come from the pairs."""


class PolicySpec(Model):
    """Which namespaces get Schedules, for which pairs of vaults, and what the Schedules are like."""

    namespace_selectors: Annotated[tuple[LabelSelector, ...], Field(min_length=1, max_length=32)]
    """Selectors of namespaces by their labels; a namespace is selected when one of them matches. An empty selector,
    written {}, selects all."""
    schedule_template: ScheduleTemplate
    """What each Schedule is made from."""
    targets: Annotated[tuple[VaultPair, ...], Field(max_length=100)] = ()
    """Pairs of vaults for every selected namespace. Absent: each namespace names its own in its annotation
    cbr-operator.io/vault-pairs, one "source=destination" a line, 100 at most; blank lines and what follows a #
    are ignored."""


class PolicyReason(StrEnum):
    """Why Ready is as it is, and why a namespace has failed."""

    APPLIED = "Applied"
    """True: every selected namespace has its Schedules, and none of them is in trouble."""
    NAMESPACES_FAILED = "NamespacesFailed"
    """False: something is wrong in some namespaces; status.failed says what."""
    INVALID_POLICY = "InvalidPolicy"
    """False: the spec cannot be read. Nothing is changed anywhere until it is mended."""
    INVALID_PAIR = "InvalidPair"
    """A line of the namespace's annotation is no pair of vaults; its other lines count."""
    NOT_OWNED = "NotOwned"
    """A Schedule that is not this policy's has the name that a pair needs."""
    OVERLAPPING = "Overlapping"
    """An older policy keeps a Schedule for the same pair in this namespace; the older one counts."""
    APPLY_REFUSED = "ApplyRefused"
    """The API server does not take a Schedule as the template makes it."""
    SCHEDULE_NOT_READY = "ScheduleNotReady"
    """A Schedule is there, and its own Ready condition is False."""


class NamespaceCounts(Model):
    """How many namespaces there are."""

    selected: int = 0
    """Namespaces that match, but for those that are being deleted."""
    ready: int = 0
    """Those of them in which all is well; one that names no pairs counts among them."""
    failed: int = 0
    """Those of them in which something is wrong."""


class FailedNamespace(Model):
    """What is wrong in one namespace."""

    namespace: str
    """Name of the namespace."""
    reason: str
    """InvalidPair, NotOwned, Overlapping, ApplyRefused or ScheduleNotReady."""
    message: str
    """What is wrong, and what to do."""


class PolicyStatus(ConditionedStatus):
    """What is going on. Written by the operator alone."""

    namespaces: NamespaceCounts | None = None
    """How many namespaces are selected, and how they are."""
    schedules: int | None = None
    """How many Schedules this policy keeps."""
    newest_copy_time: Time | None = None
    """The newest copy of the pair whose newest copy is the oldest: every pair has one at least as new. Absent while
    a pair has none."""
    failed: Annotated[tuple[FailedNamespace, ...], Field(json_schema_extra={"x-kubernetes-list-type": "atomic"})] = ()
    """What is wrong, at most 100 entries, by namespace; namespaces.failed is exact."""


class ReplicationPolicy(Model):
    """A policy as read from the API server; ``spec`` is None when it does not parse, and ``spec_error`` says why."""

    metadata: Metadata
    spec: PolicySpec | None
    spec_error: str = ""
    status: PolicyStatus

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Self:
        """Read an object; only metadata or a status that cannot be read raise ``pydantic.ValidationError``."""
        metadata, spec, spec_error, status = read_object(body, PolicySpec, PolicyStatus)
        return cls(metadata=metadata, spec=spec, spec_error=spec_error, status=status)
