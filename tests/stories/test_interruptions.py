"""Killed, stopped, frozen, alone without its API server: nothing is sent twice, no answer is lost."""

import signal
import time

from ground.operator_process import eventually
from ground.story import NO_CONCLUSION, Story


def test_killed_during_the_call_it_is_not_made_again(story: Story) -> None:
    story.secret()
    pair = story.pair()
    vault = pair["source"]["vaultID"]
    story.fault(vault, hang=True, after=True)
    with story.operator(**NO_CONCLUSION) as operator:
        story.create("orders", **pair)
        eventually(lambda: story.accepted(vault))
        operator.kill()
        assert story.submission("orders")["outcome"] == "Pending"
        story.release_faults()
        operator.start()
        story.wait_for("orders", "ResolvingOutcome")
        assert story.submission("orders")["outcome"] == "Unknown"
        assert len(story.posts(vault)) == 1


def test_told_to_stop_it_awaits_its_call_and_writes_the_answer(story: Story) -> None:
    story.secret()
    pair = story.pair()
    vault = pair["source"]["vaultID"]
    story.fault(vault, latency=3)
    operator = story.operator().start()
    story.create("orders", **pair)
    eventually(lambda: story.posts(vault))
    assert operator.stop() == 0
    assert story.condition("orders") == ("Unknown", "Replicating")
    assert len(story.get("orders")["status"]["backups"]) == 3


def test_an_answer_waits_for_an_api_server_that_is_away(story: Story) -> None:
    story.secret()
    pair = story.pair()
    vault = pair["source"]["vaultID"]
    story.fault(vault, hang=True, after=True)
    with story.operator() as operator:
        story.create("orders", **pair)
        eventually(lambda: story.accepted(vault))
        story.controlplane.stop_apiserver(kill=True)
        try:
            story.release_faults()
            eventually(lambda: "could not be written" in operator.log_text())
            assert operator.probe("livez")[0] == 200
        finally:
            story.controlplane.start_apiserver()
        story.wait_for("orders", "AllReplicated")
        assert len(story.posts(vault)) == 1


def test_deleted_during_its_call_the_answer_goes_to_an_event_and_the_log(story: Story) -> None:
    story.secret()
    pair = story.pair(destinations=2)
    vault = pair["source"]["vaultID"]
    story.fault(vault, hang=True, after=True)
    with story.operator(SETTLE_SECONDS="2", REQUEST_TIMEOUT_SECONDS="15") as operator:
        story.create("orders", source=pair["source"], destination=pair["destinations"][0])
        eventually(lambda: story.accepted(vault))
        story.delete("orders")
        story.create("orders", source=pair["source"], destination=pair["destinations"][1])
        story.release_faults()
        eventually(lambda: ("Warning", "Submitted") in story.events("orders"))
        [first] = story.accepted(vault)
        assert all(each in operator.log_text() for each in first.record_ids)
        story.wait_for("orders", "AllReplicated", seconds=90)
        assert len(story.accepted(vault)) == 2
        assert story.most_at_once(vault) == 1


def test_frozen_during_its_call_it_takes_the_answer_when_it_wakes(story: Story) -> None:
    story.secret()
    pair = story.pair()
    vault = pair["source"]["vaultID"]
    story.fault(vault, hang=True)
    with story.operator() as operator:
        story.create("orders", **pair)
        eventually(lambda: story.posts(vault))
        assert operator.process is not None
        operator.process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        operator.process.send_signal(signal.SIGCONT)
        story.release_faults()
        story.wait_for("orders", "AllReplicated")
        assert len(story.posts(vault)) == 1


def test_one_of_two_leads_and_the_other_follows(story: Story) -> None:
    story.secret()
    settings = {"LEADER_ELECTION": "true", "LEASE_DURATION_SECONDS": "4", "OPERATOR_NAMESPACE": story.namespace}
    first = story.operator("first", **settings).start()
    second = story.operator("second", **settings).start()
    assert first.probe("readyz")[1].startswith("leading")
    eventually(lambda: second.probe("readyz") == (200, "standing by\n"))
    first.kill()
    created = story.create("orders")
    story.wait_for("orders", "AllReplicated")
    assert second.probe("readyz")[1].startswith("leading")
    assert len(story.accepted(created["spec"]["source"]["vaultID"])) == 1
    first.start()
    assert second.stop() == 0
    eventually(lambda: first.probe("readyz")[1].startswith("leading"))


def test_a_wrong_setting_or_a_missing_kind_ends_the_start_with_one_line(story: Story) -> None:
    for name, value in (("DENIED_NETWORKS", "10.0.0.0/8"), ("WORKERS", "many")):
        operator = story.operator(f"wrong-{name}", **{name: value})
        operator.start(ready=False)
        assert operator.process is not None
        assert operator.process.wait(60) == 2
        [line] = operator.log_text().splitlines()
        assert f"CBR_OPERATOR_{name}" in line
        story.forget(operator)
