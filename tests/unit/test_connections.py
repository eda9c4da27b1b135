"""Which connection an object uses, and whether it may."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.kinds.connection import Connection
from cbr_operator.kinds.reasons import ConditionType, Reason
from cbr_operator.kinds.selector import LabelSelector
from cbr_operator.ports import Credential, Route
from cbr_operator.rules.access import parse_pattern
from cbr_operator.rules.addresses import AddressRules
from cbr_operator.rules.connections import url_refusal
from cbr_operator.rules.lanes import place_of, target_of
from cbr_operator.rules.replication import decide
from cbr_operator.rules.view import LookAtVault, SecretProblem, Submit, UseConnection, View
from ground.connections import cluster_connection, connection, through
from ground.objects import DESTINATION, POLICY, SOURCE, submitted_as, view

CREDENTIAL = Credential("connection uid-of-prod", "7/1", "tok", route=Route("uid-of-prod"))
CLUSTER = "ClusterCBRConnection"
ALL = {"from": "All"}


def seen(of: Any, by: Connection | None, **parts: Any) -> View:
    return view(of, connection=by, **{"credential": CREDENTIAL, **parts})


def held(found: View) -> tuple[str, str, str]:
    """Status, reason and message of Accepted; what holds it there sends nothing."""
    decision = decide(found)
    assert decision.action is None
    assert decision.status is not None
    assert decision.status.submission is None
    said = decision.status.condition(ConditionType.ACCEPTED)
    assert said is not None
    return said.status, said.reason, said.message


def test_the_call_goes_where_the_connection_leads() -> None:
    decision = decide(seen(through(), connection()))
    assert isinstance(decision.action, Submit)
    target = decision.action.intent.target
    assert target.model_dump() == {
        "endpoint": "https://cbr.region1.myhuaweicloud.com",
        "region": "region1",
        "project_id": SOURCE["projectID"],
        "vault_id": SOURCE["vaultID"],
        "connection_uid": "uid-of-prod",
        "vouched_by": "",
    }
    assert decision.action.credential == CREDENTIAL


def test_a_source_may_name_another_project_than_its_connection() -> None:
    source = {"vaultID": SOURCE["vaultID"], "projectID": "e" * 32}
    decision = decide(seen(through(source=source), connection(), credential=None))
    assert isinstance(decision.action, UseConnection)
    assert (decision.action.project_id, decision.action.uid) == ("e" * 32, "uid-of-prod")


@pytest.mark.parametrize(
    ("by", "part"),
    [
        (None, "CBRConnection 'prod' does not exist in namespace 'dr'"),
        (connection(metadata={"deletionTimestamp": "2026-03-01T11:30:00Z"}), "is being deleted"),
        (connection(auth=None), "cannot be read (spec.auth"),
        (connection(region="region9"), "is for region region9, and spec.source.region is region1"),
    ],
)
def test_a_connection_that_cannot_be_used_is_waited_for(by: Connection | None, part: str) -> None:
    status, reason, message = held(seen(through(source=SOURCE), by))
    assert (status, reason) == ("Unknown", Reason.WAITING_FOR_CONNECTION)
    assert part in message


def test_a_destination_in_the_connection_s_region_is_invalid() -> None:
    status, reason, message = held(seen(through(), connection(region="region2")))
    assert (status, reason) == ("False", Reason.INVALID_SPEC)
    assert "the connection's region region2" in message


def test_what_keeps_a_connection_from_being_ready_holds_who_uses_it() -> None:
    problem = SecretProblem("CBRConnection 'prod' is not ready", reason=Reason.WAITING_FOR_CONNECTION)
    assert held(seen(through(), connection(), credential=problem))[:2] == ("Unknown", Reason.WAITING_FOR_CONNECTION)
    denied = SecretProblem("CBRConnection 'prod' is not ready", reason=Reason.ENDPOINT_NOT_ALLOWED)
    assert held(seen(through(), connection(), credential=denied))[:2] == ("False", Reason.ENDPOINT_NOT_ALLOWED)


def test_cluster_connections_are_off_where_only_some_namespaces_are_watched() -> None:
    some = replace(POLICY, cluster_wide=False)
    status, reason, message = held(seen(through(CLUSTER), cluster_connection(allowedNamespaces=ALL), policy=some))
    assert (status, reason) == ("Unknown", Reason.WAITING_FOR_CONNECTION)
    assert "CBR_OPERATOR_NAMESPACES" in message


SELECTOR = {"from": "Selector", "selector": {"matchLabels": {"team": "dr"}}}
DENIED = [
    ({}, {}, Reason.NAMESPACE_NOT_ALLOWED, "namespace 'dr'"),
    ({"allowedNamespaces": SELECTOR}, {"team": "web"}, Reason.NAMESPACE_NOT_ALLOWED, "spec.allowedNamespaces"),
    ({"allowedNamespaces": SELECTOR}, {}, Reason.NAMESPACE_NOT_ALLOWED, "spec.allowedNamespaces"),
    (
        {"allowedNamespaces": ALL, "allowedSources": [{"projectID": "e" * 32}]},
        {},
        Reason.SOURCE_NOT_ALLOWED,
        SOURCE["vaultID"],
    ),
    (
        {
            "allowedNamespaces": ALL,
            "allowedSources": [{"projectID": SOURCE["projectID"], "vaultIDs": [DESTINATION["vaultID"]]}],
        },
        {},
        Reason.SOURCE_NOT_ALLOWED,
        "spec.allowedSources",
    ),
    (
        {
            "allowedNamespaces": ALL,
            "allowedDestinations": [{"region": "region3", "projectID": DESTINATION["projectID"]}],
        },
        {},
        Reason.DESTINATION_NOT_ALLOWED,
        DESTINATION["vaultID"],
    ),
]


@pytest.mark.parametrize(("permissions", "labels", "reason", "part"), DENIED)
def test_what_a_cluster_connection_does_not_allow_is_held_and_named(
    permissions: dict[str, Any], labels: dict[str, str], reason: Reason, part: str
) -> None:
    found = held(seen(through(CLUSTER), cluster_connection(**permissions), namespace_labels=labels))
    assert found[:2] == ("False", reason)
    assert part in found[2]
    assert "ClusterCBRConnection 'prod'" in found[2]


ALLOWED = [
    ({"allowedNamespaces": ALL}, {}),
    ({"allowedNamespaces": SELECTOR}, {"team": "dr", "other": "x"}),
    (
        {
            "allowedNamespaces": ALL,
            "allowedSources": [
                {"projectID": "e" * 32},
                {"projectID": SOURCE["projectID"].upper(), "vaultIDs": [SOURCE["vaultID"].replace("-", "").upper()]},
            ],
            "allowedDestinations": [
                {"region": "REGION2", "projectID": DESTINATION["projectID"], "vaultIDs": [DESTINATION["vaultID"]]}
            ],
        },
        {},
    ),
]


@pytest.mark.parametrize(("permissions", "labels"), ALLOWED)
def test_what_it_allows_is_called(permissions: dict[str, Any], labels: dict[str, str]) -> None:
    decision = decide(seen(through(CLUSTER), cluster_connection(**permissions), namespace_labels=labels))
    assert isinstance(decision.action, Submit)


@pytest.mark.parametrize("outcome", ["Submitted", "Unknown", "Adopted"])
def test_what_is_submitted_is_followed_whatever_is_taken_away(outcome: str) -> None:
    spec = {"kind": CLUSTER, "name": "prod"}
    submitted = through(CLUSTER).model_copy(
        update={"status": through(CLUSTER).status.model_validate(submitted_as(outcome, backups=[]))}
    )
    assert submitted.spec is not None
    assert submitted.spec.connection_ref is not None
    assert spec["kind"] == submitted.spec.connection_ref.kind
    action = decide(seen(submitted, cluster_connection())).action
    assert isinstance(action, LookAtVault)
    assert isinstance(action.source, UseConnection)
    assert action.target == submitted.status.submission.target if submitted.status.submission else False


def test_a_lane_is_known_only_with_the_connection_and_moves_with_it() -> None:
    one = through()
    assert place_of(one) is None
    here, there = place_of(one, connection()), place_of(one, connection(endpoint="https://cbr.example.com"))
    assert here is not None
    assert there is not None
    assert here.lane != there.lane
    assert target_of(one, connection(auth=None)) is None


def test_every_url_of_a_connection_is_judged() -> None:
    patterns = (parse_pattern("https://cbr.*.myhuaweicloud.com"), parse_pattern("https://iam.*.myhuaweicloud.com"))

    def refusal(**changes: Any) -> str:
        spec = connection(**changes).spec
        assert spec is not None
        return url_refusal(spec, patterns, AddressRules())

    password = {"domainName": "a", "userName": "b", "secretRef": {"name": "c"}}
    assert refusal() == ""
    assert "spec.endpoint, http://cbr.region1" in refusal(endpoint="http://cbr.region1.myhuaweicloud.com")
    assert "iamEndpoint" in refusal(auth={"password": {**password, "iamEndpoint": "https://iam.evil.example"}})
    assert "spec.proxyURL" in refusal(proxyURL="http://proxy.example.com:3128")
    assert "derived from spec.region" in refusal(region="x.evil.example")


LABELS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2"]), max_size=3)


@given(LABELS)
def test_an_empty_selector_opens_nothing(labels: dict[str, str]) -> None:
    opened = cluster_connection(allowedNamespaces={"from": "Selector", "selector": {}})
    assert held(seen(through(CLUSTER), opened, namespace_labels=labels))[1] == Reason.NAMESPACE_NOT_ALLOWED


@given(LABELS, st.sampled_from(["a", "b"]), st.lists(st.sampled_from(["1", "2"]), min_size=1, max_size=2))
def test_a_demand_and_its_opposite_never_both_hold(labels: dict[str, str], key: str, values: list[str]) -> None:
    def matches(operator: str, given: list[str]) -> bool:
        demand = {"key": key, "operator": operator, "values": given}
        return LabelSelector.model_validate({"matchExpressions": [demand]}).matches(labels)

    assert matches("In", values) != matches("NotIn", values)
    assert matches("Exists", []) != matches("DoesNotExist", [])
    assert matches("Exists", []) == (key in labels)
