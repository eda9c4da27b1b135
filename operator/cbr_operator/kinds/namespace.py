"""Namespaces, of which only the labels matter here."""

from cbr_operator.kinds.common import ResourceKind

NAMESPACES = ResourceKind(kind="Namespace", plural="namespaces", namespaced=False, group="", version="v1")
