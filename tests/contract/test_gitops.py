"""The health checks for Argo CD and Flux, on every status there can be, by Lua 5.1 and by the API server's own CEL."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa import lua51

from cbr_operator.kinds.crd import all_crds
from cbr_operator.kinds.reasons import ALLOWED, ConditionType, Reason
from cbr_operator.rules.conditions import ACCEPTED, FALSE, TRUE, UNKNOWN, Statement, with_conditions
from ground.controlplane import ApiError, ControlPlane
from ground.objects import NOW, body, replication
from ground.operator_process import eventually

GITOPS = Path(__file__).parents[2] / "manifests" / "gitops"
CUSTOMIZATIONS = GITOPS / "argocd" / "resource_customizations"
KINDS = [(crd["spec"]["group"], crd["spec"]["names"]["kind"]) for crd in all_crds()]
CHECKS = sorted(CUSTOMIZATIONS.glob("*/*/health.lua"))
FLUX = yaml.safe_load((GITOPS / "flux" / "kustomization.yaml").read_text())["spec"]["healthCheckExprs"]
TAKEN = Statement(TRUE, Reason.SUBMITTED, "words")
NEW = ("InProgress", {"observedGeneration": -1})
PAUSED = {Reason.SUSPENDED, Reason.RESTORED}


def lua_health(script: str, obj: dict[str, Any]) -> dict[str, str]:
    """As Argo CD runs it: Lua 5.1 (gopher-lua), the object in the global ``obj``."""
    lua = lua51.LuaRuntime(unpack_returned_tuples=True)
    lua.globals().obj = lua.table_from(obj, recursive=True)
    return dict(lua.execute(script))


def test_there_is_a_check_for_every_kind() -> None:
    assert sorted(KINDS) == sorted((path.parts[-3], path.parts[-2]) for path in CHECKS)
    assert sorted(kind for _, kind in KINDS) == sorted(each["kind"] for each in FLUX)


@pytest.mark.parametrize("path", CHECKS, ids=lambda path: path.parts[-2])
def test_argo_cd_says_of_its_testdata_what_upstream_tests(path: Path) -> None:
    tests = yaml.safe_load((path.parent / "health_test.yaml").read_text())["tests"]
    assert {each["inputPath"] for each in tests} == {
        f"testdata/{file.name}" for file in (path.parent / "testdata").iterdir()
    }
    for each in tests:
        obj = yaml.safe_load((path.parent / each["inputPath"]).read_text())
        assert lua_health(path.read_text(), obj) == each["healthStatus"], each["inputPath"]


def test_the_check_is_the_same_for_every_kind() -> None:
    assert len({path.read_text() for path in CHECKS}) == 1


def ready_statuses() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every way of being ready or not, by what kstatus makes of it."""
    generation = {"observedGeneration": 1}
    for status, more in (("True", ""), ("False", "Reconciling"), ("False", "Stalled")):
        said = [("Ready", status), *([(more, "True")] if more else [])]
        conditions = [{"type": each, "status": one, "reason": "Any", "message": "words"} for each, one in said]
        yield (
            {"": "Current", "Reconciling": "InProgress", "Stalled": "Failed"}[more],
            {
                **generation,
                "conditions": conditions,
            },
        )


def statuses() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every status that the rules can write, by what kstatus makes of it."""
    of = replication()
    for type_ in (ConditionType.ACCEPTED, ConditionType.SUBMITTED, ConditionType.SUCCEEDED):
        reasons = ALLOWED[type_]
        for status, found in reasons.items():
            for reason in found:
                said = Statement(status, reason, "words")
                for for_a_person in (False, True):
                    stuck = Statement(status, reason, "words", for_a_person=for_a_person)
                    accepted = said if type_ is ConditionType.ACCEPTED else ACCEPTED
                    submitted = said if type_ is ConditionType.SUBMITTED else TAKEN
                    succeeded = stuck if type_ is not ConditionType.ACCEPTED else None
                    after = with_conditions(
                        of,
                        of.status,
                        now=NOW,
                        accepted=accepted,
                        submitted=submitted if accepted is ACCEPTED else None,
                        succeeded=succeeded,
                    )
                    yield kstatus(after.model_dump()["conditions"]), dict(after.model_dump(by_alias=True, mode="json"))


def kstatus(conditions: Any) -> str:
    """As docs/gitops.md says: what is stuck has failed; what is paused is as somebody wants it."""
    said = {each["type"]: each for each in conditions}
    succeeded = said[ConditionType.SUCCEEDED]
    if ConditionType.STALLED in said:
        return "Failed"
    if succeeded["status"] == TRUE or (succeeded["status"] == UNKNOWN and succeeded["reason"] in PAUSED):
        return "Current"
    assert succeeded["status"] != FALSE
    return "InProgress"


def test_argo_cd_agrees_with_kstatus_on_every_status() -> None:
    script = (CUSTOMIZATIONS / "cbr-operator.io" / "CheckpointReplication" / "health.lua").read_text()
    meaning = {"Healthy": "Current", "Suspended": "Current", "Progressing": "InProgress", "Degraded": "Failed"}
    seen = set()
    for expected, status in (NEW, *statuses(), *ready_statuses()):
        health = lua_health(script, body(status=status))["status"]
        assert meaning[health] == expected, status
        seen.add(health)
    assert seen == set(meaning)


def flux_judges(plane: ControlPlane, namespace: str, kind: str, found: list[dict[str, Any]]) -> list[str]:
    """What Flux' expressions say of these statuses, in Flux' order, by the CEL of the API server (cel-go, as Flux').

    A policy that refuses everything tells in its message. Its macro binds ``status``, which Flux gives as a variable.
    """
    [checks] = [each for each in FLUX if each["kind"] == kind]
    parts = (f"[status].exists(status, {checks[name]}) ? '{name}'" for name in ("inProgress", "failed", "current"))
    expression = f"dyn(object.spec.statuses).map(status, {' : '.join(parts)} : 'none').join(' ')"
    group = f"{kind.lower()}.test"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"kind": "Probe", "plural": "probes"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    definition = {"metadata": {"name": f"probes.{group}"}, "spec": spec}
    plane.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body=definition)
    rule = {"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["probes"]}
    policy = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "messageExpression": expression}],
    }
    binding = {"policyName": group, "validationActions": ["Deny"]}
    for plural, each in (("validatingadmissionpolicies", policy), ("validatingadmissionpolicybindings", binding)):
        path = f"/apis/admissionregistration.k8s.io/v1/{plural}"
        plane.request("POST", path, body={"metadata": {"name": group}, "spec": each})
    probe = {
        "apiVersion": f"{group}/v1",
        "kind": "Probe",
        "metadata": {"name": "x"},
        "spec": {"statuses": found},
    }

    def refused() -> str:
        try:
            plane.request("POST", f"/apis/{group}/v1/namespaces/{namespace}/probes?dryRun=All", body=probe)
        except ApiError as error:
            return "" if error.status == 404 else str(error)
        return ""

    message = str(eventually(refused))
    assert "denied request: " in message
    return message.rpartition("denied request: ")[2].partition('"')[0].split()


@pytest.mark.parametrize(("kind", "every"), [("CheckpointReplication", statuses), ("CBRConnection", ready_statuses)])
def test_flux_agrees_with_kstatus_on_every_status(
    controlplane: ControlPlane, namespace: str, kind: str, every: Callable[[], Iterator[tuple[str, dict[str, Any]]]]
) -> None:
    expected, found = zip(NEW, *every(), strict=True)
    meaning = {"inProgress": "InProgress", "failed": "Failed", "current": "Current"}
    judged = flux_judges(controlplane, namespace, kind, list(found))
    # What nobody has looked at yet matches nothing; before that Flux compares the generations.
    assert judged[0] == "none"
    assert [meaning[each] for each in judged[1:]] == list(expected[1:])


def test_flux_checks_everything_that_is_ready_or_not_alike() -> None:
    others = [{**each, "kind": ""} for each in FLUX if each["kind"] != "CheckpointReplication"]
    assert others == others[:1] * (len(KINDS) - 1)
