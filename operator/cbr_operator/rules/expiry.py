"""Deleting what has ended, after spec.ttlSecondsAfterFinished, and when that must not be (protocol, section 7)."""

from collections.abc import Mapping
from datetime import timedelta

from cbr_operator.kinds.common import Metadata
from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.replication_status import Outcome
from cbr_operator.rules.conditions import amended, observed
from cbr_operator.rules.view import Decision, Delete, View

_OWNERS = {
    "kustomize.toolkit.fluxcd.io/name": "Flux (Kustomization)",
    "helm.toolkit.fluxcd.io/name": "Flux (HelmRelease)",
    "argocd.argoproj.io/tracking-id": "Argo CD",
}
"""Labels and annotations of tools that create again what is deleted."""
_OPEN = frozenset({Outcome.PENDING, Outcome.UNKNOWN, Outcome.UNRESOLVED})


def finished(view: View) -> Decision:
    """The next step for an object that has ended: nothing, or its deletion in time."""
    replication = view.replication
    status, spec = replication.status, replication.spec
    if spec is None or spec.ttl_seconds_after_finished is None or status.completion_time is None:
        return Decision(status=observed(replication))
    due = status.completion_time + timedelta(seconds=spec.ttl_seconds_after_finished)
    left = (due - view.now).total_seconds()
    if left > 0:
        return Decision(status=observed(replication), again=left)
    kept = why_kept(replication)
    if kept:
        return Decision(
            status=amended(replication, f"It is kept although spec.ttlSecondsAfterFinished has passed: {kept}")
        )
    return Decision(action=Delete())


def why_kept(replication: Replication) -> str:
    """Why neither a TTL nor a history limit may delete it, or an empty string."""
    submission = replication.status.submission
    if submission is not None and submission.outcome in _OPEN:
        return "whether the cloud took its call is not known; delete it once that has been looked into."
    owner = owner_of(replication.metadata)
    return f"{owner} would create it anew, and it would be submitted again; remove it there." if owner else ""


def marks_of(annotations: Mapping[str, str]) -> dict[str, str]:
    """Of an object's annotations those that ``owner_of`` looks for, without what they say."""
    return {mark: "" for mark in _OWNERS if mark in annotations}


def owner_of(metadata: Metadata) -> str:
    """The GitOps tool that keeps this object, or an empty string."""
    marks = metadata.labels.keys() | metadata.annotations.keys()
    return next((name for mark, name in _OWNERS.items() if mark in marks), "")
