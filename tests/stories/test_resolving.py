"""What became of a call whose answer was lost is found out, and never by sending it again blindly."""

import time
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from ground.operator_process import OperatorProcess, eventually
from ground.simulator import make_backups
from ground.story import NO_CONCLUSION, NO_LOOKS, Story

SOON = {"SETTLE_SECONDS": "4", "REQUEST_TIMEOUT_SECONDS": "5"}
"""A cloud shows what it took within four seconds; nothing is concluded before nine have passed."""
HALF = 2.0
"""Seconds: half the settle time."""


TAKEN = {"reset": True, "after": True}
NOT_TAKEN = {"reset": True}


def lost(story: Story, name: str, *faults: dict[str, Any], **changes: Any) -> str:
    """Create an object to whose calls this happens, one after the other; its vault."""
    pair = story.pair()
    vault = str(pair["source"]["vaultID"])
    for fault in faults:
        story.fault(vault, **fault)
    story.create(name, **pair, **changes)
    return vault


def is_adopted(story: Story, name: str) -> bool:
    """Whether records that were found are followed as the object's own."""
    return story.condition(name, "Submitted") == ("True", "OutcomeAdopted")


def record_ids(story: Story, name: str) -> set[str]:
    """The records that an object says it follows."""
    return {each["replicationRecordID"] for each in story.get(name)["status"]["backups"]}


def test_a_lost_answer_is_found_again_or_its_call_is_proven_absent(story: Story) -> None:
    story.secret()
    with story.operator(**SOON):
        taken = lost(story, "taken", TAKEN)
        absent = lost(story, "absent", NOT_TAKEN)
        late = lost(story, "late", {**TAKEN, "records_after": HALF})
        for name, vault in (("taken", taken), ("late", late)):
            story.wait_for(name, "AllReplicated", status="True")
            [call] = story.posts(vault)
            assert record_ids(story, name) == set(call.record_ids)
            assert story.condition(name, "Submitted") == ("True", "OutcomeAdopted")
            assert story.submission(name)["outcome"] == "Adopted"
            assert "answer to the call was lost" in story.message(name, "Submitted")
            assert ("Normal", "OutcomeAdopted") in eventually(partial(told, story, name, "OutcomeAdopted"))

        story.wait_for("absent", "AllReplicated", status="True")
        assert (len(story.posts(absent)), len(story.accepted(absent))) == (2, 1)
        assert story.submission("absent")["attempt"] == 2
        assert story.submission("absent")["outcome"] == "Submitted"


def told(story: Story, name: str, reason: str) -> list[tuple[str, str]]:
    """The Events about an object, once this one is among them."""
    events = story.events(name)
    return events if any(each[1] == reason for each in events) else []


def test_a_second_unknown_outcome_is_never_followed_by_a_third_call(story: Story) -> None:
    story.secret()
    with story.operator(**SOON) as operator:
        never = lost(story, "never", NOT_TAKEN, NOT_TAKEN)
        second = lost(story, "second", NOT_TAKEN, TAKEN)
        story.wait_for("second", "AllReplicated", status="True")
        assert (len(story.posts(second)), len(story.accepted(second))) == (2, 1)
        assert story.condition("second", "Submitted") == ("True", "OutcomeAdopted")

        story.wait_for("never", "OutcomeUnresolved", status="False")
        assert story.submission("never")["outcome"] == "Unresolved"
        assert story.condition("never", "Stalled") == ("True", "OutcomeUnresolved")
        for part in ("3 backups in the vault", "an earlier call whose outcome was unknown", "create a new resource"):
            assert part in story.message("never")
        assert is_settled(story, operator, "never", never, posts=2)


def is_settled(story: Story, operator: OperatorProcess, name: str, vault: str, *, posts: int) -> bool:
    """Whether nothing more happens to an object, not even in a new process; its vault is free for others."""
    version = story.get(name)["metadata"]["resourceVersion"]
    operator.stop()
    operator.start()
    story.create(f"after-{name}", **story.pair())
    story.wait_for(f"after-{name}", "AllReplicated", status="True")
    return story.get(name)["metadata"]["resourceVersion"] == version and len(story.posts(vault)) == posts


def test_a_cloud_without_records_proves_nothing(story: Story) -> None:
    story.cloud.change(shows_records=False)
    story.secret()
    with story.operator(**SOON):
        logged = lost(story, "logged", TAKEN)
        absent = lost(story, "absent", NOT_TAKEN)
        for name in ("logged", "absent"):
            story.wait_for(name, "OutcomeUnresolved", status="False")
            assert "3 of them shown without replication records" in story.message(name)
        assert "3 replications in the operation log since the call" in story.message("logged")
        assert (len(story.posts(logged)), len(story.posts(absent))) == (1, 1)

        story.cloud.change(has_operation_logs=False)
        lost(story, "blind", NOT_TAKEN)
        story.wait_for("blind", "OutcomeUnresolved", status="False")
        assert "the operation log could not be read" in story.message("blind")


def test_the_operation_log_alone_keeps_a_call_from_being_made_again(story: Story) -> None:
    story.secret()
    with story.operator(**SOON):
        vault = lost(story, "orders", {**TAKEN, "records_shown": 0})
        story.wait_for("orders", "OutcomeUnresolved", status="False")
        assert "in the operation log since the call" in story.message("orders")
        assert len(story.posts(vault)) == 1


def test_records_of_another_object_are_neither_adopted_nor_a_proof(story: Story) -> None:
    story.secret()
    pair = story.pair()
    vault = pair["source"]["vaultID"]
    story.fault(vault, **NOT_TAKEN)
    with story.operator(**{**SOON, **NO_CONCLUSION}):
        story.create("lost", **pair)
        story.wait_for("lost", "ResolvingOutcome")
    # Another object says that it follows what lies in the window of the lost one's call.
    followed = story.call_by_hand(**pair)
    story.create("other", **pair)
    backups = [{"backupID": "b", "replicationRecordID": each.upper(), "state": "Unknown"} for each in followed]
    theirs = {**story.submission("lost"), "outcome": "Submitted"}
    story.write_status("other", {"submission": theirs, "backups": backups})
    with story.operator("second", **SOON):
        story.wait_for("lost", "OutcomeUnresolved", status="False")
        assert "3 records to this destination that belong to other resources" in story.message("lost")
        assert len(story.posts(vault)) == 1


def test_an_older_object_whose_status_was_lost_is_adopted_not_submitted(story: Story) -> None:
    story.cloud.change(copy_seconds=3600)
    story.secret()
    names = ("open", "over", "rolled-back")
    pairs = {name: story.pair() for name in (*names, "new")}
    vaults = {name: pair["source"]["vaultID"] for name, pair in pairs.items()}
    operator = story.operator(**SOON, **NO_LOOKS).start()
    for name in names:
        story.create(name, **pairs[name])
        story.wait_for(name, "Replicating")
    operator.stop()
    before = {name: record_ids(story, name) for name in names}
    for name in ("open", "over"):
        story.write_status(name, {"observedGeneration": -1})
    earlier = {**story.submission("rolled-back"), "outcome": "NotSubmitted", "reason": "DestinationNotReady"}
    started = story.get("rolled-back")["status"]["startTime"]
    story.write_status("rolled-back", {"startTime": started, "submission": earlier})
    for name in ("over", "rolled-back"):
        story.cloud.finish_copying(vaults[name])
    story.create("new", **pairs["new"])
    with story.operator("second", **SOON):
        for name in ("over", "rolled-back"):
            story.wait_for(name, "AllReplicated", status="True")
        for name, ids in before.items():
            eventually(partial(is_adopted, story, name))
            assert record_ids(story, name) == ids
            assert len(story.posts(vaults[name])) == 1
        eventually(lambda: story.accepted(vaults["new"]))
        story.cloud.finish_copying()
        for name in ("open", "new"):
            story.wait_for(name, "AllReplicated", status="True")
    assert len(story.accepted(vaults["new"])) == 1


def test_a_refusal_after_an_unknown_outcome_is_evidence_and_is_resolved(story: Story) -> None:
    story.secret()
    with story.operator(**SOON):
        vaults = {
            code: lost(story, f"s{code}", NOT_TAKEN, {"service": code, "status": 400})
            for code in ("1009", "1012", "6130")
        }
        for code, vault in vaults.items():
            story.wait_for(f"s{code}", "OutcomeUnresolved", status="False", seconds=90)
            assert len(story.posts(vault)) == 2
            assert story.accepted(vault) == []


def test_the_submission_deadline_never_ends_what_is_unknown_and_looking_that_fails_says_why(story: Story) -> None:
    story.secret()
    story.cloud.order_read("backups", times=1)  # the look at the clock is answered as usual
    story.cloud.order_read("backups", times=None, status=503, body=b"")
    with story.operator(**SOON):
        vault = lost(story, "orders", TAKEN, submission={"deadlineSeconds": 2})
        eventually(lambda: "Looking for it fails" in story.message("orders"))
        time.sleep(2)  # by now the deadline has passed
        assert story.condition("orders") == ("Unknown", "ResolvingOutcome")
        assert "HTTP 503" in story.message("orders")
        assert story.condition("orders", "Reconciling")[0] == "True"
        story.release_faults()
        eventually(lambda: "Looking for it fails" not in story.message("orders"))
        story.wait_for("orders", "AllReplicated", status="True")
        assert len(story.posts(vault)) == 1


@pytest.mark.parametrize("offset", [600.0, -600.0])
def test_times_are_compared_by_the_clouds_clock(story: Story, offset: float) -> None:
    story.cloud.change(clock_offset=offset)
    story.secret()
    failing = [replace(each, ends_as="fail") for each in make_backups(3)]
    pair = story.pair(backups=failing)
    earlier = story.call_by_hand(**pair)
    time.sleep(4)  # more than the grain of the cloud's Date header
    story.fault(pair["source"]["vaultID"], **NOT_TAKEN)
    with story.operator(**SOON):
        story.create("absent", **pair)
        taken = lost(story, "taken", TAKEN)
        story.wait_for("absent", "ReplicationFailed", status="False")
        assert story.submission("absent")["attempt"] == 2
        assert not record_ids(story, "absent") & set(earlier)
        story.wait_for("taken", "AllReplicated", status="True")
        assert len(story.posts(taken)) == 1
