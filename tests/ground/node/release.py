"""The chart installed on a real node, and what one sees of its Pod from outside."""

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from ground.helm import CHART, NAMESPACE, RELEASE, Helm
from ground.node.image import NAME
from ground.node.node import Node
from ground.operator_process import eventually

POD_SECONDS = 90.0

Json = dict[str, Any]


class Release:
    """A release of the chart with the image that was built, one replica on the node's network.

    One, for there is one node, and on its network two Pods of a Deployment would want the same port. (Two replicas
    and their Lease are told of in the stories.)
    """

    def __init__(self, node: Node, folder: Path) -> None:
        self._node = node
        self._plane = node.plane
        self._helm = Helm(folder, node.plane.kubeconfig)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self._port = int(taken.getsockname()[1])

    def values(self, *, tag: str = "latest") -> Json:
        """What is different from the chart's own values: where it runs, and how patient it is."""
        return {
            "image": {"repository": NAME, "tag": tag, "pullPolicy": "Never"},
            "replicaCount": 1,
            "hostNetwork": True,
            "settings": {
                "allowedEndpoints": ["http://127.0.0.1:*"],
                "httpHost": "127.0.0.1",
                "httpPort": self._port,
                "leaseDurationSeconds": 5,
                "requestTimeoutSeconds": 10,
                "settleSeconds": 8,
                "pollMinSeconds": 1,
                "pollMaxSeconds": 2,
            },
            "livenessProbe": {"periodSeconds": 2, "failureThreshold": 2},
            "startupProbe": {"periodSeconds": 1},
            "readinessProbe": {"periodSeconds": 1},
        }

    def install(self, *, chart: Path = CHART, tag: str = "latest") -> str:
        """``helm upgrade --install --wait``; what Helm said."""
        words = ("upgrade", "--install", RELEASE, chart, "--namespace", NAMESPACE, "--create-namespace")
        try:
            return self._helm.run(*words, "--wait", "--timeout=100s", values=self.values(tag=tag), seconds=150)
        except RuntimeError as error:
            raise AssertionError(f"{error}\n{self.describe()}") from error

    def uninstall(self) -> str:
        """``helm uninstall``, and its Pods' end; what Helm said."""
        said = self._helm.run("uninstall", RELEASE, "--namespace", NAMESPACE)
        eventually(lambda: not self.pods(), seconds=POD_SECONDS, what="the Pods are gone")
        return said

    def history(self) -> list[Json]:
        """The release's revisions, the newest last."""
        found: list[Json] = json.loads(self._helm.run("history", RELEASE, "--namespace", NAMESPACE, "--output=json"))
        return found

    def restart(self) -> None:
        """``kubectl rollout restart``, and wait until it is through."""
        self.kubectl("rollout", "restart", f"deployment/{RELEASE}")
        self.kubectl("rollout", "status", f"deployment/{RELEASE}", f"--timeout={POD_SECONDS:.0f}s")

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the release's namespace; what it said."""
        return self._plane.kubectl("--namespace", NAMESPACE, *arguments).stdout

    def describe(self) -> str:
        """What a person would look at when something is wrong."""
        words = [("describe", "pods"), ("logs", f"deployment/{RELEASE}", "--tail=30")]
        return "\n".join(self._plane.kubectl("--namespace", NAMESPACE, *each, check=False).stdout for each in words)

    # ------------------------------------------------------------------------------------------ the Pod

    def pods(self) -> list[Json]:
        """The Pods, those that are leaving included."""
        found: list[Json] = self._plane.request("GET", f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]
        return found

    def pod(self) -> Json:
        """The one Pod that is not leaving."""
        (found,) = [each for each in self.pods() if "deletionTimestamp" not in each["metadata"]]
        return found

    def container(self) -> Json:
        """The status of its container."""
        found: Json = self.pod()["status"]["containerStatuses"][0]
        return found

    def container_id(self) -> str:
        """The running container's id, as containerd knows it."""
        return str(self.container()["containerID"]).rpartition("/")[2]

    def wait_for_restart(self) -> Json:
        """Wait until its container has been restarted for the first time and is ready again; how the last one ended."""

        def restarted() -> bool:
            now = self.container()
            return bool(now["restartCount"] and now["ready"])

        eventually(restarted, seconds=POD_SECONDS, what="the container is restarted and ready")
        ended: Json = self.container()["lastState"]["terminated"]
        return ended

    def main_process(self) -> int:
        """The container's first process, by its pid on this machine."""
        return self._node.processes(self.container_id())[0]

    def logs(self, *options: str) -> list[str]:
        """The lines of ``kubectl logs``."""
        return self.kubectl("logs", self.pod()["metadata"]["name"], *options).splitlines()

    def kills(self) -> list[str]:
        """Why kubelet ended containers of the Pod, in its own words."""
        found = self._plane.request("GET", f"/api/v1/namespaces/{NAMESPACE}/events")["items"]
        pod = self.pod()["metadata"]["uid"]
        about = [each for each in found if each["involvedObject"]["uid"] == pod and each["reason"] == "Killing"]
        return [each["message"] for each in about]

    def probe(self, path: str) -> tuple[int, str]:
        """Status and body of /livez, /readyz or /metrics; status 0 while nothing listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""
