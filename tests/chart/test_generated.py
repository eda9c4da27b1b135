"""What is made from other files is as they say, and everything that is shipped is taken by the API server."""

import tomllib
from pathlib import Path
from typing import Any

import yaml

from ground.controlplane import ControlPlane
from ground.helm import CHART, ROOT, Helm, parse
from ground.manifests import generated

INSTALL = ROOT / "manifests" / "install.yaml"


def test_generated_files_are_what_they_are_made_from(tmp_path: Path) -> None:
    for path, text in generated(tmp_path).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.relative_to(ROOT)}: make manifests"
    copies = {path.name for path in (CHART / "files" / "crds").iterdir()}
    assert copies == {path.name for path in (ROOT / "manifests" / "crds").iterdir()}, "make manifests"


def test_the_versions_are_the_projects() -> None:
    chart: dict[str, Any] = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert chart["version"] == chart["appVersion"] == project["version"]


def test_the_chart_passes_helms_own_lint(helm: Helm) -> None:
    assert "1 chart(s) linted, 0 chart(s) failed" in helm.run("lint", "--strict", CHART)


def test_it_can_be_packaged_and_installed_from_the_package(helm: Helm, tmp_path: Path) -> None:
    helm.run("package", CHART, "--destination", tmp_path)
    [package] = tmp_path.glob("cbr-operator-*.tgz")
    assert helm.objects(chart=package) == helm.objects()


def test_the_manifest_and_the_samples_can_be_applied(crds: ControlPlane) -> None:
    samples = ROOT / "manifests" / "samples"
    try:
        crds.kubectl("apply", "--server-side", "-f", INSTALL)
        crds.kubectl("apply", "-f", samples)
        assert "unchanged" in crds.kubectl("apply", "-f", samples).stdout
    finally:
        objects = parse(INSTALL.read_text())
        rest = [body for (kind, _), body in objects.items() if kind != "CustomResourceDefinition"]
        crds.kubectl("delete", "--ignore-not-found", "-f", samples, "--wait=false")
        crds.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", input=yaml.safe_dump_all(rest))
        crds.kubectl("apply", "--server-side", "-f", ROOT / "manifests" / "crds")
