"""From applied to submitted, on a real API server and over real HTTP."""

from ground.operator_process import eventually
from ground.story import NO_LOOKS, Story
from ground.watcher import WriteCounter


def test_a_resource_is_submitted_once_and_its_answer_is_in_the_status(story: Story) -> None:
    story.secret()
    with story.operator(**NO_LOOKS), WriteCounter(story.controlplane.api()) as writes:
        created = story.create("orders")
        story.wait_for("orders", "Replicating")
        status = story.get("orders")["status"]
        vault = created["spec"]["source"]["vaultID"]
        [call] = story.accepted(vault)
        assert [(each["backupID"], each["replicationRecordID"]) for each in status["backups"]] == [
            (each["backup_id"], each["replication_record_id"]) for each in call.answer["replication"]["backups"]
        ]
        assert status["submission"]["outcome"] == "Submitted"
        assert status["submission"]["requestID"]
        assert status["submission"]["target"]["vaultID"] == vault
        assert status["progress"] == f"0/{len(status['backups'])}"
        assert status["observedGeneration"] == 1
        assert "completionTime" not in status
        assert {each["type"] for each in status["conditions"]} == {
            "Accepted",
            "Submitted",
            "Succeeded",
            "Reconciling",
        }
        assert "cannot be cancelled" in story.message("orders", "Submitted")
        assert len(story.posts(vault)) == 1
        writes.catch_up()
        assert writes.modified[story.namespace, "orders"] == 2
        eventually(lambda: ("Normal", "Submitted") in story.events("orders"))


def test_with_tracking_off_it_ends_at_submission_and_kubectl_wait_returns(story: Story) -> None:
    story.secret()
    with story.operator():
        story.create("orders", tracking={"enabled": False})
        done = story.controlplane.kubectl(
            *("-n", story.namespace, "wait", "cpr/orders", "--timeout=60s"),
            "--for=jsonpath={.status.completionTime}",
            *("-o", 'jsonpath={.status.conditions[?(@.type=="Succeeded")].status}'),
        )
        assert "True" in done.stdout
        assert story.condition("orders") == ("True", "TrackingDisabled")
        assert story.get("orders")["status"]["completionTime"]
        shown = story.controlplane.kubectl("-n", story.namespace, "get", "cpr", "orders").stdout
        assert "TrackingDisabled" in shown


def test_suspend_holds_what_is_not_submitted_and_resuming_lets_it_go(story: Story) -> None:
    story.secret()
    with story.operator(**NO_LOOKS):
        created = story.create("held", suspend=True)
        story.wait_for("held", "Suspended")
        assert {each["type"] for each in story.conditions("held")} == {"Accepted", "Submitted", "Succeeded"}
        assert story.posts(created["spec"]["source"]["vaultID"]) == []
        story.patch("held", {"suspend": False})
        story.wait_for("held", "Replicating")
        story.patch("held", {"suspend": True})
        eventually(lambda: story.get("held")["status"]["observedGeneration"] == 3)
        assert story.condition("held") == ("Unknown", "Replicating")
        assert {each["observedGeneration"] for each in story.conditions("held")} == {3}


def test_a_restored_object_waits_for_its_label_to_be_removed(story: Story) -> None:
    story.secret()
    story.create("restored")
    story.patch_metadata("restored", {"labels": {"velero.io/restore-name": "nightly"}})
    with story.operator():
        story.wait_for("restored", "Restored")
        story.patch_metadata("restored", {"labels": {"velero.io/restore-name": None}})
        story.wait_for("restored", "AllReplicated")


def test_what_may_not_be_called_or_cannot_be_used_yet_is_held_with_advice(story: Story) -> None:
    story.secret()
    with story.operator():
        story.create("elsewhere", endpoint="https://cbr.region1.evil.example")
        story.create("derived", endpoint=None)
        story.create("connected", endpoint=None, tokenSecretRef=None, connectionRef={"name": "prod"})
        story.wait_for("elsewhere", "EndpointNotAllowed", status="Unknown")
        story.wait_for("derived", "EndpointNotAllowed", status="Unknown")
        story.wait_for("connected", "WaitingForConnection", status="Unknown")
        assert story.condition("elsewhere", "Accepted") == ("False", "EndpointNotAllowed")
        assert story.condition("elsewhere", "Stalled") == ("True", "EndpointNotAllowed")
        assert "ALLOWED_ENDPOINTS" in story.message("elsewhere")
        assert "https://cbr.region1.myhuaweicloud.com" in story.message("derived")


def test_the_submission_deadline_ends_what_waits(story: Story) -> None:
    with story.operator():
        story.create("late", submission={"deadlineSeconds": 3})
        story.wait_for("late", "WaitingForSecret")
        started = story.get("late")["status"]["startTime"]
        story.wait_for("late", "SubmissionDeadlineExceeded", status="False")
        status = story.get("late")["status"]
        assert status["startTime"] == started
        assert status["completionTime"]
        assert "WaitingForSecret" in story.message("late")


def test_deleting_is_never_held_up(story: Story) -> None:
    story.secret()
    with story.operator() as operator:
        for name in ("waiting", "taken"):
            story.create(name, suspend=name == "waiting")
        story.wait_for("waiting", "Suspended")
        story.wait_for("taken", "AllReplicated")
        for name in ("waiting", "taken"):
            story.delete(name)
        assert story.items(story._path("checkpointreplications")) == []
        again = story.create("taken")
        story.wait_for("taken", "AllReplicated")
        assert len(story.accepted(again["spec"]["source"]["vaultID"])) == 1
        assert operator.probe("livez")[0] == 200


def test_probes_and_metrics_answer(story: Story) -> None:
    story.secret()
    with story.operator(**NO_LOOKS) as operator:
        story.create("orders")
        story.wait_for("orders", "Replicating")
        metrics = operator.probe("metrics")[1]
        assert 'cbr_operator_submissions_total{outcome="Submitted"} 1.0' in metrics
        assert 'cbr_operator_cloud_requests_total{code="200",operation="replicate"} 1.0' in metrics
        assert 'cbr_operator_replications{reason="Replicating"} 1.0' in metrics
        assert "process_resident_memory_bytes" in metrics
        assert operator.probe("livez")[0] == 200
        assert operator.probe("readyz")[0] == 200
        named = [each for each in operator.records() if (each.get("object") or {}).get("name") == "orders"]
        assert any("Submitted" in each["message"] for each in named)
        assert operator.stop() == 0
