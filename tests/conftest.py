"""Fixtures that every layer shares: one API server for the whole session, and namespaces on it."""

import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings

from ground.controlplane import CONTROL_PLANE, HELM, AssetsError, ControlPlane, Program, ensure_assets
from ground.operator_process import eventually

MANIFESTS = Path(__file__).parent.parent / "manifests"
GROUP = "cbr-operator.io"

# No test depends on speed: hypothesis would fail an example that takes longer than 200 ms.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the Kubernetes programs before any test runs, for no test's time-out should pay for that."""
    if session.config.option.collectonly:
        return
    programs: tuple[Program, ...] = ()
    if any("controlplane" in getattr(item, "fixturenames", ()) for item in session.items):
        programs = CONTROL_PLANE
    if any(item.path.parent.name == "chart" for item in session.items):
        programs = (*CONTROL_PLANE, HELM)
    if programs:
        capture = session.config.pluginmanager.getplugin("capturemanager")
        try:
            with capture.global_and_fixture_disabled():
                ensure_assets(programs)
        except AssetsError as error:
            raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def controlplane() -> Iterator[ControlPlane]:
    """The session's API server, without kube-controller-manager until a test asks for it."""
    with ControlPlane() as plane:
        yield plane


@pytest.fixture(scope="session")
def controller_manager(controlplane: ControlPlane) -> ControlPlane:
    """The session's API server with kube-controller-manager, from now on."""
    controlplane.start_controller_manager()
    return controlplane


@pytest.fixture(scope="session")
def crds(controlplane: ControlPlane) -> ControlPlane:
    """The session's API server with our CRDs established."""
    folder = MANIFESTS / "crds"
    if any(folder.glob("*.yaml")):
        controlplane.kubectl("apply", "--server-side", "-f", folder)
        controlplane.kubectl("wait", "--for=condition=Established", "-f", folder)
        # Discovery, by which kubectl knows short names, comes a moment after Established.
        for kind in (path.stem.partition("_")[2] for path in folder.glob("*.yaml")):
            eventually(partial(_explained, controlplane, kind))
    return controlplane


def _explained(controlplane: ControlPlane, kind: str) -> bool:
    return controlplane.kubectl("explain", kind, check=False).returncode == 0


@pytest.fixture
def namespace(controlplane: ControlPlane) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    controlplane.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})
    yield name
    # Without kube-controller-manager a deleted namespace keeps what is in it, and later operators would see that.
    for path in _collections(controlplane, name):
        controlplane.request("DELETE", path)
    controlplane.request("DELETE", f"/api/v1/namespaces/{name}")


def _collections(controlplane: ControlPlane, namespace: str) -> Iterator[str]:
    groups = controlplane.request("GET", "/apis")["groups"]
    for version in (version for group in groups if group["name"] == GROUP for version in group["versions"]):
        resources = controlplane.request("GET", f"/apis/{version['groupVersion']}")["resources"]
        for resource in resources:
            if resource["namespaced"] and "deletecollection" in resource["verbs"]:
                yield f"/apis/{version['groupVersion']}/namespaces/{namespace}/{resource['name']}"
