"""Submissions a second, status writes, memory and CPU, beside the bare limit of guarded status writes."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.ground import EVERY, Cloud, call_words, cluster, distribution, operator_in, reasons, resource, show
from benchmarks.ground import simulated_cloud as cloud_of
from benchmarks.load import bare_writes, create, remove_all
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
    """Everything created at once while the operator runs, and the bare limit before and after, for machines drift."""
    before = asyncio.run(bare_writes(plane.api(), bodies, example_status()))
    operator = operator_in(folder, plane)
    with operator, WriteCounter(plane.api()) as writes:
        idle, cpu = operator.resident_bytes(), operator.cpu_seconds()
        started = time.monotonic()
        created = asyncio.run(create(plane.api(), bodies))
        early = reasons(operator)["TrackingDisabled"]
        eventually(
            lambda: reasons(operator)["TrackingDisabled"] == len(bodies),
            seconds=DONE_SECONDS,
            every=EVERY,
            what="all are finished",
        )
        seconds = time.monotonic() - started
        cpu, memory = operator.cpu_seconds() - cpu, operator.resident_bytes()
        writes.catch_up()
    asyncio.run(remove_all(plane.api()))
    after = asyncio.run(bare_writes(plane.api(), bodies, example_status()))
    bare = (before + after) / 2
    written = len(bodies) + sum(writes.modified.values())
    rate, alone = len(bodies) / seconds, (len(bodies) - early) / (seconds - created)
    show("created", f"in {created:.1f} s, when {early} were finished")
    show(
        "all finished", f"{seconds:.1f} s after the first was created: {rate:.0f} a second, {alone:.0f} after creation"
    )
    show("bare limit", f"{before:.0f} guarded status writes a second by a plain client before, {after:.0f} after")
    show("of the bare limit", f"{ratio(rate, bare / 2)} in all, {ratio(alone, bare / 2)} after creation")
    show(
        "writes",
        f"{written / seconds:.0f} a second, creations included: {ratio(written / seconds, bare)} of the bare limit",
    )
    show("operator's memory", f"{idle / 2**20:.0f} MiB idle, {memory / 2**20:.0f} MiB after")
    show("operator's CPU", f"{cpu:.1f} s, {1000 * cpu / len(bodies):.1f} ms a resource")
    show("status writes", distribution(Counter(writes.modified.values()), "resources with"))
    show("the cloud", call_words(cloud.summary()))


def ratio(rate: float, limit: float) -> str:
    """As a percentage."""
    return f"{100 * rate / limit:.0f} %"


def example_status() -> dict[str, Any]:
    """A status of the size that the operator writes."""
    backups = [{"backupID": "b" * 36, "replicationRecordID": "r" * 36, "state": "Unknown"} for _ in range(3)]
    condition = {"status": "True", "reason": "TrackingDisabled", "message": "m" * 200, "observedGeneration": 1}
    moment = {"lastTransitionTime": "2026-01-01T00:00:00Z"}
    types = ("Accepted", "Submitted", "Succeeded")
    return {"backups": backups, "conditions": [{"type": each, **condition, **moment} for each in types]}
