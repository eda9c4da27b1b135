"""The Pod of the default values, as the API server's own rules see it."""

import pytest

from ground.controlplane import ApiError, ControlPlane
from ground.release import Release

RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}


def create(plane: ControlPlane, release: Release, name: str, **container: object) -> None:
    pod = release.pod(name)
    pod["spec"]["containers"][0].update(container)
    plane.request("POST", f"/api/v1/namespaces/{release.namespace}/pods", body=pod)


def test_it_passes_the_restricted_standard(crds: ControlPlane, release: Release) -> None:
    path = f"/api/v1/namespaces/{release.namespace}"
    labels = {"metadata": {"labels": RESTRICTED}}
    crds.request("PATCH", path, body=labels, content_type="application/merge-patch+json")
    release.install({"crds": {"enabled": False}})
    create(crds, release, "as-it-is")
    with pytest.raises(ApiError, match=r'violates PodSecurity .*"restricted'):
        create(crds, release, "with-more", securityContext={})


def test_it_gets_its_token_and_no_service_links(crds: ControlPlane, release: Release) -> None:
    release.install({"crds": {"enabled": False}})
    create(crds, release, "as-it-is")
    spec = crds.request("GET", f"/api/v1/namespaces/{release.namespace}/pods/as-it-is")["spec"]
    [volume] = spec["volumes"]
    assert "serviceAccountToken" in volume["projected"]["sources"][0]
    assert spec["enableServiceLinks"] is False
    assert {"runAsUser": 65532, "runAsGroup": 65532}.items() <= spec["securityContext"].items()
