"""One call a vault at a time, oldest first; what is not known holds its vault; 401 and 429 hold their credential."""

import time

from ground.operator_process import eventually
from ground.story import NO_CONCLUSION, Story
from ground.watcher import WriteCounter


def test_calls_to_one_vault_go_one_at_a_time_and_oldest_first(story: Story) -> None:
    story.secret()
    pair = story.pair(destinations=4)
    vault = pair["source"]["vaultID"]
    story.fault(vault, hang=True, after=True)
    with story.operator():
        made = []
        for number, destination in enumerate(pair["destinations"]):
            made.append(story.create(f"copy-{number}", source=pair["source"], destination=destination))
            eventually(lambda: story.posts(vault))
        story.release_faults()
        for number in range(4):
            story.wait_for(f"copy-{number}", "AllReplicated")
    # Creation times have whole seconds; ties go by uid. The first was called before the others came.
    behind = sorted(made[1:], key=lambda each: (each["metadata"]["creationTimestamp"], each["metadata"]["uid"]))
    calls = story.accepted(vault)
    regions = [each["spec"]["destination"]["region"] for each in (made[0], *behind)]
    assert [call.destination_region for call in calls] == regions
    assert story.most_at_once(vault) == 1


def test_who_waits_long_says_so_once_and_for_whom(story: Story) -> None:
    story.secret()
    pair = story.pair(destinations=2)
    vault = pair["source"]["vaultID"]
    story.fault(vault, hang=True)
    with story.operator(), WriteCounter(story.controlplane.api()) as writes:
        off = {"enabled": False}
        story.create("older", source=pair["source"], destination=pair["destinations"][0], tracking=off)
        eventually(lambda: story.posts(vault))
        story.create("younger", source=pair["source"], destination=pair["destinations"][1], tracking=off)
        story.wait_for("younger", "WaitingForVault")
        assert "'older' was in front" in story.message("younger")
        assert story.submission("younger") == {}
        story.release_faults()
        story.wait_for("younger", "TrackingDisabled")
        writes.catch_up()
        assert writes.modified[story.namespace, "younger"] == 3
        assert writes.modified[story.namespace, "older"] == 2


def test_what_is_not_known_holds_its_vault_and_is_not_sent_again(story: Story) -> None:
    story.secret()
    pair = story.pair(destinations=2)
    vault = pair["source"]["vaultID"]
    story.fault(vault, reset=True, after=True)
    with story.operator(**NO_CONCLUSION) as operator:
        story.create("lost", source=pair["source"], destination=pair["destinations"][0])
        story.wait_for("lost", "ResolvingOutcome")
        assert "is being resolved" in story.message("lost")
        assert story.submission("lost")["firstUnknownAt"] == story.submission("lost")["cloudTime"]
        story.create("behind", source=pair["source"], destination=pair["destinations"][1])
        story.wait_for("behind", "WaitingForVault")
        operator.stop()
        operator.start()
        time.sleep(2)  # time enough to do what it must not
        assert story.condition("lost") == ("Unknown", "ResolvingOutcome")
        assert story.condition("behind") == ("Unknown", "WaitingForVault")
        assert len(story.posts(vault)) == 1


def test_a_busy_vault_is_waited_for(story: Story) -> None:
    story.secret()
    pair = story.pair()
    vault = pair["source"]["vaultID"]
    story.fault(vault, service="6130", status=400)
    with story.operator():
        story.create("orders", **pair)
        story.wait_for("orders", "WaitingForVault")
        story.wait_for("orders", "AllReplicated")
        assert (len(story.posts(vault)), len(story.accepted(vault))) == (2, 1)
        assert story.submission("orders")["attempt"] == 2


def test_a_rate_limit_holds_all_with_its_credential_and_no_other(story: Story) -> None:
    story.secret()
    story.secret("other")
    pairs = [story.pair() for _ in range(3)]
    story.fault(pairs[0]["source"]["vaultID"], gateway="0308", status=429, headers={"Retry-After": "12"})
    with story.operator():
        story.create("first", **pairs[0])
        story.wait_for("first", "RateLimited")
        story.create("second", **pairs[1])
        story.create("third", **pairs[2], tokenSecretRef={"name": "other"})
        story.wait_for("third", "AllReplicated")
        story.wait_for("second", "RateLimited")
        assert story.posts(pairs[1]["source"]["vaultID"]) == []
        for name in ("first", "second"):
            story.wait_for(name, "AllReplicated")
