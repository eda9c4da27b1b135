"""What a tenant may try, one attack a test. Each is held, sends nothing it should not, and the resource says why.

Everything that a story puts into a Secret is looked for at its end in all logs, Events, objects and metrics.
"""

import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ground.operator_process import eventually
from ground.rogue import certificate, rogue
from ground.simulator import Simulator
from ground.story import NO_CONCLUSION, Story

TOKEN = {"token": {"secretRef": {"name": "cbr"}}}
SECRET = "token-that-nobody-may-see"
ANY_ADDRESS = "http://*.*.*.*:*, https://*.*.*.*:*"
MEGABYTE = 2**20


@pytest.fixture
def neighbour(story: Story) -> Iterator[str]:
    """Another tenant's namespace."""
    name = f"neighbour-{uuid.uuid4().hex[:8]}"
    story.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})
    yield name
    story.request("DELETE", f"/api/v1/namespaces/{name}")


def attack(story: Story, name: str = "attack", **changes: object) -> str:
    """Create the resource of the attack; its source vault."""
    made = story.create(name, tokenSecretRef={"name": "cbr"}, **changes)
    return str(made["spec"]["source"]["vaultID"])


def test_another_namespace_s_secret(story: Story, neighbour: str) -> None:
    story.put_secret("cbr", namespace=neighbour, token=SECRET)
    story.connection(auth=TOKEN)
    with story.operator():
        vault = attack(story)
        story.wait_for("attack", "WaitingForSecret")
        assert f"Secret 'cbr' in namespace '{story.namespace}' does not exist" in story.message("attack")
        story.create_through("through")
        story.wait_for("through", "WaitingForConnection")
        assert f"Secret 'cbr' in namespace '{story.namespace}' does not exist" in story.message("through")
        assert story.posts(vault) == []


def test_another_namespace_s_connection(story: Story, neighbour: str) -> None:
    story.put_secret("cbr", namespace=neighbour, token=SECRET)
    mine = story.connection(auth=TOKEN)
    body = {**mine, "metadata": {"name": "theirs", "namespace": neighbour}}
    story.request("POST", f"/apis/cbr-operator.io/v1alpha1/namespaces/{neighbour}/cbrconnections", body=body)
    with story.operator(NAMESPACES=f"{story.namespace},{neighbour}"):
        made = story.create_through("attack", connection="theirs")
        story.wait_for("attack", "WaitingForConnection")
        assert f"CBRConnection 'theirs' does not exist in namespace '{story.namespace}'" in story.message("attack")
        assert story.posts(made["spec"]["source"]["vaultID"]) == []


@pytest.mark.parametrize(
    ("permissions", "reason"),
    [
        ({}, "NamespaceNotAllowed"),
        (
            {
                "allowedNamespaces": {"from": "All"},
                "allowedDestinations": [{"region": "region2", "projectID": "d" * 32}],
            },
            "DestinationNotAllowed",
        ),
    ],
    ids=["a_cluster_connection_without_permission", "a_destination_that_is_not_allowed"],
)
def test_permissions(story: Story, neighbour: str, permissions: dict[str, object], reason: str) -> None:
    name = f"prod-{story.namespace}"
    story.put_secret("cbr", namespace=neighbour, token=SECRET)
    story.connection(name, kind="ClusterCBRConnection", auth=TOKEN, **permissions)
    with story.operator(NAMESPACES="", OPERATOR_NAMESPACE=neighbour):
        made = story.create_through("attack", connection=name, kind="ClusterCBRConnection")
        story.wait_for("attack", reason)
        assert story.condition("attack", "Accepted") == ("False", reason)
        assert "Nothing was sent" in story.message("attack")
        assert story.posts(made["spec"]["source"]["vaultID"]) == []


def test_an_endpoint_at_the_metadata_address(story: Story) -> None:
    story.put_secret("cbr", token=SECRET)
    with story.operator(ALLOWED_ENDPOINTS=ANY_ADDRESS):
        attack(story, endpoint="http://169.254.169.254")
        story.wait_for("attack", "EndpointNotAllowed")
        assert "its host is a link-local address" in story.message("attack")
        attack(story, "mapped", endpoint="http://[::ffff:169.254.169.254]")
        story.wait_for("mapped", "EndpointNotAllowed")
        attack(story, "odd", endpoint="http://2852039166")
        story.wait_for("odd", "EndpointNotAllowed")
        assert "unusual spelling of an address" in story.message("odd")


def test_an_endpoint_at_the_api_server(story: Story) -> None:
    story.put_secret("cbr", token=SECRET)
    port = urlsplit(story.controlplane.api().url).port
    with story.operator(ALLOWED_ENDPOINTS=f"{ANY_ADDRESS}, https://localhost:*"):
        attack(story, endpoint=f"https://127.0.0.1:{port}")
        story.wait_for("attack", "EndpointNotAllowed")
        assert "the address of the Kubernetes API server" in story.message("attack")
        attack(story, "by-name", endpoint=f"https://localhost:{port}")
        story.wait_for("by-name", "EndpointUnreachable")
        assert "localhost leads to" in story.message("by-name")


def test_an_endpoint_whose_name_leads_to_this_machine(story: Story) -> None:
    story.put_secret("cbr", token=SECRET)
    with story.operator(ALLOWED_ENDPOINTS="http://127.0.0.1:*, http://localhost:*"), rogue() as server:
        attack(story, endpoint=f"http://localhost:{server.server_port}")
        story.wait_for("attack", "EndpointUnreachable")
        assert "localhost leads to" in story.message("attack")
        assert "and may not be connected to" in story.message("attack")
        assert server.requests == []


def test_an_endpoint_in_a_denied_network(story: Story) -> None:
    story.put_secret("cbr", token=SECRET)
    with story.operator(ALLOWED_ENDPOINTS=ANY_ADDRESS, DENIED_NETWORKS="192.0.2.0/24"):
        attack(story, endpoint="https://192.0.2.7")
        story.wait_for("attack", "EndpointNotAllowed")
        assert "in the denied network 192.0.2.0/24" in story.message("attack")


def test_a_redirect_to_another_host(story: Story) -> None:
    story.put_secret("cbr", token=SECRET)
    pair = story.pair()
    with Simulator() as elsewhere, story.operator():
        location = {"Location": f"{elsewhere.url}/v3/{'e' * 32}/checkpoints/replicate"}
        story.fault(pair["source"]["vaultID"], status=307, headers=location)
        attack(story, **pair)
        story.wait_for("attack", "Rejected")
        assert "HTTP 307" in story.message("attack")
        assert elsewhere.requests() == []
        assert len(story.posts(pair["source"]["vaultID"])) == 1


def test_a_proxy_as_a_way_round(story: Story) -> None:
    story.put_secret("cbr", token=SECRET)
    with rogue() as server, story.operator(ALLOWED_ENDPOINTS="http://127.0.0.1:*, http://localhost:*"):
        story.connection(auth=TOKEN, proxyURL="http://proxy.evil.example:3128")
        story.create_through("not-allowed")
        story.wait_for("not-allowed", "EndpointNotAllowed")
        assert "spec.proxyURL, http://proxy.evil.example:3128, may not be called" in story.message("not-allowed")
        story.connection("by-name", auth=TOKEN, proxyURL=f"http://localhost:{server.server_port}")
        story.create_through("by-name", connection="by-name")
        story.wait_for("by-name", "EndpointUnreachable")
        assert "may not be connected to" in story.message("by-name")
        story.connection("beyond", auth=TOKEN, endpoint="http://169.254.169.254", proxyURL=server.url)
        story.create_through("beyond", connection="beyond")
        story.wait_for("beyond", "EndpointNotAllowed")
        assert server.requests == []


def test_a_certificate_of_the_wrong_name(story: Story, tmp_path: Path) -> None:
    tls, pem = certificate(tmp_path, "192.0.2.1")
    story.put_secret("cbr", token=SECRET)
    body = {"metadata": {"name": "ca"}, "data": {"ca.crt": pem}}
    story.request("POST", f"/api/v1/namespaces/{story.namespace}/configmaps", body=body)
    with rogue(tls=tls) as server, story.operator(ALLOWED_ENDPOINTS="https://127.0.0.1:*"):
        story.connection(auth=TOKEN, endpoint=server.url, caBundle={"configMapRef": {"name": "ca"}})
        story.create_through("attack")
        story.wait_for("attack", "EndpointUnreachable")
        assert "certificate" in story.message("attack")
        assert server.requests == []


def test_an_answer_of_a_gigabyte(story: Story) -> None:
    story.put_secret("cbr", token=SECRET)
    with rogue(endless=True) as server, story.operator(**NO_CONCLUSION) as operator:
        before = operator.resident_bytes()
        attack(story, endpoint=server.url)
        story.wait_for("attack", "ResolvingOutcome")
        assert "too long to read" in story.message("attack")
        assert operator.resident_bytes() - before < 64 * MEGABYTE
        assert sum(each.startswith("POST") for each in server.requests) == 1


def test_a_header_injected_through_a_token(story: Story) -> None:
    story.put_secret("cbr", token=f"{SECRET}\r\nX-Project-Id: {'e' * 32}")
    story.connection(auth=TOKEN)
    with story.operator():
        vault = attack(story)
        story.wait_for("attack", "WaitingForSecret")
        assert "line break" in story.message("attack")
        story.create_through("through")
        story.wait_for("through", "WaitingForConnection")
        assert "line break" in story.message("through")
        assert story.posts(vault) == []


def test_a_token_in_any_output(story: Story) -> None:
    password = story.user()
    story.put_secret("cbr", token=SECRET, password=password)
    story.connection()
    echo = {"json": {"error_code": "BackupService.9900", "error_msg": f"bad token {SECRET}"}, "status": 400}
    with story.operator(LOG_LEVEL="debug"):
        pair = story.pair()
        story.fault(pair["source"]["vaultID"], **echo, headers={"X-Request-Id": SECRET})
        attack(story, **pair)
        story.wait_for("attack", "Rejected")
        assert "bad token [token]" in story.message("attack")
        assert eventually(lambda: story.events("attack"))
        story.create_through("through")
        story.wait_for("through", "AllReplicated")
    # that it is nowhere else is looked at when the story ends; the token of the login is looked for here
    [login] = story.logins()
    shown = story.request("GET", story.connection_path("prod"))
    assert login.token not in str(shown)
