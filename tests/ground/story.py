"""The words in which stories are told: a namespace, vaults in the cloud, the operator, and what kubectl shows."""

import json
import urllib.request
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ground.api_proxy import ApiProxy
from ground.controlplane import ControlPlane
from ground.controlplane.api import ApiError
from ground.operator_process import OperatorProcess, eventually
from ground.simulator import Backup, Call, Login, Simulator, Vault, make_backups

NO_LOOKS = {"POLL_MIN_SECONDS": "3600", "POLL_MAX_SECONDS": "3600"}
"""Settings for a story that ends before the operator looks at what it follows."""
NO_CONCLUSION = {"SETTLE_SECONDS": "3600"}
"""Settings for a story that ends before the operator concludes what became of a call."""

API = "/apis/cbr-operator.io/v1alpha1"
PLURAL = "checkpointreplications"
BY_HAND = "a-token-of-somebody-else"


class Story:
    """One story. Every token it puts into a Secret is looked for at its end, in all that was written anywhere."""

    def __init__(self, controlplane: ControlPlane, cloud: Simulator, namespace: str, folder: Path) -> None:
        self.controlplane = controlplane
        self.cloud = cloud
        self.namespace = namespace
        self._folder = folder
        self._tokens: list[str] = []
        self._operators: list[OperatorProcess] = []
        self._refused: list[str] = []
        self._made: list[str] = []
        """Paths of what lies in no namespace."""

    # ------------------------------------------------------------------------------------------ the cloud

    def pair(self, *, backups: int | Sequence[Backup] = 3, destinations: int = 1) -> dict[str, Any]:
        """A source vault of its own, and destination vaults in so many regions: ``source`` and ``destination``.

        With more than one destination they are under ``destinations``. ``backups``: so many, or these.
        """
        source = Vault(backups=make_backups(backups) if isinstance(backups, int) else tuple(backups))
        others = [
            Vault(region=f"region{number}", project_id=f"{number:032x}", protect_type="replication")
            for number in range(2, 2 + destinations)
        ]
        self.cloud.add(source, *others)
        places = [_place(each) for each in others]
        chosen = {"destination": places[0]} if destinations == 1 else {"destinations": places}
        return {"source": _place(source), **chosen}

    def call_by_hand(self, source: dict[str, str], destination: dict[str, str]) -> list[str]:
        """Somebody makes the call without the operator; the ids of the records that it begins."""
        fields = {
            "vault_id": source["vaultID"],
            "destination_region": destination["region"],
            "destination_project_id": destination["projectID"],
            "destination_vault_id": destination["vaultID"],
        }
        request = urllib.request.Request(
            f"{self.cloud.url}/v3/{source['projectID']}/checkpoints/replicate",
            data=json.dumps({"replicate": fields}).encode(),
            headers={"X-Auth-Token": BY_HAND, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            begun = json.load(answer)["replication"]["backups"]
        return [each["replication_record_id"] for each in begun]

    def fault(self, vault_id: str, **fault: Any) -> None:
        """Order a fault for the calls on a vault; see ``Simulator.order``."""
        self.cloud.order(vault_id, **fault)

    def release_faults(self) -> None:
        """Let what hangs go on, and forget what was ordered."""
        self.cloud.release()

    def refuse_token(self, token: str) -> None:
        """Let this token have expired."""
        self._refused.append(token)
        self.cloud.refuse_tokens(self._refused)

    def posts(self, vault_id: str) -> list[Call]:
        """The operator's POSTs that came for a vault."""
        return [call for call in self.cloud.received(vault_id) if call.token != BY_HAND]

    def accepted(self, vault_id: str) -> list[Call]:
        """Those that took effect."""
        return [call for call in self.posts(vault_id) if call.accepted]

    def most_at_once(self, vault_id: str) -> int:
        """How many calls on a vault were ever under way at once."""
        return self.cloud.most_at_once(vault_id)

    # ------------------------------------------------------------------------------------------ the operator

    def operator(self, name: str = "operator", **settings: str) -> OperatorProcess:
        """An operator that watches this story's namespace, not started yet."""
        return self._operator(self.controlplane.kubeconfig, name, settings)

    def operator_behind(self, proxy: ApiProxy, /, name: str = "operator", **settings: str) -> OperatorProcess:
        """The same, with a proxy between it and the API server."""
        return self._operator(proxy.kubeconfig, name, settings)

    def _operator(self, kubeconfig: Path, name: str, settings: dict[str, str]) -> OperatorProcess:
        process = OperatorProcess(
            kubeconfig=kubeconfig,
            log=self._folder / f"{name}.log",
            settings={"NAMESPACES": self.namespace, "POLL_MIN_SECONDS": "1", "POLL_MAX_SECONDS": "2", **settings},
        )
        return self.take(process)

    def take(self, process: OperatorProcess) -> OperatorProcess:
        """Have an operator that was made elsewhere belong to this story."""
        self._operators.append(process)
        return process

    def end(self) -> None:
        """Stop what runs, and look for tokens in logs, Events, objects and metrics."""
        self.cloud.release()
        written = [process.probe("metrics")[1] for process in self._operators]
        for process in self._operators:
            process.kill()
            process.records()  # each line of the log is a JSON record
        written += [process.log_text() for process in self._operators]
        paths = [self._path(PLURAL), self._events_path(), self.connection_path("")]
        written += [json.dumps(self.items(path)) for path in paths]
        written += [json.dumps(self.request("GET", path)) for path in self._made]
        for path in self._made:
            self.request("DELETE", path)
        for token in self._tokens:
            for text in written:
                assert token not in text, "a token was written somewhere"

    def forget(self, operator: OperatorProcess) -> None:
        """Its log holds no JSON records: it never started."""
        self._operators.remove(operator)

    # ------------------------------------------------------------------------------------------ the API server

    def _path(self, plural: str, name: str = "") -> str:
        return f"{API}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def _events_path(self) -> str:
        return f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"

    def request(self, method: str, path: str, **options: Any) -> Any:
        """A request as the administrator."""
        return self.controlplane.request(method, path, **options)

    def items(self, path: str) -> list[dict[str, Any]]:
        """All items under a path."""
        found: list[dict[str, Any]] = self.request("GET", path)["items"]
        return found

    def secret(self, name: str = "cbr-token", *, token: str | None = None, key: str = "token") -> str:
        """Create or replace a Secret with a token of this story's own; the token."""
        value = f"tok-{uuid.uuid4().hex}" if token is None else token
        if value.strip():
            self._tokens += [line for line in value.split() if len(line) > 8]
        path = f"/api/v1/namespaces/{self.namespace}/secrets"
        body = {"metadata": {"name": name}, "stringData": {key: value}}
        try:
            self.request("POST", path, body=body)
        except ApiError as error:
            if error.status != 409:
                raise
            self.request("PUT", f"{path}/{name}", body=body)
        return value

    def put_secret(self, name: str, *, namespace: str = "", **data: str) -> None:
        """Create or replace a Secret with these keys; every value is a secret that must not be found anywhere."""
        self._tokens += [each for key, each in data.items() if key != "expiresAt" and len(each) > 8]
        path = f"/api/v1/namespaces/{namespace or self.namespace}/secrets"
        body = {"metadata": {"name": name}, "stringData": data}
        try:
            self.request("POST", path, body=body)
        except ApiError as error:
            if error.status != 409:
                raise
            self.request("PUT", f"{path}/{name}", body=body)

    def user(self, name: str = "dr", *, life: float = 86400.0) -> str:
        """An IAM user of this story's own; its password."""
        password = f"pass-{uuid.uuid4().hex}"
        self.cloud.add_user(name, password, domain=self.namespace, life=life)
        return password

    def logins(self) -> list[Login]:
        """The logins of this story's users."""
        return [each for each in self.cloud.iam.logins if each.domain == self.namespace]

    def connection(self, name: str = "prod", *, kind: str = "CBRConnection", **changes: Any) -> dict[str, Any]:
        """Create or change a connection to the simulated cloud; without ``auth`` it logs in as user dr."""
        password = {"domainName": self.namespace, "userName": "dr", "secretRef": {"name": "cbr"}}
        whole = {
            "endpoint": self.cloud.url,
            "region": "region1",
            "projectID": Vault().project_id,
            "auth": {"password": {"iamEndpoint": self.cloud.url, **password}},
            **changes,
        }
        spec = {key: value for key, value in whole.items() if value is not None}
        body = {"apiVersion": "cbr-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        path = self.connection_path("", kind=kind)
        if kind == "ClusterCBRConnection":
            self._made.append(f"{path}/{name}")
        try:
            made: dict[str, Any] = self.request("POST", path, body=body)
        except ApiError as error:
            if error.status != 409:
                raise
            patch = {"spec": whole}
            made = self.request("PATCH", f"{path}/{name}", body=patch, content_type="application/merge-patch+json")
        return made

    def connection_path(self, name: str, *, kind: str = "CBRConnection") -> str:
        """Where a connection is."""
        if kind == "CBRConnection":
            return self._path("cbrconnections", name)
        return f"{API}/clustercbrconnections" + (f"/{name}" if name else "")

    def ready(self, name: str = "prod", *, kind: str = "CBRConnection") -> tuple[str, str, str]:
        """Status, reason and message of a connection's Ready."""
        body = self.request("GET", self.connection_path(name, kind=kind))
        for each in body.get("status", {}).get("conditions", []):
            if each["type"] == "Ready":
                return each["status"], each["reason"], each["message"]
        return "", "", ""

    def wait_ready(
        self, reason: str = "Valid", *, name: str = "prod", kind: str = "CBRConnection", seconds: float = 60
    ) -> str:
        """Wait until a connection's Ready has this reason; its message."""
        try:
            eventually(lambda: self.ready(name, kind=kind)[1] == reason, seconds=seconds)
        except AssertionError as error:
            logs = "\n".join(process.log_text()[-3000:] for process in self._operators)
            raise AssertionError(f"{name} is {self.ready(name, kind=kind)}, not {reason}:\n{logs}") from error
        return self.ready(name, kind=kind)[2]

    def create_through(
        self, name: str, *, connection: str = "prod", kind: str = "CBRConnection", **changes: Any
    ) -> dict[str, Any]:
        """Create a CheckpointReplication that uses a connection, and has its source's region and project from it."""
        pair = {} if {"source", "destination"} <= set(changes) else self.pair()
        source = changes.pop("source", None) or {"vaultID": pair["source"]["vaultID"]}
        reference = {"kind": kind, "name": connection}
        whole = {**pair, **changes, "source": source}
        return self.create(name, tokenSecretRef=None, endpoint=None, connectionRef=reference, **whole)

    def create(self, name: str, **changes: Any) -> dict[str, Any]:
        """Create a CheckpointReplication from a source vault of its own to a destination of its own."""
        pair = {} if {"source", "destination"} <= set(changes) else self.pair()
        whole = {**pair, "tokenSecretRef": {"name": "cbr-token"}, "endpoint": self.cloud.url, **changes}
        spec = {key: value for key, value in whole.items() if value is not None}
        body = {
            "apiVersion": "cbr-operator.io/v1alpha1",
            "kind": "CheckpointReplication",
            "metadata": {"name": name},
            "spec": spec,
        }
        created: dict[str, Any] = self.request("POST", self._path(PLURAL), body=body)
        return created

    def names(self) -> list[str]:
        """The names of the CheckpointReplications there are."""
        return [each["metadata"]["name"] for each in self.items(self._path(PLURAL))]

    def get(self, name: str) -> dict[str, Any]:
        """The object as it is."""
        found: dict[str, Any] = self.request("GET", self._path(PLURAL, name))
        return found

    def patch(self, name: str, spec: dict[str, Any]) -> None:
        """Change its spec."""
        self.request(
            "PATCH", self._path(PLURAL, name), body={"spec": spec}, content_type="application/merge-patch+json"
        )

    def patch_metadata(self, name: str, metadata: dict[str, Any]) -> None:
        """Change its labels or annotations."""
        self.request(
            "PATCH", self._path(PLURAL, name), body={"metadata": metadata}, content_type="application/merge-patch+json"
        )

    def write_status(self, name: str, status: dict[str, Any]) -> None:
        """Put this in the place of its whole status, as nobody but the operator should."""
        body = {**self.get(name), "status": status}
        self.request("PUT", f"{self._path(PLURAL, name)}/status", body=body)

    def refuse_statuses(self, unless: str) -> None:
        """Have the API server refuse each status in this namespace for which this CEL expression is not true."""
        policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
        bindings = f"{policies.removesuffix('ies')}ybindings"
        rule = {"apiGroups": ["cbr-operator.io"], "apiVersions": ["*"], "operations": ["UPDATE"]}
        rule |= {"resources": [f"{PLURAL}/status"]}
        here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}}}
        policy = {"matchConstraints": {"resourceRules": [rule], **here}, "validations": [{"expression": unless}]}
        binding = {"policyName": self.namespace, "validationActions": ["Deny"]}
        for path, spec in ((policies, policy), (bindings, binding)):
            self.request("POST", path, body={"metadata": {"name": self.namespace}, "spec": spec})
            self._made.append(f"{path}/{self.namespace}")
        self.create("probe", suspend=True)
        eventually(self._refuses_probe)
        self.delete("probe")

    def _refuses_probe(self) -> bool:
        try:
            self.write_status("probe", {"backups": [{}] * 10})
        except ApiError as error:
            return error.status == 422
        return False

    def delete(self, name: str) -> None:
        """Delete it."""
        self.request("DELETE", self._path(PLURAL, name))

    def condition(self, name: str, type_: str = "Succeeded") -> tuple[str, str]:
        """Status and reason of a condition, ``("", "")`` while there is none."""
        found = [each for each in self.conditions(name) if each["type"] == type_]
        return (found[0]["status"], found[0]["reason"]) if found else ("", "")

    def message(self, name: str, type_: str = "Succeeded") -> str:
        """What a condition says."""
        return next((str(each["message"]) for each in self.conditions(name) if each["type"] == type_), "")

    def conditions(self, name: str) -> list[dict[str, Any]]:
        """All conditions."""
        found: list[dict[str, Any]] = self.get(name).get("status", {}).get("conditions", [])
        return found

    def submission(self, name: str) -> dict[str, Any]:
        """status.submission, empty while there is none."""
        found: dict[str, Any] = self.get(name)["status"].get("submission", {})
        return found

    def wait_for(self, name: str, reason: str, *, status: str | None = None, seconds: float = 60) -> None:
        """Wait until Succeeded has this reason, and this status."""

        def reached() -> bool:
            now = self.condition(name)
            return now[1] == reason and status in (None, now[0])

        try:
            eventually(reached, seconds=seconds)
        except AssertionError as error:
            logs = "\n".join(process.log_text()[-3000:] for process in self._operators)
            raise AssertionError(f"{name} is {self.condition(name)}, not {reason}:\n{logs}") from error

    def events(self, name: str) -> list[tuple[str, str]]:
        """Type and reason of the Events about an object."""
        return [
            (each["type"], each["reason"])
            for each in self.items(self._events_path())
            if each["regarding"]["name"] == name
        ]


def _place(vault: Vault) -> dict[str, str]:
    return {"region": vault.region, "projectID": vault.project_id, "vaultID": vault.id}
