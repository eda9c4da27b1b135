"""Objects stand in the lane to which their connection leads, and move with it."""

from typing import Any

from cbr_operator.engine.cache import Cache, Entry
from cbr_operator.engine.connections import Connections, is_same
from cbr_operator.engine.lanes import Lanes
from cbr_operator.engine.system_clock import SystemClock
from cbr_operator.kinds.connection import CONNECTIONS, ConnectionKey
from cbr_operator.kinds.replication_status import Outcome
from cbr_operator.rules.holds import hold_key, refusal_of
from ground.connections import connection, connection_body, through
from ground.objects import SOURCE, body, spec

KEY = ConnectionKey(CONNECTIONS.kind, "dr", "prod")
USER = ("dr", "orders")
OTHER_ENDPOINT = "https://cbr.region1.example.com"


class Ground:
    def __init__(self) -> None:
        self.changed: list[ConnectionKey] = []
        self.gone: list[str] = []
        clock = SystemClock()
        self.woken: list[str] = []
        self.lanes = Lanes(lambda place: self.woken.append(place.name))
        self.connections = Connections(clock=clock, changed=self.on_change, gone=self.gone.append)
        self.cache = Cache(clock=clock, lanes=self.lanes, gone=lambda _: None, connection=self.connections.named_by)

    def on_change(self, key: ConnectionKey) -> None:
        self.changed.append(key)
        for user in self.cache.users_of(key):
            self.cache.derive(user)

    def connect(self, version: int, **changes: Any) -> None:
        metadata = {"resourceVersion": str(version), "generation": version}
        self.connections.store_of(CONNECTIONS).store(connection_body(metadata=metadata, **changes))

    def create(self, name: str = "orders", **status: object) -> Entry:
        reference = {"kind": CONNECTIONS.kind, "name": "prod"}
        made = spec(tokenSecretRef=None, connectionRef=reference, source={"vaultID": SOURCE["vaultID"]})
        self.cache.store(body(name, spec=made, status=status or None))
        return self.entry(name)

    def entry(self, name: str = "orders") -> Entry:
        found = self.cache.get(("dr", name))
        assert found is not None
        return found


def test_an_object_stands_nowhere_before_its_connection_is_there() -> None:
    ground = Ground()
    assert ground.create().place is None
    ground.connect(1)
    place = ground.entry().place
    assert place is not None
    assert ground.changed == [KEY]
    assert "cbr.region1.myhuaweicloud.com" in place.lane


def test_a_changed_endpoint_moves_it_and_frees_the_lane_that_it_leaves() -> None:
    ground = Ground()
    ground.connect(1)
    for name in ("a", "b"):
        place = ground.create(name).place
        assert place is not None
        ground.lanes.stand(place, ready=True)
    left = ground.entry("a").place
    ground.connect(2, endpoint=OTHER_ENDPOINT)
    moved = ground.entry("b").place
    assert left is not None
    assert moved is not None
    assert moved.lane != left.lane
    assert ground.lanes.in_front_of(left) is None
    assert ground.lanes.in_front_of(moved) is None


def test_what_was_called_holds_the_lane_that_was_called_wherever_the_connection_leads_now() -> None:
    ground = Ground()
    ground.connect(1)
    target = {"endpoint": "https://cbr.region1.myhuaweicloud.com", "region": "region1", **SOURCE}
    pending = {"outcome": Outcome.PENDING.value, "attempt": 1, "target": {**target, "connectionUID": "uid-of-prod"}}
    before = ground.create(submission=pending).place
    ground.connect(2, endpoint=OTHER_ENDPOINT)
    assert ground.entry().place == before
    assert before is not None
    assert before.holds


def test_a_status_of_ours_changes_nothing_for_its_users() -> None:
    ground = Ground()
    ground.connect(1)
    written = connection_body(metadata={"resourceVersion": "2"}, status={"observedGeneration": 1})
    ground.connections.store_of(CONNECTIONS).store(written)
    assert ground.changed == [KEY]


def test_a_connection_that_goes_is_told_of_and_one_made_anew_is_another() -> None:
    ground = Ground()
    ground.connect(1)
    ground.create()
    ground.connections.store_of(CONNECTIONS).drop(("dr", "prod"), "uid-of-prod")
    assert (ground.gone, ground.changed) == (["uid-of-prod"], [KEY, KEY])
    assert ground.entry().place is None
    assert ground.connections.key_of("uid-of-prod") is None
    anew = connection(metadata={"uid": "another"})
    assert not is_same(anew, connection())


def test_refusals_are_shared_by_connection_and_not_by_who_changed_it_since() -> None:
    target = {"endpoint": "https://cbr.region1.myhuaweicloud.com", **SOURCE, "connectionUID": "uid-of-prod"}
    refused = {
        "outcome": Outcome.NOT_SUBMITTED.value,
        "reason": "AuthenticationFailed",
        "credentialVersion": "7/1",
        "target": target,
    }
    reference = {"kind": CONNECTIONS.kind, "name": "prod"}
    made = spec(tokenSecretRef=None, connectionRef=reference)
    one = through().from_json(body("orders", spec=made, status={"submission": refused}))
    refusal = refusal_of(one)
    assert refusal is not None
    assert refusal.key == "connection uid-of-prod at https://cbr.region1.myhuaweicloud.com:443"
    assert refusal.key == hold_key(one, one.status.submission.target if one.status.submission else None)
    mendable = through().from_json(
        body("orders", spec=made, status={"submission": {**refused, "credentialVersion": ""}})
    )
    assert refusal_of(mendable) is None
