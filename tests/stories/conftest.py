"""What every story stands on: the kinds on a real API server, the simulated cloud, the operator as a process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ground.controlplane import ControlPlane
from ground.simulator import Simulator
from ground.story import Story


@pytest.fixture(scope="session")
def cloud() -> Iterator[Simulator]:
    """One simulated cloud for all stories; each has vaults of its own."""
    with Simulator(copy_seconds=0) as simulator:
        yield simulator


@pytest.fixture
def story(crds: ControlPlane, cloud: Simulator, namespace: str, tmp_path: Path) -> Iterator[Story]:
    """A story in a namespace of its own. After it, no token may be found anywhere."""
    told = Story(crds, cloud, namespace, tmp_path)
    yield told
    told.end()
