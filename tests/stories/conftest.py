"""What every story stands on: the kinds on a real API server, the simulated cloud, the operator as a process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ground.api_proxy import ApiProxy
from ground.controlplane import ControlPlane
from ground.simulator import Simulator
from ground.story import Story


@pytest.fixture
def cloud() -> Iterator[Simulator]:
    """A simulated cloud of the story's own: it may change as it likes."""
    with Simulator(copy_seconds=0) as simulator:
        yield simulator


@pytest.fixture
def story(crds: ControlPlane, cloud: Simulator, namespace: str, tmp_path: Path) -> Iterator[Story]:
    """A story in a namespace of its own. After it, no token may be found anywhere."""
    told = Story(crds, cloud, namespace, tmp_path)
    yield told
    told.end()


@pytest.fixture
def proxy(crds: ControlPlane, tmp_path: Path) -> Iterator[ApiProxy]:
    """A proxy in front of the API server, for an operator that is started with its kubeconfig."""
    with ApiProxy(crds.api(), tmp_path) as proxy:
        yield proxy
