"""The control plane that a real node belongs to: Node authorization, a scheduler, Services inside 127.0.0.0/8."""

import json
import secrets
import subprocess
from pathlib import Path

from ground.controlplane import ControlPlane, ControlPlaneError
from ground.controlplane.controlplane import CONTROLLERS

ADDRESS = "127.128.0.1"
"""The first address of the Services' range, and so that of the Service ``kubernetes``: it is the API server itself.

A Pod on the host's network reaches it there, through KUBERNETES_SERVICE_HOST, without kube-proxy and without DNS.
"""
NODE_NAME = "127.0.0.1"
_KUBELET_CLIENT = "kubelet-client"
_OTHERS = {
    "kubelet": f'system:node:{NODE_NAME},kubelet,"system:nodes"',
    "kube-scheduler": "system:kube-scheduler,scheduler,",
}


class NodeControlPlane(ControlPlane):
    """A control plane whose API server stands at the Service ``kubernetes``' own address, with what runs Pods.

    Only one can run on a machine, for that Service's port is always 443.
    """

    address = ADDRESS
    port = 443
    service_range = f"{ADDRESS.rpartition('.')[0]}.0/16"
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
        try:
            super()._prepare()
        except OSError as error:
            raise ControlPlaneError(
                f"{ADDRESS} port {self.port} cannot be listened on ({error.strerror}): "
                "another real node, or a server on all addresses, is in the way"
            ) from error
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
