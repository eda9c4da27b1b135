"""The worlds that are explored, and how far."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from model.cloud import Sight, Traits
from model.ends import answer_later
from model.explorer import Count, Story, explore
from model.moves import moves
from model.world import World

DEEPER = int(os.environ.get("EXPLORE_DEEPER") or 0)
"""So many more moves that are not the plain one than in a usual run: ``make explore``."""
PROCESSES = os.cpu_count() or 1

_CLOUDS = {
    "a plain cloud": Traits(),
    "records that appear late": Traits(sight=Sight.LATE),
    "records that appear one by one": Traits(sight=Sight.IN_PARTS),
    "records in the operation log alone": Traits(sight=Sight.IN_THE_LOG),
    "a cloud without records": Traits(has_records=False),
    "a cloud without records and log": Traits(has_records=False, has_log=False),
    "a cloud without a clock": Traits(has_date=False),
    "a vault without backups": Traits(backups=()),
}
_CLOCKS = {
    "the first machine's clock ahead": (600.0,),
    "the next machine's clock ahead": (0.0, 600.0),
    "the next machine's clock behind": (0.0, -600.0),
}
ONE: dict[str, Callable[[], World]] = {
    **{cloud: partial(World, traits=traits) for cloud, traits in _CLOUDS.items()},
    **{
        f"{cloud}, {clocks}": partial(World, traits=_CLOUDS[cloud], skews=skews)
        for clocks, skews in _CLOCKS.items()
        for cloud in ("a plain cloud", "records that appear late")
    },
}
TWO: dict[str, Callable[[], World]] = {
    f"two objects, {cloud}": partial(World, traits=_CLOUDS[cloud], names=("a", "b"))
    for cloud in ("a plain cloud", "records that appear late")
}


def _during_a_sweep() -> World:
    """An object is created after the list of a sweep was made, and before it is compared."""
    world = World(names=())
    while options := moves(world):
        options[0].act()
        world.settle()
    world.processes[0].sweep()
    world.settle()
    answer_later(world, world.queue()[0], 4.0)
    world.create("a")
    world.settle()
    return world


ONE["an object created during a sweep"] = _during_a_sweep


def _after(label: str, make: Callable[[], World]) -> World:
    """Where this has happened, and nothing else that is not plain."""
    story = Story(make())
    story.until(label)
    return story.world


CONNECTED: dict[str, Callable[[], World]] = {
    "through a connection": partial(World, connected=True),
    "through a connection, the call is lost on its way, not followed": partial(
        _after, "process-1's replicate: lost on its way", partial(World, connected=True, followed=False, people=False)
    ),
    "through a connection, the answer is lost, records that appear late": partial(
        _after,
        "process-1's replicate: taken, the answer is lost",
        partial(World, traits=_CLOUDS["records that appear late"], connected=True),
    ),
    "two objects through a connection": partial(World, names=("a", "b"), connected=True),
}
"""People edit the connection, take it away, and make it anew."""
DEEP: dict[str, Callable[[], World]] = {
    "servers and processes alone, records that appear late, not followed": partial(
        World, traits=_CLOUDS["records that appear late"], followed=False, people=False
    )
}
"""The core of the promise, one fault deeper than the others."""
WORLDS: dict[str, Callable[[], World]] = {**ONE, **TWO, **CONNECTED, **DEEP}


@dataclass(frozen=True, slots=True)
class Explored:
    """What came of one exploration."""

    world: str
    depth: int
    count: Count
    seconds: float
    """Of one core."""


def depth_of(world: str) -> int:
    """How many moves that are not the plain one are taken in this world."""
    return 1 + DEEPER + (world in DEEP)


def explored(world: str) -> Explored:
    """Explore a world of this name."""
    begun = time.process_time()
    count = explore(WORLDS[world], budget=depth_of(world))
    return Explored(world, depth_of(world), count, time.process_time() - begun)
