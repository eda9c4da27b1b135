"""Who answers is part of what a lane, a clock and a claim rest on: a tenant's proxy speaks for that tenant alone."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cbr_operator.engine.cache import Cache, Entry
from cbr_operator.engine.clocks import MOST_SEEN, OFFSET_LASTS, CloudClocks
from cbr_operator.engine.credentials import Credentials
from cbr_operator.engine.lanes import Lanes
from cbr_operator.engine.looks import ClockLooks
from cbr_operator.engine.pace import Pace
from cbr_operator.engine.vault_reader import rooms_for_looks
from cbr_operator.kinds.common import format_micro_time
from cbr_operator.kinds.connection import CLUSTER_CONNECTIONS, CONNECTIONS, Connection
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import Facts, Route
from cbr_operator.rules.access import authority_of
from cbr_operator.rules.claims import MOST_CLOCK_OFFSET, window_of
from cbr_operator.rules.connections import voucher_of
from cbr_operator.rules.credentials import route_of
from cbr_operator.rules.lanes import lane_of, target_of
from cbr_operator.rules.replication import decide
from cbr_operator.rules.view import LookAtClock, Submit
from ground.connections import cluster_connection, connection, connection_body, through
from ground.hand_clock import HandClock
from ground.looks import Life, listed, look, record
from ground.objects import (
    CREDENTIAL,
    ENDPOINT,
    NOW,
    POLICY,
    SOURCE,
    SUBMISSION,
    body,
    replication,
    spec,
    submitted_as,
    view,
)

PROXY = {"proxyURL": "http://proxy.example.com:3128"}
CA = {"caBundle": {"configMapRef": {"name": "ca"}}}
TARGET = {"endpoint": ENDPOINT, **SOURCE}


def tenants(namespace: str = "evil", changes: Any = None) -> Connection:
    return connection(metadata={"namespace": namespace, "uid": f"uid-in-{namespace}"}, **(changes or PROXY))


@pytest.mark.parametrize("changes", [PROXY, CA, {**PROXY, **CA}])
def test_a_connection_vouches_where_its_tenant_decides_who_answers(changes: dict[str, Any]) -> None:
    assert voucher_of(connection(**changes)) == "dr"
    assert voucher_of(cluster_connection(**changes)) == ""
    assert voucher_of(connection(endpoint=ENDPOINT)) == ""


def test_it_is_written_with_the_intent_and_travels_with_the_credential() -> None:
    by = connection(**PROXY)
    assert by.spec is not None
    decision = decide(view(through(), connection=by, credential=CREDENTIAL))
    assert isinstance(decision.action, Submit)
    assert decision.action.intent.target.vouched_by == "dr"
    assert decision.status is not None
    assert decision.status.submission is not None
    assert decision.status.submission.target.vouched_by == "dr"
    assert route_of(by, by.spec, "").vouched_by == "dr"


def test_what_was_written_before_stands_where_the_endpoint_says() -> None:
    old = replication(status=submitted_as("Unknown", target=TARGET))
    target = target_of(old)
    assert target is not None
    assert target.vouched_by == ""
    own = target_of(replication())
    assert own is not None
    assert lane_of(target) == lane_of(own)


def test_what_was_called_keeps_it_when_the_connection_goes_and_gets_it_when_a_proxy_comes() -> None:
    def vouched(by: Connection | None, **target: Any) -> str:
        one = through()
        called = one.from_json(
            body("x", spec=spec(), status={"submission": {**SUBMISSION, "outcome": "Unknown", "target": target}})
        )
        found = target_of(called, by)
        assert found is not None
        return found.vouched_by

    assert vouched(None, **TARGET, vouchedBy="dr") == "dr"
    assert vouched(connection(), **TARGET, vouchedBy="dr") == "dr"
    assert vouched(connection(), **TARGET) == ""
    assert vouched(connection(**PROXY), **TARGET) == "dr"


@pytest.mark.parametrize("outcome", ["Unknown", "NotNeeded"])
def test_what_a_look_brought_through_a_tenants_proxy_stays_the_tenants_when_the_proxy_goes(outcome: str) -> None:
    life = Life(replication(status=submitted_as(outcome, firstUnknownAt=SUBMISSION["cloudTime"], target=TARGET)))
    for seconds in (0, 60):
        life.at(seconds, look(record("r1"), vouched_by="evil", log_since=NOW - timedelta(hours=1)))
    assert [each.replication_record_id for each in life.status.backups] == ["r1"]
    target = target_of(life.now, connection())
    assert target is not None
    assert target.vouched_by == "evil"


class Ground:
    """A cache in which namespace evil has a connection with its own proxy, to the same endpoint as the others."""

    def __init__(self, by: Connection) -> None:
        self.lanes = Lanes(lambda _: None)
        self.cache = Cache(
            clock=HandClock(),
            lanes=self.lanes,
            gone=lambda _: None,
            connection=lambda each: by if each.spec is not None and each.spec.connection_ref is not None else None,
        )

    def store(self, name: str, **parts: Any) -> Entry:
        namespace = parts.get("namespace", "dr")
        self.cache.store(body(name, **parts))
        found = self.cache.get((namespace, name))
        assert found is not None
        return found

    def hostile(self, **status: Any) -> Entry:
        reference = {"kind": CONNECTIONS.kind, "name": "prod"}
        made = spec(tokenSecretRef=None, connectionRef=reference)
        old = {"creationTimestamp": "2026-01-01T00:00:00Z"}
        return self.store("hostile", namespace="evil", spec=made, metadata=old, status=status)


def test_a_tenants_proxy_does_not_hold_the_lane_of_others() -> None:
    ground = Ground(tenants())
    target = {**TARGET, "vouchedBy": "evil"}
    hostile = ground.hostile(**submitted_as("Unknown", target=target))
    victim = ground.store("victim")
    assert hostile.place is not None
    assert hostile.place.holds
    assert victim.place is not None
    ground.lanes.stand(victim.place, ready=True)
    assert ground.lanes.in_front_of(victim.place) is None


@pytest.mark.parametrize("target", [{**TARGET, "vouchedBy": "evil"}, {**TARGET, "endpoint": "https://cbr.evil.com"}])
def test_what_another_cloud_says_of_the_same_vault_id_claims_nothing(target: dict[str, Any]) -> None:
    ground = Ground(tenants())
    ground.hostile(**submitted_as("Submitted", target=target), backups=listed("r1"))
    honest = ground.store("honest", status={**submitted_as("Submitted"), "backups": listed("r2")})
    victim = ground.store("victim")
    assert [each.uid for each in ground.cache.others_in_lane(victim)] == [honest.uid]


def test_the_connections_of_one_namespace_share_their_claims() -> None:
    one, other = tenants(), tenants(changes=CA)
    targets = [target_of(through(source=SOURCE), by) for by in (one, other, tenants("another"), None)]
    lanes = [lane_of(each) if each is not None else "" for each in targets]
    assert lanes[0] == lanes[1] != lanes[2]


def test_a_cluster_connection_with_a_proxy_stands_with_all_others() -> None:
    by = Connection.from_json(CLUSTER_CONNECTIONS.kind, connection_body(kind=CLUSTER_CONNECTIONS.kind, **PROXY, **CA))
    target, own = target_of(through(CLUSTER_CONNECTIONS.kind), by), target_of(replication())
    assert target is not None
    assert own is not None
    assert lane_of(target) == lane_of(own)


def facts(offset: float | None) -> Facts:
    return Facts(sent=True, clock_offset=offset)


def test_a_tenants_proxy_does_not_set_the_clock_of_others() -> None:
    clocks = CloudClocks(HandClock())
    clocks.learn(authority_of(ENDPOINT, "evil"), facts(3600.0))
    assert clocks.offset(authority_of(ENDPOINT, "")) is None
    assert clocks.offset(authority_of(ENDPOINT, "evil")) == 3600.0


async def test_a_look_teaches_the_clock_of_who_answered_it_whatever_was_written_before() -> None:
    clock = HandClock()
    clocks, woken = CloudClocks(clock), asyncio.Event()
    cloud: Any = Answering()
    credentials = Credentials(
        kube=cloud, cloud=cloud, clock=clock, policy=POLICY, connections=lambda _: None, moved=lambda _: None
    )
    pace = Pace(clock=clock, wake=lambda _: None)
    looks = ClockLooks(
        cloud=cloud,
        clocks=clocks,
        credentials=credentials,
        pace=pace,
        rooms=rooms_for_looks(),
        wake=lambda _: woken.set(),
    )
    credential = replace(CREDENTIAL, route=Route("uid-in-evil", proxy=PROXY["proxyURL"], vouched_by="evil"))
    looks.start(("evil", "x"), LookAtClock(Target(endpoint=ENDPOINT, project_id="p", vault_id="v"), credential))
    async with asyncio.timeout(5):
        await woken.wait()
    assert clocks.offset(authority_of(ENDPOINT, "")) is None
    assert clocks.offset(authority_of(ENDPOINT, "evil")) == 3600.0


class Answering:
    """A cloud with a clock of its own, and an API server without a Secret."""

    async def read_secret(self, **_: Any) -> None:
        return None

    async def read_config_map(self, **_: Any) -> None:
        return None

    async def list_backups(self, **_: Any) -> Facts:
        return Facts(sent=True, status=200, body=b'{"backups": [], "count": 0}', clock_offset=3600.0)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_date_more_than_a_day_away_is_no_clock(sign: int) -> None:
    clocks = CloudClocks(HandClock())
    clocks.learn("far", facts(sign * (MOST_CLOCK_OFFSET + 1)))
    assert not clocks.has_none("far")
    clocks.learn("far", facts(sign * 2.5e11), or_none=True)
    assert clocks.has_none("far")
    assert clocks.offset("far") is None
    clocks.learn("near", facts(sign * MOST_CLOCK_OFFSET))
    assert clocks.offset("near") == sign * MOST_CLOCK_OFFSET


def test_clocks_that_are_old_or_too_many_are_forgotten_the_oldest_first() -> None:
    clock = HandClock()
    clocks = CloudClocks(clock)
    for number in range(MOST_SEEN + 1):
        clocks.learn(f"a{number}", facts(1.0))
    clocks.learn("a1", facts(2.0))
    assert clocks.offset("a0") is None
    assert len(clocks) == MOST_SEEN
    clock.seconds += OFFSET_LASTS + 1
    clocks.learn("b", facts(1.0))
    assert len(clocks) == 1


def test_a_window_does_not_reach_beyond_what_our_own_clock_bears_out() -> None:
    lasting, day = 180.0, timedelta(seconds=MOST_CLOCK_OFFSET)
    far = replication(
        status=submitted_as("Unknown", cloudTime="9000-01-01T00:00:00.000000Z", firstUnknownAt="1970-01-01T00:00:00Z")
    )
    window = window_of(far, lasting=lasting)
    assert window is not None
    assert window.start == far.metadata.creation_timestamp - day
    assert window.end == NOW + day + timedelta(seconds=lasting)


def test_a_restored_objects_window_begins_with_its_first_start() -> None:
    began = NOW - timedelta(days=9)
    status = submitted_as("Unknown", firstUnknownAt=format_micro_time(began))
    restored = replication(status={**status, "startTime": format_micro_time(began)})
    window = window_of(restored, lasting=180.0)
    assert window is not None
    assert window.start == began
