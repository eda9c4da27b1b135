"""How the operator ends: the kind is missing, the kind goes, the Lease is taken away."""

from pathlib import Path

from ground.controlplane import ControlPlane
from ground.operator_process import OperatorProcess, eventually
from ground.story import Story

CRDS = Path(__file__).parents[2] / "manifests" / "crds"


def test_without_its_kind_it_does_not_start_and_when_the_kind_goes_it_ends(tmp_path: Path) -> None:
    with ControlPlane() as plane:
        operator = OperatorProcess(kubeconfig=plane.kubeconfig, log=tmp_path / "log")
        operator.start(ready=False)
        assert operator.process is not None
        assert operator.process.wait(60) == 2
        last = operator.log_text().splitlines()[-1]
        assert "CheckpointReplication is not installed: kubectl apply -f manifests/crds/" in last

        plane.kubectl("apply", "-f", CRDS)
        plane.kubectl("wait", "--for=condition=Established", "-f", CRDS)
        operator = OperatorProcess(kubeconfig=plane.kubeconfig, log=tmp_path / "log2")
        with operator:
            plane.kubectl("delete", "-f", CRDS)
            assert operator.process is not None
            assert operator.process.wait(60) == 1
            assert any(each["message"] == "Leaving: watch" for each in operator.records())


def test_who_loses_the_lease_stops_and_still_writes_its_answer(story: Story) -> None:
    story.secret()
    pair = story.pair()
    vault = pair["source"]["vaultID"]
    story.fault(vault, hang=True, after=True)
    settings = {"LEADER_ELECTION": "true", "LEASE_DURATION_SECONDS": "4", "OPERATOR_NAMESPACE": story.namespace}
    with story.operator(**settings) as operator:
        story.create("orders", **pair)
        eventually(lambda: story.accepted(vault))
        lease = f"/apis/coordination.k8s.io/v1/namespaces/{story.namespace}/leases/cbr-operator"
        stolen = {"spec": {"holderIdentity": "somebody-else", "leaseDurationSeconds": 3600}}
        story.request("PATCH", lease, body=stolen, content_type="application/merge-patch+json")
        eventually(lambda: "Leaving: lease" in operator.log_text())
        behind = story.create("behind")
        story.release_faults()
        assert operator.process is not None
        assert operator.process.wait(60) == 1
        assert story.condition("orders") == ("Unknown", "Replicating")
        assert story.posts(behind["spec"]["source"]["vaultID"]) == []
        assert story.request("GET", lease)["spec"]["holderIdentity"] == "somebody-else"
