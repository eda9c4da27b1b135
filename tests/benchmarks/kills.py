"""1,000 submissions while the operator is killed 50 times, with faults on one call in twenty."""

import asyncio
import random
import time

from benchmarks.ground import EVERY, call_words, cluster, operator_in, reasons, resource, show, simulated_cloud
from benchmarks.load import create
from ground.operator_process import eventually
from ground.simulator import make_fleet

RESOURCES = 1000
KILLS = 50
LATENCY = 0.2
FAULTS = 0.05
SETTLE = 8.0
"""Seconds; records come into sight within half of that (protocol, section 8)."""
LONGEST_LIFE = 2.0
DONE_SECONDS = 900.0
FINAL = {
    *("AllReplicated", "NothingToReplicate", "Rejected", "SubmissionDeadlineExceeded", "OutcomeUnresolved"),
    *("ReplicationFailed", "PartiallyFailed", "TrackingDeadlineExceeded"),
}


def run() -> None:
    """Some resources between two kills, then time to come to their ends."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    show("seed", str(seed))
    fleet = make_fleet(vaults=RESOURCES, regions=1)
    with (
        cluster() as (plane, folder),
        simulated_cloud(
            copy_seconds=1,
            fleet=RESOURCES,
            latency=LATENCY,
            fault_rate=FAULTS,
            records_visible_after=SETTLE / 4,
        ) as cloud,
    ):
        settings = {
            "SETTLE_SECONDS": str(SETTLE),
            "REQUEST_TIMEOUT_SECONDS": "5",
            "POLL_MIN_SECONDS": "1",
            "POLL_MAX_SECONDS": "5",
        }
        operator = operator_in(folder, plane, **settings)
        [destination] = fleet.destinations
        bodies = [
            resource(f"copy-{number}", source, destination, cloud.url) for number, source in enumerate(fleet.sources)
        ]
        started = time.monotonic()
        share = RESOURCES // KILLS
        for number in range(KILLS):
            operator.start()
            asyncio.run(create(plane.api(), bodies[number * share : (number + 1) * share]))
            time.sleep(chance.uniform(0, LONGEST_LIFE))
            operator.kill()
        with operator:
            eventually(
                lambda: sum(count for reason, count in reasons(operator).items() if reason in FINAL) == RESOURCES,
                seconds=DONE_SECONDS,
                every=EVERY,
                what="all are final",
            )
            show("resources", f"{RESOURCES}, {KILLS} SIGKILLs, faults on {100 * FAULTS:.0f} % of the calls")
            show("all final", f"{time.monotonic() - started:.0f} s after the first start")
            show("ends", ", ".join(f"{count} {reason}" for reason, count in sorted(reasons(operator).items())))
            show("the cloud", call_words(cloud.summary()))
