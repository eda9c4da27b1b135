"""Following 10,000 records in 20 vaults, and one vault with 3,000 backups to its end."""

import asyncio
import json
import time

from benchmarks.ground import cluster, metric, operator_in, reasons, resource, show, simulated_cloud
from benchmarks.load import create
from ground.operator_process import OperatorProcess, eventually
from ground.simulator import make_fleet
from ground.watcher import WriteCounter

VAULTS, BACKUPS = 20, 500
MEASURED_SECONDS = 120.0
LARGE = 3000
PAGE = 200


def run() -> None:
    """Both, each on an API server of its own."""
    many_records()
    one_large_vault()


def many_records() -> None:
    """The cost of looking while everything is being copied, with the default polling."""
    fleet = make_fleet(vaults=VAULTS, regions=1, backups=BACKUPS)
    with (
        cluster() as (plane, folder),
        simulated_cloud(copy_seconds=3600, fleet=VAULTS, fleet_backups=BACKUPS) as cloud,
        operator_in(folder, plane) as operator,
    ):
        bodies = [
            resource(f"copy-{number}", source, fleet.destinations[0], cloud.url)
            for number, source in enumerate(fleet.sources)
        ]
        asyncio.run(create(plane.api(), bodies))
        eventually(lambda: reasons(operator)["Replicating"] == VAULTS, what="all are submitted")
        time.sleep(20)  # the first looks, which write, are not what is measured
        looks, cpu, writes = _looks(operator), operator.cpu_seconds(), _writes(operator)
        time.sleep(MEASURED_SECONDS)
        looks, cpu, writes = _looks(operator) - looks, operator.cpu_seconds() - cpu, _writes(operator) - writes
        pages = -(-BACKUPS // PAGE)
        show("following", f"{VAULTS * BACKUPS} records in {VAULTS} vaults, for {MEASURED_SECONDS:.0f} s")
        show("lists", f"{looks} pages, so {looks / pages / VAULTS:.1f} lists a vault ({pages} pages each)")
        show("operator's CPU", f"{100 * cpu / MEASURED_SECONDS:.1f} % of a core")
        show("status writes", f"{writes:.0f}")
        show("operator's memory", f"{operator.resident_bytes() / 2**20:.0f} MiB")


def one_large_vault() -> None:
    """A vault whose list of backups is long: written seldom, and read in pages."""
    fleet = make_fleet(vaults=1, regions=1, backups=LARGE)
    settings = {"POLL_MIN_SECONDS": "2", "POLL_MAX_SECONDS": "4"}
    with (
        cluster() as (plane, folder),
        simulated_cloud(copy_seconds=0.1, fleet=1, fleet_backups=LARGE) as cloud,
        operator_in(folder, plane, **settings) as operator,
        WriteCounter(plane.api()) as writes,
    ):
        started, cpu = time.monotonic(), operator.cpu_seconds()
        asyncio.run(create(plane.api(), [resource("large", fleet.sources[0], fleet.destinations[0], cloud.url)]))
        eventually(lambda: reasons(operator)["AllReplicated"] == 1, seconds=600, what="all is copied")
        found = json.loads(plane.kubectl("get", "cpr", "large", "-o", "json").stdout)
        status = found["status"]
        show("one large vault", f"{LARGE} backups, to AllReplicated in {time.monotonic() - started:.0f} s")
        show("status writes", f"{writes.modified['default', 'large']}")
        show("status", f"{len(status['backups'])} backups listed, {len(json.dumps(status)) / 1024:.0f} KiB of JSON")
        show("operator's CPU", f"{operator.cpu_seconds() - cpu:.1f} s")
        show("operator's memory", f"{operator.resident_bytes() / 2**20:.0f} MiB")


def _looks(operator: OperatorProcess) -> int:
    calls = metric(operator, "cbr_operator_cloud_requests_total")
    return int(sum(value for labels, value in calls.items() if "list_backups" in labels))


def _writes(operator: OperatorProcess) -> float:
    return sum(metric(operator, "cbr_operator_status_writes_total").values())
