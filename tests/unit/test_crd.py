"""The generated CRDs: as checked in, structural, and explained to the last field."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.kinds import reasons
from cbr_operator.kinds.common import comparable_id, json_name
from cbr_operator.kinds.crd import all_crds, render
from cbr_operator.kinds.reasons import ALLOWED, ConditionType, Reason

FOLDER = Path(__file__).parents[2] / "manifests" / "crds"
STRUCTURAL = {
    *("type", "description", "format", "pattern", "enum", "minimum", "maximum", "minLength", "maxLength"),
    *("minItems", "maxItems", "maxProperties", "required", "default", "items", "properties", "additionalProperties"),
}


def test_the_files_are_what_the_models_say() -> None:
    assert {each.name: each.read_text(encoding="utf-8") for each in FOLDER.glob("*.yaml")} == render(), "make crds"


def fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from fields(inner, f"{path}.{name}")
    if "items" in schema:
        yield from fields(schema["items"], f"{path}[]")


CRDS = {crd["spec"]["names"]["kind"]: crd for crd in all_crds()}
every_kind = pytest.mark.parametrize("kind", CRDS)


def part_of(kind: str, part: str) -> dict[str, Any]:
    [version] = CRDS[kind]["spec"]["versions"]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"][part]
    return found


def replication(part: str) -> dict[str, Any]:
    return part_of("CheckpointReplication", part)


@every_kind
def test_every_field_is_described_and_structural(kind: str) -> None:
    for part in ("spec", "status"):
        for path, schema in fields(part_of(kind, part), part):
            assert schema.get("description") or path.endswith("[]"), path
            extensions = {key for key in schema if key.startswith("x-kubernetes-")}
            assert set(schema) <= STRUCTURAL | extensions, path


@every_kind
def test_whatever_a_user_writes_is_bounded(kind: str) -> None:
    for path, schema in fields(part_of(kind, "spec"), "spec"):
        if schema["type"] == "string":
            assert "maxLength" in schema or "enum" in schema, path
        if schema["type"] == "integer":
            assert {"minimum", "maximum"} <= set(schema), path
        if schema["type"] == "array":
            assert "maxItems" in schema, path
        if "additionalProperties" in schema:
            assert "maxProperties" in schema, path


def test_nothing_that_echoes_the_cloud_can_be_refused() -> None:
    for path, schema in fields(replication("status"), "status"):
        own = path.startswith("status.conditions") or path == "status.submission"
        assert own or not {"pattern", "enum", "required", "maxLength", "maximum"} & set(schema), path


@every_kind
def test_only_the_status_as_a_whole_has_a_default(kind: str) -> None:
    defaults = {path for path, schema in fields(part_of(kind, "status"), "status") if "default" in schema}
    assert defaults == {"status"}


def columns(kind: str) -> list[tuple[str, int]]:
    [version] = CRDS[kind]["spec"]["versions"]
    return [(each["name"], each["priority"]) for each in version["additionalPrinterColumns"]]


def test_names_and_scope() -> None:
    specs = {kind: crd["spec"] for kind, crd in CRDS.items()}
    assert {kind: (each["names"]["shortNames"], each["scope"]) for kind, each in specs.items()} == {
        "CheckpointReplication": (["cpr"], "Namespaced"),
        "CBRConnection": (["cbrconn"], "Namespaced"),
        "ClusterCBRConnection": (["ccbrconn"], "Cluster"),
    }
    assert all(each["names"]["categories"] == ["cbr"] for each in specs.values())


def test_columns() -> None:
    assert columns("CheckpointReplication") == [
        *(("Status", 0), ("Destination", 0), ("Backups", 0), ("Age", 0)),
        *(("Vault", 1), ("Message", 1)),
    ]
    for kind in ("CBRConnection", "ClusterCBRConnection"):
        assert columns(kind) == [
            *(("Ready", 0), ("Reason", 0), ("Region", 0), ("Expires", 0), ("Age", 0)),
            *(("Endpoint", 1), ("Message", 1)),
        ]


def test_every_reason_is_explained_and_stands_somewhere() -> None:
    module = ast.parse(inspect.getsource(reasons))
    classes = {each.name: each.body for each in module.body if isinstance(each, ast.ClassDef)}
    for enum in (Reason, ConditionType):
        body = classes[enum.__name__][1:]
        explained = sum(isinstance(each, ast.Expr) for each in body)
        assert explained == len(enum)
    used = {reason for statuses in ALLOWED.values() for found in statuses.values() for reason in found}
    assert used == set(Reason)


@given(st.from_regex(r"[a-z]{1,8}(_[a-z]{1,8}){0,3}", fullmatch=True))
def test_json_names_have_no_underscores_and_start_small(field: str) -> None:
    name = json_name(field)
    assert "_" not in name
    assert name[0].islower()


def test_json_names_keep_the_conventions_capitals() -> None:
    names = {"project_id": "projectID", "connection_uid": "connectionUID", "source_url": "sourceURL"}
    assert {each: json_name(each) for each in names} == names


@given(st.uuids())
def test_ids_are_the_same_with_and_without_dashes_in_any_case(value: Any) -> None:
    forms = {str(value), value.hex, str(value).upper(), value.hex.upper()}
    assert len({comparable_id(each) for each in forms}) == 1
