"""The generated CRDs: as checked in, structural, and explained to the last field."""

import ast
import inspect
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.kinds.common import comparable_id, json_name
from cbr_operator.kinds.crd import all_crds, render
from cbr_operator.kinds.policy import PolicyReason
from cbr_operator.kinds.reasons import ALLOWED, ConditionType, Reason
from cbr_operator.kinds.schedule import ScheduleReason

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
    if "additionalProperties" in schema:
        yield from fields(schema["additionalProperties"], f"{path}{{}}")


def crd_of(short: str) -> dict[str, Any]:
    return next(each for each in all_crds() if each["spec"]["names"]["shortNames"] == [short])


def part_of(crd: dict[str, Any], part: str) -> dict[str, Any]:
    [version] = crd["spec"]["versions"]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"][part]
    return found


def replication(part: str) -> dict[str, Any]:
    return part_of(crd_of("cpr"), part)


every_kind = pytest.mark.parametrize("crd", all_crds(), ids=lambda crd: crd["spec"]["names"]["kind"])


@every_kind
def test_every_field_is_described_and_structural(crd: dict[str, Any]) -> None:
    for part in ("spec", "status"):
        for path, schema in fields(part_of(crd, part), part):
            assert schema.get("description") or path.endswith(("[]", "{}")), path
            extensions = {key for key in schema if key.startswith("x-kubernetes-")}
            assert set(schema) <= STRUCTURAL | extensions, path


@every_kind
def test_whatever_a_user_writes_is_bounded(crd: dict[str, Any]) -> None:
    for path, schema in fields(part_of(crd, "spec"), "spec"):
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
def test_only_the_status_as_a_whole_has_a_default(crd: dict[str, Any]) -> None:
    defaults = {path for path, schema in fields(part_of(crd, "status"), "status") if "default" in schema}
    assert defaults == {"status"}


@pytest.mark.parametrize(
    ("short", "scope", "columns", "wide"),
    [
        ("cpr", "Namespaced", ["Status", "Destination", "Backups", "Age"], ["Vault", "Message"]),
        (
            "cprsched",
            "Namespaced",
            ["Schedule", "TimeZone", "Suspend", "Active", "Last Success", "Newest Copy", "Next", "Age"],
            ["Status", "Message"],
        ),
        ("cbrconn", "Namespaced", ["Ready", "Reason", "Region", "Expires", "Age"], ["Endpoint", "Message"]),
        ("ccbrconn", "Cluster", ["Ready", "Reason", "Region", "Expires", "Age"], ["Endpoint", "Message"]),
        ("ccrp", "Cluster", ["Namespaces", "Schedules", "Ready", "Newest Copy", "Age"], ["Failed", "Message"]),
    ],
)
def test_names_columns_and_scope(short: str, scope: str, columns: list[str], wide: list[str]) -> None:
    crd = crd_of(short)
    assert (crd["spec"]["names"]["categories"], crd["spec"]["scope"]) == (["cbr"], scope)
    shown = crd["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [each["name"] for each in shown if each["priority"] == 0] == columns
    assert [each["name"] for each in shown if each["priority"] == 1] == wide


def rules_in(schema: dict[str, Any]) -> list[str]:
    return [rule["rule"] for rule in schema.get("x-kubernetes-validations", [])]


def test_a_template_has_the_fields_and_rules_of_the_spec_but_for_immutability() -> None:
    template = part_of(crd_of("cprsched"), "spec")["properties"]["replicationTemplate"]["properties"]["spec"]
    own = replication("spec")
    assert {**template, "x-kubernetes-validations": 0, "description": 0} == {
        **own,
        "x-kubernetes-validations": 0,
        "description": 0,
    }
    kept = [rule for rule in rules_in(own) if "oldSelf" not in rule]
    assert rules_in(template) == kept
    assert len(kept) < len(rules_in(own))


def test_a_policy_template_leaves_only_the_vaults_out() -> None:
    spec = part_of(crd_of("ccrp"), "spec")["properties"]["scheduleTemplate"]["properties"]["spec"]
    schedule = part_of(crd_of("cprsched"), "spec")
    ours, theirs = ({path for path, _ in fields(each, "spec")} for each in (spec, schedule))
    inner = "spec.replicationTemplate.spec"
    assert theirs - ours == {f"{inner}.source.vaultID", f"{inner}.destination.vaultID"}
    assert ours <= theirs
    assert rules_in(spec["properties"]["schedule"]) == rules_in(schedule["properties"]["schedule"])


@pytest.mark.parametrize("enum", [Reason, ConditionType, ScheduleReason, PolicyReason])
def test_every_reason_is_explained(enum: type[StrEnum]) -> None:
    module = ast.parse(Path(inspect.getfile(enum)).read_text(encoding="utf-8"))
    body = next(each.body for each in module.body if isinstance(each, ast.ClassDef) and each.name == enum.__name__)
    assert sum(isinstance(each, ast.Expr) for each in body[1:]) == len(enum)


def test_every_reason_of_a_replication_stands_somewhere() -> None:
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
