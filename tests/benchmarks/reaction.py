"""How long from a resource's creation to its call on the wire, with an operator that has nothing else to do."""

import random
import statistics
import time
from itertools import pairwise

from benchmarks.ground import TOKEN, cluster, operator_in, resource, show
from benchmarks.load import API
from ground.operator_process import eventually
from ground.simulator import Simulator, make_fleet

RESOURCES = 200
LONGEST_PAUSE = 0.5
"""Seconds between two resources; the clock's offset and the idle connection are known from the one before."""


def run() -> None:
    """One after the other; the cloud runs in this process, so that both moments are of one clock."""
    fleet = make_fleet(vaults=RESOURCES, regions=1)
    chance = random.Random(1)
    with Simulator(copy_seconds=0) as cloud, cluster() as (plane, folder), operator_in(folder, plane):
        cloud.add(*fleet.vaults)
        sent: dict[str, float] = {}
        for number, source in enumerate(fleet.sources):
            body = resource(f"copy-{number}", source, fleet.destinations[0], cloud.url, tracking={"enabled": False})
            sent[source.id] = time.time()
            plane.request("POST", API, body=body)
            time.sleep(chance.uniform(0.1, LONGEST_PAUSE))
        eventually(lambda: len(cloud.received()) == RESOURCES, what="all calls have come")
        calls = sorted((call.came, call.came - sent[call.vault_id]) for call in cloud.received() if call.token == TOKEN)
        took = sorted(seconds for (before, _), (came, seconds) in pairwise(calls) if came - before < 4)
        cuts = statistics.quantiles(took, n=100)
        show("create to call", f"p50 {1000 * cuts[49]:.0f} ms, p99 {1000 * cuts[98]:.0f} ms, of {len(took)} resources")
