"""A policy over 300 namespaces with two pairs each, the upgrade of its template, and 600 schedules of one minute."""

import asyncio
import time
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.ground import cluster, metric, operator_in, show
from benchmarks.load import Load
from cbr_operator.kinds.policy import VAULT_PAIRS
from ground.controlplane import ControlPlane
from ground.operator_process import OperatorProcess, eventually
from ground.policies import schedule_spec
from ground.schedule_story import MERGE, NEVER, line_of
from ground.watcher import WriteCounter

NAMESPACES, PAIRS = 300, 2
ALL = NAMESPACES * PAIRS
QUIET_SECONDS = 60.0
JITTER = 30
API = "/apis/cbr-operator.io/v1alpha1"
POLICIES = f"{API}/clustercheckpointreplicationpolicies"
SCHEDULES = "checkpointreplicationschedules"
LABELS = {"dr": "yes"}


def run() -> None:
    """One policy from its creation to the runs of 600 Schedules."""
    with cluster() as (plane, folder):
        asyncio.run(_make_namespaces(plane, [f"ns-{number}" for number in range(NAMESPACES)]))
        with _operator(folder, plane) as operator, WriteCounter(plane.api(), SCHEDULES) as writes:
            _apply(plane, operator, writes)
            _quiet(operator, writes)
            _one_more(plane, writes)
            _upgrade(plane, operator, writes)
            _all_at_once(plane, operator)


def _operator(folder: Path, plane: ControlPlane) -> OperatorProcess:
    return operator_in(folder, plane, NAMESPACES="")


async def _make_namespaces(plane: ControlPlane, names: list[str]) -> None:
    async with Load(plane.api(), 16) as load:
        bodies = [
            {"metadata": {"name": name, "labels": LABELS, "annotations": {VAULT_PAIRS: _pairs()}}} for name in names
        ]
        await load.each(bodies, lambda body: load.request("POST", "/api/v1/namespaces", body))


def _pairs() -> str:
    return "\n".join(f"{uuid.uuid4()}={uuid.uuid4()}" for _ in range(PAIRS))


def _policy(**spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"team": "dr"}}, "spec": schedule_spec(schedule=NEVER, **spec)}
    return {
        "apiVersion": "cbr-operator.io/v1alpha1",
        "kind": "ClusterCheckpointReplicationPolicy",
        "metadata": {"name": "nightly"},
        "spec": {"namespaceSelectors": [{"matchLabels": LABELS}], "scheduleTemplate": template},
    }


def _apply(plane: ControlPlane, operator: OperatorProcess, writes: WriteCounter) -> None:
    cpu, started = operator.cpu_seconds(), time.monotonic()
    plane.request("POST", POLICIES, body=_policy())
    eventually(lambda: len(writes.added) == ALL, seconds=300, what="all Schedules are there")
    show("policy applied", f"{ALL} Schedules in {NAMESPACES} namespaces after {time.monotonic() - started:.1f} s")
    eventually(lambda: _status(plane).get("namespaces", {}).get("ready") == NAMESPACES, seconds=300)
    eventually(lambda: sum(writes.modified.values()) >= ALL, seconds=300, what="each has its status")
    show("all told", f"after {time.monotonic() - started:.1f} s, {operator.cpu_seconds() - cpu:.1f} CPU-seconds")
    show("writes a Schedule", f"created once, modified {dict(Counter(writes.modified.values()))} (times: Schedules)")


def _status(plane: ControlPlane) -> dict[str, Any]:
    found: dict[str, Any] = plane.request("GET", f"{POLICIES}/nightly").get("status", {})
    return found


def _quiet(operator: OperatorProcess, writes: WriteCounter) -> None:
    time.sleep(3)
    cpu, before, told = operator.cpu_seconds(), sum(writes.modified.values()), _written(operator)
    time.sleep(QUIET_SECONDS)
    cpu, modified = operator.cpu_seconds() - cpu, sum(writes.modified.values()) - before
    show(
        "the minute after", f"{modified} Schedules modified, {_written(operator) - told:.0f} status writes of any kind"
    )
    show("operator's CPU", f"{100 * cpu / QUIET_SECONDS:.1f} % of a core, {operator.resident_bytes() / 2**20:.0f} MiB")


def _written(operator: OperatorProcess) -> float:
    return metric(operator, "cbr_operator_status_writes_total").get('{result="written"}', 0)


def _one_more(plane: ControlPlane, writes: WriteCounter) -> None:
    body = {"metadata": {"name": "late", "annotations": {VAULT_PAIRS: _pairs()}}}
    plane.request("POST", "/api/v1/namespaces", body=body)
    time.sleep(1)
    started = time.monotonic()
    plane.request("PATCH", "/api/v1/namespaces/late", body={"metadata": {"labels": LABELS}}, content_type=MERGE)
    eventually(lambda: len(writes.added) == ALL + PAIRS, what="the new namespace is served")
    show("a new namespace", f"served {time.monotonic() - started:.2f} s after its label")


def _upgrade(plane: ControlPlane, operator: OperatorProcess, writes: WriteCounter) -> None:
    time.sleep(3)
    writes.modified.clear()
    cpu, started = operator.cpu_seconds(), time.monotonic()
    patch = {"spec": {"scheduleTemplate": {"spec": {"failedHistoryLimit": 5}}}}
    plane.request("PATCH", f"{POLICIES}/nightly", body=patch, content_type=MERGE)
    eventually(lambda: len(writes.modified) == ALL + PAIRS, seconds=300, what="every Schedule was written")
    eventually(lambda: sum(writes.modified.values()) >= 2 * (ALL + PAIRS), seconds=300)
    seconds = time.monotonic() - started
    time.sleep(5)
    generations = Counter(
        each["metadata"]["generation"] for each in plane.request("GET", f"{API}/{SCHEDULES}")["items"]
    )
    show("template upgraded", f"all after {seconds:.1f} s, {operator.cpu_seconds() - cpu:.1f} CPU-seconds")
    show("writes of the spec", f"generations (2: written once): {dict(generations)}")
    show("writes in all", f"{dict(Counter(writes.modified.values()))} (times: Schedules): spec, then its status")


def _all_at_once(plane: ControlPlane, operator: OperatorProcess) -> None:
    """The same minute for all: their runs, and how they are spread over the jitter."""
    slot = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=2)
    patch = {"spec": {"scheduleTemplate": {"spec": {"schedule": line_of(slot), "jitterSeconds": JITTER}}}}
    plane.request("PATCH", f"{POLICIES}/nightly", body=patch, content_type=MERGE)
    time.sleep((slot - datetime.now(UTC)).total_seconds())
    cpu = operator.cpu_seconds()
    time.sleep(60)
    cpu = operator.cpu_seconds() - cpu
    items = plane.request("GET", f"{API}/checkpointreplications")["items"]
    seconds = [_seconds(each, slot) for each in items]
    show("600 in one minute", f"{len(items)} runs of {ALL + PAIRS} Schedules, {cpu:.1f} CPU-seconds in that minute")
    spread = Counter(int(each) for each in seconds)
    show(
        "their spread",
        f"from {min(seconds):.0f} s to {max(seconds):.0f} s after the minute, at most "
        f"{max(spread.values())} in one second",
    )
    show("by 5 s", " ".join(str(sum(spread[each] for each in range(first, first + 5))) for first in range(0, 60, 5)))


def _seconds(run: dict[str, Any], slot: datetime) -> float:
    return (datetime.fromisoformat(run["metadata"]["creationTimestamp"]) - slot).total_seconds()
