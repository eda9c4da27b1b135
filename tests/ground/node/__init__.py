"""A real one-node Kubernetes cluster on this machine: control plane, kubelet, containerd, and the image for it."""

from ground.node.node import Node, NodeError

__all__ = ["Node", "NodeError"]
