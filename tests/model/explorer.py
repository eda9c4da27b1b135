"""Every way through a story with up to so many moves that are not the plain one, by taking it again from the start."""

from collections.abc import Callable
from dataclasses import dataclass, field

from model.fingerprint import fingerprint
from model.moves import Move, moves
from model.world import World

MOST_STEPS = 2000
CALM = 700.0
"""Seconds after its end for which a story must stay as it is: one sweep at least."""


class BrokenStoryError(AssertionError):
    """A law was broken; the message is the story that leads there."""


@dataclass
class Count:
    """How much was explored."""

    paths: int = 0
    steps: int = 0
    states: int = 0


class Story:
    """One way through: choices that are given, then the plain moves."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.choices: list[int] = []
        self.labels: list[str] = []

    def options(self) -> list[Move]:
        return moves(self.world)

    def take(self, options: list[Move], choice: int) -> None:
        """The next move, and everything that follows from it without another."""
        move = options[choice]
        self.choices.append(choice)
        self.labels.append(f"{'   ' if not move.cost else ' * '}{move.label}")
        move.act()
        self.world.settle()


def explore(make: Callable[[], World], *, budget: int, count: Count | None = None) -> Count:
    """Take every way with at most ``budget`` moves that are not the plain one."""
    count = count or Count()
    waiting: list[tuple[list[int], int]] = [([], budget)]
    seen: dict[int, int] = {}
    while waiting:
        prefix, left = waiting.pop()
        _follow(make, prefix, left, waiting, count, seen)
    count.states += len(seen)
    return count


def _follow(
    make: Callable[[], World], prefix: list[int], left: int, waiting: list[tuple[list[int], int]], count: Count, seen: dict[int, int]
) -> None:
    story = Story(make())
    count.paths += 1
    try:
        for choice in prefix:
            story.take(story.options(), choice)
        while True:
            options = story.options()
            state = fingerprint(story.world)
            if seen.get(state, -1) >= left:
                return
            seen[state] = left
            if not options:
                break
            count.steps += 1
            if left:
                waiting.extend(
                    ([*story.choices, each], left - options[each].cost)
                    for each in range(1, len(options))
                    if options[each].cost <= left
                )
            if len(story.choices) > MOST_STEPS:
                raise AssertionError("no end is reached")
            story.take(options, 0)
        stay_calm(story)
    except Exception as error:
        raise BrokenStoryError("\n".join((f"{error}", f"choices {story.choices}", *story.labels))) from error
    finally:
        for process in story.world.processes:
            process.kill()


def stay_calm(story: Story) -> None:
    """What has ended stays as it is: no write, and once a sweep has told of what was missed, no call either."""
    world = story.world
    writes = world.api.writes
    _wait(story, CALM)
    reads = world.cloud.reads
    _wait(story, CALM)
    world.start()
    world.settle()
    _wait(story, CALM)
    if world.api.writes != writes:
        raise AssertionError("every object had come to its end, and yet a status was written")
    if world.cloud.reads != reads:
        raise AssertionError("every object had come to its end, and yet the cloud was called")


def _wait(story: Story, seconds: float) -> None:
    world = story.world
    until = world.time + seconds
    while True:
        if options := story.options():
            story.take(options, 0)
        elif (moment := world.next_moment()) is not None and moment <= until:
            world.pass_time()
            world.settle()
        else:
            return
