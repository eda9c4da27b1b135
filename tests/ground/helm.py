"""Runs Helm with our chart, on a real API server or on none."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ground.controlplane import HELM, ensure_assets

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "cbr-operator"
RELEASE = "cbr-operator"
NAMESPACE = "cbr-operator"

Values = Mapping[str, Any]
Json = dict[str, Any]


class HelmError(RuntimeError):
    """Helm refused; the message is what it said."""


class Helm:
    """Helm as one user of one API server; without a kubeconfig it can only render.

    Its caches and settings lie in a folder of its own and not in the user's home directory.
    """

    def __init__(self, folder: Path, kubeconfig: Path | None = None) -> None:
        self._program = ensure_assets([HELM]) / HELM.name
        self._folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "HELM_CACHE_HOME": str(folder / "cache"),
            "HELM_CONFIG_HOME": str(folder / "config"),
            "HELM_DATA_HOME": str(folder / "data"),
            "KUBECONFIG": str(kubeconfig or os.devnull),
        }

    def run(self, *arguments: str | Path, values: Values | None = None, seconds: float = 120) -> str:
        """Run it, with these values over the chart's own, and return what it printed.

        Raises:
            HelmError: It failed.
            subprocess.TimeoutExpired: It took longer; it was killed.

        """
        command: list[str | Path] = [self._program, *arguments]
        with tempfile.NamedTemporaryFile("w", suffix=".json", dir=self._folder) as file:
            if values:
                json.dump(values, file)
                file.flush()
                command += ["--values", file.name]
            done = subprocess.run(
                command, env=self._environment, capture_output=True, text=True, timeout=seconds, check=False
            )
        if done.returncode:
            raise HelmError(done.stderr.strip())
        return done.stdout

    def template(
        self,
        values: Values | None = None,
        *,
        chart: Path = CHART,
        release: str = RELEASE,
        namespace: str = NAMESPACE,
    ) -> str:
        """The manifest of the chart with these values, as ``helm template`` prints it."""
        return self.run("template", release, chart, "--namespace", namespace, values=values)

    def objects(self, values: Values | None = None, **options: Any) -> dict[tuple[str, str], Json]:
        """The same as objects, by kind and ``namespace/name``, without the namespace where there is none."""
        return parse(self.template(values, **options))


def parse(manifest: str) -> dict[tuple[str, str], Json]:
    """The objects in a manifest, by kind and ``namespace/name``, without the namespace where there is none."""
    found: dict[tuple[str, str], Json] = {}
    for each in yaml.load_all(manifest, yaml.CSafeLoader):  # in C, since the CRDs are long
        if each is not None:
            metadata = each["metadata"]
            name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
            assert (each["kind"], name) not in found, f"{each['kind']} {name} is there twice"
            found[each["kind"], name] = each
    return found
