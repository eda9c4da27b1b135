"""What the API server itself refuses, defaults and explains of connections, once our CRDs are installed."""

import copy
from pathlib import Path
from typing import Any

import pytest

from ground.controlplane import ControlPlane
from ground.controlplane.api import ApiError

SAMPLES = Path(__file__).parents[2] / "manifests" / "samples"
API = "/apis/cbr-operator.io/v1alpha1"
STRICT = "dryRun=All&fieldValidation=Strict"
PROJECT = "f841e01fd2b14e7fa41b6ae7aa6b0594"
VAULT = "3b5816b5-f29c-4172-9d9a-76c719a659ce"
TOKEN = {"token": {"secretRef": {"name": "cbr"}}}
PASSWORD = {"password": {"domainName": "acme", "userName": "dr", "secretRef": {"name": "cbr"}}}
ACCESS_KEY = {"accessKey": {"secretRef": {"name": "cbr"}}}
ONE_WAY = "exactly one of token, password and accessKey is required"
URL = "must be a URL such as https://"


def spec(**changes: Any) -> dict[str, Any]:
    """A good spec; keys with dots reach inside, None removes."""
    made: dict[str, Any] = {"region": "region1", "projectID": PROJECT, "auth": copy.deepcopy(PASSWORD)}
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = made
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
        if value is None:
            del inner[last]
    return made


def answer(controlplane: ControlPlane, kind: str, made: Any) -> tuple[str, dict[str, Any]]:
    """What the API server says against it, empty when it takes it; and what it makes of it."""
    place = "/namespaces/default/cbrconnections" if kind == "CBRConnection" else "/clustercbrconnections"
    body = {"apiVersion": "cbr-operator.io/v1alpha1", "kind": kind, "metadata": {"name": "tried"}, "spec": made}
    try:
        return "", controlplane.request("POST", f"{API}{place}?{STRICT}", body=body)
    except ApiError as error:
        if error.status in (400, 422):
            return str(error).replace('\\"', '"'), {}
        raise


REFUSED = [
    ("empty spec", {}, "spec.region: Required value"),
    ("no region", spec(region=None), "spec.region: Required value"),
    ("no project", spec(projectID=None), "spec.projectID: Required value"),
    ("project no id", spec(projectID="mine"), "spec.projectID in body should"),
    ("region with a slash", spec(region="a/b"), "spec.region in body should match"),
    ("no auth", spec(auth=None), "spec.auth: Required value"),
    ("no way to authenticate", spec(auth={}), ONE_WAY),
    ("two ways", spec(auth={**TOKEN, **ACCESS_KEY}), ONE_WAY),
    ("three ways", spec(auth={**TOKEN, **PASSWORD, **ACCESS_KEY}), ONE_WAY),
    ("token without Secret", spec(auth={"token": {}}), "spec.auth.token.secretRef: Required value"),
    ("token in the spec", spec(auth={"token": {"value": "x"}}), 'unknown field "spec.auth.token.value"'),
    ("password without user", spec(auth__password__userName=None), "spec.auth.password.userName: Required value"),
    ("password without domain", spec(auth__password__domainName=None), "spec.auth.password.domainName: Required"),
    ("password without Secret", spec(auth__password__secretRef=None), "spec.auth.password.secretRef: Required"),
    ("password in the spec", spec(auth__password__password="x"), 'unknown field "spec.auth.password.password"'),
    ("user name too long", spec(auth__password__userName="u" * 65), "spec.auth.password.userName: Too long"),
    ("key without Secret", spec(auth={"accessKey": {}}), "spec.auth.accessKey.secretRef: Required value"),
    ("Secret of another namespace", spec(auth__password__secretRef={"name": "a/b"}), "secretRef.name in body should"),
    (
        "Secret with a namespace",
        spec(auth__password__secretRef={"name": "a", "namespace": "b"}),
        'unknown field "spec.auth.password.secretRef.namespace"',
    ),
    ("Secret key ill-formed", spec(auth__password__secretRef={"name": "a", "key": "a b"}), "secretRef.key in body"),
    ("endpoint no URL", spec(endpoint="cbr.example.com"), URL),
    ("endpoint with user", spec(endpoint="https://me@cbr.example.com"), URL),
    ("endpoint with query", spec(endpoint="https://cbr.example.com?x"), URL),
    ("iamEndpoint scheme", spec(auth__password__iamEndpoint="ftp://iam.example.com"), URL),
    ("iamEndpoint fragment", spec(auth__password__iamEndpoint="https://iam.example.com#x"), URL),
    ("proxy with a password", spec(proxyURL="http://me:pw@proxy.example.com"), URL),
    ("proxy of another kind", spec(proxyURL="socks5://proxy.example.com"), URL),
    ("proxy port", spec(proxyURL="http://proxy.example.com:0"), URL),
    ("bundle without a place", spec(caBundle={}), "exactly one of secretRef and configMapRef"),
    (
        "bundle in two places",
        spec(caBundle={"secretRef": {"name": "a"}, "configMapRef": {"name": "a"}}),
        "exactly one of secretRef and configMapRef",
    ),
    ("verification switched off", spec(insecureSkipVerify=True), 'unknown field "spec.insecureSkipVerify"'),
    ("no requests", spec(requestsPerSecond=0), "spec.requestsPerSecond"),
    ("too many requests", spec(requestsPerSecond=1001), "spec.requestsPerSecond"),
    ("unknown field", spec(tokens="x"), 'unknown field "spec.tokens"'),
]
SELECTOR = {"matchLabels": {"team": "dr"}}
REFUSED_OF_CLUSTER = [
    ("from nowhere", spec(allowedNamespaces={}), "spec.allowedNamespaces.from: Required value"),
    ("from Same", spec(allowedNamespaces={"from": "Same"}), "spec.allowedNamespaces.from: Unsupported value"),
    ("selector missing", spec(allowedNamespaces={"from": "Selector"}), "is required with from: Selector"),
    (
        "selector with All",
        spec(allowedNamespaces={"from": "All", "selector": SELECTOR}),
        "is required with from: Selector, and only allowed then",
    ),
    (
        "selector of nothing",
        spec(allowedNamespaces={"from": "Selector", "selector": {}}),
        "matchLabels or matchExpressions must name something",
    ),
    (
        "label ill-formed",
        spec(allowedNamespaces={"from": "Selector", "selector": {"matchLabels": {"team": "a b"}}}),
        "selector.matchLabels.team in body should match",
    ),
    (
        "operator unknown",
        spec(
            allowedNamespaces={
                "from": "Selector",
                "selector": {"matchExpressions": [{"key": "a", "operator": "Like", "values": ["b"]}]},
            }
        ),
        "operator: Unsupported value",
    ),
    (
        "In without values",
        spec(
            allowedNamespaces={
                "from": "Selector",
                "selector": {"matchExpressions": [{"key": "a", "operator": "In"}]},
            }
        ),
        "are required with In and NotIn",
    ),
    ("no sources", spec(allowedSources=[]), "spec.allowedSources in body should have at least 1 items"),
    ("no destinations", spec(allowedDestinations=[]), "spec.allowedDestinations in body should have at least 1 items"),
    ("source without project", spec(allowedSources=[{"vaultIDs": [VAULT]}]), "allowedSources[0].projectID: Required"),
    (
        "no vaults",
        spec(allowedSources=[{"projectID": PROJECT, "vaultIDs": []}]),
        "allowedSources[0].vaultIDs in body should have at least 1 items",
    ),
    (
        "destination without region",
        spec(allowedDestinations=[{"projectID": PROJECT}]),
        "allowedDestinations[0].region: Required value",
    ),
]


@pytest.mark.parametrize("kind", ["CBRConnection", "ClusterCBRConnection"])
@pytest.mark.parametrize(("made", "named"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_wrong_connection_is_refused_with_a_message_that_names_the_field(
    crds: ControlPlane, kind: str, made: dict[str, Any], named: str
) -> None:
    assert named in answer(crds, kind, made)[0]


@pytest.mark.parametrize(
    ("made", "named"), [row[1:] for row in REFUSED_OF_CLUSTER], ids=[row[0] for row in REFUSED_OF_CLUSTER]
)
def test_a_wrong_permission_is_refused_with_a_message_that_names_the_field(
    crds: ControlPlane, made: dict[str, Any], named: str
) -> None:
    assert named in answer(crds, "ClusterCBRConnection", made)[0]


def test_permissions_are_the_cluster_kinds_alone(crds: ControlPlane) -> None:
    for field in ("allowedNamespaces", "allowedSources", "allowedDestinations"):
        said, _ = answer(crds, "CBRConnection", spec(**{field: {}}))
        assert f'unknown field "spec.{field}"' in said


@pytest.mark.parametrize(
    "made",
    [
        spec(auth=TOKEN),
        spec(auth=PASSWORD, endpoint="http://127.0.0.1:8099"),
        spec(auth=ACCESS_KEY, proxyURL="http://proxy.example.com:3128", caBundle={"configMapRef": {"name": "ca"}}),
        spec(caBundle={"secretRef": {"name": "ca", "key": "tls.crt"}}, requestsPerSecond=1000),
    ],
)
@pytest.mark.parametrize("kind", ["CBRConnection", "ClusterCBRConnection"])
def test_what_is_right_is_taken(crds: ControlPlane, kind: str, made: dict[str, Any]) -> None:
    assert answer(crds, kind, made)[0] == ""


def test_every_permission_can_be_written(crds: ControlPlane) -> None:
    expressions = [
        {"key": "team", "operator": "In", "values": ["dr", ""]},
        {"key": "example.com/tier", "operator": "Exists"},
    ]
    made = spec(
        allowedNamespaces={"from": "Selector", "selector": {**SELECTOR, "matchExpressions": expressions}},
        allowedSources=[{"projectID": PROJECT, "vaultIDs": [VAULT]}, {"projectID": PROJECT}],
        allowedDestinations=[{"region": "region2", "projectID": PROJECT, "vaultIDs": [VAULT.upper()]}],
    )
    assert answer(crds, "ClusterCBRConnection", made)[0] == ""
    assert answer(crds, "ClusterCBRConnection", spec(allowedNamespaces={"from": "All"}))[0] == ""


def test_defaults_are_filled_in_and_a_new_connection_is_not_ready(crds: ControlPlane) -> None:
    _, made = answer(crds, "CBRConnection", spec(caBundle={"configMapRef": {"name": "ca"}}))
    assert made["spec"]["auth"]["password"]["secretRef"]["key"] == "password"
    assert made["spec"]["caBundle"]["configMapRef"]["key"] == "ca.crt"
    assert made["spec"]["requestsPerSecond"] == 10
    assert answer(crds, "CBRConnection", spec(auth=TOKEN))[1]["spec"]["auth"]["token"]["secretRef"]["key"] == "token"
    assert made["status"] == {"observedGeneration": -1}


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("cbrconn.spec.auth", "exactly one of token, password and accessKey"),
        ("cbrconn.spec.auth.password.userName", "a user of its own"),
        ("cbrconn.spec.requestsPerSecond", "the vaults take turns"),
        ("ccbrconn.spec.allowedNamespaces", "absent: none"),
        ("ccbrconn.spec.allowedSources", "absent: any"),
        ("ccbrconn.status.tokenExpiresAt", "When the token in use ends"),
    ],
)
def test_kubectl_explains_every_field(crds: ControlPlane, field: str, words: str) -> None:
    shown = " ".join(crds.kubectl("explain", field, "--recursive=false").stdout.split())
    assert words in shown


def test_the_samples_apply(crds: ControlPlane) -> None:
    crds.kubectl("apply", "--server-side", "-f", SAMPLES / "00-namespace.yaml")
    crds.kubectl("apply", "--dry-run=server", "-f", SAMPLES / "connections")


def test_kubectl_shows_both_kinds(crds: ControlPlane, namespace: str) -> None:
    path = f"{API}/namespaces/{namespace}/cbrconnections"
    body = {
        "apiVersion": "cbr-operator.io/v1alpha1",
        "kind": "CBRConnection",
        "metadata": {"name": "prod"},
        "spec": spec(),
    }
    crds.request("POST", path, body=body)
    shown = crds.kubectl("-n", namespace, "get", "cbrconn", "-o", "wide").stdout
    for heading in ("READY", "REASON", "REGION", "EXPIRES", "AGE", "ENDPOINT", "MESSAGE"):
        assert heading in shown
