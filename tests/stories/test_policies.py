"""Cluster policies: each selected namespace has its Schedules, now and later, and nothing of the user's is touched."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from ground.operator_process import eventually
from ground.policy_story import PAIRS, Policies
from ground.schedule_story import MERGE, Schedules
from ground.story import API, Story
from ground.watcher import WriteCounter


@pytest.fixture
def policies(story: Story) -> Iterator[Policies]:
    story.secret()
    told = Policies(story)
    yield told
    told.end()


def test_namespaces_there_are_and_those_to_come_are_served(policies: Policies, story: Story) -> None:
    line, other = policies.pair_line(), policies.pair_line()
    first = policies.namespace(f"# production\n{line}", other)
    later = policies.namespace(line, selected=False)
    with policies.operator():
        policies.create()
        made = policies.wait_for_schedules(first, 2)
        for each in made:
            assert each["metadata"]["name"].startswith(f"{policies.name}-")
            assert each["metadata"]["labels"] == {"team": "dr", "cbr-operator.io/policy": policies.name}
            assert "ownerReferences" not in each["metadata"]
            assert "finalizers" not in each["metadata"]
        vaults = {each["spec"]["replicationTemplate"]["spec"]["source"]["vaultID"] for each in made}
        assert vaults == {line.split("=")[0], other.split("=")[0]}
        assert policies.schedules(later) == []
        policies.patch_namespace(later, labels={"story": policies.label})
        policies.wait_for_schedules(later, 1)
        new = policies.namespace(line)
        policies.wait_for_schedules(new, 1)
        eventually(lambda: policies.counts() == {"selected": 3, "ready": 3, "failed": 0})
        assert policies.status().get("schedules") == 4
        kubectl = story.controlplane.kubectl
        kubectl("wait", f"ccrp/{policies.name}", "--for=condition=Ready")
        shown = kubectl("get", "ccrp", policies.name).stdout.splitlines()
        assert " ".join(shown[0].split()) == "NAME NAMESPACES SCHEDULES READY NEWEST COPY AGE"
        assert shown[1].split()[:4] == [policies.name, "3", "4", "True"]


def test_targets_hold_for_every_namespace(policies: Policies) -> None:
    name = policies.namespace("not read, so not wrong")
    with policies.operator():
        policies.create(targets=[policies.pair_line(), policies.pair_line()])
        policies.wait_for_schedules(name, 2)
        eventually(lambda: policies.counts().get("ready") == 1)


def test_a_run_of_a_policys_schedule_goes_its_way(policies: Policies, story: Story) -> None:
    namespace = policies.namespace(policies.pair_line())
    body = {"metadata": {"name": "cbr-token"}, "stringData": {"token": "tok-of-a-policy"}}
    story.request("POST", f"/api/v1/namespaces/{namespace}/secrets", body=body)
    schedules = Schedules(story, namespace)
    with policies.operator():
        policies.create()
        [made] = policies.wait_for_schedules(namespace, 1)
        name = made["metadata"]["name"]
        schedules.run_now("please", name)
        eventually(lambda: "newestCopyTime" in schedules.status(name))
        eventually(lambda: policies.status().get("newestCopyTime") == schedules.status(name)["newestCopyTime"])
        policies.patch_namespace(namespace, annotations={PAIRS: f"{policies.pair_line()}\n"})
        # Another pair, which has no copy yet: no longer is every pair copied.
        eventually(lambda: "newestCopyTime" not in policies.status())


def test_what_a_cluster_connection_allows_holds_for_the_runs_of_a_policy(policies: Policies, story: Story) -> None:
    """Nothing but destination and connection in the template: region and project of the source are the connection's."""
    inside, outside = policies.namespace(policies.pair_line()), policies.namespace(policies.pair_line())
    story.put_secret("cbr", namespace=story.namespace, password=story.user())
    selector = {"matchLabels": {"kubernetes.io/metadata.name": inside}}
    name = f"prod-{story.namespace}"
    allowed = {"from": "Selector", "selector": selector}
    story.connection(name, kind="ClusterCBRConnection", allowedNamespaces=allowed)
    with policies.operator(OPERATOR_NAMESPACE=story.namespace):
        policies.create(through=name)
        ends = {}
        for namespace in (inside, outside):
            [made] = policies.wait_for_schedules(namespace, 1)
            schedules = Schedules(story, namespace)
            schedules.run_now("please", made["metadata"]["name"])
            [run] = schedules.wait_for_runs(1, made["metadata"]["name"])
            ends[namespace] = schedules.wait_for_reason(run, "AllReplicated", "NamespaceNotAllowed")
        assert ends == {inside: "AllReplicated", outside: "NamespaceNotAllowed"}


def test_edits_by_hand_are_undone_and_everything_else_is_left_alone(policies: Policies, story: Story) -> None:
    namespace = policies.namespace(policies.pair_line())
    schedules = Schedules(story, namespace)
    with policies.operator():
        policies.create()
        [made] = policies.wait_for_schedules(namespace, 1)
        name = made["metadata"]["name"]
        own = {"labels": {"mine": "yes", "team": "other"}, "annotations": {"note": "kept"}, "finalizers": ["x.io/y"]}
        edit = {"metadata": own, "spec": {"schedule": "0 5 * * *", "suspend": True, "failedHistoryLimit": 9}}
        story.request("PATCH", schedules.path(name), body=edit, content_type=MERGE)
        eventually(lambda: schedules.get(name)["spec"]["schedule"] != "0 5 * * *")
        now = schedules.get(name)
        assert now["spec"]["suspend"] is False
        assert now["spec"]["failedHistoryLimit"] == 3
        assert now["metadata"]["labels"] == {"mine": "yes", "team": "dr", "cbr-operator.io/policy": policies.name}
        assert now["metadata"]["annotations"]["note"] == "kept"
        assert now["metadata"]["finalizers"] == ["x.io/y"]
        story.request("PATCH", schedules.path(name), body={"metadata": {"finalizers": None}}, content_type=MERGE)


def test_an_upgrade_of_the_template_is_written_once_and_a_restart_writes_nothing(
    policies: Policies, story: Story
) -> None:
    namespaces = [policies.namespace(policies.pair_line()) for _ in range(5)]
    with policies.operator() as operator:
        policies.create()
        for each in namespaces:
            policies.wait_for_schedules(each, 1)
        eventually(lambda: policies.counts().get("ready") == 5)
        time.sleep(3)  # so that what is still on its way is not counted below
        with WriteCounter(story.controlplane.api(), "checkpointreplicationschedules") as writes:
            policies.patch({"scheduleTemplate": {"spec": {"timeZone": "Europe/Berlin"}, "metadata": {"labels": None}}})
            eventually(lambda: all(_told(each) for name in namespaces for each in policies.schedules(name)))
            labels = [each["metadata"]["labels"] for name in namespaces for each in policies.schedules(name)]
            assert labels == [{"cbr-operator.io/policy": policies.name}] * 5
            eventually(lambda: sum(writes.modified.values()) >= 10)
            time.sleep(3)
            # One by the policy, and one by the Schedule's own controller, whose status speaks of a generation.
            assert set(writes.modified.values()) == {2}
            operator.stop()
            operator.start()
            time.sleep(5)
            writes.catch_up()
            assert sum(writes.modified.values()) == 10


def _told(schedule: dict[str, Any]) -> bool:
    return "Berlin" in schedule["status"].get("observedSchedule", "")


def test_what_is_not_wanted_any_more_is_suspended_and_goes_when_nothing_is_unfinished(
    policies: Policies, story: Story
) -> None:
    line, other = policies.pair_line(), policies.pair_line()
    one, two = policies.namespace(line, other), policies.namespace(line)
    with policies.operator():
        policies.create()
        policies.wait_for_schedules(one, 2)
        [busy] = policies.wait_for_schedules(two, 1)
        schedules = Schedules(story, two)
        name = busy["metadata"]["name"]
        schedules.run_now("please", name)  # it waits for its Secret, so it stays unfinished
        eventually(lambda: schedules.status(name).get("activeCount") == 1)
        policies.patch_namespace(one, annotations={PAIRS: other})
        policies.wait_for_schedules(one, 1)
        policies.patch_namespace(two, labels={"story": None})
        eventually(lambda: schedules.get(name)["spec"]["suspend"])
        time.sleep(2)
        [run] = schedules.runs(name)
        story.request("DELETE", f"{API}/namespaces/{two}/checkpointreplications/{run['metadata']['name']}")
        policies.wait_for_schedules(two, 0)
        eventually(lambda: policies.status().get("schedules") == 1)


def test_a_policy_that_was_deleted_while_the_operator_was_away(policies: Policies) -> None:
    namespace = policies.namespace(policies.pair_line())
    with policies.operator() as operator:
        policies.create()
        policies.wait_for_schedules(namespace, 1)
        operator.kill()
        policies.delete()
        assert len(policies.schedules(namespace)) == 1
        operator.start()
        policies.wait_for_schedules(namespace, 0)


def test_a_policy_that_is_made_anew_makes_its_schedules_anew(policies: Policies) -> None:
    namespace = policies.namespace(policies.pair_line())
    with policies.operator() as operator:
        policies.create()
        [before] = policies.wait_for_schedules(namespace, 1)
        operator.kill()
        policies.delete()
        policies.create()
        operator.start()
        eventually(lambda: before["metadata"]["uid"] not in _uids(policies, namespace))
        policies.wait_for_schedules(namespace, 1)
        eventually(lambda: policies.failures() == [] and policies.status().get("schedules") == 1)


def _uids(policies: Policies, namespace: str) -> set[str]:
    return {each["metadata"]["uid"] for each in policies.schedules(namespace)}


def test_what_is_wrong_is_told_by_namespace_and_stops_nothing_else(policies: Policies, story: Story) -> None:
    line = policies.pair_line()
    bad = policies.namespace(line, "orders", "# a comment")
    taken = policies.namespace(line)
    fine = policies.namespace(line)
    with policies.operator():
        policies.create("a-" + policies.name)
        [template] = policies.wait_for_schedules(fine, 1)
        name = template["metadata"]["name"]
        policies.delete("a-" + policies.name)
        for each in (bad, taken, fine):
            policies.wait_for_schedules(each, 0)
        Schedules(story, taken).create(name, pair=story.pair())
        older = policies.create("a-" + policies.name)
        eventually(lambda: sorted(policies.failures(older)) == sorted([(bad, "InvalidPair"), (taken, "NotOwned")]))
        assert "labels" not in Schedules(story, taken).get(name)["metadata"]
        policies.wait_for_schedules(bad, 1)
        policies.wait_for_schedules(fine, 1)
        time.sleep(1.1)  # the age of policies has whole seconds
        younger = policies.create("b-" + policies.name)
        eventually(lambda: (fine, "Overlapping") in policies.failures(younger))
        policies.wait_for_schedules(fine, 1)
        assert policies.counts(younger) == {"selected": 3, "ready": 0, "failed": 3}
        described = story.controlplane.kubectl("describe", "ccrp", older).stdout
        assert "line 2, 'orders', is not source=destination" in described
        Schedules(story, taken).story.request("DELETE", Schedules(story, taken).path(name))
        eventually(lambda: policies.failures(older) == [(bad, "InvalidPair")])


def test_a_namespace_that_is_being_deleted_is_left_alone(policies: Policies, story: Story) -> None:
    namespace = policies.namespace(policies.pair_line())
    schedules = Schedules(story, namespace)
    with policies.operator():
        policies.create()
        [made] = policies.wait_for_schedules(namespace, 1)
        name = made["metadata"]["name"]
        eventually(lambda: policies.counts().get("selected") == 1)
        # A finalizer keeps it in sight should kube-controller-manager run and empty the namespace.
        hold = {"metadata": {"finalizers": ["story.example.com/hold"]}}
        story.request("PATCH", schedules.path(name), body=hold, content_type=MERGE)
        story.request("DELETE", f"/api/v1/namespaces/{namespace}")
        eventually(lambda: policies.counts().get("selected") == 0)
        policies.delete()
        time.sleep(2)
        assert schedules.get(name)["spec"]["suspend"] is False
        story.request("PATCH", schedules.path(name), body={"metadata": {"finalizers": None}}, content_type=MERGE)


def test_a_status_is_not_written_before_every_namespace_was_looked_at(policies: Policies) -> None:
    """It would say for a moment that nothing is selected."""
    namespaces = [policies.namespace(policies.pair_line()) for _ in range(8)]
    with policies.operator():
        policies.create()
        eventually(policies.counts)
        assert policies.counts().get("selected") == len(namespaces)


def test_with_a_list_of_namespaces_the_cluster_kinds_are_off(policies: Policies, story: Story) -> None:
    namespace = policies.namespace(policies.pair_line())
    with story.operator(NAMESPACES=f"{story.namespace},{namespace}"):
        policies.create()
        time.sleep(2)
        assert policies.schedules(namespace) == []
        assert policies.status() == {"observedGeneration": -1}
