"""Which rights a release's ServiceAccount has, and which of them it used."""

from collections.abc import Iterator
from typing import Any

from ground.controlplane import ControlPlane
from ground.release import Release

CREATED = 201
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def used(controlplane: ControlPlane, release: Release) -> set[tuple[str, str, str]]:
    """Verb, group and resource of what the operator asked for; nothing may have been refused."""
    events = controlplane.audited(release.service_account, namespace=release.namespace)
    refused = [
        event["requestURI"] for event in events if event["annotations"]["authorization.k8s.io/decision"] != "allow"
    ]
    assert not refused
    return {(verb, *resource(event["objectRef"])) for event in events if "objectRef" in event for verb in verbs(event)}


def verbs(event: dict[str, Any]) -> tuple[str, ...]:
    """An object that server-side apply creates needs the right to patch and the right to create."""
    created = event["verb"] == "patch" and event["responseStatus"]["code"] == CREATED
    return ("patch", "create") if created else (event["verb"],)


def resource(reference: dict[str, Any]) -> tuple[str, str]:
    subresource = f"/{reference['subresource']}" if "subresource" in reference else ""
    return reference.get("apiGroup", ""), reference["resource"] + subresource


def given(controlplane: ControlPlane, release: Release) -> Iterator[tuple[str, str, str]]:
    """Verb, group and resource of every right that the release's roles give to its ServiceAccount."""
    subject = {"kind": "ServiceAccount", "name": release.service_account, "namespace": release.namespace}
    for kind in ("clusterrolebindings", "rolebindings"):
        for binding in controlplane.request("GET", f"{RBAC}/{kind}")["items"]:
            if subject in binding.get("subjects", []):
                scope = f"namespaces/{binding['metadata'].get('namespace')}/" if kind == "rolebindings" else ""
                role = binding["roleRef"]
                path = f"{RBAC}/{scope}{role['kind'].lower()}s/{role['name']}"
                for rule in controlplane.request("GET", path)["rules"]:
                    for verb in rule["verbs"]:
                        for group in rule["apiGroups"]:
                            for name in rule["resources"]:
                                yield verb, group, name
