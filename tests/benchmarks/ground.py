"""What every benchmark stands on: an API server with the kinds, a simulated cloud of its own process, the operator."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ground.controlplane import ControlPlane
from ground.operator_process import OperatorProcess, eventually
from ground.simulator.vaults import Vault

ROOT = Path(__file__).parents[2]
CRDS = ROOT / "manifests" / "crds"
TOKEN = "benchmark-token"
EVERY = 0.25
"""Seconds between two scrapes while something is awaited: they are the operator's work, too."""


@dataclass(frozen=True)
class Cloud:
    """The simulated cloud, in a process of its own so that its work is not counted as the operator's."""

    url: str

    def summary(self) -> dict[str, Any]:
        """What it has counted."""
        with urllib.request.urlopen(f"{self.url}/simulator/summary", timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def cluster() -> Iterator[tuple[ControlPlane, Path]]:
    """An API server with the kinds and a Secret with a token, and a folder; all gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cbr-bench-") as folder, ControlPlane() as plane:
        plane.kubectl("apply", "--server-side", "-f", CRDS)
        plane.kubectl("wait", "--for=condition=Established", "-f", CRDS)
        eventually(lambda: plane.kubectl("explain", "cpr", check=False).returncode == 0)
        plane.kubectl("create", "secret", "generic", "cbr-token", f"--from-literal=token={TOKEN}")
        yield plane, Path(folder)


@contextmanager
def simulated_cloud(**options: object) -> Iterator[Cloud]:
    """The cloud; the options are those of ``python -m ground.simulator``."""
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "ground.simulator", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Cloud((process.stdout.readline() if process.stdout is not None else "").strip())
    finally:
        process.terminate()
        process.wait()


def operator_in(folder: Path, plane: ControlPlane, **settings: str) -> OperatorProcess:
    """An operator with its default settings, but for these."""
    settings = {"NAMESPACES": "default", **settings}
    return OperatorProcess(kubeconfig=plane.kubeconfig, log=folder / "operator.log", settings=settings)


def resource(name: str, source: Vault, destination: Vault, url: str, **spec: Any) -> dict[str, Any]:
    """One CheckpointReplication."""

    def place(vault: Vault) -> dict[str, str]:
        return {"region": vault.region, "projectID": vault.project_id, "vaultID": vault.id}

    return {
        "apiVersion": "cbr-operator.io/v1alpha1",
        "kind": "CheckpointReplication",
        "metadata": {"name": name},
        "spec": {
            "source": place(source),
            "destination": place(destination),
            "endpoint": url,
            "tokenSecretRef": {"name": "cbr-token"},
            **spec,
        },
    }


def metric(operator: OperatorProcess, name: str) -> dict[str, float]:
    """The samples of one metric, by their labels as they are written."""
    found = {}
    for line in operator.probe("metrics")[1].splitlines():
        if line.startswith((f"{name}{{", f"{name} ")):
            labels, _, value = line.rpartition(" ")
            found[labels.removeprefix(name)] = float(value)
    return found


def reasons(operator: OperatorProcess) -> Counter[str]:
    """How many CheckpointReplications there are by the reason of Succeeded."""
    samples = metric(operator, "cbr_operator_replications")
    return Counter({labels.split('"')[1]: int(value) for labels, value in samples.items()})


def show(what: str, words: str) -> None:
    """One line of figures."""
    print(f"{what:<22} {words}", flush=True)


def distribution(found: Counter[int], words: str) -> str:
    """``12 resources with 2, 3 resources with 3``."""
    return ", ".join(f"{count} {words} {each}" for each, count in sorted(found.items()))


def call_words(summary: dict[str, Any]) -> str:
    """What the cloud counted, in a sentence."""
    return (
        f"{summary['received']} calls received, {summary['accepted']} taken, at most {summary['most_for_one_pair']} "
        f"taken for one vault and region, {summary['received_again']} received after one was taken, at most "
        f"{summary['most_at_once_on_a_vault']} at once on one vault"
    )
