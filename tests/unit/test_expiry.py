"""What has ended: final for good, deleted in time, and kept where it must be."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.kinds.common import format_time
from cbr_operator.kinds.reasons import ALLOWED, ConditionType, Reason
from cbr_operator.kinds.replication_status import BackupState
from cbr_operator.rules.conditions import ACCEPTED, Statement, is_final, statement_of, with_conditions
from cbr_operator.rules.view import Delete
from ground.looks import NO_ANSWER, Life, listed, living, look, record
from ground.objects import NOW, replication, spec, submitted_as

TTL = 3600
OWNERS: list[dict[str, Any]] = [
    {"labels": {"kustomize.toolkit.fluxcd.io/name": "dr"}},
    {"labels": {"helm.toolkit.fluxcd.io/name": "dr"}},
    {"annotations": {"argocd.argoproj.io/tracking-id": "dr:x/y"}},
]


def ended(outcome: str = "Submitted", *, succeeded: str = "True", **parts: Any) -> Life:
    said = {"type": "Succeeded", "status": succeeded, "reason": "AllReplicated", "message": "3 backups copied."}
    status = {
        **submitted_as(outcome),
        "conditions": [{**said, "lastTransitionTime": format_time(NOW)}],
        "completionTime": format_time(NOW),
    }
    return Life(replication(status=status, spec=spec(ttlSecondsAfterFinished=TTL), **parts))


def test_what_has_ended_is_deleted_when_its_time_is_over_and_not_before() -> None:
    life = ended()
    assert life.at(0).again == TTL
    early = life.at(TTL - 1)
    assert (early.action, early.again) == (None, 1.0)
    assert isinstance(life.at(TTL).action, Delete)


def test_without_a_time_it_is_kept() -> None:
    life = ended()
    life.now = life.now.model_copy(update={"spec": replication().spec})
    decision = life.at(10 * TTL)
    assert (decision.action, decision.again) == (None, None)


def test_what_ends_now_is_decided_about_once_more_for_its_time_to_count() -> None:
    status = {**submitted_as("Submitted"), "backups": listed("r1")}
    life = living(status, spec=spec(ttlSecondsAfterFinished=TTL))
    decision = life.at(0, look(record(state=BackupState.SUCCEEDED)))
    assert is_final(life.status)
    assert decision.again == 0.0
    assert life.at(1).again == TTL - 1


@pytest.mark.parametrize("outcome", ["Pending", "Unknown", "Unresolved"])
def test_what_may_have_been_taken_unseen_is_never_deleted(outcome: str) -> None:
    life = ended(outcome, succeeded="False")
    assert life.at(TTL).action is None
    assert "is not known; delete it once that has been looked into" in life.message()


@pytest.mark.parametrize("metadata", OWNERS)
def test_what_a_gitops_tool_would_create_anew_is_kept_and_says_so_once(metadata: dict[str, Any]) -> None:
    life = ended(metadata=metadata)
    assert life.at(TTL).action is None
    assert life.message().startswith("3 backups copied. It is kept although spec.ttlSecondsAfterFinished has passed: ")
    assert "would create it anew, and it would be submitted again" in life.message()
    writes = life.writes
    assert life.at(TTL + 1).action is None
    assert life.writes == writes
    assert life.said() == ("True", "AllReplicated")


@given(
    outcome=st.sampled_from(["Submitted", "Rejected", "Unresolved", "NotSubmitted", "Adopted", "NotNeeded", "Odd"]),
    succeeded=st.sampled_from(["True", "False"]),
    seconds=st.integers(0, 10**8),
    shown=st.sampled_from([None, look(), look(record()), NO_ANSWER]),
    generation=st.integers(1, 3),
)
def test_final_stays_final(outcome: str, succeeded: str, seconds: int, shown: Any, generation: int) -> None:
    life = ended(outcome, succeeded=succeeded, metadata={"generation": generation})
    before = life.status
    decision = life.at(seconds, shown)
    assert decision.action in (None, Delete())
    assert life.status.submission == before.submission
    assert life.status.backups == before.backups
    assert life.status.completion_time == before.completion_time
    assert life.said() == (succeeded, "AllReplicated")
    writes = life.writes
    life.at(seconds, shown)
    assert life.writes == writes


SAID = [
    Statement(status, reason, "words", for_a_person=person)
    for status, reasons in ALLOWED[ConditionType.SUCCEEDED].items()
    for reason in sorted(reasons)
    for person in (False, True)
]
HELD = [Statement("False", Reason.ENDPOINT_NOT_ALLOWED, "words"), Statement("Unknown", Reason.WAITING_FOR_SECRET, "w")]


@given(accepted=st.sampled_from([ACCEPTED, *HELD]), succeeded=st.sampled_from(SAID), later=st.integers(0, 100))
def test_laws_of_kstatus(accepted: Statement, succeeded: Statement, later: int) -> None:
    """Source: docs/kinds/checkpointreplication.md, "spec"."""
    found = replication(metadata={"generation": 7})
    status = with_conditions(found, found.status, now=NOW, accepted=accepted, succeeded=succeeded)
    kinds = {each.type for each in status.conditions}
    stalled = succeeded.status == "False" or accepted.status == "False" or succeeded.for_a_person
    paused = succeeded.reason in (Reason.SUSPENDED, Reason.RESTORED)
    if succeeded.status == "True" or (succeeded.status == "Unknown" and paused):
        assert not {"Stalled", "Reconciling"} & kinds
    else:
        assert ("Stalled" in kinds, "Reconciling" in kinds) == (stalled, not stalled)
    assert {each.observed_generation for each in status.conditions} == {status.observed_generation} == {7}
    assert (status.completion_time is None) == (succeeded.status == "Unknown")
    # Said again later, nothing has moved.
    now = found.model_copy(update={"status": status})
    moment = NOW + timedelta(seconds=later)
    assert with_conditions(now, status, now=moment, accepted=accepted, succeeded=succeeded) == status


@pytest.mark.parametrize(
    ("outcome", "submitted", "reason", "words"),
    [
        ("Submitted", ("True", "Submitted"), "TrackingDisabled", "for 1 backup; spec.tracking.enabled is false"),
        ("Adopted", ("True", "OutcomeAdopted"), "TrackingDisabled", "for 1 backup; spec.tracking.enabled is false"),
        ("NotNeeded", ("False", "NotNeeded"), "NothingToReplicate", "or is being copied by another call"),
    ],
)
def test_what_is_not_to_be_followed_is_over(outcome: str, submitted: tuple[str, str], reason: str, words: str) -> None:
    taken: dict[str, Any] = {"backups": listed("r1"), "summary": {"total": 1, "waiting": 1}}
    status = {**submitted_as(outcome), **({} if outcome == "NotNeeded" else taken)}
    life = living(status, spec=spec(tracking={"enabled": False}))
    assert life.at(0).action is None
    assert (life.said("Submitted"), life.said()) == (submitted, ("True", reason))
    assert words in life.message()


def test_a_word_of_another_version_is_not_said_again() -> None:
    life = ended()
    assert statement_of(life.status, ConditionType.SUCCEEDED) is not None
    odd = life.status.conditions[0].model_copy(update={"reason": "Novel"})
    assert statement_of(life.status.model_copy(update={"conditions": (odd,)}), ConditionType.SUCCEEDED) is None
