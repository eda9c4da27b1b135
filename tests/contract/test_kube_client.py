"""Our Kube port against a real API server."""

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cbr_operator.kinds.common import ResourceKind
from cbr_operator.kinds.replication import REPLICATIONS
from cbr_operator.kube.client import PAGE_SIZE, KubeClient
from cbr_operator.kube.config import connect
from cbr_operator.kube.events import WAITING, EventPoster
from cbr_operator.ports import (
    ConflictError,
    EventNote,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from ground.controlplane import ControlPlane
from ground.controlplane.controlplane import ETCD_SOCKET
from ground.objects import spec
from ground.operator_process import eventually
from ground.relay import Relay

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
    # Beyond etcd's bound one 500, beyond that of etcd's client another, beyond the API server's own a 413.
    for size in (1_700_000, 2_500_000, 4_000_000):
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


async def test_a_list_of_nothing_has_no_items(kube: KubeClient, namespace: str) -> None:
    for lists in (kube.list_pages, kube.list_version_pages):
        [page] = [page async for page in lists(REPLICATIONS, namespace=namespace)]
        assert page.items == ()
        assert page.version > 0


async def test_a_list_whose_continue_token_expired_begins_anew(
    crds: ControlPlane, kube: KubeClient, namespace: str
) -> None:
    for each in range(PAGE_SIZE + 2):
        create(crds, namespace, f"a{each:03d}")
    pages = kube.list_pages(REPLICATIONS, namespace=namespace)
    first = await anext(pages)
    crds.request("DELETE", f"{PATH}/{namespace}/checkpointreplications/a000")
    made = create(crds, namespace, "b")
    await compact(crds, made["metadata"]["resourceVersion"])
    await asyncio.to_thread(crds.restart_apiserver)  # its cache would know the old version still
    await asyncio.to_thread(eventually, lambda: crds.kubectl("get", "cpr", check=False).returncode == 0)
    rest = [page async for page in pages]
    assert len(first.items) == PAGE_SIZE
    assert [len(page.items) for page in rest] == [PAGE_SIZE, 2]
    names = [item["metadata"]["name"] for page in rest for item in page.items]
    assert names == [f"a{each:03d}" for each in range(1, PAGE_SIZE + 2)] + ["b"]
    assert {page.version for page in rest} == {rest[0].version}
    assert rest[0].version >= int(made["metadata"]["resourceVersion"]) > first.version


async def compact(crds: ControlPlane, revision: str) -> None:
    """Have etcd forget what was before; it does so by itself every few minutes."""
    connector = aiohttp.UnixConnector(str(crds.directory / ETCD_SOCKET))
    body = {"revision": revision, "physical": True}
    async with (
        aiohttp.ClientSession(connector=connector, raise_for_status=True) as session,
        session.post("http://etcd/v3/kv/compaction", json=body),
    ):
        pass


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


async def test_a_config_map_is_read_like_a_secret(crds: ControlPlane, kube: KubeClient, namespace: str) -> None:
    body = {"metadata": {"name": "ca"}, "data": {"ca.crt": "words\n"}}
    crds.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body=body)
    found = await kube.read_config_map(namespace=namespace, name="ca")
    assert found.data == {"ca.crt": b"words\n"}
    with pytest.raises(NotFoundError):
        await kube.read_config_map(namespace=namespace, name="other")


async def test_an_event_about_a_cluster_wide_object_lies_in_default(crds: ControlPlane, kube: KubeClient) -> None:
    name = f"prod-{uuid.uuid4().hex[:8]}"
    regarding = {
        "apiVersion": "cbr-operator.io/v1alpha1",
        "kind": "ClusterCBRConnection",
        "name": name,
        "namespace": "",
    }
    await kube.create_event(
        EventNote(regarding=regarding, warning=True, reason="Expired", action="Replicate", note="x")
    )
    found = crds.request("GET", "/apis/events.k8s.io/v1/namespaces/default/events")["items"]
    assert [each["reason"] for each in found if each["regarding"]["name"] == name] == ["Expired"]


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


async def test_an_event_about_a_long_name_is_taken(crds: ControlPlane, kube: KubeClient, namespace: str) -> None:
    await kube.create_event(note(create(crds, namespace, "a" * 199 + ".b")))


async def test_events_that_cannot_be_posted_are_counted_and_never_raise(
    crds: ControlPlane, kube: KubeClient, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    dropped: list[None] = []
    poster = EventPoster(kube, dropped=lambda: dropped.append(None))
    made = create(crds, namespace, "a")
    lost = note(made)
    lost.regarding["namespace"] = "no-such-namespace"
    for _ in range(WAITING + 3):
        poster.post(lost)
    assert len(dropped) == 3
    task = asyncio.create_task(poster.run())
    await until(lambda: len(dropped) >= 10)
    task.cancel()
    await asyncio.wait({task})
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


async def test_a_right_to_post_that_is_taken_away_again_is_told_again(
    crds: ControlPlane, kube: KubeClient, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    poster = EventPoster(kube, dropped=lambda: None)
    good, lost = note(create(crds, namespace, "a")), note(create(crds, namespace, "b"))
    lost.regarding["namespace"] = "no-such-namespace"
    for event in (lost, lost, good, lost, lost):
        poster.post(event)
    await poster.close(seconds=60)
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 2


async def test_what_waits_is_posted_at_the_end(crds: ControlPlane, kube: KubeClient, namespace: str) -> None:
    poster = EventPoster(kube, dropped=lambda: None)
    made = create(crds, namespace, "a")
    for _ in range(3):
        poster.post(note(made))
    await poster.close(seconds=60)
    listed = crds.request("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
    assert len(listed["items"]) == 3


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)


async def test_a_server_that_hangs_is_unavailable(
    crds: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with Relay(crds.url) as relay:
        client = await client_of(elsewhere(crds, relay.url, tmp_path), monkeypatch)
        relay.swallow()
        with pytest.raises(UnavailableError, match="no answer within"):
            await client.request("GET", f"/api/v1/namespaces/{namespace}", seconds=0.5)
        poster = EventPoster(client, dropped=lambda: None)
        poster.post(note(create(crds, namespace, "a")))
        await poster.close(seconds=0.5)  # does not wait for the answer
        await client.close()


def elsewhere(crds: ControlPlane, url: str, folder: Path) -> Path:
    """The administrator's kubeconfig, with the API server at this URL."""
    config = json.loads(crds.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = url
    (folder / "kubeconfig").write_text(json.dumps(config))
    return folder / "kubeconfig"


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
    client = await client_of(elsewhere(crds, "https://127.0.0.1:1", tmp_path), monkeypatch)
    try:
        with pytest.raises(UnavailableError):
            await client.get(REPLICATIONS, namespace=namespace, name="a")
    finally:
        await client.close()
