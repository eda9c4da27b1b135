"""A real Kubernetes node on this machine: kubelet and containerd, in namespaces of their own, on loopback alone."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ground.controlplane import NODE, PROGRAMS, ChildError, ensure_assets
from ground.controlplane.supervisor import remove
from ground.node import keeper
from ground.node.controlplane import NODE_NAME, NodeControlPlane
from ground.node.prerequisites import CNI_PLUGINS

ROOT = Path(__file__).parents[2]
READY_SECONDS = 120.0
PAUSE_IMAGE = "localhost/pause:1"

_CONTAINERD = """
version = 2
root = "{directory}/containerd/root"
state = "{directory}/containerd/state"
[grpc]
  address = "{directory}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{directory}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  stream_server_address = "127.0.0.1"
  # Lowering a score needs a capability that root lacks in many a container or virtual machine.
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{plugins}"
  conf_dir = "{directory}/cni"
"""
# Pods are on the host's network; without any network at all, though, the node would not be ready.
_CNI = {"cniVersion": "0.4.0", "name": "loopback", "plugins": [{"type": "loopback"}]}


class NodeError(RuntimeError):
    """The node did not come up; the message ends with the tails of its logs."""


class Node:
    """A control plane and the one node in it; a context manager.

    Nothing of it outlives the process that started it, and the machine's files, mounts and settings are not
    touched: see keeper.py and inside.py. Needs root and what prerequisites.py names.
    """

    plane: NodeControlPlane
    assets: Path
    """The folder of the programs."""
    directory: Path
    """Of kubelet and containerd; logs are in it as ``<program>.log``."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._keeper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Bring it up and wait until the node is ready.

        Raises:
            AssetsError: The programs can neither be found nor built.
            ControlPlaneError: The control plane did not come up.
            NodeError: The node did not.

        """
        self.assets = ensure_assets((*PROGRAMS, *NODE))
        try:
            self.plane = self._stack.enter_context(NodeControlPlane(controller_manager=True))
            self.plane.start_scheduler()
            self.directory = Path(tempfile.mkdtemp(prefix="cbr-node-"))
            self._cgroup = self.directory.name
            self._configure()
            self._keep()
            self._wait("the node is ready", self._is_ready)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything and leave the machine as it was."""
        if self._keeper is not None:
            assert self._keeper.stdin is not None
            self._keeper.stdin.close()
            if self._keeper.wait() != 0:  # it was killed, or something was still busy
                keeper.remove_cgroup(self._cgroup)
                remove(str(self.directory))
            self._keeper = None
        self._stack.close()

    def ended(self) -> str | None:
        """The name of a program that ended by itself, if there is one."""
        if self._keeper is not None and self._keeper.poll() is not None:
            return "the node"
        return self.plane.ended()

    # ------------------------------------------------------------------------------------------ the programs

    def _configure(self) -> None:
        settings = {"directory": self.directory, "pause": PAUSE_IMAGE, "plugins": CNI_PLUGINS}
        self._write("containerd.toml", _CONTAINERD.format(**settings))
        (self.directory / "cni").mkdir()
        self._write("cni/10-loopback.conflist", json.dumps(_CNI))
        self._write("kubelet.json", json.dumps(self._kubelet_settings()))
        command = [
            self.assets / "kubelet",
            "--config=kubelet.json",
            f"--kubeconfig={self.plane.kubeconfig_of('kubelet')}",
            f"--root-dir={self.directory / 'kubelet'}",
            "--cert-dir=certificates",
            f"--hostname-override={NODE_NAME}",
        ]
        self._write("kubelet.command", "\n".join(map(str, command)))

    def _kubelet_settings(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": "127.0.0.1",
            "port": _free_port(),
            "healthzPort": 0,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.plane.kubelet_client_certificate)},
            },
            "authorization": {"mode": "Webhook"},
            "containerRuntimeEndpoint": f"unix://{self.directory / 'containerd.sock'}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._cgroup}",
            "enforceNodeAllocatable": ["pods"],
            "failCgroupV1": False,
            "failSwapOn": False,
            "makeIPTablesUtilChains": False,
            "podLogsDir": str(self.directory / "pods"),
            "volumePluginDir": str(self.directory / "plugins"),
            # The machine may be rather full: that is not what is tested.
            "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
        }

    def _write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text, encoding="utf-8")

    def _keep(self) -> None:
        with (self.directory / "keeper.log").open("wb") as log:
            self._keeper = subprocess.Popen(
                [sys.executable, "-m", keeper.__name__, self.directory, self._cgroup],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                start_new_session=True,  # Ctrl-C in a terminal is ours to handle, in order
            )
        assert self._keeper.stdout is not None
        with self._keeper.stdout as pipe:
            if not pipe.readline().strip().isdigit():
                raise ChildError(f"the node's keeper did not start:\n{self.logs()}")

    def _is_ready(self) -> bool:
        nodes = self.plane.request("GET", "/api/v1/nodes")["items"]
        conditions = [each for node in nodes for each in node["status"].get("conditions", [])]
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with suppress(OSError):
                if condition():
                    return
            ended = self._keeper is None or self._keeper.poll() is not None
            if ended or time.monotonic() > deadline:
                raise NodeError(f"{what}: not so, the node has {'ended' if ended else 'not come up'}:\n{self.logs()}")
            time.sleep(0.1)

    def logs(self, lines: int = 15) -> str:
        """The tails of the logs of containerd and kubelet."""
        found = sorted(self.directory.glob("*.log"))
        tails = {each.name: each.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:] for each in found}
        return "\n".join(line for name, tail in tails.items() for line in (f"--- {name}", *tail))

    # ------------------------------------------------------------------------------------------ what is on it

    def import_images(self, archive: Path) -> None:
        """Take in the images of an OCI archive, under their names.

        Raises:
            NodeError: containerd refused it.

        """
        address = self.directory / "containerd.sock"
        command = ["ctr", "--address", address, "--namespace=k8s.io", "images", "import", archive]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise NodeError(f"{archive.name} could not be imported: {done.stderr}")

    def tag_image(self, name: str, other: str) -> None:
        """Give an image another name."""
        address = self.directory / "containerd.sock"
        command = ["ctr", "--address", address, "--namespace=k8s.io", "images", "tag", "--force", name, other]
        subprocess.run([*map(str, command)], capture_output=True, check=True)

    def limit_memory(self, container_id: str, size: int) -> bool:
        """Lower a running container's memory limit to so many bytes; False when the kernel could not make it fit."""
        for folder in self.cgroups(container_id):
            for name in ("memory.max", "memory.limit_in_bytes"):  # of cgroup version 2 and 1
                if (folder / name).exists():
                    try:
                        (folder / name).write_text(str(size), encoding="utf-8")
                    except OSError:  # busy: it needs more, and version 1 does not kill for this
                        return False
        return True

    def processes(self, container_id: str) -> list[int]:
        """The processes of a container, by their pids on this machine; its first process comes first."""
        found = {pid for folder in self.cgroups(container_id) for pid in keeper.processes(folder)}
        return sorted(found)

    def cgroups(self, container_id: str) -> list[Path]:
        """The container's cgroup in each hierarchy."""
        return [
            folder
            for root in keeper.hierarchies()
            for folder in keeper.below(root / self._cgroup)
            if folder.name == container_id
        ]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
