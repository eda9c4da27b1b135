"""A Kubernetes control plane as child processes, on loopback, with a data directory of its own."""

import json
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ground.controlplane import kubectl
from ground.controlplane.api import Api, ApiError
from ground.controlplane.assets import ensure_assets
from ground.controlplane.keys import new_private_key
from ground.controlplane.processes import Child

ETCD_SOCKET = "etcd.sock"  # in the data directory, the working directory of all: sockets' paths must be short
ADMIN = "admin"
# Those whose work a test, the chart or a person looks at. The rest would only cost memory and CPU.
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
)


# What ServiceAccounts ask for, so that a test can see which of their rights are used.
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
}


class ControlPlaneError(RuntimeError):
    """A program of the control plane did not come up; the message ends with the tail of its log."""


class ControlPlane:
    """etcd and kube-apiserver, real ones: RBAC, ServiceAccount tokens, CEL and admission are Kubernetes' own.

    A context manager. Everything ends, and the data directory goes, with the process that started it, also when
    that is killed.

    Args:
        controller_manager: Start kube-controller-manager as well: namespaces and owned objects really go,
            ServiceAccounts named ``default`` appear, aggregated ClusterRoles are filled.
        deadline: Seconds a program may take until it is ready.

    """

    assets: Path
    """The folder of the programs."""
    directory: Path
    """The data directory; logs are in it as ``<program>.log``."""
    url: str
    ca_file: Path
    """Trusts the API server's certificate."""
    admin_token: str
    """Of a user in ``system:masters``."""
    kubeconfig: Path
    """The administrator's."""

    # What is different when Pods run on it: see ground.node.
    address = "127.0.0.1"
    port = 0  # a free one
    service_range = "10.0.0.0/24"
    controllers: tuple[str, ...] = CONTROLLERS
    apiserver_arguments: tuple[str, ...] = ("--authorization-mode=RBAC",)
    controller_manager_arguments: tuple[str, ...] = ()

    def __init__(self, *, controller_manager: bool = False, deadline: float = 120) -> None:
        self._wants_controller_manager = controller_manager
        self._deadline = deadline
        self._children: dict[str, Child] = {}
        self._reservation: socket.socket | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Bring it up and wait until it is ready.

        Raises:
            AssetsError: The programs can neither be found nor built.
            ControlPlaneError: A program did not come up.

        """
        self.assets = ensure_assets()
        self.directory = Path(tempfile.mkdtemp(prefix="cbr-controlplane-"))
        try:
            self._start_etcd()
            self._prepare()
            self.start_apiserver()
            if self._wants_controller_manager:
                self.start_controller_manager()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything and remove the data directory. Nothing in it is worth an orderly end."""
        for child in reversed(self._children.values()):
            child.kill()
        self._children.clear()
        if self._reservation:
            self._reservation.close()
            self._reservation = None
        if self.directory.exists():
            shutil.rmtree(self.directory)

    def ended(self) -> str | None:
        """The name of a program that ended by itself, if there is one."""
        return next((name for name, child in self._children.items() if child.poll() is not None), None)

    # ------------------------------------------------------------------------------------------ the programs

    def _start_etcd(self) -> None:
        client, peer = f"unix://{ETCD_SOCKET}", "unix://peer.sock"
        self._run(
            "etcd",
            "--name=ground",
            "--data-dir=etcd",
            "--unsafe-no-fsync",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=ground={peer}",
        )
        self._wait("etcd", (self.directory / ETCD_SOCKET).exists)

    def _prepare(self) -> None:
        # Bound but not listening, and shared with kube-apiserver: nobody else can get the port, not even while
        # kube-apiserver is down, and until it listens connections are refused.
        self._reservation = socket.socket()
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._reservation.bind((self.address, self.port))
        self.url = f"https://{self.address}:{self._reservation.getsockname()[1]}"
        self.admin_token = secrets.token_urlsafe(24)
        self.ca_file = self.directory / "certificates" / "apiserver.crt"  # kube-apiserver writes it, its CA included
        self._write("tokens.csv", f'{self.admin_token},{ADMIN},{ADMIN},"system:masters"\n')
        self._write("serviceaccounts.key", new_private_key())
        self._write("audit-policy.json", json.dumps(AUDIT_POLICY))
        self.kubeconfig = self._write("admin.kubeconfig", json.dumps(self.api().kubeconfig()))

    def start_apiserver(self) -> None:
        """Start kube-apiserver and wait until it is ready: at the first start and after ``stop_apiserver``.

        Raises:
            ControlPlaneError: It did not come up.

        """
        self._run(
            "kube-apiserver",
            f"--etcd-servers=unix://{ETCD_SOCKET}",
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            "--endpoint-reconciler-type=none",  # it would refuse a loopback address
            f"--secure-port={self.url.rpartition(':')[2]}",
            "--permit-port-sharing",
            f"--cert-dir={self.ca_file.parent}",
            "--token-auth-file=tokens.csv",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=serviceaccounts.key",
            "--service-account-signing-key-file=serviceaccounts.key",
            f"--service-cluster-ip-range={self.service_range}",
            "--audit-policy-file=audit-policy.json",
            "--audit-log-path=audit.log",
            *self.apiserver_arguments,
        )
        self._wait("kube-apiserver", self._is_ready)

    def stop_apiserver(self, *, kill: bool = False) -> None:
        """End kube-apiserver, in order or at once; its port stays reserved and its data stay."""
        child = self._children.pop("kube-apiserver")
        if kill:
            child.kill()
        else:
            child.stop(grace=self._deadline)

    def restart_apiserver(self, *, kill: bool = False) -> None:
        """Stop kube-apiserver and start it again on the same port with the same data."""
        self.stop_apiserver(kill=kill)
        self.start_apiserver()

    def start_controller_manager(self) -> None:
        """Start kube-controller-manager and wait until its controllers work; nothing happens when it runs already.

        Raises:
            ControlPlaneError: It did not come up.

        """
        if "kube-controller-manager" in self._children:
            return
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--root-ca-file={self.ca_file}",
            f"--controllers={','.join(self.controllers)}",
            "--leader-elect=false",
            "--secure-port=0",
            *self.controller_manager_arguments,
        )
        self._wait("kube-controller-manager", lambda: self._exists("namespaces/default/serviceaccounts/default"))

    def _run(self, name: str, *arguments: str) -> None:
        if predecessor := self._children.pop(name, None):
            predecessor.kill()
        self._children[name] = Child(
            [self.assets / name, *arguments],
            log=self.directory / f"{name}.log",
            cwd=self.directory,
            remove=self.directory,
        )

    def _wait(self, name: str, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self._deadline
        while not is_ready():
            code = self._children[name].poll()
            late = time.monotonic() > deadline
            if code is not None or late:
                what = f"ended with {code}" if code is not None else f"was not ready after {self._deadline:.0f} s"
                raise ControlPlaneError(f"{name} {what}:\n{self._children[name].log_tail()}")
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        with suppress(ApiError, OSError):  # no certificate yet, no listener yet, or not ready yet
            return self.request("GET", "/readyz") == "ok" and self._exists("namespaces/default")
        return False

    def _exists(self, path: str) -> bool:
        try:
            self.request("GET", f"/api/v1/{path}")
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def _write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return path

    # ------------------------------------------------------------------------------------------ its clients

    def api(self, *, token: str | None = None) -> Api:
        """The API server for plain requests, as the administrator or whoever the token is of."""
        return Api(url=self.url, ca_file=self.ca_file, token=token or self.admin_token)

    def request(self, method: str, path: str, **options: Any) -> Any:
        """One request as the administrator; see ``Api.request``."""
        return self.api().request(method, path, **options)

    def audited(self, service_account: str, *, namespace: str) -> list[dict[str, Any]]:
        """What a ServiceAccount has asked for until now, as audit events (audit.k8s.io/v1), oldest first."""
        user = f"system:serviceaccount:{namespace}:{service_account}"
        with (self.directory / "audit.log").open(encoding="utf-8") as lines:
            events = [json.loads(line) for line in lines if user in line]
        return [event for event in events if event["user"]["username"] == user]

    def kubectl_environment(self, kubeconfig: Path | None = None) -> dict[str, str]:
        """The environment for a kubectl that is started otherwise than by ``kubectl``, e.g. to watch."""
        return kubectl.environment(kubeconfig or self.kubeconfig, cache=self.directory / "kubectl-cache")

    def kubectl(
        self,
        *arguments: str | Path,
        input: str | None = None,  # noqa: A002 - the name that subprocess.run gives it
        check: bool = True,
        kubeconfig: Path | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl and return what it said.

        Args:
            *arguments: As on the command line.
            input: Its standard input, e.g. a manifest for ``apply -f -``.
            check: Raise when it fails.
            kubeconfig: Somebody else's than the administrator's.
            timeout: In seconds.

        Raises:
            KubectlError: It failed, and ``check`` is set.

        """
        return kubectl.run(
            [self.assets / "kubectl", *arguments],
            environ=self.kubectl_environment(kubeconfig),
            stdin=input or "",
            check=check,
            timeout=timeout,
        )

    def service_account_kubeconfig(self, name: str, *, namespace: str, seconds: int = 3600) -> Path:
        """Write a kubeconfig that holds a token of an existing ServiceAccount, valid for so many seconds.

        Raises:
            ApiError: There is no such ServiceAccount.

        """
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = self.request("POST", path, body={"spec": {"expirationSeconds": seconds}})
        api = self.api(token=answer["status"]["token"])
        return self._write(f"{namespace}-{name}.kubeconfig", json.dumps(api.kubeconfig(namespace=namespace)))
