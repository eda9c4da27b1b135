"""The pages name what there is: every field and reason of every kind, every module, every metric."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from cbr_operator.kinds.crd import all_crds
from cbr_operator.kinds.policy import POLICIES, PolicyReason
from cbr_operator.kinds.reasons import ALLOWED, ConditionType
from cbr_operator.kinds.schedule import SCHEDULES, ScheduleReason
from cbr_operator.rules.text import PERMISSIONS
from cbr_operator.telemetry.metrics import Gauges, Metrics

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = DOCS / "kinds"
PACKAGE = ROOT / "operator" / "cbr_operator"
READY = {ConditionType.READY}
AUTHENTICATED = {"CBRConnection": READY, "ClusterCBRConnection": READY, "CheckpointReplication": set(ALLOWED) - READY}
REASONS = {
    **{
        kind: {reason for type_ in types for found in ALLOWED[type_].values() for reason in found}
        for kind, types in AUTHENTICATED.items()
    },
    SCHEDULES.kind: set(ScheduleReason),
    POLICIES.kind: set(PolicyReason),
}
TEMPLATED = {SCHEDULES.kind: ("CheckpointReplication",), POLICIES.kind: (SCHEDULES.kind, "CheckpointReplication")}
"""Kinds with the spec of others in theirs, whose fields those others' pages explain."""
PARTS = ("type", "status", "reason", "message", "lastTransitionTime")  # of every condition, as Kubernetes has them


def names(schema: dict[str, Any]) -> Iterator[str]:
    for name, inner in schema.get("properties", {}).items():
        yield name
        yield from names(inner)
    if "items" in schema:
        yield from names(schema["items"])


def page(kind: str) -> str:
    return (PAGES / f"{kind.lower()}.md").read_text(encoding="utf-8")


def fields(kind: str, part: str) -> set[str]:
    [crd] = [each for each in all_crds() if each["spec"]["names"]["kind"] == kind]
    parts = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    return set(names(parts[part]))


@pytest.mark.parametrize("kind", REASONS)
def test_every_field_is_named(kind: str) -> None:
    others = {name for other in TEMPLATED.get(kind, ()) for name in fields(other, "spec")}
    own = (fields(kind, "spec") - others) | (fields(kind, "status") - set(PARTS))
    shared = page("CBRConnection") if kind == "ClusterCBRConnection" else ""
    assert [name for name in sorted(own) if name not in page(kind) + shared] == []


@pytest.mark.parametrize(("kind", "reasons"), REASONS.items())
def test_every_reason_is_named(kind: str, reasons: set[str]) -> None:
    assert [reason for reason in sorted(reasons) if reason not in page(kind)] == []


@pytest.mark.parametrize("kind", AUTHENTICATED)
def test_there_is_an_example_of_each_way_to_authenticate(kind: str) -> None:
    access_key = "access key" if kind == "CheckpointReplication" else "accessKey"
    assert "```yaml" in page(kind)
    assert all(way in page(kind) for way in ("password", access_key, "token"))
    assert "cbr:vaults:replicate" in page(kind) or "cbrconnection.md#the-narrowest-permissions" in page(kind)


def test_messages_and_the_page_name_the_same_permissions() -> None:
    policy = re.search(r'"Action": (\[.*?\])', page("CBRConnection"))
    assert policy is not None
    assert re.findall(r"cbr:\w+:\w+", PERMISSIONS) == re.findall(r"cbr:\w+:\w+", policy[1])


def test_the_map_names_every_module_and_no_other() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(?:\w+/)?\w+\.py\b", text))
    there = {f"`{each.relative_to(PACKAGE)}" for each in PACKAGE.rglob("*.py") if each.name != "__init__.py"}
    assert sorted(there - named) == []
    elsewhere = {f"`{each.name}" for each in (ROOT / "tests" / "ground").glob("*.py")}
    assert sorted(named - there - elsewhere) == []


def test_links_lead_to_files_that_are_there() -> None:
    pages = [ROOT / "README.md", ROOT / "charts" / "cbr-operator" / "README.md", *DOCS.rglob("*.md")]
    links = [
        (each, link) for each in pages for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", each.read_text("utf-8"))
    ]
    assert len(links) > 50
    assert [(each.name, link) for each, link in links if not (each.parent / link).exists()] == []


def metrics() -> list[Metric]:
    gauges = Gauges(
        replications=lambda: {"Replicating": 1},
        newest_copies=lambda: {("dr", "a", "region2", "b"): 1.0},
        queue_depth=lambda: 0,
        watch_age=lambda: 0.0,
        leader=lambda: True,
        token_expiries=lambda: {("CBRConnection", "dr", "prod"): 1.0},
    )
    made = Metrics(gauges)
    made.count_cloud_request("replicate", "200", 0.1)
    made.count_submission("Submitted")
    made.count_status_write("written")
    made.count_dropped_event()
    found = text_string_to_metric_families(made.render().decode())
    return [each for each in found if each.name.startswith("cbr_operator_") and not each.name.endswith("_created")]


def test_every_metric_is_named_with_its_type_and_labels() -> None:
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(cbr_operator_\w+)` \| (\w+) \|([^|]*)\|", text, re.MULTILINE)
    written = {name: (kind, set(re.findall(r"\w+", labels))) for name, kind, labels in rows}
    expected = {}
    for each in metrics():
        name = each.name + "_total" * (each.type == "counter")
        expected[name] = (each.type, set(each.samples[0].labels) - {"le"})
    assert written == expected


def test_alerts_ask_for_metrics_that_there_are() -> None:
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    [rules] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    [group] = yaml.safe_load(rules)["groups"]
    known = {each.name for each in metrics()}
    assert len(group["rules"]) >= 2
    for rule in group["rules"]:
        [asked] = re.findall(r"cbr_operator_\w+", rule["expr"])
        assert asked in known
