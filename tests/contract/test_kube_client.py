"""Our Kube port against a real API server."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cbr_operator.engine.publish import REPLICATIONS
from cbr_operator.kube.client import PAGE_SIZE, KubeClient
from cbr_operator.kube.config import ConfigError, connect
from cbr_operator.kube.events import WAITING, EventPoster
from cbr_operator.ports import (
    ConflictError,
    EventNote,
    KubeError,
    NotFoundError,
    RefusedError,
    ResourceKind,
    UnavailableError,
)
from ground.controlplane import ControlPlane
from ground.objects import spec

PATH = "/apis/cbr-operator.io/v1alpha1/namespaces"


async def client_of(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> KubeClient:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return KubeClient(await connect())


@pytest.fixture
async def kube(crds: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KubeClient]:
    client = await client_of(crds.kubeconfig, monkeypatch)
    yield client
    await client.close()


def create(crds: ControlPlane, namespace: str, name: str) -> dict[str, Any]:
    body = {
        "apiVersion": "cbr-operator.io/v1alpha1",
        "kind": "CheckpointReplication",
        "metadata": {"name": name},
        "spec": spec(),
    }
    made: dict[str, Any] = crds.request("POST", f"{PATH}/{namespace}/checkpointreplications", body=body)
    return made


async def test_a_status_is_written_under_its_guard(crds: ControlPlane, kube: KubeClient, namespace: str) -> None:
    made = create(crds, namespace, "a")
    patch = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "status": {"progress": "1/2"}}
    written = await kube.patch_status(REPLICATIONS, namespace=namespace, name="a", patch=patch)
    assert written["status"] == {"observedGeneration": -1, "progress": "1/2"}
    assert "managedFields" not in written["metadata"]
    with pytest.raises(ConflictError):
        await kube.patch_status(REPLICATIONS, namespace=namespace, name="a", patch=patch)
    assert await kube.get(REPLICATIONS, namespace=namespace, name="a") == written


async def test_each_refusal_is_its_own_error(crds: ControlPlane, kube: KubeClient, namespace: str) -> None:
    made = create(crds, namespace, "a")
    guard = {"resourceVersion": made["metadata"]["resourceVersion"]}
    with pytest.raises(NotFoundError):
        await kube.get(REPLICATIONS, namespace=namespace, name="nobody")
    with pytest.raises(NotFoundError):
        await kube.patch_status(REPLICATIONS, namespace=namespace, name="nobody", patch={"status": {"progress": "1"}})
    wrong = {"metadata": guard, "status": {"progress": 7}}
    with pytest.raises(RefusedError, match=r"status\.progress"):
        await kube.patch_status(REPLICATIONS, namespace=namespace, name="a", patch=wrong)
    for size in (1_700_000, 4_000_000):  # beyond etcd's bound a 500, beyond the API server's own a 413
        large = {"metadata": guard, "status": {"progress": "x" * size}}
        with pytest.raises(RefusedError):
            await kube.patch_status(REPLICATIONS, namespace=namespace, name="a", patch=large)


async def test_a_list_comes_in_pages_with_one_version(crds: ControlPlane, kube: KubeClient, namespace: str) -> None:
    names = [f"a{each:03d}" for each in range(PAGE_SIZE + 1)]
    for name in names:
        create(crds, namespace, name)
    for lists in (kube.list_pages, kube.list_version_pages):
        pages = [page async for page in lists(REPLICATIONS, namespace=namespace)]
        items = [item for page in pages for item in page.items]
        assert [len(page.items) for page in pages] == [PAGE_SIZE, 1]
        assert [item["metadata"]["name"] for item in items] == names
        assert {page.version for page in pages} == {pages[0].version}
        assert pages[0].version >= max(int(item["metadata"]["resourceVersion"]) for item in items)
        assert all("managedFields" not in item["metadata"] for item in items)
        assert all(("spec" in item) == (lists == kube.list_pages) for item in items)
    everywhere = [page async for page in kube.list_version_pages(REPLICATIONS, namespace=None)]
    assert set(names) <= {item["metadata"]["name"] for page in everywhere for item in page.items}


async def test_a_kind_that_is_not_installed_is_not_found(kube: KubeClient) -> None:
    with pytest.raises(NotFoundError):
        _ = [page async for page in kube.list_pages(ResourceKind("Nothing", "nothings"), namespace=None)]


async def test_a_secret_is_read_decoded(crds: ControlPlane, kube: KubeClient, namespace: str) -> None:
    data = {"token": base64.b64encode(b"tok\n").decode()}
    crds.request("POST", f"/api/v1/namespaces/{namespace}/secrets", body={"metadata": {"name": "s"}, "data": data})
    crds.request("POST", f"/api/v1/namespaces/{namespace}/secrets", body={"metadata": {"name": "empty"}})
    found = await kube.read_secret(namespace=namespace, name="s")
    assert found.data == {"token": b"tok\n"}
    assert "tok" not in repr(found)
    assert (await kube.read_secret(namespace=namespace, name="empty")).data == {}
    with pytest.raises(NotFoundError):
        await kube.read_secret(namespace=namespace, name="other")


def note(made: dict[str, Any], words: str = "words") -> EventNote:
    metadata = made["metadata"]
    regarding = {"apiVersion": made["apiVersion"], "kind": made["kind"]}
    regarding |= {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion")}
    return EventNote(regarding=regarding, warning=True, reason="Rejected", action="Replicate", note=words)


async def test_an_event_is_shown_by_kubectl_describe(crds: ControlPlane, kube: KubeClient, namespace: str) -> None:
    made = create(crds, namespace, "a")
    await kube.create_event(note(made, "ä" * 2000))
    shown = crds.kubectl("-n", namespace, "describe", "cpr", "a").stdout
    assert "Warning" in shown
    assert "Rejected" in shown


async def test_events_that_cannot_be_posted_are_counted_and_never_raise(
    crds: ControlPlane, kube: KubeClient, namespace: str
) -> None:
    dropped: list[None] = []
    poster = EventPoster(kube, dropped=lambda: dropped.append(None))
    lost = note({**create(crds, namespace, "a")})
    lost.regarding["namespace"] = "no-such-namespace"
    for _ in range(WAITING + 3):
        poster.post(lost)
    assert len(dropped) == 3
    task = asyncio.create_task(poster.run())
    while len(dropped) < 10:  # noqa: ASYNC110 - what is counted has no event to wait for
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})


async def test_a_token_without_rights_and_a_server_that_is_away_are_unavailable(
    crds: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    crds.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", body={"metadata": {"name": "poor"}})
    poor = await client_of(crds.service_account_kubeconfig("poor", namespace=namespace), monkeypatch)
    try:
        with pytest.raises(UnavailableError, match="403"):
            await poor.get(REPLICATIONS, namespace=namespace, name="a")
    finally:
        await poor.close()
    away = json.loads(crds.kubeconfig.read_text())
    away["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "away").write_text(json.dumps(away))
    client = await client_of(tmp_path / "away", monkeypatch)
    try:
        with pytest.raises(UnavailableError):
            await client.get(REPLICATIONS, namespace=namespace, name="a")
    finally:
        await client.close()


async def test_without_any_configuration_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="set KUBECONFIG"):
        await client_of(tmp_path / "missing", monkeypatch)
    assert issubclass(ConfigError, KubeError)
