"""The generated CRDs: as checked in, structural, and explained to the last field."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.kinds import reasons
from cbr_operator.kinds.common import comparable_id, json_name
from cbr_operator.kinds.crd import all_crds, render
from cbr_operator.kinds.reasons import ALLOWED, ConditionType, Reason

FOLDER = Path(__file__).parents[2] / "manifests" / "crds"
STRUCTURAL = {
    *("type", "description", "format", "pattern", "enum", "minimum", "maximum", "minLength", "maxLength"),
    *("maxItems", "required", "default", "items", "properties"),
}


def test_the_files_are_what_the_models_say() -> None:
    assert {each.name: each.read_text(encoding="utf-8") for each in FOLDER.glob("*.yaml")} == render(), "make crds"


def fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from fields(inner, f"{path}.{name}")
    if "items" in schema:
        yield from fields(schema["items"], f"{path}[]")


def replication(part: str) -> dict[str, Any]:
    [crd] = all_crds()
    [version] = crd["spec"]["versions"]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"][part]
    return found


def test_every_field_is_described_and_structural() -> None:
    for part in ("spec", "status"):
        for path, schema in fields(replication(part), part):
            assert schema.get("description"), path
            extensions = {key for key in schema if key.startswith("x-kubernetes-")}
            assert set(schema) <= STRUCTURAL | extensions, path


def test_every_string_of_the_spec_is_bounded() -> None:
    for path, schema in fields(replication("spec"), "spec"):
        if schema["type"] == "string":
            assert "maxLength" in schema or "enum" in schema, path
        if schema["type"] == "integer":
            assert {"minimum", "maximum"} <= set(schema), path


def test_nothing_that_echoes_the_cloud_can_be_refused() -> None:
    for path, schema in fields(replication("status"), "status"):
        own = path.startswith("status.conditions") or path == "status.submission"
        assert own or not {"pattern", "enum", "required", "maxLength", "maximum"} & set(schema), path


def test_only_the_status_as_a_whole_has_a_default() -> None:
    defaults = {path for path, schema in fields(replication("status"), "status") if "default" in schema}
    assert defaults == {"status"}


def test_names_columns_and_scope() -> None:
    [crd] = all_crds()
    names = crd["spec"]["names"]
    assert (names["shortNames"], names["categories"], crd["spec"]["scope"]) == (["cpr"], ["cbr"], "Namespaced")
    columns = crd["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [(each["name"], each["priority"]) for each in columns] == [
        *(("Status", 0), ("Destination", 0), ("Backups", 0), ("Age", 0)),
        *(("Vault", 1), ("Message", 1)),
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
