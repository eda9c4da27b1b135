"""A start with 10,000 settled resources: how soon it is ready, what it writes and asks, how much memory it takes."""

import asyncio
import time
from typing import Any

from benchmarks.ground import cluster, metric, operator_in, resource, show
from benchmarks.load import API, MERGE, PLAIN_CONNECTIONS, Load
from ground.controlplane.api import Api
from ground.simulator import make_fleet

RESOURCES = 10_000
QUIET_SECONDS = 20.0
MOMENT = "2026-01-01T00:00:00Z"


def run() -> None:
    """Make them as they look after their end, then start the operator."""
    fleet = make_fleet(vaults=1, regions=1)
    bodies = [
        resource(f"copy-{number}", fleet.sources[0], fleet.destinations[0], "http://127.0.0.1:9")
        for number in range(RESOURCES)
    ]
    with cluster() as (plane, folder):
        asyncio.run(_make(plane.api(), bodies))
        operator = operator_in(folder, plane)
        started = time.monotonic()
        with operator:
            ready = time.monotonic() - started
            time.sleep(QUIET_SECONDS)
            show("restart", f"{RESOURCES} settled resources of three backups: ready in {ready:.1f} s")
            writes = sum(metric(operator, "cbr_operator_status_writes_total").values())
            calls = sum(metric(operator, "cbr_operator_cloud_requests_total").values())
            show("within 20 s more", f"{writes:.0f} status writes, {calls:.0f} calls to the cloud")
            show("operator's memory", f"{operator.resident_bytes() / 2**20:.0f} MiB")
            show("operator's CPU", f"{operator.cpu_seconds():.1f} s since its start")


async def _make(api: Api, bodies: list[dict[str, Any]]) -> None:
    async with Load(api, PLAIN_CONNECTIONS) as load:

        async def one(body: dict[str, Any]) -> None:
            await load.request("POST", API, body)
            path = f"{API}/{body['metadata']['name']}/status"
            await load.request("PATCH", path, {"status": settled_status(body)}, MERGE)

        await load.each(bodies, one)


def settled_status(body: dict[str, Any]) -> dict[str, Any]:
    """What the operator leaves behind of a resource with three backups."""
    name = body["metadata"]["name"]
    backups = [
        {
            "backupID": f"{name}-backup-{number}".ljust(36, "0"),
            "replicationRecordID": f"{name}-record-{number}".ljust(36, "0"),
            "state": "Succeeded",
            "progress": 100,
            "createdAt": "2026-01-01T00:00:00.000000",
            "destinationBackupID": f"{name}-copy-{number}".ljust(36, "0"),
        }
        for number in range(3)
    ]
    conditions = [
        {
            "type": type_,
            "status": "True",
            "reason": reason,
            "message": "m" * 120,
            "observedGeneration": 1,
            "lastTransitionTime": MOMENT,
        }
        for type_, reason in (("Accepted", "Valid"), ("Submitted", "Submitted"), ("Succeeded", "AllReplicated"))
    ]
    source = body["spec"]["source"]
    return {
        "observedGeneration": 1,
        "startTime": MOMENT,
        "completionTime": MOMENT,
        "progress": "3/3",
        "submission": {
            "attempt": 1,
            "holder": "0123456789abcdef",
            "intentTime": "2026-01-01T00:00:00.000000Z",
            "cloudTime": "2026-01-01T00:00:00.000000Z",
            "target": {"endpoint": body["spec"]["endpoint"], **source},
            "outcome": "Submitted",
            "requestID": "r" * 32,
        },
        "backups": backups,
        "summary": {"total": 3, "succeeded": 3, "progress": 100},
        "conditions": conditions,
    }
