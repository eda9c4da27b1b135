"""Every way through each world, up to so many faults: no law is broken, and every object comes to its end."""

import pytest

from model.worlds import CONNECTED, DEEP, ONE, TWO, Explored


@pytest.mark.timeout(0)
@pytest.mark.parametrize("world", ONE)
def test_one_object(world: str, exploration: Explored) -> None:
    assert exploration.count.paths > 50
    assert exploration.count.states > exploration.count.paths


@pytest.mark.timeout(0)
@pytest.mark.parametrize("world", DEEP)
def test_one_object_one_fault_deeper(world: str, exploration: Explored) -> None:
    assert exploration.count.paths > 1000
    assert exploration.count.states > exploration.count.paths


@pytest.mark.timeout(0)
@pytest.mark.parametrize("world", TWO)
def test_two_objects_on_one_vault(world: str, exploration: Explored) -> None:
    assert exploration.count.paths > 100
    assert exploration.count.states > exploration.count.paths


@pytest.mark.timeout(0)
@pytest.mark.parametrize("world", CONNECTED)
def test_through_a_connection_that_people_edit(world: str, exploration: Explored) -> None:
    assert exploration.count.paths > 200
    assert exploration.count.states > exploration.count.paths
