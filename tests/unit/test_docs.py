"""The pages about the kinds name every field and every reason."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cbr_operator.kinds.crd import all_crds
from cbr_operator.kinds.reasons import ALLOWED, ConditionType

PAGES = Path(__file__).parents[2] / "docs" / "kinds"
READY = {ConditionType.READY}
KINDS = {"CBRConnection": READY, "ClusterCBRConnection": READY, "CheckpointReplication": set(ALLOWED) - READY}
PARTS = ("type", "status", "reason", "message", "lastTransitionTime")  # of every condition, as Kubernetes has them


def names(schema: dict[str, Any]) -> Iterator[str]:
    for name, inner in schema.get("properties", {}).items():
        yield name
        yield from names(inner)
    if "items" in schema:
        yield from names(schema["items"])


def page(kind: str) -> str:
    return (PAGES / f"{kind.lower()}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_named(kind: str) -> None:
    [crd] = [each for each in all_crds() if each["spec"]["names"]["kind"] == kind]
    parts = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    own = {name for part in ("spec", "status") for name in names(parts[part])} - set(PARTS)
    shared = page("CBRConnection") if kind == "ClusterCBRConnection" else ""
    assert [name for name in sorted(own) if name not in page(kind) + shared] == []


@pytest.mark.parametrize(("kind", "types"), KINDS.items())
def test_every_reason_is_named(kind: str, types: set[ConditionType]) -> None:
    reasons = {reason for type_ in types for found in ALLOWED[type_].values() for reason in found}
    assert [reason for reason in sorted(reasons) if reason not in page(kind)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_an_example_of_each_way_to_authenticate(kind: str) -> None:
    access_key = "access key" if kind == "CheckpointReplication" else "accessKey"
    assert "```yaml" in page(kind)
    assert all(way in page(kind) for way in ("password", access_key, "token"))
    assert "cbr:vaults:replicate" in page(kind) or "cbrconnection.md#the-narrowest-permissions" in page(kind)
