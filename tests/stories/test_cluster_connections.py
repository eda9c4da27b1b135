"""Connections for many namespaces: closed unless opened, with Secrets that tenants cannot reach."""

import functools
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from ground.operator_process import OperatorProcess, eventually
from ground.story import Story

KIND = "ClusterCBRConnection"
MERGE = "application/merge-patch+json"


class Tenancy:
    """A story with a namespace of the operator's own, and a cluster connection whose Secret is there."""

    def __init__(self, story: Story, home: str) -> None:
        self.story = story
        self.home = home
        self.name = f"prod-{story.namespace}"
        self.create = functools.partial(story.create_through, connection=self.name, kind=KIND)

    def operator(self) -> OperatorProcess:
        return self.story.operator(NAMESPACES="", OPERATOR_NAMESPACE=self.home)

    def connect(self, **permissions: Any) -> None:
        self.story.put_secret("cbr", namespace=self.home, password=self.story.user())
        self.story.connection(self.name, kind=KIND, **permissions)

    def permit(self, **permissions: Any) -> None:
        self.story.request(
            "PATCH",
            self.story.connection_path(self.name, kind=KIND),
            body={"spec": permissions},
            content_type=MERGE,
        )

    def label(self, **labels: str | None) -> None:
        path = f"/api/v1/namespaces/{self.story.namespace}"
        self.story.request("PATCH", path, body={"metadata": {"labels": labels}}, content_type=MERGE)

    def nothing_sent(self, made: dict[str, Any]) -> bool:
        return self.story.posts(made["spec"]["source"]["vaultID"]) == []


@pytest.fixture
def tenancy(story: Story) -> Iterator[Tenancy]:
    home = f"operator-{uuid.uuid4().hex[:8]}"
    story.request("POST", "/api/v1/namespaces", body={"metadata": {"name": home}})
    yield Tenancy(story, home)
    story.request("DELETE", f"/api/v1/namespaces/{home}")


def test_it_is_closed_until_a_namespace_is_let_in_and_what_runs_then_runs_to_its_end(tenancy: Tenancy) -> None:
    story = tenancy.story
    tenancy.connect()
    story.cloud.change(copy_seconds=15)
    try:
        with tenancy.operator():
            made = tenancy.create("orders")
            story.wait_for("orders", "NamespaceNotAllowed")
            assert story.condition("orders", "Accepted") == ("False", "NamespaceNotAllowed")
            assert story.condition("orders", "Stalled") == ("True", "NamespaceNotAllowed")
            assert f"is not open to namespace '{story.namespace}'" in story.message("orders")
            assert tenancy.nothing_sent(made)
            selector = {"matchLabels": {"backup": story.namespace}}
            tenancy.permit(allowedNamespaces={"from": "Selector", "selector": selector})
            eventually(lambda: story.ready(tenancy.name, kind=KIND)[0] == "True")
            assert story.condition("orders") == ("Unknown", "NamespaceNotAllowed")
            tenancy.label(backup=story.namespace)
            story.wait_for("orders", "Replicating")
            tenancy.label(backup=None)
            held = tenancy.create("later")
            story.wait_for("later", "NamespaceNotAllowed")
            story.wait_for("orders", "AllReplicated")
            assert tenancy.nothing_sent(held)
            tenancy.permit(allowedNamespaces={"from": "All", "selector": None})
            story.wait_for("later", "Replicating")
    finally:
        story.cloud.change(copy_seconds=0)


def test_a_permission_that_is_taken_away_holds_what_is_not_submitted(tenancy: Tenancy) -> None:
    story = tenancy.story
    tenancy.connect(allowedNamespaces={"from": "All"})
    with tenancy.operator():
        story.wait_ready(name=tenancy.name, kind=KIND)
        waiting = tenancy.create("waiting", suspend=True)
        story.wait_for("waiting", "Suspended")
        source = waiting["spec"]["source"]["vaultID"]
        project = story.request("GET", story.connection_path(tenancy.name, kind=KIND))["spec"]["projectID"]
        tenancy.permit(allowedSources=[{"projectID": project, "vaultIDs": [str(uuid.uuid4())]}])
        story.patch("waiting", {"suspend": False})
        story.wait_for("waiting", "SourceNotAllowed")
        assert source in story.message("waiting")
        destination = waiting["spec"]["destination"]
        tenancy.permit(
            allowedSources=[{"projectID": project, "vaultIDs": [source.upper()]}],
            allowedDestinations=[{"region": "region9", "projectID": destination["projectID"]}],
        )
        story.wait_for("waiting", "DestinationNotAllowed")
        assert destination["vaultID"] in story.message("waiting")
        assert tenancy.nothing_sent(waiting)
        tenancy.permit(allowedDestinations=[{key: destination[key] for key in ("region", "projectID")}])
        story.wait_for("waiting", "AllReplicated")


def test_tenants_are_not_told_what_it_lacks(tenancy: Tenancy) -> None:
    story = tenancy.story
    tenancy.connect(allowedNamespaces={"from": "All"}, auth={"token": {"secretRef": {"name": "not-there"}}})
    story.put_secret("not-there", token="a-secret-of-the-tenant-s-own")  # in the wrong namespace
    with tenancy.operator():
        made = tenancy.create("orders")
        story.wait_for("orders", "WaitingForConnection")
        assert "is not ready (SecretNotFound)" in story.message("orders")
        assert tenancy.home not in story.message("orders")
        said = story.wait_ready("SecretNotFound", name=tenancy.name, kind=KIND)
        assert f"Secret 'not-there' in namespace '{tenancy.home}' does not exist" in said
        assert tenancy.nothing_sent(made)


def test_it_is_not_served_where_only_some_namespaces_are_watched(tenancy: Tenancy) -> None:
    story = tenancy.story
    tenancy.connect(allowedNamespaces={"from": "All"})
    with story.operator(OPERATOR_NAMESPACE=tenancy.home):
        made = tenancy.create("orders")
        story.wait_for("orders", "WaitingForConnection")
        assert "CBR_OPERATOR_NAMESPACES" in story.message("orders")
        assert tenancy.nothing_sent(made)
        assert story.logins() == []
