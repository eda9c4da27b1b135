"""A real one-node Kubernetes cluster on this machine: control plane, kubelet, containerd, and the image to run on it."""

from ground.node.node import Node, NodeError

__all__ = ["Node", "NodeError"]
