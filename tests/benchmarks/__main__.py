"""``make bench``: submissions a second, memory, CPU and status writes, beside the bare limit in the same run.

Nothing here is asserted: timings belong to the machine. What must never be, such as a call made twice, is shown in
the figures and held by the stories.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.load import bare_writes, create
from ground.controlplane import ControlPlane
from ground.operator_process import OperatorProcess, eventually
from ground.simulator import make_fleet
from ground.simulator.vaults import Fleet, Vault
from ground.watcher import WriteCounter

ROOT = Path(__file__).parents[2]
DONE_SECONDS = 900.0


def main() -> None:
    """Run the benchmark with the numbers asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--vaults", type=int, default=200)
    parser.add_argument("--regions", type=int, default=5, help="destination regions a vault; each is one resource")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds the cloud takes for an answer")
    chosen = parser.parse_args()
    fleet = make_fleet(vaults=chosen.vaults, regions=chosen.regions)
    with tempfile.TemporaryDirectory(prefix="cbr-bench-") as folder, ControlPlane() as plane:
        plane.kubectl("apply", "--server-side", "-f", ROOT / "manifests" / "crds")
        plane.kubectl("wait", "--for=condition=Established", "-f", ROOT / "manifests" / "crds")
        eventually(lambda: plane.kubectl("explain", "cpr", check=False).returncode == 0)
        plane.kubectl("create", "secret", "generic", "cbr-token", "--from-literal=token=benchmark-token")
        cloud = _start_cloud(chosen.vaults, chosen.latency)
        try:
            measure(plane, cloud, fleet, Path(folder))
        finally:
            cloud.terminate()
            cloud.wait()


def _start_cloud(vaults: int, latency: float) -> "subprocess.Popen[str]":
    """The simulated cloud in a process of its own, so that its work is not counted as the operator's."""
    command = [
        sys.executable,
        "-m",
        "ground.simulator",
        "--copy-seconds=0",
        f"--fleet={vaults}",
        f"--latency={latency}",
    ]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT / "tests")}, stdout=-1, text=True)


def measure(plane: ControlPlane, cloud: "subprocess.Popen[str]", fleet: Fleet, folder: Path) -> None:
    """One run: the bare limit, then everything created at once while the operator runs."""
    url = (cloud.stdout.readline() if cloud.stdout is not None else "").strip()
    bodies = resources(fleet, url)
    bare = asyncio.run(bare_writes(plane.api(), bodies, example_status()))
    operator = OperatorProcess(kubeconfig=plane.kubeconfig, log=folder / "log", settings={"NAMESPACES": "default"})
    with operator, WriteCounter(plane.api()) as writes:
        idle, cpu = operator.resident_bytes(), operator.cpu_seconds()
        started = time.monotonic()
        created = asyncio.run(create(plane.api(), bodies))
        eventually(lambda: _finished(operator) == len(bodies), seconds=DONE_SECONDS, what="all are finished")
        seconds = time.monotonic() - started
        cpu = operator.cpu_seconds() - cpu
        eventually(lambda: sum(writes.modified.values()) >= 2 * len(bodies), what="the watch has seen all writes")
        rate = len(bodies) / seconds
        show("resources", f"{len(bodies)} on {len(fleet.sources)} vaults, created in {created:.1f} s")
        show("all finished", f"{seconds:.1f} s after the first was created: {rate:.0f} a second")
        show("bare limit", f"{bare:.0f} guarded status writes a second by a plain client, so {bare / 2:.0f} resources")
        show("of the bare limit", f"{100 * rate / (bare / 2):.0f} %")
        show("operator's memory", f"{idle / 2**20:.0f} MiB idle, {operator.resident_bytes() / 2**20:.0f} MiB after")
        show("operator's CPU", f"{cpu:.1f} s, {1000 * cpu / len(bodies):.1f} ms a resource")
        show("status writes", _distribution(Counter(writes.modified.values()), "resources with"))
        with urllib.request.urlopen(f"{url}/simulator/summary", timeout=30) as answer:
            show("the cloud", _words(json.load(answer)))


def resources(fleet: Fleet, url: str) -> list[dict[str, Any]]:
    """One resource a source vault and destination region."""

    def place(vault: Vault) -> dict[str, str]:
        return {"region": vault.region, "projectID": vault.project_id, "vaultID": vault.id}

    return [
        {
            "apiVersion": "cbr-operator.io/v1alpha1",
            "kind": "CheckpointReplication",
            "metadata": {"name": f"copy-{number}-{destination.region}"},
            "spec": {
                "source": place(source),
                "destination": place(destination),
                "endpoint": url,
                "tokenSecretRef": {"name": "cbr-token"},
                "tracking": {"enabled": False},
            },
        }
        for destination in fleet.destinations
        for number, source in enumerate(fleet.sources)
    ]


def example_status() -> dict[str, Any]:
    """A status of the size that the operator writes."""
    backups = [{"backupID": "b" * 36, "replicationRecordID": "r" * 36, "state": "Unknown"} for _ in range(3)]
    condition = {"status": "True", "reason": "TrackingDisabled", "message": "m" * 200, "observedGeneration": 1}
    moment = {"lastTransitionTime": "2026-01-01T00:00:00Z"}
    types = ("Accepted", "Submitted", "Succeeded")
    return {"backups": backups, "conditions": [{"type": each, **condition, **moment} for each in types]}


def _finished(operator: OperatorProcess) -> int:
    lines = operator.probe("metrics")[1].splitlines()
    mark = 'cbr_operator_replications{reason="TrackingDisabled"}'
    return next((int(float(line.split()[1])) for line in lines if line.startswith(mark)), 0)


def _distribution(found: Counter[int], words: str) -> str:
    return ", ".join(f"{count} {words} {each}" for each, count in sorted(found.items()))


def _words(summary: dict[str, Any]) -> str:
    return (
        f"{summary['received']} calls received, {summary['accepted']} taken, at most {summary['most_for_one_pair']} "
        f"for one vault and region, at most {summary['most_at_once_on_a_vault']} at once on one vault"
    )


def show(what: str, words: str) -> None:
    """One line of figures."""
    print(f"{what:<20} {words}", flush=True)


if __name__ == "__main__":
    main()
