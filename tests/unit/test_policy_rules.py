"""What policies make of a namespace."""

import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.kinds.policy import MAX_FAILED
from cbr_operator.kinds.selector import LabelSelector
from cbr_operator.rules.pairs import read_pairs
from cbr_operator.rules.policy import (
    KnownSchedule,
    NamespaceView,
    Outcome,
    contains,
    decide_namespace,
)
from cbr_operator.rules.policy_status import policy_status
from ground.objects import DESTINATION, SOURCE
from ground.policies import ONE, OTHER, known, namespace, policy, schedule_spec

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def applied(view: NamespaceView, **parts: Any) -> NamespaceView:
    """The namespace after what was decided about it has been applied."""
    there = {each["metadata"]["name"]: known(each, **parts) for each in decide_namespace(view).apply}
    return replace(view, schedules={**view.schedules, **there})


def reasons(view: NamespaceView, uid: str = "uid-of-nightly") -> list[str]:
    return [each.reason for each in decide_namespace(view).outcomes[uid].failures]


# ------------------------------------------------------------------------------------------ pairs


def test_lines_of_pairs() -> None:
    upper = ONE.upper().replace("-", "")
    found = read_pairs(f"# production\n{ONE}\n\n  {OTHER}  # and that\n{upper}\n")
    assert [(each.source, each.destination) for each in found.good] == [tuple(ONE.split("=")), tuple(OTHER.split("="))]
    assert found.bad == ()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("orders", "line 2, 'orders', is not source=destination"),
        (f"{SOURCE['vaultID']}=", "line 2: '' is not the id of a vault"),
        (f"=>{DESTINATION['vaultID']}", "line 2: '' is not the id"),
        (f"{SOURCE['vaultID']}={SOURCE['vaultID'].upper()}", "line 2: source and destination are the same vault"),
        (f"{ONE}=x", "line 2: '0ca3eb86"),
        ("x" * 500, "xxx…"),
    ],
)
def test_a_bad_line_is_named_and_the_others_count(line: str, words: str) -> None:
    found = read_pairs(f"{ONE}\n{line}\n{OTHER}")
    assert len(found.good) == 2
    [bad] = found.bad
    assert words in bad
    assert len(bad) < 300


@given(st.text(max_size=200))
def test_no_text_of_an_annotation_breaks_the_reading(text: str) -> None:
    found = read_pairs(text)
    assert len(found.good) + len(found.bad) <= len(text.splitlines())


# ------------------------------------------------------------------------------------------ selecting


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        ({}, {}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "1", "b": "2"}, True),
        ({"matchLabels": {"a": "1", "b": "3"}}, {"a": "1", "b": "2"}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, {"a": "2"}, True),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1"]}]}, {}, False),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, {}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, {"a": "1"}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {"a": ""}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {"a": ""}, False),
        ({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]}, {"a": "1"}, False),
    ],
)
def test_selectors(selector: dict[str, Any], labels: dict[str, str], expected: bool) -> None:  # noqa: FBT001
    assert LabelSelector.model_validate(selector).matches(labels) is expected


def test_one_of_several_selectors_is_enough() -> None:
    both = policy(namespaceSelectors=[{"matchLabels": {"x": "y"}}, {"matchLabels": {"dr": "yes"}}])
    assert len(decide_namespace(namespace(both)).apply) == 1
    assert decide_namespace(namespace(both, labels={"x": "n"})).outcomes == {}


# ------------------------------------------------------------------------------------------ what is made


def test_a_schedule_a_pair_from_the_annotation() -> None:
    decision = decide_namespace(namespace(policy(), pairs=f"{ONE}\n{OTHER}"))
    assert len({each["metadata"]["name"] for each in decision.apply}) == 2
    body = decision.apply[0]
    assert body["metadata"]["name"].startswith("nightly-")
    assert len(body["metadata"]["name"]) == len("nightly-") + 8
    assert body["metadata"]["labels"] == {"team": "dr", "cbr-operator.io/policy": "nightly"}
    assert body["metadata"]["annotations"]["cbr-operator.io/policy-uid"] == "uid-of-nightly"
    made = body["spec"]["replicationTemplate"]["spec"]
    assert (made["source"]["vaultID"], made["destination"]["vaultID"]) == tuple(ONE.split("="))
    assert (made["source"]["region"], made["destination"]["region"]) == ("region1", "region2")


def test_targets_take_the_place_of_the_annotation() -> None:
    pair = {"sourceVaultID": SOURCE["vaultID"], "destinationVaultID": DESTINATION["vaultID"]}
    view = namespace(policy(targets=[pair, pair]), pairs=f"{OTHER}\nbad")
    assert [each["metadata"]["name"] for each in decide_namespace(view).apply] == [
        each["metadata"]["name"] for each in decide_namespace(namespace(policy())).apply
    ]
    assert reasons(view) == []


def test_the_template_may_say_nothing_of_the_source() -> None:
    spec = schedule_spec()
    spec["replicationTemplate"]["spec"].pop("source")
    [body] = decide_namespace(namespace(policy(scheduleTemplate={"spec": spec}))).apply
    assert body["spec"]["replicationTemplate"]["spec"]["source"] == {"vaultID": SOURCE["vaultID"]}


def test_the_same_pair_spelt_otherwise_has_the_same_name() -> None:
    [one] = decide_namespace(namespace(policy())).apply
    [other] = decide_namespace(namespace(policy(), pairs=ONE.upper().replace("-", ""))).apply
    assert one["metadata"]["name"] == other["metadata"]["name"]


def test_what_is_as_it_should_be_is_left_alone() -> None:
    view = applied(namespace(policy(), pairs=f"{ONE}\n{OTHER}"))
    decision = decide_namespace(view)
    assert (decision.apply, decision.suspend, decision.delete) == ((), (), ())
    assert decision.outcomes["uid-of-nightly"].schedules == 2


def edited(view: NamespaceView, path: str, value: Any) -> NamespaceView:
    """One field of the only Schedule changed by hand."""
    [(name, there)] = view.schedules.items()
    body = copy.deepcopy(there.body)
    *parents, last = path.split(".")
    inner = body
    for parent in parents:
        inner = inner.setdefault(parent, {})
    inner[last] = value
    return replace(view, schedules={name: known(body)})


@pytest.mark.parametrize(
    ("path", "value", "undone"),
    [
        ("spec.schedule", "0 3 * * *", True),
        ("spec.suspend", True, True),
        ("spec.replicationTemplate.spec.source.region", "region9", True),
        ("metadata.labels.team", "other", True),
        ("metadata.labels.mine", "kept", False),
        ("spec.failedHistoryLimit", 9, False),  # the template does not speak of it
        ("metadata.finalizers", ["example.com/x"], False),
    ],
)
def test_edits_to_what_the_template_says_are_undone(path: str, value: Any, undone: bool) -> None:  # noqa: FBT001
    decision = decide_namespace(edited(applied(namespace(policy())), path, value))
    assert bool(decision.apply) is undone


def test_what_left_the_template_is_applied_again() -> None:
    view = applied(namespace(policy()))
    slim = policy(scheduleTemplate={"spec": schedule_spec()})
    assert len(decide_namespace(replace(view, policies=(slim,))).apply) == 1


def test_what_the_api_server_refuses_is_said_and_not_tried_at_once_again() -> None:
    view = namespace(policy())
    [body] = decide_namespace(view).apply
    refused = replace(view, refused={body["metadata"]["name"]: "quota"})
    assert decide_namespace(refused).apply == ()
    assert reasons(refused) == ["ApplyRefused"]
    [outcome] = decide_namespace(refused).outcomes.values()
    assert "quota. Mend what it names" in outcome.failures[0].message


# ------------------------------------------------------------------------------------------ whose it is


def test_a_schedule_of_the_users_own_is_never_taken_over() -> None:
    [body] = decide_namespace(namespace(policy())).apply
    own = known({**body, "metadata": {**body["metadata"], "labels": {}, "annotations": {}}})
    view = namespace(policy(), schedules={body["metadata"]["name"]: own})
    decision = decide_namespace(view)
    assert (decision.apply, decision.suspend, decision.delete) == ((), (), ())
    assert reasons(view) == ["NotOwned"]


def test_a_schedule_of_an_earlier_policy_of_the_same_name_goes_first() -> None:
    view = applied(namespace(policy()))
    anew = policy().model_copy(update={"metadata": policy().metadata.model_copy(update={"uid": "anew"})})
    decision = decide_namespace(replace(view, policies=(anew,)))
    assert (decision.apply, len(decision.suspend)) == ((), 1)
    assert "earlier policy of the same name" in decision.outcomes["anew"].failures[0].message


def test_the_older_of_two_policies_counts() -> None:
    older, younger = policy("old"), policy("young", created="2026-03-01T00:00:01Z")
    view = namespace(younger, older, pairs=f"{ONE}")
    assert [each["metadata"]["name"][:4] for each in decide_namespace(view).apply] == ["old-"]
    assert reasons(view, "uid-of-old") == []
    assert reasons(view, "uid-of-young") == ["Overlapping"]
    assert "'old' is older" in decide_namespace(view).outcomes["uid-of-young"].failures[0].message


def test_what_overlaps_was_made_before_and_is_taken_away() -> None:
    older, younger = policy("old"), policy("young", created="2026-03-01T00:00:01Z")
    decision = decide_namespace(replace(applied(namespace(younger)), policies=(older, younger)))
    assert [each["metadata"]["name"][:6] for each in decision.suspend] == ["young-"]


# ------------------------------------------------------------------------------------------ what is not wanted


def only(view: NamespaceView, **parts: Any) -> tuple[NamespaceView, KnownSchedule]:
    [(name, there)] = view.schedules.items()
    body = {**there.body, **parts.pop("body", {})}
    changed = known(body, **parts)
    return replace(view, schedules={name: changed}), changed


@pytest.mark.parametrize(
    "change",
    [
        {"policies": ()},
        {"labels": {}},
        {"annotations": {}},
        {"annotations": {"cbr-operator.io/vault-pairs": OTHER}},
    ],
)
def test_what_is_not_wanted_any_more_is_suspended_then_deleted(change: dict[str, Any]) -> None:
    view = replace(applied(namespace(policy())), **change)
    first = decide_namespace(view)
    assert (len(first.suspend), first.delete) == (1, ())
    [body] = first.suspend
    assert body["spec"]["suspend"] is True
    assert body["metadata"]["resourceVersion"] == "9"
    name = body["metadata"]["name"]
    seen = replace(view, schedules={name: known(body)})
    assert [each.metadata.name for each in decide_namespace(seen).delete] == [name]
    assert decide_namespace(seen).suspend == ()


def test_an_unfinished_run_keeps_its_schedule() -> None:
    view = replace(applied(namespace(policy())), policies=())
    [body] = decide_namespace(view).suspend
    name = body["metadata"]["name"]
    assert decide_namespace(replace(view, schedules={name: known(body, busy=True)})).delete == ()


def test_nothing_is_deleted_before_its_own_controller_knows_that_it_is_suspended() -> None:
    view = replace(applied(namespace(policy())), policies=())
    [body] = decide_namespace(view).suspend
    name = body["metadata"]["name"]
    assert decide_namespace(replace(view, schedules={name: known(body, observedGeneration=0)})).delete == ()


def test_what_is_wanted_again_starts_again() -> None:
    view = replace(applied(namespace(policy())), labels={})
    [body] = decide_namespace(view).suspend
    back = replace(view, labels={"dr": "yes"}, schedules={body["metadata"]["name"]: known(body)})
    [again] = decide_namespace(back).apply
    assert again["spec"]["suspend"] is False


def test_a_policy_that_cannot_be_read_changes_nothing() -> None:
    broken = policy(namespaceSelectors="all")
    assert broken.spec is None
    decision = decide_namespace(replace(applied(namespace(policy())), policies=(broken,)))
    assert (decision.apply, decision.suspend, decision.delete, decision.outcomes) == ((), (), (), {})
    status = policy_status(broken, {}, now=NOW)
    assert {each.type: each.reason for each in status.conditions} == dict.fromkeys(
        ("Ready", "Stalled"), "InvalidPolicy"
    )


# ------------------------------------------------------------------------------------------ the status


def test_a_schedule_in_trouble_is_told() -> None:
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": "Overdue",
        "message": "No run has succeeded.",
        "lastTransitionTime": "2026-03-01T00:00:00Z",
    }
    view = applied(namespace(policy()), conditions=[condition])
    [failure] = decide_namespace(view).outcomes["uid-of-nightly"].failures
    assert failure.reason == "ScheduleNotReady"
    assert "Overdue: No run has succeeded." in failure.message


def test_the_newest_copy_is_the_oldest_of_all_pairs() -> None:
    early, late = (datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2))
    outcomes = {"a": Outcome(3, (), 1, (late,)), "b": Outcome(3, (), 1, (early, late))}
    assert policy_status(policy(), outcomes, now=NOW).newest_copy_time == early
    outcomes["c"] = Outcome(3, (), 1, (None,))
    assert policy_status(policy(), outcomes, now=NOW).newest_copy_time is None


def test_failures_are_listed_a_hundred_and_counted_all() -> None:
    [failure] = decide_namespace(namespace(policy(), pairs="bad")).outcomes["uid-of-nightly"].failures
    outcomes = {f"ns-{number}": Outcome(3, (failure,), 0, ()) for number in range(250)} | {
        "good": Outcome(3, (), 2, ())
    }
    status = policy_status(policy(), outcomes, now=NOW)
    assert len(status.failed) == MAX_FAILED
    assert status.namespaces is not None
    assert (status.namespaces.selected, status.namespaces.ready, status.namespaces.failed) == (251, 1, 250)
    assert (status.schedules, status.conditions[0].reason) == (2, "NamespacesFailed")
    assert "250 of 251" in status.conditions[0].message


def test_no_namespace_selected_is_said() -> None:
    status = policy_status(policy(), {}, now=NOW)
    assert status.conditions[0].status == "True"
    assert "No namespace is selected" in status.conditions[0].message


JSON = st.recursive(
    st.integers(0, 3) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


@given(one=JSON, other=JSON)
def test_an_object_contains_itself_and_what_merging_adds(one: Any, other: Any) -> None:
    assert contains(one, one)
    if isinstance(one, dict) and isinstance(other, dict):
        assert contains({**one, **other}, other)
