"""Policies and namespaces for tests of the rules."""

from typing import Any

from cbr_operator.kinds.policy import POLICIES, ReplicationPolicy
from cbr_operator.kinds.schedule import SCHEDULES, Schedule
from cbr_operator.rules.policy import KnownSchedule, NamespaceView
from ground.objects import DESTINATION, SOURCE

ONE = f"{SOURCE['vaultID']}={DESTINATION['vaultID']}"
OTHER = "11111111-f29c-4172-9d9a-76c719a659ce=22222222-8800-46da-9c37-9d657a825274"


def schedule_spec(**changes: Any) -> dict[str, Any]:
    """The template of a Schedule's spec, with defaults filled in, without vaults."""
    places = {
        "source": {key: SOURCE[key] for key in ("region", "projectID")},
        "destination": {key: DESTINATION[key] for key in ("region", "projectID")},
    }
    whole = {
        "schedule": "0 2 * * *",
        "timeZone": "UTC",
        "suspend": False,
        "concurrencyPolicy": "Forbid",
        "jitterSeconds": 0,
        "replicationTemplate": {"spec": {**places, "connectionRef": {"kind": "ClusterCBRConnection", "name": "prod"}}},
    }
    return {**whole, **changes}


def policy(name: str = "nightly", *, created: str = "2026-03-01T00:00:00Z", **spec: Any) -> ReplicationPolicy:
    """A policy for namespaces with the label dr=yes."""
    template = {"metadata": {"labels": {"team": "dr"}}, "spec": schedule_spec()}
    selectors = [{"matchLabels": {"dr": "yes"}}]
    return ReplicationPolicy.from_json(
        {
            "apiVersion": POLICIES.api_version,
            "kind": POLICIES.kind,
            "metadata": {
                "name": name,
                "uid": f"uid-of-{name}",
                "resourceVersion": "5",
                "generation": 3,
                "creationTimestamp": created,
            },
            "spec": {"namespaceSelectors": selectors, "scheduleTemplate": template, **spec},
        }
    )


def namespace(
    *policies: ReplicationPolicy, pairs: str = ONE, labels: dict[str, str] | None = None, **parts: Any
) -> NamespaceView:
    """A namespace that names its pairs."""
    annotations = {"cbr-operator.io/vault-pairs": pairs}
    chosen = labels if labels is not None else {"dr": "yes"}
    return NamespaceView(name="shop", policies=policies, labels=chosen, annotations=annotations, **parts)


def known(body: dict[str, Any], *, busy: bool = False, **status: Any) -> KnownSchedule:
    """A Schedule as it would be after it was applied."""
    metadata = {
        "uid": f"uid-of-{body['metadata']['name']}",
        "resourceVersion": "9",
        "generation": 1,
        "creationTimestamp": "2026-03-01T00:00:00Z",
        **body["metadata"],
    }
    whole = {
        "apiVersion": SCHEDULES.api_version,
        "kind": SCHEDULES.kind,
        "metadata": metadata,
        "spec": body["spec"],
        "status": {"observedGeneration": 1, **status},
    }
    return KnownSchedule(Schedule.from_json(whole), whole, busy)
