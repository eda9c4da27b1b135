"""From submitted to the end: every backup is followed, and what came of it is in the status."""

import time
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest

from ground.operator_process import eventually
from ground.simulator import Backup, make_backups
from ground.story import Story
from ground.watcher import WriteCounter

LONG = 3600.0
"""Seconds that a copy takes which a story ends when it likes."""
BRIEF = {"SETTLE_SECONDS": "2", "REQUEST_TIMEOUT_SECONDS": "5"}
"""Settings for a story in which the operator soon stops to expect more of the cloud."""

ENDS: dict[str, tuple[list[str], tuple[str, str], tuple[str, ...]]] = {
    "all": (["success"] * 3, ("True", "AllReplicated"), ("3 backups copied",)),
    "some": (["success", "fail", "success"], ("False", "PartiallyFailed"), ("1 of 3 backups", "BackupService.1006")),
    "none": (["fail", "fail"], ("False", "ReplicationFailed"), ("None of 2 backups", "Failed to import")),
    "but-one": (["success", "skip"], ("True", "AllReplicated"), ("1 backup copied", "1 backup needed none")),
    "failed-and-skipped": (["fail", "skip"], ("False", "ReplicationFailed"), ("BackupService.1006",)),
    "skipped": (["skip", "skip"], ("True", "NothingToReplicate"), ("skipped 2 backups",)),
    "empty": ([], ("True", "NothingToReplicate"), ("found no backup",)),
}
"""How the copies of an object's backups end, and what it comes to."""


def copies(*ends: str) -> list[Backup]:
    """Backups whose copies end so."""
    made = zip(make_backups(len(ends)), cast("list[Any]", ends), strict=True)
    return [replace(each, ends_as=end) for each, end in made]


def all_replicate(story: Story, name: str) -> bool:
    """Whether the three backups of an object are seen being copied."""
    return states(story, name) == ["Replicating"] * 3


def states(story: Story, name: str) -> list[str]:
    """The states of an object's backups."""
    return [each["state"] for each in story.get(name)["status"].get("backups", [])]


def vault_of(created: dict[str, Any]) -> str:
    return str(created["spec"]["source"]["vaultID"])


def is_read_no_more(story: Story, *vaults: str) -> bool:
    """Whether the operator leaves these vaults alone while it looks at another one several times."""
    other = vault_of(story.create("another"))
    eventually(lambda: story.cloud.gets_of(other))
    before = [story.cloud.gets_of(vault) for vault in vaults]
    eventually(lambda: story.cloud.gets_of(other) >= 4)
    story.delete("another")
    return before == [story.cloud.gets_of(vault) for vault in vaults]


def test_every_way_in_which_copying_can_end(story: Story) -> None:
    story.secret()
    with story.operator():
        for name, (ends, _, _) in ENDS.items():
            story.create(name, **story.pair(backups=copies(*ends)))
        for name, (ends, condition, parts) in ENDS.items():
            story.wait_for(name, condition[1], status=condition[0])
            status = story.get(name)["status"]
            assert status["completionTime"], name
            assert status.get("progress", "0/0") == f"{len(ends)}/{len(ends)}", name
            assert all(part in story.message(name) for part in parts), story.message(name)
            for backup in status.get("backups", []):
                if backup["state"] == "Failed":
                    assert backup["failCode"] == "BackupService.1006"
                    assert backup["failReason"]
                if backup["state"] == "Succeeded":
                    assert backup["destinationBackupID"]
                    assert backup["createdAt"]
            stalled = [each["type"] for each in status["conditions"] if each["type"] in ("Stalled", "Reconciling")]
            assert stalled == (["Stalled"] if condition[0] == "False" else []), name
        for name, status in (("all", "True"), ("none", "False")):
            waited = f"--for=condition=Succeeded={status}"
            story.controlplane.kubectl("-n", story.namespace, "wait", f"cpr/{name}", waited, "--timeout=30s")


def test_three_backups_are_followed_to_success_in_at_most_five_writes(story: Story) -> None:
    story.cloud.change(copy_seconds=LONG)
    story.secret()
    with story.operator(), WriteCounter(story.controlplane.api()) as writes:
        vault = vault_of(story.create("orders"))
        eventually(partial(all_replicate, story, "orders"))
        story.cloud.finish_copying(vault, 1)
        eventually(lambda: story.get("orders")["status"]["progress"] == "1/3")
        assert story.get("orders")["status"]["summary"] == {
            **dict.fromkeys(["waiting", "failed", "skipped", "unknown"], 0),
            "total": 3,
            "replicating": 2,
            "succeeded": 1,
            "progress": 33,
        }
        assert "cannot be cancelled" in story.message("orders")
        story.cloud.finish_copying(vault)
        story.wait_for("orders", "AllReplicated", status="True")
        eventually(lambda: "AllReplicated" in writes.reasons[story.namespace, "orders"])
        writes.catch_up()
        assert writes.modified[story.namespace, "orders"] <= 5
        assert is_read_no_more(story, vault)


def test_when_the_cloud_calls_it_needless_it_ends_after_what_is_under_way_there(story: Story) -> None:
    story.secret()
    pairs = {name: story.pair() for name in ("s1009", "s1012", "under-way")}
    vault = pairs["under-way"]["source"]["vaultID"]
    story.cloud.change(copy_seconds=LONG)
    by_hand = story.call_by_hand(**pairs["under-way"])
    for name, code in (("s1009", "1009"), ("s1012", "1012"), ("under-way", "1012")):
        story.fault(pairs[name]["source"]["vaultID"], service=code, status=400)
    with story.operator():
        for name, pair in pairs.items():
            story.create(name, **pair)
        for name in ("s1009", "s1012"):
            story.wait_for(name, "NothingToReplicate", status="True")
            assert story.condition(name, "Submitted") == ("False", "NotNeeded")
            assert story.submission(name)["outcome"] == "NotNeeded"
        eventually(partial(all_replicate, story, "under-way"))
        assert story.condition("under-way") == ("Unknown", "Replicating")
        found = {each["replicationRecordID"] for each in story.get("under-way")["status"]["backups"]}
        assert found == set(by_hand)
        story.cloud.finish_copying(vault)
        story.wait_for("under-way", "AllReplicated", status="True")
        assert len(story.posts(vault)) == 1


def test_a_vault_that_is_busy_is_looked_at_and_called_once_nothing_is_open_there(story: Story) -> None:
    story.secret()
    story.cloud.change(copy_seconds=LONG)
    pair = story.pair(destinations=2)
    vault = pair["source"]["vaultID"]
    story.call_by_hand(pair["source"], pair["destinations"][0])
    with story.operator():
        story.create("orders", source=pair["source"], destination=pair["destinations"][1])
        story.wait_for("orders", "WaitingForVault")
        looks = story.cloud.gets_of(vault)
        eventually(lambda: story.cloud.gets_of(vault) >= looks + 8)  # well beyond the pause of the first try
        assert len(story.posts(vault)) == 1
        story.cloud.finish_copying(vault)
        eventually(lambda: story.accepted(vault))
        story.cloud.finish_copying(vault)
        story.wait_for("orders", "AllReplicated", status="True")
        assert len(story.posts(vault)) == 2
        assert story.submission("orders")["attempt"] == 2


def test_without_records_the_operation_log_is_followed_and_without_that_it_says_so(story: Story) -> None:
    story.secret()
    story.cloud.change(shows_records=False, copy_seconds=LONG)
    with story.operator(**BRIEF):
        vault = vault_of(story.create("orders"))
        eventually(lambda: "the operation log is followed instead" in story.message("orders"))
        assert "no replication records" in story.message("orders")
        assert story.condition("orders") == ("Unknown", "Replicating")
        assert states(story, "orders") == ["Replicating"] * 3
        story.cloud.finish_copying(vault)
        story.wait_for("orders", "AllReplicated", status="True")

        story.cloud.change(has_operation_logs=False)
        story.create("unseen", tracking={"deadlineSeconds": 12})
        story.wait_for("unseen", "CannotLook", status="Unknown")
        assert "operation log cannot be read" in story.message("unseen")
        assert "Look at the destination vault" in story.message("unseen")
        story.wait_for("unseen", "TrackingDeadlineExceeded", status="False")
        assert "no replication records" in story.message("unseen")


def test_records_that_come_late_are_waited_for_and_those_that_never_come_are_unknown_not_failed(story: Story) -> None:
    story.secret()
    late, never = story.pair(), story.pair()
    story.fault(late["source"]["vaultID"], records_after=4)
    story.fault(never["source"]["vaultID"], records_shown=1, in_log=False)
    with story.operator(**BRIEF), WriteCounter(story.controlplane.api()) as writes:
        story.create("late", **late)
        story.create("never", **never, tracking={"deadlineSeconds": 20})
        story.wait_for("late", "AllReplicated", status="True")
        eventually(lambda: sorted(states(story, "never")) == ["Succeeded", "Unknown", "Unknown"])
        assert story.condition("never") == ("Unknown", "Replicating")
        assert "no replication record of 2 backups" in story.message("never")
        story.wait_for("never", "TrackingDeadlineExceeded", status="False")
        assert story.get("never")["status"]["summary"]["unknown"] == 2
        assert story.get("never")["status"]["summary"]["failed"] == 0
        writes.catch_up()
        assert writes.modified[story.namespace, "late"] <= 5


@pytest.mark.timeout(180)
def test_a_token_that_runs_out_or_may_not_look_stalls_until_a_person_mends_that(story: Story) -> None:
    token = story.secret()
    story.secret("reader")
    story.cloud.change(copy_seconds=LONG)
    with story.operator():
        story.create("orders")
        barred = vault_of(story.create("barred", tokenSecretRef={"name": "reader"}))
        for name in ("orders", "barred"):
            eventually(partial(all_replicate, story, name))
        story.refuse_token(token)
        story.cloud.order_read("backups", times=None, status=403, body=b"")
        for name, advice in (("orders", "Put a new token into the Secret"), ("barred", "cbr:backups:list")):
            story.wait_for(name, "CannotLook", status="Unknown")
            assert story.condition(name, "Stalled") == ("True", "CannotLook")
            assert advice in story.message(name)
            assert ("Warning", "CannotLook") in eventually(partial(story.events, name))
        asked = story.cloud.gets_of(barred)
        eventually(lambda: story.cloud.gets_of(barred) >= asked + 3)

        story.secret()
        story.cloud.release()
        story.cloud.finish_copying()
        for name in ("barred", "orders"):
            story.wait_for(name, "AllReplicated", status="True", seconds=90)
            assert [each["type"] for each in story.conditions(name)] == ["Accepted", "Submitted", "Succeeded"]
        assert story.cloud.refused(token) == 1  # it was not tried again


def test_following_ends_at_its_deadline_and_when_it_is_switched_off(story: Story) -> None:
    story.secret()
    story.cloud.change(copy_seconds=LONG)
    with story.operator():
        vaults = [
            vault_of(story.create("slow", tracking={"deadlineSeconds": 5})),
            vault_of(story.create("let-go")),
        ]
        for name in ("slow", "let-go"):
            eventually(partial(all_replicate, story, name))
        story.patch("let-go", {"tracking": {"enabled": False}})
        story.wait_for("let-go", "TrackingDisabled", status="True")
        story.wait_for("slow", "TrackingDeadlineExceeded", status="False")
        assert "0/3 backups had come to their end" in story.message("slow")
        assert "It goes on in the cloud" in story.message("slow")
        assert story.condition("slow", "Stalled") == ("True", "TrackingDeadlineExceeded")
        assert is_read_no_more(story, *vaults)


def test_several_objects_on_one_vault_share_one_list_a_poll(story: Story) -> None:
    story.secret()
    pair = story.pair(destinations=4)
    vault = pair["source"]["vaultID"]
    # With neither records nor ids nothing is known to be open, so that the next one is called at once.
    story.fault(vault, change="without_record_ids", records_shown=0, in_log=False, times=4)
    names = [f"copy-{number}" for number in range(4)]
    with story.operator(POLL_MIN_SECONDS="2", POLL_MAX_SECONDS="2"):
        for name, destination in zip(names, pair["destinations"], strict=True):
            story.create(name, source=pair["source"], destination=destination)
        for name in names:
            story.wait_for(name, "Replicating")
        before, started = story.cloud.gets_of(vault), time.monotonic()
        eventually(lambda: story.cloud.gets_of(vault) >= before + 5)
        # A poll each would read the list four times as often; being slow only makes the time between two longer.
        assert time.monotonic() - started >= 2.0 * 4
