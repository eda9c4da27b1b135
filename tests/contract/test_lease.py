"""Leader election on a real API server."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from cbr_operator.engine.system_clock import SystemClock
from cbr_operator.kube.client import KubeClient
from cbr_operator.kube.config import Connection, connect
from cbr_operator.kube.lease import NAME, AlwaysHeld, Lease
from ground.controlplane import ControlPlane
from ground.relay import Relay

DURATION = 3

ConnectTo = Callable[[str], Awaitable[Connection]]
MakeClient = Callable[[str], Awaitable[KubeClient]]


@pytest.fixture
def connect_to(controlplane: ControlPlane, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ConnectTo:
    """Loads a kubeconfig that takes the API server to be at this URL."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))

    async def load(url: str) -> Connection:
        config = json.loads(controlplane.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = url
        (tmp_path / "kubeconfig").write_text(json.dumps(config))
        return await connect()

    return load


@pytest.fixture
async def client_at(connect_to: ConnectTo) -> AsyncIterator[MakeClient]:
    async with AsyncExitStack() as stack:

        async def make(url: str) -> KubeClient:
            kube = KubeClient(await connect_to(url))
            stack.push_async_callback(kube.close)
            return kube

        yield make


@pytest.fixture
async def kube(controlplane: ControlPlane, client_at: MakeClient) -> KubeClient:
    return await client_at(controlplane.url)


def contender(kube: KubeClient, namespace: str, identity: str, *, duration: float = DURATION) -> Lease:
    return Lease(kube=kube, clock=SystemClock(), namespace=namespace, identity=identity, duration=duration)


def holder(controlplane: ControlPlane, namespace: str) -> str:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{NAME}"
    return str(controlplane.request("GET", path)["spec"].get("holderIdentity", ""))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.02)


async def test_one_leads_and_the_other_follows_after_a_release(
    controlplane: ControlPlane, kube: KubeClient, namespace: str
) -> None:
    first, second = contender(kube, namespace, "first"), contender(kube, namespace, "second")
    await first.acquire()
    assert (first.held(), holder(controlplane, namespace)) == (True, "first")
    waiting = asyncio.create_task(second.acquire())
    keeping = asyncio.create_task(first.keep())
    await asyncio.sleep(2 * DURATION)  # longer than it lasts: it is renewed
    assert (first.held(), second.held(), second.readable()) == (True, False, True)
    await first.release()
    assert not first.held()
    await asyncio.wait_for(waiting, 30)
    assert (second.held(), holder(controlplane, namespace)) == (True, "second")
    await asyncio.wait_for(keeping, 30)
    await first.release()  # a second time it has nothing to give up
    assert holder(controlplane, namespace) == "second"
    await second.release()


async def test_who_does_not_renew_no_longer_leads_when_another_can(kube: KubeClient, namespace: str) -> None:
    first, second = contender(kube, namespace, "first"), contender(kube, namespace, "second")
    await first.acquire()
    await second.acquire()  # as after a crash: nobody renews, and it expires
    assert (first.held(), second.held()) == (False, True)
    await asyncio.wait_for(first.keep(), 30)
    await second.release()


async def test_a_renewal_under_way_does_not_take_back_what_is_released(
    controlplane: ControlPlane, client_at: MakeClient, namespace: str
) -> None:
    async with Relay(controlplane.url) as relay:
        kube = await client_at(relay.url)
        for _ in range(3):  # the renewal is caught before its GET, or between that and its PUT
            lease = contender(kube, namespace, "first", duration=30)
            await lease.acquire()
            relay.swallow()
            renewing = asyncio.create_task(lease.keep())
            releasing = asyncio.create_task(lease.release())
            await until(lambda lease=lease: not lease.held())  # type: ignore[misc] # mypy does not see the default
            relay.flow()
            await asyncio.wait_for(asyncio.gather(renewing, releasing), 60)
            assert (lease.held(), holder(controlplane, namespace)) == (False, "")


async def test_an_outage_shorter_than_the_renew_deadline_is_ridden_over(
    controlplane: ControlPlane, client_at: MakeClient, namespace: str
) -> None:
    async with Relay(controlplane.url) as relay:
        lease = contender(await client_at(relay.url), namespace, "first", duration=30)
        await lease.acquire()
        keeping = asyncio.create_task(lease.keep())
        await relay.refuse()
        await until(lambda: not lease.readable())
        assert lease.held()
        await relay.accept()
        await until(lease.readable)
        assert lease.held()
        assert not keeping.done()
        await lease.release()
        await asyncio.wait_for(keeping, 60)


@pytest.mark.parametrize("way", ["refuses", "hangs"])
async def test_an_outage_longer_than_the_renew_deadline_loses_it_before_another_leads(
    controlplane: ControlPlane, kube: KubeClient, client_at: MakeClient, namespace: str, way: str
) -> None:
    async with Relay(controlplane.url) as relay:
        first, second = contender(await client_at(relay.url), namespace, "first"), contender(kube, namespace, "second")
        await first.acquire()
        keeping = asyncio.create_task(first.keep())
        waiting = asyncio.create_task(second.acquire())
        await until(second.readable)
        if way == "refuses":
            await relay.refuse()
        else:
            relay.swallow()
        await asyncio.wait_for(waiting, 60)
        assert (first.held(), second.held()) == (False, True)
        await asyncio.wait_for(keeping, 60)
        assert not first.readable()
        relay.flow()
        await second.release()


class SlowlyAnswered(KubeClient):
    """The answers to its writes, which have taken effect, come when they are let through."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.written = asyncio.Event()
        self.let_through = asyncio.Event()

    async def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = await super().request(method, path, **options)
        if method != "GET":
            self.written.set()
            await self.let_through.wait()
        return answer


async def test_a_contender_told_to_stop_leaves_no_lease_behind(
    controlplane: ControlPlane, connect_to: ConnectTo, namespace: str
) -> None:
    kube = SlowlyAnswered(await connect_to(controlplane.url))
    lease = contender(kube, namespace, "first", duration=30)
    acquiring = asyncio.create_task(lease.acquire())
    await asyncio.wait_for(kube.written.wait(), 60)
    assert holder(controlplane, namespace) == "first"
    acquiring.cancel()
    kube.let_through.set()
    await asyncio.wait({acquiring})
    assert (acquiring.cancelled(), lease.held(), holder(controlplane, namespace)) == (True, False, "")
    await kube.close()


async def test_after_a_restart_of_the_api_server_it_can_be_had_again(
    kube: KubeClient, controlplane: ControlPlane, namespace: str
) -> None:
    lease = contender(kube, namespace, "first")
    await lease.acquire()
    keeping = asyncio.create_task(lease.keep())
    await asyncio.to_thread(controlplane.stop_apiserver, kill=True)
    try:
        await asyncio.wait_for(keeping, 30)
        assert (lease.held(), lease.readable()) == (False, False)
    finally:
        await asyncio.to_thread(controlplane.start_apiserver)
    await asyncio.wait_for(lease.acquire(), 60)
    assert lease.held()
    await lease.release()


async def test_without_an_election_it_is_always_held() -> None:
    lease = AlwaysHeld()
    await lease.acquire()
    keeping = asyncio.create_task(lease.keep())
    await lease.release()
    assert (lease.held(), lease.readable(), keeping.done()) == (True, True, False)
    keeping.cancel()
