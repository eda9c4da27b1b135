"""Each value changes what it says and nothing else, seen in the manifest that Helm renders."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest
import yaml

from cbr_operator.settings import PREFIX, Settings
from ground.chart_readme import values as documented
from ground.helm import CHART, Helm, Json

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
TEMPLATE = "Deployment/*.spec.template"
POD = f"{TEMPLATE}.spec"
CONTAINER = f"{POD}.containers.operator"
ANY: Any = object()
"""A new value that need not be repeated here."""
GONE = None
ID = "0ca3eb86-8800-46da-9c37-9d657a825274"
PROBE = {"periodSeconds": 7, "timeoutSeconds": 6, "failureThreshold": 5}


def env(name: str) -> str:
    return f"{CONTAINER}.env.{PREFIX}{name}.value"


@dataclass(frozen=True)
class Case:
    """A value, what it is set to, and every change: patterns of paths, with the new value or None for what goes."""

    value: str
    to: Any
    changes: dict[str, Any]
    beside: dict[str, Any] = field(default_factory=dict)
    """Other values that are set before and after."""


MONITOR = {"serviceMonitor": {"enabled": True}}
POLICY = {"networkPolicy": {"enabled": True}}
CASES = [
    Case("nameOverride", "other", {"*": ANY}),
    Case("fullnameOverride", "other", {"*": ANY}),
    Case("commonLabels", {"a": "b"}, {"*.metadata.labels.a": "b"}),
    Case("commonAnnotations", {"a": "b"}, {"*.metadata.annotations.a": "b"}),
    Case("crds.enabled", False, {"CustomResourceDefinition/*": GONE}),
    Case("crds.keep", False, {"CustomResourceDefinition/*.metadata.annotations.*": GONE}),
    Case(
        "watchNamespaces",
        ["a"],
        {"ClusterRole*/cbr-operator.*": GONE, "Role*/cbr-operator.*": ANY, env("NAMESPACES"): "a"},
    ),
    Case("replicaCount", 3, {"Deployment/*.spec.replicas": 3}),
    Case("image.repository", "host/cbr", {f"{CONTAINER}.image": "host/cbr:0.1.0"}),
    Case("image.tag", "1.2.3", {f"{CONTAINER}.image": "cbr-operator:1.2.3"}),
    Case("image.digest", f"sha256:{'a' * 64}", {f"{CONTAINER}.image": f"cbr-operator@sha256:{'a' * 64}"}),
    Case("image.pullPolicy", "Always", {f"{CONTAINER}.imagePullPolicy": "Always"}),
    Case("imagePullSecrets", [{"name": "pull"}], {f"{POD}.imagePullSecrets.pull": {}}),
    Case(
        "settings.allowedEndpoints", ["https://a.b", "http://c:*"], {env("ALLOWED_ENDPOINTS"): "https://a.b,http://c:*"}
    ),
    Case("settings.deniedNetworks", ["10.0.0.0/8", "fd00::/8"], {env("DENIED_NETWORKS"): "10.0.0.0/8,fd00::/8"}),
    Case("settings.httpHost", "127.0.0.1", {env("HTTP_HOST"): "127.0.0.1"}),
    Case("settings.httpPort", 9090, {env("HTTP_PORT"): "9090", f"{CONTAINER}.ports.http.containerPort": 9090}),
    Case(
        "settings.leaderElection",
        False,
        {env("LEADER_ELECTION"): "false", "Role*/*-lease.*": GONE, "Deployment/*.spec.strategy.*": ANY},
        {"replicaCount": 1},
    ),
    Case("settings.leaseDurationSeconds", 30, {env("LEASE_DURATION_SECONDS"): "30"}),
    Case("settings.workers", 4, {env("WORKERS"): "4"}),
    Case(
        "settings.requestTimeoutSeconds",
        90.5,
        {env("REQUEST_TIMEOUT_SECONDS"): "90.5", f"{POD}.terminationGracePeriodSeconds": 221},
    ),
    Case(
        "settings.settleSeconds",
        86400,
        {env("SETTLE_SECONDS"): "86400", f"{POD}.terminationGracePeriodSeconds": 86470},
    ),
    Case("settings.pollMinSeconds", 20, {env("POLL_MIN_SECONDS"): "20"}),
    Case("settings.pollMaxSeconds", 600, {env("POLL_MAX_SECONDS"): "600"}),
    Case("settings.logLevel", "debug", {env("LOG_LEVEL"): "debug"}),
    Case("settings.logFormat", "text", {env("LOG_FORMAT"): "text"}),
    Case(
        "caBundle.configMapName",
        "trust",
        {
            env("CA_FILE"): "/etc/cbr-operator/ca/ca.crt",
            f"{CONTAINER}.volumeMounts.ca-bundle.*": ANY,
            f"{POD}.volumes.ca-bundle.configMap.name": "trust",
        },
    ),
    Case(
        "caBundle.secretName",
        "trust",
        {
            env("CA_FILE"): "/etc/cbr-operator/ca/ca.crt",
            f"{CONTAINER}.volumeMounts.ca-bundle.*": ANY,
            f"{POD}.volumes.ca-bundle.secret.secretName": "trust",
        },
    ),
    Case(
        "caBundle.key",
        "root.pem",
        {env("CA_FILE"): "/etc/cbr-operator/ca/root.pem"},
        {"caBundle": {"secretName": "trust"}},
    ),
    Case("extraEnv", [{"name": "PROXY", "value": "p"}], {f"{CONTAINER}.env.PROXY.*": ANY}),
    Case("extraVolumes", [{"name": "more", "emptyDir": {}}], {f"{POD}.volumes.more.*": ANY}),
    Case("extraVolumeMounts", [{"name": "more", "mountPath": "/more"}], {f"{CONTAINER}.volumeMounts.more.*": ANY}),
    Case(
        "serviceAccount.create",
        False,
        {"ServiceAccount/*": GONE, f"{POD}.serviceAccountName": "default", "*Binding/*.subjects.*": ANY},
    ),
    Case(
        "serviceAccount.name",
        "own",
        {"ServiceAccount/*": ANY, f"{POD}.serviceAccountName": "own", "*Binding/*.subjects.*": ANY},
    ),
    Case("serviceAccount.annotations", {"a": "b"}, {"ServiceAccount/*.metadata.annotations.a": "b"}),
    Case("rbac.create", False, {"ClusterRole*/cbr-operator.*": GONE, "Role*/*-lease.*": GONE}),
    Case("rbac.secretNames", ["cbr-token"], {"ClusterRole/*.rules.*.resourceNames.0": "cbr-token"}),
    Case("rbac.userRoles", False, {"ClusterRole/*-view.*": GONE, "ClusterRole/*-edit.*": GONE}),
    Case("guardrails.allowedDestinations", [{"region": "eu"}], {"ValidatingAdmissionPolicy*": ANY}),
    Case("guardrails.allowedSources", [{"vaultIDs": [ID]}], {"ValidatingAdmissionPolicy*": ANY}),
    Case("guardrails.namespaces", {"a": {"allowedSources": [{"projectID": ID}]}}, {"ValidatingAdmissionPolicy*": ANY}),
    Case("podLabels", {"a": "b"}, {f"{TEMPLATE}.metadata.labels.a": "b"}),
    Case("podAnnotations", {"a": "b"}, {f"{TEMPLATE}.metadata.annotations.a": "b"}),
    Case("podSecurityContext", {"runAsUser": None}, {f"{POD}.securityContext.runAsUser": GONE}),
    Case("securityContext", {"privileged": False}, {f"{CONTAINER}.securityContext.privileged": False}),
    Case("resources", {"limits": {"cpu": "1"}}, {f"{CONTAINER}.resources.limits.cpu": "1"}),
    Case(
        "startupProbe",
        PROBE,
        {f"{CONTAINER}.startupProbe.*Seconds": ANY, f"{CONTAINER}.startupProbe.failureThreshold": 5},
    ),
    Case(
        "livenessProbe",
        PROBE,
        {f"{CONTAINER}.livenessProbe.*Seconds": ANY, f"{CONTAINER}.livenessProbe.failureThreshold": 5},
    ),
    Case(
        "readinessProbe",
        PROBE,
        {f"{CONTAINER}.readinessProbe.*Seconds": ANY, f"{CONTAINER}.readinessProbe.failureThreshold": 5},
    ),
    Case("terminationGracePeriodSeconds", 61, {f"{POD}.terminationGracePeriodSeconds": 61}),
    Case("podDisruptionBudget.enabled", False, {"PodDisruptionBudget/*": GONE}),
    Case("podDisruptionBudget.maxUnavailable", "50%", {"PodDisruptionBudget/*.spec.maxUnavailable": "50%"}),
    Case("topologySpreadConstraints", [], {f"{POD}.topologySpreadConstraints.*": GONE}),
    Case("nodeSelector", {"a": "b"}, {f"{POD}.nodeSelector.a": "b"}),
    Case("tolerations", [{"operator": "Exists"}], {f"{POD}.tolerations.0.operator": "Exists"}),
    Case("affinity", {"nodeAffinity": {"a": 1}}, {f"{POD}.affinity.nodeAffinity.a": 1}),
    Case("priorityClassName", "high", {f"{POD}.priorityClassName": "high"}),
    Case("hostNetwork", True, {f"{POD}.hostNetwork": True, f"{POD}.dnsPolicy": "ClusterFirstWithHostNet"}),
    Case("dnsPolicy", "Default", {f"{POD}.dnsPolicy": "Default"}),
    Case("dnsConfig", {"nameservers": ["10.0.0.1"]}, {f"{POD}.dnsConfig.nameservers.0": "10.0.0.1"}),
    Case("hostAliases", [{"ip": "10.0.0.1", "hostnames": ["a"]}], {f"{POD}.hostAliases.0.*": ANY}),
    Case("service.enabled", False, {"Service/*": GONE}),
    Case("service.port", 80, {"Service/*.spec.ports.http.port": 80}),
    Case("service.annotations", {"a": "b"}, {"Service/*.metadata.annotations.a": "b"}),
    Case("serviceMonitor.enabled", True, {"ServiceMonitor/*": ANY}),
    Case("serviceMonitor.interval", "1m", {"ServiceMonitor/*.spec.endpoints.0.interval": "1m"}, MONITOR),
    Case("serviceMonitor.labels", {"a": "b"}, {"ServiceMonitor/*.metadata.labels.a": "b"}, MONITOR),
    Case(
        "serviceMonitor.metricRelabelings",
        [{"action": "drop"}],
        {"ServiceMonitor/*.spec.endpoints.0.metricRelabelings.0.action": "drop"},
        MONITOR,
    ),
    Case("networkPolicy.enabled", True, {"NetworkPolicy/*": ANY}),
    Case("networkPolicy.apiServerPorts", [16443], {"NetworkPolicy/*.spec.egress.1.ports.*": ANY}, POLICY),
    Case(
        "networkPolicy.metricsFrom",
        [{"podSelector": {"a": 1}}],
        {"NetworkPolicy/*.spec.ingress.0.from.0.podSelector.a": 1},
        POLICY,
    ),
    Case("networkPolicy.extraEgress", [{"to": [{"a": 1}]}], {"NetworkPolicy/*.spec.egress.2.to.0.a": 1}, POLICY),
]


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a document by path; the items of a list by their name, where they have one."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from flat(inner, f"{path}.{key}")
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            if isinstance(inner, dict) and "name" in inner:
                rest = {key: each for key, each in inner.items() if key != "name"}
                yield from flat(rest, f"{path}.{inner['name']}")
            else:
                yield from flat(inner, f"{path}.{number}")
    else:
        yield path, value


def leaves(objects: dict[tuple[str, str], Json]) -> dict[str, Any]:
    return {
        path: leaf
        for (kind, _), body in objects.items()
        for path, leaf in flat(body, f"{kind}/{body['metadata']['name']}")
    }


@cache
def rendered(helm: Helm, values: str) -> dict[str, Any]:
    return leaves(helm.objects(json.loads(values)))


def nested(path: str, value: Any) -> dict[str, Any]:
    for key in reversed(path.split(".")):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def merged(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    both = left.keys() & right.keys()
    return {**left, **right, **{key: merged(left[key], right[key]) for key in both if isinstance(left[key], dict)}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.value)
def test_a_value_changes_what_it_says_and_nothing_else(helm: Helm, case: Case) -> None:
    before = rendered(helm, json.dumps(case.beside))
    after = leaves(helm.objects(merged(case.beside, nested(case.value, case.to))))
    changed = {path: after.get(path) for path in before | after if before.get(path) != after.get(path)}
    for pattern, new in case.changes.items():
        found = {path: value for path, value in changed.items() if fnmatchcase(path, pattern)}
        assert found, f"{case.value} does not change {pattern}; it changes {changed}"
        assert new is ANY or set(map(str, found.values())) == {str(new)}, found
    others = [path for path in changed if not any(fnmatchcase(path, each) for each in case.changes)]
    assert not others


def test_every_value_has_its_words_and_its_case() -> None:
    words = {value.path: value for value in documented((CHART / "values.yaml").read_text())}
    assert words.keys() == {case.value for case in CASES}
    for path, _ in flat(VALUES):
        assert any(f"{path}.".startswith(f".{known}.") for known in words), path


def test_the_settings_are_the_operators_own_with_its_defaults() -> None:
    elsewhere = {"namespaces", "operator_namespace", "ca_file"}  # watchNamespaces, the release's namespace, caBundle
    fields = {name: each.default for name, each in Settings.model_fields.items() if name not in elsewhere}
    given = {
        snake(name): tuple(value) if isinstance(value, list) else value for name, value in VALUES["settings"].items()
    }
    assert given == fields


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def test_another_name_stays_everywhere_the_same(helm: Helm) -> None:
    for values in ({"nameOverride": "other"}, {"fullnameOverride": "other"}):
        objects = helm.objects(values, release="release")
        named = {name for kind, name in objects if kind != "CustomResourceDefinition"}
        assert all("other" in name for name in named)
        deployment = next(body for (kind, _), body in objects.items() if kind == "Deployment")
        selector = deployment["spec"]["selector"]["matchLabels"].items()
        assert selector <= deployment["spec"]["template"]["metadata"]["labels"].items()
        service = next(body for (kind, _), body in objects.items() if kind == "Service")
        assert service["spec"]["selector"].items() == selector


def test_it_can_be_part_of_another_chart(helm: Helm) -> None:
    assert helm.objects({"global": {"anything": 1}}) == helm.objects()


def test_the_network_policy_follows_the_endpoints(helm: Helm) -> None:
    def ports(*endpoints: str) -> list[int] | None:
        values = {"settings": {"allowedEndpoints": list(endpoints)}, "networkPolicy": {"enabled": True}}
        policy = next(body for (kind, _), body in helm.objects(values).items() if kind == "NetworkPolicy")
        _, other = policy["spec"]["egress"]
        return [each["port"] for each in other["ports"]] if other else None

    assert ports("https://cbr.example") == [443, 6443]
    assert ports("http://cbr.example", "https://[fd00::1]:8443/") == [443, 6443, 80, 8443]
    assert ports("https://cbr.example:*") is None
