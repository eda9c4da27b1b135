"""What the tests of the chart stand on: Helm, the chart installed on a real API server, the simulated cloud."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ground.controlplane import ControlPlane
from ground.helm import Helm
from ground.release import Release
from ground.simulator import Simulator
from ground.story import Story


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm, for rendering."""
    return Helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture
def release(crds: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[Release]:
    """A release that is not installed yet."""
    made = Release(crds, tmp_path, namespace)
    yield made
    made.helm.run("uninstall", made.name, "--namespace", namespace, "--ignore-not-found")


@pytest.fixture(scope="session")
def cloud() -> Iterator[Simulator]:
    """One simulated cloud; each story has vaults of its own."""
    with Simulator(copy_seconds=0) as simulator:
        yield simulator


@pytest.fixture
def story(crds: ControlPlane, cloud: Simulator, namespace: str, tmp_path: Path) -> Iterator[Story]:
    """A story in a namespace of its own. After it, no token may be found anywhere."""
    told = Story(crds, cloud, namespace, tmp_path)
    yield told
    told.end()
