"""The status of a policy, from how it fares in each namespace."""

from collections.abc import Mapping
from datetime import datetime

from cbr_operator.kinds.policy import (
    MAX_FAILED,
    MAX_FAILED_OF_ONE,
    NamespaceCounts,
    PolicyReason,
    PolicyStatus,
    ReplicationPolicy,
)
from cbr_operator.rules.policy import Outcome
from cbr_operator.rules.readiness import Readiness, with_readiness


def policy_status(policy: ReplicationPolicy, outcomes: Mapping[str, Outcome], *, now: datetime) -> PolicyStatus:
    """The status that follows from the outcomes by namespace, of every namespace that is selected."""
    if policy.spec is None:
        text = f"The spec cannot be read: {policy.spec_error}. Nothing is changed anywhere until it is mended."
        said = Readiness(ready=False, reason=PolicyReason.INVALID_POLICY, message=text, for_a_person=True)
        return with_readiness(policy.metadata, policy.status, said, now=now)
    failures = [each for name in sorted(outcomes) for each in outcomes[name].failures[:MAX_FAILED_OF_ONE]]
    failed = sum(1 for each in outcomes.values() if each.failures)
    copies = [copy for each in outcomes.values() for copy in each.newest_copies]
    known = [copy for copy in copies if copy is not None]
    status = policy.status.model_copy(
        update={
            "namespaces": NamespaceCounts(selected=len(outcomes), ready=len(outcomes) - failed, failed=failed),
            "schedules": sum(each.schedules for each in outcomes.values()),
            "newest_copy_time": min(known) if known and len(known) == len(copies) else None,
            "failed": tuple(failures[:MAX_FAILED]),
        }
    )
    return with_readiness(policy.metadata, status, _said(len(outcomes), failed), now=now)


def _said(selected: int, failed: int) -> Readiness:
    if failed:
        text = f"Something is wrong in {failed} of {selected} selected namespaces; status.failed says what."
        return Readiness(ready=False, reason=PolicyReason.NAMESPACES_FAILED, message=text)
    text = "Every selected namespace has a Schedule for each of its pairs of vaults, and none is in trouble."
    if not selected:
        text = "No namespace is selected: no namespace's labels match one of spec.namespaceSelectors."
    return Readiness(ready=True, reason=PolicyReason.APPLIED, message=text)
