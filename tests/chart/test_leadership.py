"""Two replicas, run as the Deployment says: whoever ends, and however, the other goes on and nothing is sent twice."""

import pytest

from ground.operator_process import OperatorProcess, eventually
from ground.release import LOCAL, Release
from ground.story import Story

SETTINGS = {**LOCAL["settings"], "leaseDurationSeconds": 6, "requestTimeoutSeconds": 5, "settleSeconds": 4}
ROUNDS = 2
BATCH = 6


def leads(operator: OperatorProcess) -> bool:
    return operator.probe("readyz")[1].startswith("leading, and")


@pytest.fixture
def replicas(release: Release, story: Story) -> list[OperatorProcess]:
    """Two, of which one leads and the other is ready to."""
    release.install({**LOCAL, "settings": SETTINGS})
    replicas = [story.take(release.operator(name)).start() for name in ("first", "second")]
    assert [leads(each) for each in replicas] == [True, False]
    return replicas


def test_nothing_is_sent_twice_or_lost_through_failovers(story: Story, replicas: list[OperatorProcess]) -> None:
    story.secret()
    story.cloud.change(latency=0.3)
    vaults = []
    try:
        for number in range(ROUNDS):
            for one in range(BATCH):
                created = story.create(f"copy-{number}-{one}")
                vaults.append(created["spec"]["source"]["vaultID"])
            eventually(lambda: any(map(story.posts, vaults[-BATCH:])), what="a submission is under way")
            leader, standby = sorted(replicas, key=leads, reverse=True)
            assert not leads(standby)
            if number % 2:
                assert leader.stop() == 0
            else:
                leader.kill()
            eventually(lambda: leads(standby), what="the other leads")  # noqa: B023 - asked within the round
            leader.start()
        for name in story.names():
            story.wait_for(name, "AllReplicated")
    finally:
        story.cloud.change(latency=0.0)
    assert [len(story.accepted(vault)) for vault in vaults] == [1] * len(vaults)


def test_a_leader_that_cannot_renew_stops_and_sends_nothing_more(
    story: Story, release: Release, replicas: list[OperatorProcess]
) -> None:
    story.secret()
    first, second = replicas
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{release.namespace}/leases/cbr-operator"
    taken = {"spec": {"holderIdentity": "somebody-else"}}
    story.request("PATCH", lease, body=taken, content_type="application/merge-patch+json")
    assert first.process is not None
    assert first.process.wait(60) == 1
    created = story.create("orders")
    story.wait_for("orders", "AllReplicated")
    assert leads(second)
    assert len(story.accepted(created["spec"]["source"]["vaultID"])) == 1
