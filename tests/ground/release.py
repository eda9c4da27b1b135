"""The chart as installed on an API server, and the operator run as its Deployment says, without a node."""

from pathlib import Path
from typing import Any

from ground.controlplane import ControlPlane
from ground.helm import CHART, Helm, Json, Values
from ground.operator_process import OperatorProcess

PREFIX = "CBR_OPERATOR_"
LOCAL: Json = {
    "crds": {"enabled": False},  # the session's API server has them
    "settings": {"allowedEndpoints": ["http://127.0.0.1:*"], "pollMinSeconds": 1, "pollMaxSeconds": 2},
}
"""Values for an operator on this machine."""


class Release:
    """One release in a namespace of its own. Its name is the namespace's, so that nothing of two is named alike."""

    def __init__(self, plane: ControlPlane, folder: Path, namespace: str) -> None:
        self._plane = plane
        self._folder = folder
        self.name = self.namespace = namespace
        self.helm = Helm(folder, plane.kubeconfig)

    def install(self, values: Values | None = None, *, chart: Path = CHART) -> str:
        """Install it, or upgrade it if it is there; what Helm says, with the notes."""
        command = ("upgrade", "--install", self.name, chart, "--namespace", self.namespace)
        return self.helm.run(*command, values={"fullnameOverride": self.name, **(values or {})})

    def uninstall(self) -> str:
        """Uninstall it; what Helm says, with the list of what stays."""
        return self.helm.run("uninstall", self.name, "--namespace", self.namespace)

    def deployment(self) -> Json:
        """Its Deployment, as the API server has it."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{self.name}"
        found: Json = self._plane.request("GET", path)
        return found

    def pod(self, name: str) -> Json:
        """A Pod as the Deployment's controllers would create it."""
        template = self.deployment()["spec"]["template"]
        metadata = {key: template["metadata"][key] for key in ("labels", "annotations") if key in template["metadata"]}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}, "spec": template["spec"]}

    @property
    def service_account(self) -> str:
        """The name of the ServiceAccount that the Pods run as."""
        return str(self.deployment()["spec"]["template"]["spec"]["serviceAccountName"])

    def operator(self, name: str = "operator", **settings: str) -> OperatorProcess:
        """The operator with the environment and the ServiceAccount of the Pod template, not started yet.

        A Pod has an address of its own; here the port is any that is free. ``settings`` replace the template's.
        """
        [container] = self.deployment()["spec"]["template"]["spec"]["containers"]
        assert container["args"] == ["run"]
        account = self.service_account
        return OperatorProcess(
            kubeconfig=self._plane.service_account_kubeconfig(account, namespace=self.namespace),
            log=self._folder / f"{name}.log",
            settings={**self._settings(container["env"]), "HTTP_PORT": "0", **settings},
        )

    def _settings(self, environment: list[dict[str, Any]]) -> dict[str, str]:
        known = {"metadata.namespace": self.namespace}
        return {
            each["name"].removeprefix(PREFIX): each["value"]
            if "value" in each
            else known[each["valueFrom"]["fieldRef"]["fieldPath"]]
            for each in environment
            if each["name"].startswith(PREFIX)
        }
