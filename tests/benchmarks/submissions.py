"""Submissions a second, status writes, memory and CPU, beside the bare limit of guarded status writes."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.ground import EVERY, Cloud, call_words, cluster, distribution, operator_in, reasons, resource, show
from benchmarks.ground import simulated_cloud as cloud_of
from benchmarks.load import bare_writes, create
from ground.controlplane import ControlPlane
from ground.operator_process import eventually
from ground.simulator import make_fleet
from ground.watcher import WriteCounter

LATENCY = 0.05
DONE_SECONDS = 900.0
SHAPES = ((3000, 1), (200, 5))
"""Vaults, and destination regions of each: in the first none waits for another, in the second vaults are waited for."""


def run() -> None:
    """Each shape on an API server of its own."""
    for vaults, regions in SHAPES:
        fleet = make_fleet(vaults=vaults, regions=regions)
        with cluster() as (plane, folder), cloud_of(copy_seconds=0, fleet=vaults, latency=LATENCY) as cloud:
            bodies = [
                resource(f"copy-{number}-{destination.region}", source, destination, cloud.url, tracking=OFF)
                for destination in fleet.destinations
                for number, source in enumerate(fleet.sources)
            ]
            show("resources", f"{len(bodies)} on {vaults} vaults; the cloud answers in {1000 * LATENCY:.0f} ms")
            measure(plane, cloud, bodies, folder)


OFF = {"enabled": False}


def measure(plane: ControlPlane, cloud: Cloud, bodies: list[dict[str, Any]], folder: Path) -> None:
    """The bare limit, then everything created at once while the operator runs."""
    bare = asyncio.run(bare_writes(plane.api(), bodies, example_status()))
    operator = operator_in(folder, plane)
    with operator, WriteCounter(plane.api()) as writes:
        idle, cpu = operator.resident_bytes(), operator.cpu_seconds()
        started = time.monotonic()
        created = asyncio.run(create(plane.api(), bodies))
        eventually(
            lambda: reasons(operator)["TrackingDisabled"] == len(bodies),
            seconds=DONE_SECONDS,
            every=EVERY,
            what="all are finished",
        )
        seconds = time.monotonic() - started
        cpu = operator.cpu_seconds() - cpu
        eventually(lambda: sum(writes.modified.values()) >= 2 * len(bodies), what="the watch has seen all writes")
        rate = len(bodies) / seconds
        show("created", f"in {created:.1f} s")
        show("all finished", f"{seconds:.1f} s after the first was created: {rate:.0f} a second")
        show("bare limit", f"{bare:.0f} guarded status writes a second by a plain client, so {bare / 2:.0f} resources")
        show("of the bare limit", f"{100 * rate / (bare / 2):.0f} %")
        show("operator's memory", f"{idle / 2**20:.0f} MiB idle, {operator.resident_bytes() / 2**20:.0f} MiB after")
        show("operator's CPU", f"{cpu:.1f} s, {1000 * cpu / len(bodies):.1f} ms a resource")
        show("status writes", distribution(Counter(writes.modified.values()), "resources with"))
        show("the cloud", call_words(cloud.summary()))


def example_status() -> dict[str, Any]:
    """A status of the size that the operator writes."""
    backups = [{"backupID": "b" * 36, "replicationRecordID": "r" * 36, "state": "Unknown"} for _ in range(3)]
    condition = {"status": "True", "reason": "TrackingDisabled", "message": "m" * 200, "observedGeneration": 1}
    moment = {"lastTransitionTime": "2026-01-01T00:00:00Z"}
    types = ("Accepted", "Submitted", "Succeeded")
    return {"backups": backups, "conditions": [{"type": each, **condition, **moment} for each in types]}
