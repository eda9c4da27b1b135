"""What the API server itself refuses, defaults and explains of Schedules and policies."""

# ruff: noqa: E501 - a row of a table is a line

import copy
from typing import Any

import pytest

from ground.controlplane import ControlPlane
from ground.controlplane.api import ApiError
from ground.objects import DESTINATION, SOURCE, spec
from ground.policies import schedule_spec

API = "/apis/cbr-operator.io/v1alpha1"
SCHEDULES = f"{API}/namespaces/default/checkpointreplicationschedules"
POLICIES = f"{API}/clustercheckpointreplicationpolicies"
STRICT = "dryRun=All&fieldValidation=Strict"
MERGE = "application/merge-patch+json"


def schedule(name: str = "nightly", **changes: Any) -> dict[str, Any]:
    whole = {"schedule": "0 2 * * *", "replicationTemplate": {"spec": spec()}, **changes}
    made = {key: value for key, value in whole.items() if value is not None}
    return {
        "apiVersion": "cbr-operator.io/v1alpha1",
        "kind": "CheckpointReplicationSchedule",
        "metadata": {"name": name},
        "spec": made,
    }


def template(**changes: Any) -> dict[str, Any]:
    return {"spec": spec(**changes)}


def policy(name: str = "nightly", **changes: Any) -> dict[str, Any]:
    whole = {"namespaceSelectors": [{}], "scheduleTemplate": {"spec": schedule_spec()}, **changes}
    made = {key: value for key, value in whole.items() if value is not None}
    return {
        "apiVersion": "cbr-operator.io/v1alpha1",
        "kind": "ClusterCheckpointReplicationPolicy",
        "metadata": {"name": name},
        "spec": made,
    }


def policy_with(path: str, value: Any) -> dict[str, Any]:
    """A policy with one field of its template set, or removed by None."""
    made = copy.deepcopy(policy())
    *parents, last = path.split(".")
    inner = made["spec"]["scheduleTemplate"]["spec"]
    for parent in parents:
        inner = inner.setdefault(parent, {})
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return made


LINE = 'must be five fields "minute hour day-of-month month day-of-week"'
REFUSED_SCHEDULES = [
    ("no spec", {key: value for key, value in schedule().items() if key != "spec"}, "spec: Required value"),
    ("no schedule", schedule(schedule=None), "spec.schedule: Required value"),
    ("no template", schedule(replicationTemplate=None), "spec.replicationTemplate: Required value"),
    ("template without spec", schedule(replicationTemplate={}), "spec.replicationTemplate.spec: Required value"),
    ("a name too long", schedule("n" * 53), "must have at most 52 characters"),
    ("schedule empty", schedule(schedule=""), LINE),
    ("schedule a number", schedule(schedule=5), "spec.schedule in body must be of type string"),
    ("four fields", schedule(schedule="0 2 * *"), LINE),
    ("six fields", schedule(schedule="0 0 2 * * *"), LINE),
    ("a minute too many", schedule(schedule="60 2 * * *"), LINE),
    ("an hour too many", schedule(schedule="0 24 * * *"), LINE),
    ("day 0", schedule(schedule="0 2 0 * *"), LINE),
    ("month 13", schedule(schedule="0 2 * 13 *"), LINE),
    ("a month's name", schedule(schedule="0 2 * MAI *"), LINE),
    ("a day of the week", schedule(schedule="0 2 * * 8"), LINE),
    ("words", schedule(schedule="every day at two"), LINE),
    ("a macro there is not", schedule(schedule="@nightly"), LINE),
    ("@every", schedule(schedule="@every 1h"), LINE),
    ("a zone in the line", schedule(schedule="TZ=UTC 0 2 * * *"), LINE),
    ("an empty list item", schedule(schedule="0,,5 2 * * *"), LINE),
    ("an extension", schedule(schedule="0 2 L * *"), LINE),
    ("zone empty", schedule(timeZone=""), "spec.timeZone in body should"),
    ("zone a path", schedule(timeZone="../etc/passwd"), "spec.timeZone in body should match"),
    ("policy of concurrency", schedule(concurrencyPolicy="Replace"), "spec.concurrencyPolicy: Unsupported value"),
    ("deadline zero", schedule(startingDeadlineSeconds=0), "spec.startingDeadlineSeconds in body should"),
    ("deadline a text", schedule(startingDeadlineSeconds="1h"), "spec.startingDeadlineSeconds in body must be of type"),
    ("jitter negative", schedule(jitterSeconds=-1), "spec.jitterSeconds in body should"),
    ("jitter beyond a day", schedule(jitterSeconds=86_401), "spec.jitterSeconds in body should"),
    ("limit negative", schedule(successfulHistoryLimit=-1), "spec.successfulHistoryLimit in body should"),
    ("limit too high", schedule(failedHistoryLimit=1001), "spec.failedHistoryLimit in body should"),
    ("suspend a word", schedule(suspend="yes"), "spec.suspend in body must be of type boolean"),
    ("unknown field", schedule(cron="x"), 'unknown field "spec.cron"'),
    ("template: same region", schedule(replicationTemplate=template(destination={**DESTINATION, "region": "region1"})), "must differ from source.region"),
    ("template: no vault", schedule(replicationTemplate=template(source={**SOURCE, "vaultID": None})), "spec.replicationTemplate.spec.source.vaultID"),
    ("template: neither reference", schedule(replicationTemplate=template(tokenSecretRef=None)), "exactly one of tokenSecretRef and connectionRef"),
    ("template: endpoint", schedule(replicationTemplate=template(endpoint="cbr")), "must be a URL such as"),
    ("template: unknown field", schedule(replicationTemplate=template(vault="x")), 'unknown field "spec.replicationTemplate.spec.vault"'),
    ("template: a reserved label", schedule(replicationTemplate={**template(), "metadata": {"labels": {"cbr-operator.io/schedule": "x"}}}), "is the operator's own"),
    ("template: a label's key", schedule(replicationTemplate={**template(), "metadata": {"labels": {"a b": "x"}}}), "each key must be a qualified name"),
    ("template: a label's value", schedule(replicationTemplate={**template(), "metadata": {"labels": {"a": "x y"}}}), "spec.replicationTemplate.metadata.labels.a in body should match"),
    ("template: an annotation's key", schedule(replicationTemplate={**template(), "metadata": {"annotations": {"-a": "x"}}}), "each key must be a qualified name"),
    ("template: a name", schedule(replicationTemplate={**template(), "metadata": {"name": "x"}}), 'unknown field "spec.replicationTemplate.metadata.name"'),
]  # fmt: skip
PLACE = "scheduleTemplate.spec.replicationTemplate.spec"
REFUSED_POLICIES = [
    ("no spec", {key: value for key, value in policy().items() if key != "spec"}, "spec: Required value"),
    ("no selectors", policy(namespaceSelectors=None), "spec.namespaceSelectors: Required value"),
    ("an empty list of selectors", policy(namespaceSelectors=[]), "spec.namespaceSelectors in body should have at least 1"),
    ("a selector that is none", policy(namespaceSelectors=[{"names": ["a"]}]), 'unknown field "spec.namespaceSelectors[0].names"'),
    ("In without values", policy(namespaceSelectors=[{"matchExpressions": [{"key": "a", "operator": "In"}]}]), "are required with In and NotIn"),
    ("Exists with values", policy(namespaceSelectors=[{"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}]), "only allowed then"),
    ("an operator there is not", policy(namespaceSelectors=[{"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}]), "Unsupported value"),
    ("no template", policy(scheduleTemplate=None), "spec.scheduleTemplate: Required value"),
    ("a name too long", policy("n" * 44), "must have at most 43 characters"),
    ("target without destination", policy(targets=[{"sourceVaultID": SOURCE["vaultID"]}]), "spec.targets[0].destinationVaultID: Required value"),
    ("target no UUID", policy(targets=[{"sourceVaultID": "orders", "destinationVaultID": DESTINATION["vaultID"]}]), "spec.targets[0].sourceVaultID in body should"),
    ("a source vault in the template", policy_with("replicationTemplate.spec.source.vaultID", SOURCE["vaultID"]), f'unknown field "spec.{PLACE}.source.vaultID"'),
    ("a destination vault in the template", policy_with("replicationTemplate.spec.destination.vaultID", SOURCE["vaultID"]), f'unknown field "spec.{PLACE}.destination.vaultID"'),
    ("no destination region", policy_with("replicationTemplate.spec.destination.region", None), f"spec.{PLACE}.destination.region: Required value"),
    ("template: a line", policy_with("schedule", "nightly"), LINE),
    ("template: same region", policy_with("replicationTemplate.spec.destination.region", "region1"), "must differ from source.region"),
    ("template: a token without a source", policy_with("replicationTemplate.spec", {"destination": {key: DESTINATION[key] for key in ("region", "projectID")}, "tokenSecretRef": {"name": "a"}}), "region and projectID are required with tokenSecretRef"),
    ("template: a reserved annotation", policy(scheduleTemplate={"metadata": {"annotations": {"cbr-operator.io/run-now": "x"}}, "spec": schedule_spec()}), "is the operator's own"),
]  # fmt: skip


def refusal(
    crds: ControlPlane, path: str, body: Any, method: str = "POST", content_type: str = "application/json"
) -> str:
    """What the API server says against it; empty when it takes it."""
    try:
        crds.request(method, f"{path}?{STRICT}", body=body, content_type=content_type)
    except ApiError as error:
        if error.status in (400, 422):
            return str(error).replace('\\"', '"')
        raise
    return ""


@pytest.mark.parametrize(
    ("made", "named"), [row[1:] for row in REFUSED_SCHEDULES], ids=[row[0] for row in REFUSED_SCHEDULES]
)
def test_a_wrong_schedule_is_refused_with_a_message_that_names_the_field(
    crds: ControlPlane, made: dict[str, Any], named: str
) -> None:
    assert named in refusal(crds, SCHEDULES, made)


@pytest.mark.parametrize(
    ("made", "named"), [row[1:] for row in REFUSED_POLICIES], ids=[row[0] for row in REFUSED_POLICIES]
)
def test_a_wrong_policy_is_refused_with_a_message_that_names_the_field(
    crds: ControlPlane, made: dict[str, Any], named: str
) -> None:
    assert named in refusal(crds, POLICIES, made)


@pytest.mark.parametrize(
    "line",
    ["*/5 * * * *", "0 2 * * MON-fri", "0,30 1-5/2 1,15 JAN,jul *", "5 4 31 2 *", "@hourly", "@Daily", " 0  2 * * 7 "],
)
def test_a_good_line_is_taken(crds: ControlPlane, line: str) -> None:
    assert refusal(crds, SCHEDULES, schedule(schedule=line)) == ""


def test_the_defaults_of_a_schedule_are_filled_in(crds: ControlPlane) -> None:
    made = crds.request("POST", f"{SCHEDULES}?{STRICT}", body=schedule())["spec"]
    inner = made.pop("replicationTemplate")["spec"]
    assert made == {
        "schedule": "0 2 * * *",
        "timeZone": "UTC",
        "suspend": False,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 3600,
        "jitterSeconds": 0,
        "successfulHistoryLimit": 3,
        "failedHistoryLimit": 3,
    }
    assert (inner["submission"], inner["tokenSecretRef"]["key"]) == ({"deadlineSeconds": 86400}, "token")


def test_a_template_can_be_changed_and_so_can_all_else(crds: ControlPlane, namespace: str) -> None:
    path = SCHEDULES.replace("default", namespace)
    crds.request("POST", path, body=schedule())
    change = {
        "schedule": "@hourly",
        "timeZone": "Europe/Berlin",
        "replicationTemplate": {"spec": spec(autoTrigger=True, tokenSecretRef={"name": "other"}, endpoint="https://cbr.x.io")},
    }  # fmt: skip
    assert refusal(crds, f"{path}/nightly", {"spec": change}, "PATCH", MERGE) == ""


@pytest.mark.parametrize(
    "made",
    [
        policy(),
        policy(namespaceSelectors=[{"matchLabels": {"dr": "yes"}}, {"matchExpressions": [{"key": "a", "operator": "Exists"}]}]),
        policy(targets=[{"sourceVaultID": SOURCE["vaultID"], "destinationVaultID": DESTINATION["vaultID"]}]),
        policy_with("replicationTemplate.spec.source", None),
        policy("n" * 43),
    ],
)  # fmt: skip
def test_a_good_policy_is_taken(crds: ControlPlane, made: dict[str, Any]) -> None:
    assert refusal(crds, POLICIES, made) == ""


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("cprsched.spec.schedule", "@hourly"),
        ("cprsched.spec.startingDeadlineSeconds", "only the newest one starts"),
        ("cprsched.spec.replicationTemplate.spec.source.vaultID", "All of its backups"),
        ("cprsched.status.newestCopyTime", "How new the newest copy is"),
        ("ccrp.spec.namespaceSelectors", "written {}, selects all"),
        ("ccrp.spec.targets", "cbr-operator.io/vault-pairs"),
        ("ccrp.status.newestCopyTime", "whose newest copy is the oldest"),
    ],
)
def test_kubectl_explains_every_field(crds: ControlPlane, field: str, words: str) -> None:
    shown = " ".join(crds.kubectl("explain", field, "--recursive=false").stdout.split())
    assert words in shown
