"""A real Kubernetes control plane on loopback: etcd, kube-apiserver and, on request, kube-controller-manager."""

from ground.controlplane.api import Api, ApiError
from ground.controlplane.assets import CONTROL_PLANE, HELM, NODE, PROGRAMS, AssetsError, Program, ensure_assets
from ground.controlplane.controlplane import ControlPlane, ControlPlaneError
from ground.controlplane.kubectl import KubectlError
from ground.controlplane.processes import Child, ChildError

__all__ = [
    "CONTROL_PLANE",
    "HELM",
    "NODE",
    "PROGRAMS",
    "Api",
    "ApiError",
    "AssetsError",
    "Child",
    "ChildError",
    "ControlPlane",
    "ControlPlaneError",
    "KubectlError",
    "Program",
    "ensure_assets",
]
