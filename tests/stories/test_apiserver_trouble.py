"""An API server that is away, slow, or says no: no answer is lost, and without a written intent nothing is sent."""

import time
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from ground.api_proxy import ApiProxy, Seen, everything, intent, result, to_status_of
from ground.operator_process import eventually
from ground.simulator import make_backups
from ground.story import NO_CONCLUSION, Story

BUSY = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "TooManyRequests", "code": 429}
EXPIRED = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410}
UNAUTHORIZED = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Unauthorized", "code": 401}
BROKEN = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "InternalError", "code": 500}
UNSEEN_SECONDS = 3.0
"""Long enough to do what must not be done."""


def vault_of(created: dict[str, Any]) -> str:
    return str(created["spec"]["source"]["vaultID"])


def next_page(seen: Seen) -> bool:
    """A list that goes on with a continue token."""
    return seen.method == "GET" and "continue" in seen.query


@pytest.mark.parametrize("trouble", ["refused", "429", "401"])
def test_away_it_keeps_the_answer_sends_nothing_new_and_goes_on(story: Story, proxy: ApiProxy, trouble: str) -> None:
    story.secret()
    pair = story.pair()
    vault = pair["source"]["vaultID"]
    story.fault(vault, hang=True, after=True)
    with story.operator_behind(proxy, **NO_CONCLUSION) as operator:
        story.create("answered", **pair)
        eventually(lambda: story.accepted(vault))
        if trouble == "refused":
            proxy.refuse()
        else:
            body = BUSY if trouble == "429" else UNAUTHORIZED
            proxy.order(everything, status=body["code"], body=body)
            proxy.end_watches()
        before = len(proxy.seen)
        story.release_faults()
        eventually(lambda: "could not be written" in operator.log_text())
        later = story.create("later")
        time.sleep(UNSEEN_SECONDS)
        assert operator.probe("livez")[0] == 200
        assert story.posts(vault_of(later)) == []
        assert len(proxy.seen) - before < 20 * UNSEEN_SECONDS  # nobody hammers on a closed door
        proxy.clear()
        if trouble == "refused":
            proxy.accept()
        for name in ("answered", "later"):
            story.wait_for(name, "AllReplicated", status="True")
        assert len(story.posts(vault)) == len(story.posts(vault_of(later))) == 1
        assert story.condition("answered", "Submitted") == ("True", "Submitted")


def test_while_an_intent_cannot_be_written_nothing_is_sent(story: Story, proxy: ApiProxy) -> None:
    story.secret()
    codes = {"s500": 500, "s503": 503, "s429": 429, "s403": 403, "s422": 422, "s409": 409, "s404": 404}
    vaults, orders = {}, {}
    with story.operator_behind(proxy) as operator:
        for name, code in codes.items():
            body = {"kind": "Status", "code": code, "message": "ordered"}
            orders[name] = proxy.order(to_status_of(name, intent), status=code, body=body)
            vaults[name] = vault_of(story.create(name))
        eventually(lambda: all(order.came >= 2 for order in orders.values()))
        assert story.cloud.received() == []
        assert operator.probe("livez")[0] == 200
        proxy.clear()
        for name, vault in vaults.items():
            story.wait_for(name, "AllReplicated", status="True", seconds=90)
            assert len(story.posts(vault)) == 1, name
            assert story.submission(name)["attempt"] == 1, name


def test_lost_answers_of_writes_are_read_back(story: Story, proxy: ApiProxy) -> None:
    story.secret()
    cases = {
        "intent-lost": (intent, False),
        "intent-written": (intent, True),
        "result-lost": (result, False),
        "result-written": (result, True),
    }
    with story.operator_behind(proxy, **NO_CONCLUSION):
        vaults = {}
        for name, (write, after) in cases.items():
            proxy.order(to_status_of(name, write), after=after, cut=True, times=1)
            vaults[name] = vault_of(story.create(name))
        for name, vault in vaults.items():
            story.wait_for(name, "AllReplicated", status="True")
            assert len(story.posts(vault)) == 1, name
            assert story.submission(name)["attempt"] == 1, name
            assert story.condition(name, "Submitted") == ("True", "Submitted"), name


def test_somebody_elses_writes_in_between_are_conflicts_that_harm_nothing(story: Story, proxy: ApiProxy) -> None:
    story.secret()
    with story.operator_behind(proxy, **NO_CONCLUSION):
        for name, write in (("intent", intent), ("result", result)):
            held = proxy.order(to_status_of(name, write), hold=True, times=1)
            vault = vault_of(story.create(name))
            eventually(lambda: held.came)  # noqa: B023 - called at once
            story.patch_metadata(name, {"labels": {"team": "storage"}})
            held.release()
            story.wait_for(name, "AllReplicated", status="True")
            assert len(story.posts(vault)) == 1, name
            assert story.submission(name)["attempt"] == 1, name
            assert story.get(name)["metadata"]["labels"] == {"team": "storage"}
            proxy.clear()


def test_a_slow_one_is_waited_for_and_one_slower_than_the_time_to_send_gets_nothing_sent(
    story: Story, proxy: ApiProxy
) -> None:
    story.secret()
    with story.operator_behind(proxy) as operator:
        slow = proxy.order(intent, hold=True, times=1)
        vault = vault_of(story.create("orders"))
        eventually(lambda: slow.came)
        time.sleep(6)  # the call must start within five seconds from before its intent was sent
        slow.release()
        eventually(lambda: story.submission("orders").get("outcome") == "NotSubmitted")
        assert story.posts(vault) == []
        assert operator.probe("livez")[0] == 200
        story.wait_for("orders", "AllReplicated", status="True")
        assert len(story.posts(vault)) == 1
        proxy.latency = 0.5
        patient = vault_of(story.create("patient"))
        story.wait_for("patient", "AllReplicated", status="True")
        assert len(story.posts(patient)) == 1


def test_watches_that_end_and_lists_that_expire_in_the_middle_are_begun_anew(story: Story, proxy: ApiProxy) -> None:
    story.secret()
    proxy.page_size = 2
    names = [f"orders-{number}" for number in range(5)]
    vaults = [vault_of(story.create(name)) for name in names]
    expired = proxy.order(next_page, status=410, body=EXPIRED, times=1)
    with story.operator_behind(proxy) as operator:
        assert expired.came == 1
        for name in names:
            story.wait_for(name, "AllReplicated", status="True")
        for number, event in enumerate((None, {"type": "ERROR", "object": EXPIRED})):
            eventually(partial(proxy.end_watches, event))
            vaults.append(vault_of(story.create(f"after-{number}")))
            story.wait_for(f"after-{number}", "AllReplicated", status="True")
        assert [len(story.posts(vault)) for vault in vaults] == [1] * len(vaults)
        assert operator.probe("livez")[0] == 200
        assert operator.probe("readyz")[0] == 200


@pytest.mark.parametrize("trouble", ["a watch error", "a list that expires"])
def test_what_the_watch_cannot_ride_over_ends_the_process_in_order_and_loses_nothing(
    story: Story, proxy: ApiProxy, trouble: str
) -> None:
    story.secret()
    proxy.page_size = 2
    pair = story.pair()
    vault = pair["source"]["vaultID"]
    story.fault(vault, hang=True, after=True)
    operator = story.operator_behind(proxy, **NO_CONCLUSION).start()
    for name in ("first", "second"):
        story.create(name, suspend=True)
    story.create("orders", **pair)
    eventually(lambda: story.accepted(vault))
    if trouble == "a list that expires":
        proxy.order(next_page, status=410, body=EXPIRED)
    last = BROKEN if trouble == "a watch error" else EXPIRED
    eventually(partial(proxy.end_watches, {"type": "ERROR", "object": last}))
    eventually(lambda: "Leaving: watch" in operator.log_text())
    story.release_faults()
    assert operator.process is not None
    assert operator.process.wait(60) == 1
    assert story.condition("orders", "Submitted") == ("True", "Submitted")
    proxy.clear()
    with operator:
        story.wait_for("orders", "AllReplicated", status="True")
        assert len(story.posts(vault)) == 1


def test_a_result_that_is_refused_as_invalid_is_written_reduced(story: Story) -> None:
    story.secret()
    story.cloud.change(copy_seconds=3600)
    story.refuse_statuses("!has(object.status.backups) || size(object.status.backups) <= 1")
    with story.operator() as operator:
        vault = vault_of(story.create("orders"))
        story.wait_for("orders", "Replicating")
        status = story.get("orders")["status"]
        assert status["submission"]["outcome"] == "Submitted"
        assert status["submission"]["requestID"]
        assert status["summary"]["total"] == 3
        assert status["backupsOmitted"] == 3
        assert "shortened by 3" in story.message("orders", "Submitted")
        [call] = story.posts(vault)
        assert all(each in operator.log_text() for each in call.record_ids)  # the log has all of it
        story.cloud.finish_copying(vault)
        story.wait_for("orders", "AllReplicated", status="True")
        assert story.get("orders")["status"]["summary"]["succeeded"] == 3


def test_a_status_that_is_too_large_for_the_api_server_is_written_shorter(story: Story) -> None:
    story.secret()
    reason = "The copy was broken off. " * 40
    backups = [replace(each, ends_as="fail", fail_reason=reason) for each in make_backups(3000)]
    pair = story.pair(backups=backups)
    with story.operator() as operator:
        story.create("orders", **pair)
        story.wait_for("orders", "ReplicationFailed", status="False", seconds=90)
        status = story.get("orders")["status"]
        assert status["summary"]["failed"] == 3000
        assert len(status["backups"]) + status.get("backupsOmitted", 0) == 3000
        assert status["backups"][0]["failReason"].startswith("The copy was broken off.")
        assert len(story.posts(pair["source"]["vaultID"])) == 1
        assert operator.probe("livez")[0] == 200
