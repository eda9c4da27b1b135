"""Leader election on a real API server."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from cbr_operator.engine.system_clock import SystemClock
from cbr_operator.kube.client import KubeClient
from cbr_operator.kube.config import connect
from cbr_operator.kube.lease import NAME, Lease
from ground.controlplane import ControlPlane

Contender = Callable[[str], Lease]
DURATION = 3


@pytest.fixture
async def contender(
    controlplane: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Contender]:
    monkeypatch.setenv("KUBECONFIG", str(controlplane.kubeconfig))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    kube = KubeClient(await connect())

    def make(identity: str) -> Lease:
        return Lease(kube=kube, clock=SystemClock(), namespace=namespace, identity=identity, duration=DURATION)

    yield make
    await kube.close()


def holder(controlplane: ControlPlane, namespace: str) -> str:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{NAME}"
    return str(controlplane.request("GET", path)["spec"].get("holderIdentity", ""))


async def test_one_leads_and_the_other_follows_at_once_after_a_release(
    controlplane: ControlPlane, contender: Contender, namespace: str
) -> None:
    first, second = contender("first"), contender("second")
    await first.acquire()
    assert (first.held(), holder(controlplane, namespace)) == (True, "first")
    waiting = asyncio.create_task(second.acquire())
    keeping = asyncio.create_task(first.keep())
    await asyncio.sleep(2 * DURATION)  # longer than it lasts: it is renewed
    assert (first.held(), second.held(), second.readable()) == (True, False, True)
    keeping.cancel()
    await first.release()
    assert not first.held()
    await asyncio.wait_for(waiting, 30)
    assert (second.held(), holder(controlplane, namespace)) == (True, "second")
    await second.release()


async def test_who_does_not_renew_no_longer_leads_before_another_can(contender: Contender) -> None:
    first, second = contender("first"), contender("second")
    await first.acquire()
    await second.acquire()  # as after a crash: nobody renews, and it expires
    assert (first.held(), second.held()) == (False, True)
    await asyncio.wait_for(first.keep(), 30)
    await second.release()


async def test_an_api_server_that_is_away_is_ridden_over_until_the_renew_deadline(
    contender: Contender, controlplane: ControlPlane
) -> None:
    lease = contender("first")
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
