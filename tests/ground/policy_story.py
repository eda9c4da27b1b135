"""The words in which stories about cluster policies are told: namespaces of the story's own, and policies for them."""

import uuid
from typing import Any

from ground.controlplane.api import ApiError
from ground.operator_process import OperatorProcess, eventually
from ground.policies import schedule_spec
from ground.schedule_story import MERGE, NEVER, Schedules
from ground.story import API, Story

PLURAL = "clustercheckpointreplicationpolicies"
PAIRS = "cbr-operator.io/vault-pairs"


class Policies:
    """Policies and namespaces that carry a label of this story's own, so that no other story's are touched."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.label = f"story-{uuid.uuid4().hex[:8]}"
        self.name = f"p-{uuid.uuid4().hex[:8]}"
        self._namespaces: list[str] = []
        self._policies: list[str] = []

    def operator(self, name: str = "operator", **settings: str) -> OperatorProcess:
        """An operator that watches every namespace."""
        return self.story.operator(name, NAMESPACES="", **settings)

    def pair_line(self) -> str:
        """A line of the annotation, for two vaults of its own."""
        pair = self.story.pair()
        return f"{pair['source']['vaultID']}={pair['destination']['vaultID']}"

    def namespace(self, *lines: str, selected: bool = True) -> str:
        """A namespace that names these pairs."""
        name = f"{self.label}-{len(self._namespaces)}"
        labels = {"story": self.label} if selected else {}
        metadata = {"name": name, "labels": labels, "annotations": {PAIRS: "\n".join(lines)}}
        self.story.request("POST", "/api/v1/namespaces", body={"metadata": metadata})
        self._namespaces.append(name)
        return name

    def patch_namespace(self, name: str, **metadata: Any) -> None:
        self.story.request("PATCH", f"/api/v1/namespaces/{name}", body={"metadata": metadata}, content_type=MERGE)

    def template(self, *, through: str = "", **changes: Any) -> dict[str, Any]:
        """A Schedule that never runs by itself; ``through`` a cluster connection, or else with the token there is."""
        places = {
            where: {key: value for key, value in place.items() if key != "vaultID"}
            for where, place in self.story.pair().items()
        }
        replication: dict[str, Any] = {
            **places,
            "tokenSecretRef": {"name": "cbr-token"},
            "endpoint": self.story.cloud.url,
        }
        if through:
            connection = {"kind": "ClusterCBRConnection", "name": through}
            replication = {"destination": places["destination"], "connectionRef": connection}
        return schedule_spec(schedule=NEVER, replicationTemplate={"spec": replication}, **changes)

    def create(self, name: str = "", *, targets: list[str] | None = None, **template: Any) -> str:
        """A policy for the story's namespaces; its name."""
        name = name or self.name
        spec: dict[str, Any] = {
            "namespaceSelectors": [{"matchLabels": {"story": self.label}}],
            "scheduleTemplate": {"metadata": {"labels": {"team": "dr"}}, "spec": self.template(**template)},
        }
        if targets:
            halves = [line.split("=") for line in targets]
            spec["targets"] = [{"sourceVaultID": one, "destinationVaultID": other} for one, other in halves]
        body = {
            "apiVersion": "cbr-operator.io/v1alpha1",
            "kind": "ClusterCheckpointReplicationPolicy",
            "metadata": {"name": name},
            "spec": spec,
        }
        self.story.request("POST", f"{API}/{PLURAL}", body=body)
        self._policies.append(name)
        return name

    def patch(self, spec: dict[str, Any], name: str = "") -> None:
        self.story.request("PATCH", f"{API}/{PLURAL}/{name or self.name}", body={"spec": spec}, content_type=MERGE)

    def delete(self, name: str = "") -> None:
        self.story.request("DELETE", f"{API}/{PLURAL}/{name or self.name}")
        self._policies.remove(name or self.name)

    def status(self, name: str = "") -> dict[str, Any]:
        found: dict[str, Any] = self.story.request("GET", f"{API}/{PLURAL}/{name or self.name}")["status"]
        return found

    def counts(self, name: str = "") -> dict[str, int]:
        """How many namespaces there are, empty while the status does not say."""
        found: dict[str, int] = self.status(name).get("namespaces", {})
        return found

    def failures(self, name: str = "") -> list[tuple[str, str]]:
        """Namespace and reason of each failure."""
        return [(each["namespace"], each["reason"]) for each in self.status(name).get("failed", [])]

    def schedules(self, namespace: str) -> list[dict[str, Any]]:
        return self.story.items(Schedules(self.story, namespace).path())

    def wait_for_schedules(self, namespace: str, count: int) -> list[dict[str, Any]]:
        """Wait until there are exactly so many."""
        eventually(lambda: len(self.schedules(namespace)) == count, what=f"{count} Schedules in {namespace}")
        return self.schedules(namespace)

    def end(self) -> None:
        """Remove everything; without kube-controller-manager a namespace keeps what is in it."""
        for name in list(self._policies):
            self.delete(name)
        for namespace in self._namespaces:
            for plural in ("checkpointreplicationschedules", "checkpointreplications"):
                self.story.request("DELETE", f"{API}/namespaces/{namespace}/{plural}")
            self._delete_namespace(namespace)

    def _delete_namespace(self, name: str) -> None:
        try:
            self.story.request("DELETE", f"/api/v1/namespaces/{name}")
        except ApiError as error:
            if error.status not in (404, 409):
                raise
