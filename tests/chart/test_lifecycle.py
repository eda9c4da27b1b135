"""Install, upgrade, uninstall, reinstall, with the real Helm: what is under way is neither lost nor sent again."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ground.controlplane import ApiError, ControlPlane
from ground.helm import CHART
from ground.operator_process import eventually
from ground.release import LOCAL, Release
from ground.simulator import Simulator
from ground.story import Story

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CRD = f"{CRDS}/checkpointreplications.cbr-operator.io"
VALUES = {"settings": LOCAL["settings"]}
NAMESPACE = "cbr-system"


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    """An API server without the kinds: here the chart brings them, and takes them away."""
    with ControlPlane() as plane:
        for name in (NAMESPACE, "dr"):
            plane.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})
        yield plane


@pytest.fixture
def release(plane: ControlPlane, tmp_path: Path) -> Release:
    return Release(plane, tmp_path, NAMESPACE)


@pytest.fixture
def story(plane: ControlPlane, cloud: Simulator, tmp_path: Path) -> Story:
    return Story(plane, cloud, "dr", tmp_path)


def earlier_chart(release: Release, folder: Path) -> Path:
    """The chart as it may have been: a lower version, and a kind that lacks a printed column."""
    chart = folder / "earlier"
    shutil.copytree(CHART, chart)
    path = chart / "files" / "crds" / "cbr-operator.io_checkpointreplications.yaml"
    lines = path.read_text().splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.strip() == "- name: Backups")
    path.write_text("".join(lines[:start] + lines[start + 3 :]))
    release.helm.run("package", chart, "--version", "0.0.1", "--app-version", "0.0.1", "--destination", folder)
    return folder / "cbr-operator-0.0.1.tgz"


def columns(plane: ControlPlane) -> set[str]:
    [version] = plane.request("GET", CRD)["spec"]["versions"]
    return {each["name"] for each in version["additionalPrinterColumns"]}


def test_a_life(plane: ControlPlane, release: Release, story: Story, tmp_path: Path) -> None:
    assert "kubectl create namespace dr" in release.install(VALUES, chart=earlier_chart(release, tmp_path))
    assert "Backups" not in columns(plane)
    assert release.deployment()["spec"]["template"]["spec"]["containers"][0]["image"] == "cbr-operator:0.0.1"
    eventually(lambda: plane.kubectl("explain", "cpr", check=False).returncode == 0)
    story.secret()
    pairs = [story.pair() for _ in range(3)]
    done, flying, held = (pair["source"]["vaultID"] for pair in pairs)
    story.fault(flying, hang=True, after=True)
    operator = story.take(release.operator("earlier")).start()
    story.create("done", **pairs[0])
    story.create("flying", **pairs[1])
    story.create("held", **pairs[2], suspend=True)
    story.wait_for("done", "AllReplicated")
    eventually(lambda: story.accepted(flying))

    release.install(VALUES)  # the upgrade: the kinds with it, and a new Pod beside the old one
    assert "Backups" in columns(plane)
    newer = story.take(release.operator("newer")).start()
    assert newer.probe("readyz")[1] == "standing by\n"
    story.release_faults()
    assert operator.stop() == 0
    story.wait_for("flying", "AllReplicated")
    eventually(lambda: newer.probe("readyz")[1].startswith("leading, and"))
    assert newer.stop() == 0

    said = release.uninstall()
    assert "checkpointreplications.cbr-operator.io" in said
    with pytest.raises(ApiError, match="404"):
        release.deployment()
    assert story.names() == ["done", "flying", "held"]

    release.install(VALUES)  # again, where the kinds and their resources are
    with story.take(release.operator("again")):
        story.patch("held", {"suspend": False})
        story.wait_for("held", "AllReplicated")
    assert [len(story.accepted(vault)) for vault in (done, flying, held)] == [1, 1, 1]
    story.end()

    release.install({**VALUES, "crds": {"keep": False}})
    release.uninstall()
    eventually(lambda: not plane.request("GET", CRDS)["items"], what="not kept, the kinds go with the release")
