"""What the API server itself refuses, defaults and explains, once our CRDs are installed."""

import copy
from pathlib import Path
from typing import Any

import pytest

from ground.controlplane import ControlPlane
from ground.controlplane.api import ApiError
from ground.objects import DESTINATION, SOURCE, spec

SAMPLES = Path(__file__).parents[2] / "manifests" / "samples"
PATH = "/apis/cbr-operator.io/v1alpha1/namespaces/default/checkpointreplications"
STRICT = "fieldValidation=Strict"  # what kubectl apply asks for by default
MERGE = "application/merge-patch+json"


def resource(made: Any, name: str = "tried") -> dict[str, Any]:
    return {
        "apiVersion": "cbr-operator.io/v1alpha1",
        "kind": "CheckpointReplication",
        "metadata": {"name": name},
        "spec": made,
    }


def changed(path: str, value: Any) -> dict[str, Any]:
    """A good spec with one field set, or removed by None."""
    made = copy.deepcopy(spec())
    *parents, last = path.split(".")
    inner = made
    for parent in parents:
        inner = inner.setdefault(parent, {})
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return made


URL = "must be a URL such as https://"
REFUSED = [
    ("no spec", {key: value for key, value in resource({}).items() if key != "spec"}, "spec: Required value"),
    ("spec null", resource(None), "spec"),
    ("empty spec", resource({}), "spec.source: Required value"),
    ("no source", resource(changed("source", None)), "spec.source: Required value"),
    ("no destination", resource(changed("destination", None)), "spec.destination: Required value"),
    ("no source vault", resource(changed("source.vaultID", None)), "spec.source.vaultID: Required value"),
    ("no destination vault", resource(changed("destination.vaultID", None)), "spec.destination.vaultID: Required"),
    ("no destination region", resource(changed("destination.region", None)), "spec.destination.region: Required"),
    ("no destination project", resource(changed("destination.projectID", None)), "spec.destination.projectID: Req"),
    ("no source region", resource(changed("source.region", None)), "spec.source: Invalid value"),
    ("no source project", resource(changed("source.projectID", None)), "region and projectID are required"),
    ("source is a list", resource(changed("source", [])), "spec.source in body must be of type object"),
    ("vault is a number", resource(changed("source.vaultID", 7)), "spec.source.vaultID in body must be of type string"),
    ("vault is empty", resource(changed("source.vaultID", "")), "spec.source.vaultID in body should"),
    ("vault is no UUID", resource(changed("source.vaultID", "orders" * 6)), "spec.source.vaultID in body should match"),
    ("vault with braces", resource(changed("source.vaultID", "{3b5816b5-f29c-4172-9d9a-76c719a659ce}")), "vaultID"),
    ("vault too long", resource(changed("destination.vaultID", "a" * 37)), "spec.destination.vaultID: Too long"),
    ("project too short", resource(changed("source.projectID", "f841e01f")), "spec.source.projectID in body should"),
    ("project no hex", resource(changed("destination.projectID", "z" * 32)), "spec.destination.projectID in body"),
    ("region empty", resource(changed("source.region", "")), "spec.source.region in body should"),
    ("region with a slash", resource(changed("source.region", "a/b")), "spec.source.region in body should match"),
    ("region with a blank", resource(changed("destination.region", "a b")), "spec.destination.region in body should"),
    ("region too long", resource(changed("destination.region", "r" * 256)), "spec.destination.region: Too long"),
    ("same region", resource(changed("destination.region", "region1")), "spec.destination.region: Invalid value"),
    ("same region, other case", resource(changed("destination.region", "REGION1")), "must differ from source.region"),
    ("neither reference", resource(changed("tokenSecretRef", None)), "exactly one of tokenSecretRef and connectionRef"),
    ("both references", resource(spec(connectionRef={"name": "a"})), "exactly one of tokenSecretRef and connectionRef"),
    ("Secret without name", resource(spec(tokenSecretRef={"key": "x"})), "spec.tokenSecretRef.name: Required value"),
    ("Secret of another namespace", resource(spec(tokenSecretRef={"name": "a/b"})), "spec.tokenSecretRef.name in body"),
    ("Secret with namespace", resource(changed("tokenSecretRef.namespace", "x")), "spec.tokenSecretRef.namespace"),
    ("Secret key ill-formed", resource(changed("tokenSecretRef.key", "a b")), "spec.tokenSecretRef.key in body should"),
    (
        "connection kind",
        resource(spec(tokenSecretRef=None, connectionRef={"kind": "Secret", "name": "a"})),
        "spec.connectionRef.kind: Unsupported value",
    ),
    (
        "endpoint with connectionRef",
        resource(spec(tokenSecretRef=None, connectionRef={"name": "a"}, endpoint="https://cbr.example.com")),
        "spec.endpoint: Invalid value",
    ),
    ("endpoint no URL", resource(spec(endpoint="cbr.example.com")), URL),
    ("endpoint empty", resource(spec(endpoint="")), URL),
    ("endpoint scheme", resource(spec(endpoint="ftp://cbr.example.com")), URL),
    ("endpoint without host", resource(spec(endpoint="https:///v3")), URL),
    ("endpoint with user", resource(spec(endpoint="https://me:pw@cbr.example.com")), URL),
    ("endpoint with query", resource(spec(endpoint="https://cbr.example.com?x=1")), URL),
    ("endpoint with fragment", resource(spec(endpoint="https://cbr.example.com#x")), URL),
    ("endpoint port", resource(spec(endpoint="https://cbr.example.com:99999")), URL),
    ("endpoint too long", resource(spec(endpoint="https://" + "a" * 510)), "spec.endpoint: Too long"),
    ("suspend is a word", resource(spec(suspend="yes")), "spec.suspend in body must be of type boolean"),
    ("autoTrigger is a number", resource(spec(autoTrigger=1)), "spec.autoTrigger in body must be of type boolean"),
    ("deadline zero", resource(spec(submission={"deadlineSeconds": 0})), "spec.submission.deadlineSeconds"),
    ("deadline a text", resource(spec(tracking={"deadlineSeconds": "1d"})), "spec.tracking.deadlineSeconds"),
    ("deadline too long", resource(spec(tracking={"deadlineSeconds": 10**9})), "spec.tracking.deadlineSeconds"),
    ("ttl negative", resource(spec(ttlSecondsAfterFinished=-1)), "spec.ttlSecondsAfterFinished"),
    ("unknown field", resource(spec(vault="x")), 'unknown field "spec.vault"'),
    ("unknown nested field", resource(changed("source.vaultId", "x")), 'unknown field "spec.source.vaultId"'),
]


def refusal(controlplane: ControlPlane, method: str, path: str, body: Any, content_type: str = MERGE) -> str:
    """What the API server says against it; empty when it takes it."""
    try:
        controlplane.request(method, path, body=body, content_type=content_type)
    except ApiError as error:
        if error.status in (400, 422):
            return str(error)
        raise
    return ""


@pytest.mark.parametrize(("made", "named"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_wrong_resource_is_refused_with_a_message_that_names_the_field(
    crds: ControlPlane, made: dict[str, Any], named: str
) -> None:
    said = refusal(crds, "POST", f"{PATH}?dryRun=All&{STRICT}", made, "application/json")
    assert named in said.replace('\\"', '"')


CHANGES = [
    ("source", {"source": {**SOURCE, "region": "region9"}}),
    ("source", {"source": {"region": None}}),
    ("destination", {"destination": {**DESTINATION, "region": "region9"}}),
    ("autoTrigger", {"autoTrigger": True}),
    ("enableAcceleration", {"enableAcceleration": True}),
    ("tokenSecretRef", {"tokenSecretRef": {"name": "other"}}),
    ("tokenSecretRef", {"tokenSecretRef": {"key": "other"}}),
    ("tokenSecretRef", {"tokenSecretRef": None, "endpoint": None, "connectionRef": {"name": "prod"}}),
    ("connectionRef", {"tokenSecretRef": None, "endpoint": None, "connectionRef": {"name": "prod"}}),
    ("endpoint", {"endpoint": "https://cbr.other.example.com"}),
    ("endpoint", {"endpoint": None}),
    ("submission", {"submission": {"deadlineSeconds": 61}}),
]


@pytest.fixture
def existing(crds: ControlPlane, namespace: str) -> str:
    """The path of a resource that is there, with an endpoint."""
    path = PATH.replace("default", namespace)
    crds.request("POST", path, body=resource(spec(endpoint="https://cbr.region1.example.com")))
    return f"{path}/tried"


@pytest.mark.parametrize(("field", "change"), CHANGES)
def test_what_is_immutable_can_neither_be_changed_nor_removed(
    crds: ControlPlane, existing: str, field: str, change: dict[str, Any]
) -> None:
    said = refusal(crds, "PATCH", f"{existing}?dryRun=All", {"spec": change})
    if change.get("source") != {"region": None}:
        assert "is immutable" in said
    assert f"spec.{field}" in said


def test_an_endpoint_cannot_be_added(crds: ControlPlane, namespace: str) -> None:
    path = PATH.replace("default", namespace)
    crds.request("POST", path, body=resource(spec()))
    said = refusal(crds, "PATCH", f"{path}/tried?dryRun=All", {"spec": {"endpoint": "https://cbr.example.com"}})
    assert "spec.endpoint: Invalid value" in said
    assert "is immutable" in said


@pytest.mark.parametrize(
    "change",
    [
        {"suspend": True},
        {"tracking": {"enabled": False}},
        {"tracking": {"deadlineSeconds": 60}},
        {"tracking": None},
        {"ttlSecondsAfterFinished": 60},
    ],
)
def test_what_may_change_can_be_changed(crds: ControlPlane, existing: str, change: dict[str, Any]) -> None:
    assert refusal(crds, "PATCH", f"{existing}?dryRun=All", {"spec": change}) == ""


def test_removing_the_spec_is_refused(crds: ControlPlane, existing: str) -> None:
    assert "spec: Required value" in refusal(crds, "PATCH", f"{existing}?dryRun=All", {"spec": None})


def test_defaults_are_filled_in_and_a_new_object_is_not_finished(crds: ControlPlane) -> None:
    made = crds.request("POST", f"{PATH}?dryRun=All&{STRICT}", body=resource(spec()))
    assert made["spec"]["tokenSecretRef"]["key"] == "token"
    assert (made["spec"]["autoTrigger"], made["spec"]["enableAcceleration"], made["spec"]["suspend"]) == (False,) * 3
    assert made["spec"]["submission"] == {"deadlineSeconds": 86400}
    assert made["spec"]["tracking"] == {"enabled": True, "deadlineSeconds": 172800}
    assert not {"endpoint", "connectionRef", "ttlSecondsAfterFinished"} & set(made["spec"])
    assert made["status"] == {"observedGeneration": -1}


@pytest.mark.parametrize(
    "made",
    [
        spec(tokenSecretRef=None, connectionRef={"name": "prod"}, source={"vaultID": SOURCE["vaultID"]}),
        spec(tokenSecretRef=None, connectionRef={"kind": "ClusterCBRConnection", "name": "prod"}),
        spec(endpoint="http://127.0.0.1:8099"),
        spec(endpoint="https://cbr.example.com:8443/prefix"),
        spec(source={**SOURCE, "vaultID": SOURCE["vaultID"].upper().replace("-", "")}),
        spec(ttlSecondsAfterFinished=0, suspend=True, enableAcceleration=True),
    ],
)
def test_what_is_right_is_taken(crds: ControlPlane, made: dict[str, Any]) -> None:
    assert refusal(crds, "POST", f"{PATH}?dryRun=All&{STRICT}", resource(made), "application/json") == ""


def test_the_samples_apply(crds: ControlPlane) -> None:
    crds.kubectl("apply", "-f", SAMPLES)
    shown = crds.kubectl("-n", "dr", "get", "cbr,cpr", "-o", "wide").stdout
    for heading in ("STATUS", "DESTINATION", "BACKUPS", "AGE", "VAULT", "MESSAGE"):
        assert heading in shown
    for each in sorted(SAMPLES.glob("[2-9]*.yaml")):
        crds.kubectl("delete", "-f", each)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("spec.destination", "project in the destination region"),
        ("spec.source.vaultID", "All of its backups"),
        ("spec.ttlSecondsAfterFinished", "Git"),
        ("spec", "at most once"),
        ("status.conditions", "the one to wait for"),
    ],
)
def test_kubectl_explains_every_field(crds: ControlPlane, field: str, words: str) -> None:
    shown = " ".join(crds.kubectl("explain", f"cpr.{field}", "--recursive=false").stdout.split())
    assert words in shown


def test_the_largest_status_can_be_written(crds: ControlPlane, existing: str) -> None:
    backups = [
        {"backupID": f"{each:036d}", "replicationRecordID": f"{each:036d}", "state": "Waiting"} for each in range(5000)
    ]
    body = {"status": {"backups": backups}}
    written = crds.request("PATCH", f"{existing}/status", body=body, content_type=MERGE)
    assert len(written["status"]["backups"]) == 5000


def test_what_echoes_the_cloud_is_taken_as_it_comes(crds: ControlPlane, existing: str) -> None:
    odd = [{"state": "brand new"}, {"backupID": ""}, {"backupID": "not a uuid", "progress": 101}]
    body = {"status": {"backups": odd, "submission": {"outcome": "FromANewerVersion", "requestID": "?"}}}
    written = crds.request("PATCH", f"{existing}/status", body=body, content_type=MERGE)
    assert written["status"]["backups"] == odd
