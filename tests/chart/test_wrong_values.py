"""Values that cannot work are refused before anything is installed, with a message that names them."""

from typing import Any

import pytest

from ground.helm import Helm, HelmError

VAULT = "0ca3eb86-8800-46da-9c37-9d657a825274"
PLACE = {"region": "eu"}

# Values, and what the message must hold: where it is wrong, and what is wanted.
WRONG: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "a value that is not known": ({"replicas": 3}, ("replicas",)),
    "a setting that is not known": ({"settings": {"requestTimeout": 3}}, ("/settings", "requestTimeout")),
    "too many replicas": ({"replicaCount": 11}, ("/replicaCount", "10")),
    "replicas as text": ({"replicaCount": "2"}, ("/replicaCount", "integer")),
    "two leaders": ({"settings": {"leaderElection": False}}, ("replicaCount must be 1", "leaderElection")),
    "a short grace": (
        {"terminationGracePeriodSeconds": 60},
        ("terminationGracePeriodSeconds=60", "requestTimeoutSeconds"),
    ),
    "a shorter pause than the shortest": ({"settings": {"pollMaxSeconds": 5}}, ("pollMinSeconds", "pollMaxSeconds")),
    "an endpoint with a path": (
        {"settings": {"allowedEndpoints": ["https://a.b/v3"]}},
        ("/settings/allowedEndpoints/0",),
    ),
    "an endpoint with a user": (
        {"settings": {"allowedEndpoints": ["https://u@a.b"]}},
        ("/settings/allowedEndpoints/0",),
    ),
    "an endpoint of another scheme": (
        {"settings": {"allowedEndpoints": ["ftp://a"]}},
        ("/settings/allowedEndpoints/0",),
    ),
    "no endpoint at all": ({"settings": {"allowedEndpoints": []}}, ("/settings/allowedEndpoints", "minItems")),
    "a network that is none": ({"settings": {"deniedNetworks": ["10.0.0.0"]}}, ("/settings/deniedNetworks/0",)),
    "a port that is none": ({"settings": {"httpPort": 70000}}, ("/settings/httpPort", "65")),
    "a short lease": ({"settings": {"leaseDurationSeconds": 1}}, ("/settings/leaseDurationSeconds", "3")),
    "no worker": ({"settings": {"workers": 0}}, ("/settings/workers", "1")),
    "a long call": ({"settings": {"requestTimeoutSeconds": 601}}, ("/settings/requestTimeoutSeconds", "600")),
    "a level that is none": ({"settings": {"logLevel": "trace"}}, ("/settings/logLevel", "debug")),
    "a format that is none": ({"settings": {"logFormat": "xml"}}, ("/settings/logFormat", "json")),
    "a namespace that is none": ({"watchNamespaces": ["Team_A"]}, ("/watchNamespaces/0",)),
    "a namespace twice": ({"watchNamespaces": ["a", "a"]}, ("/watchNamespaces",)),
    "a pattern of namespaces": ({"watchNamespaces": ["team-*"]}, ("/watchNamespaces/0",)),
    "a digest that is none": ({"image": {"digest": "1.0"}}, ("/image/digest",)),
    "a repository with a digest": ({"image": {"repository": "a@sha256:b"}}, ("/image/repository",)),
    "a policy that is none": ({"image": {"pullPolicy": "Sometimes"}}, ("/image/pullPolicy", "IfNotPresent")),
    "a pull secret without a name": ({"imagePullSecrets": ["pull"]}, ("/imagePullSecrets/0", "object")),
    "trust anchors from two places": (
        {"caBundle": {"configMapName": "a", "secretName": "b"}},
        ("caBundle.configMapName and caBundle.secretName",),
    ),
    "a setting in extraEnv": (
        {"extraEnv": [{"name": "CBR_OPERATOR_WORKERS", "value": "1"}]},
        ("extraEnv must not hold CBR_OPERATOR_WORKERS",),
    ),
    "a mount without a path": ({"extraVolumeMounts": [{"name": "a"}]}, ("/extraVolumeMounts/0", "mountPath")),
    "a Secret twice": ({"rbac": {"secretNames": ["a", "a"]}}, ("/rbac/secretNames",)),
    "an empty place": ({"guardrails": {"allowedDestinations": [{}]}}, ("/guardrails/allowedDestinations/0",)),
    "a vault that is none": (
        {"guardrails": {"allowedSources": [{"vaultIDs": ["orders"]}]}},
        ("/guardrails/allowedSources/0/vaultIDs/0",),
    ),
    "no vault": ({"guardrails": {"allowedSources": [{"vaultIDs": []}]}}, ("/guardrails/allowedSources/0/vaultIDs",)),
    "a place with a quote": (
        {"guardrails": {"allowedDestinations": [{"region": "a'"}]}},
        ("/allowedDestinations/0/region",),
    ),
    "a namespace's empty list": (
        {"guardrails": {"namespaces": {"a": {"allowedDestinations": []}}}},
        ("/guardrails/namespaces/a/allowedDestinations",),
    ),
    "a namespace's unknown list": (
        {"guardrails": {"namespaces": {"a": {"allowed": [PLACE]}}}},
        ("/guardrails/namespaces/a", "allowed"),
    ),
    "a probe that is not known": ({"livenessProbe": {"path": "/"}}, ("/livenessProbe", "path")),
    "a budget that is none": (
        {"podDisruptionBudget": {"maxUnavailable": "half"}},
        ("/podDisruptionBudget/maxUnavailable",),
    ),
    "a ServiceMonitor without a Service": (
        {"serviceMonitor": {"enabled": True}, "service": {"enabled": False}},
        ("serviceMonitor.enabled needs service.enabled",),
    ),
    "an interval that is none": ({"serviceMonitor": {"interval": "30"}}, ("/serviceMonitor/interval",)),
    "no port of the API server": ({"networkPolicy": {"apiServerPorts": []}}, ("/networkPolicy/apiServerPorts",)),
    "a label that is no text": ({"commonLabels": {"a": 1}}, ("/commonLabels/a", "string")),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_values_are_refused_with_a_message(helm: Helm, name: str) -> None:
    values, words = WRONG[name]
    with pytest.raises(HelmError) as caught:
        helm.template(values)
    message = str(caught.value)
    assert all(each in message for each in words), message


def test_they_are_refused_at_the_installation_too(helm: Helm) -> None:
    with pytest.raises(HelmError, match="replicas"):
        helm.run("install", "x", "charts/cbr-operator", "--dry-run=client", values={"replicas": 3})
