"""The control plane that a real node belongs to: Node authorization, a scheduler, Services inside 127.0.0.0/8.

The Services' range is one of loopback's, and its first address, which is that of the Service ``kubernetes``, is the
API server's own. So a Pod on the host's network reaches it through KUBERNETES_SERVICE_HOST, without kube-proxy and
without DNS. The Service's port is always 443, so each cluster on a machine takes a range of its own.
"""

import json
import secrets
import socket
import subprocess
from pathlib import Path

from ground.controlplane import ControlPlane, ControlPlaneError
from ground.controlplane.controlplane import CONTROLLERS

RANGES = [f"127.{number}.0" for number in range(128, 160)]
NODE_NAME = "127.0.0.1"
_KUBELET_CLIENT = "kubelet-client"
_OTHERS = {
    "kubelet": f'system:node:{NODE_NAME},kubelet,"system:nodes"',
    "kube-scheduler": "system:kube-scheduler,scheduler,",
}


class NodeControlPlane(ControlPlane):
    """A control plane whose API server stands at the Service ``kubernetes``' own address, with what runs Pods."""

    port = 443
    controllers = (
        *CONTROLLERS,
        "deployment-controller",
        "disruption-controller",
        "endpointslice-controller",
        "node-lifecycle-controller",  # it takes the taint of a node that is not ready away
        "pod-garbage-collector-controller",
        "replicaset-controller",
    )
    apiserver_arguments = (
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--kubelet-client-certificate={_KUBELET_CLIENT}.crt",
        f"--kubelet-client-key={_KUBELET_CLIENT}.key",
        "--kubelet-preferred-address-types=InternalIP",
    )
    # A controller acts as its own ServiceAccount, as in a real cluster.
    controller_manager_arguments = (
        "--use-service-account-credentials=true",
        "--service-account-private-key-file=serviceaccounts.key",
    )

    @property
    def kubelet_client_certificate(self) -> Path:
        """What the API server shows the kubelet, for logs and exec; it is its own authority."""
        return self.directory / f"{_KUBELET_CLIENT}.crt"

    def kubeconfig_of(self, name: str) -> Path:
        """The kubeconfig of ``kubelet`` or ``kube-scheduler``."""
        return self.directory / f"{name}.kubeconfig"

    def _prepare(self) -> None:
        free = next((each for each in RANGES if _is_free(f"{each}.1", self.port)), None)
        if free is None:
            raise ControlPlaneError(f"port {self.port} is taken on every address from {RANGES[0]}.1 to {RANGES[-1]}.1")
        self.address, self.service_range = f"{free}.1", f"{free}.0/16"
        super()._prepare()
        with (self.directory / "tokens.csv").open("a", encoding="utf-8") as users:
            for name, user in _OTHERS.items():
                token = secrets.token_urlsafe(24)
                users.write(f"{token},{user}\n")
                self._write(self.kubeconfig_of(name).name, json.dumps(self.api(token=token).kubeconfig()))
        self._make_kubelet_client_certificate()

    def _make_kubelet_client_certificate(self) -> None:
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        names = f"-subj /O=system:masters/CN={_KUBELET_CLIENT} -addext extendedKeyUsage=clientAuth"
        files = f"-keyout {_KUBELET_CLIENT}.key -out {_KUBELET_CLIENT}.crt"
        words = [*command.split(), *names.split(), *files.split()]
        subprocess.run(words, cwd=self.directory, check=True, capture_output=True)

    def start_scheduler(self) -> None:
        """Start kube-scheduler; nobody waits for it, a Pod does."""
        kubeconfig = self.kubeconfig_of("kube-scheduler")
        self._run("kube-scheduler", f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0")


def _is_free(address: str, port: int) -> bool:
    # Without SO_REUSEPORT, with which the port is reserved afterwards: it would be shared with another of our clusters.
    with socket.socket() as trial:
        try:
            trial.bind((address, port))
        except OSError:
            return False
        return True
