"""Every way through a story with up to so many moves that are not the plain one.

Coroutines cannot be copied, so each way is taken again from the start (stateless search, as in CHESS and dslabs); a
state that was seen before, with at least as many moves left, is not explored again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cbr_operator.kinds.replication import REPLICATIONS
from model.fingerprint import fingerprint
from model.laws import log_kept
from model.move import Move
from model.moves import moves
from model.world import World

MOST_STEPS = 2000
MOST_AT_ONCE = 150
"""Steps in one moment; what goes on for longer goes on as fast as the servers answer."""
CALM = 700.0
"""Seconds for which what has ended is watched: one sweep at least."""


class BrokenStoryError(AssertionError):
    """A law was broken; the message is the story that leads there."""


@dataclass(slots=True)
class Count:
    """How much was explored."""

    paths: int = 0
    steps: int = 0
    """Taken for the first time, that is without what was taken again to come to a way's new part."""
    states: int = 0


class Story:
    """One way through the world: what was done, so far."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.choices: list[int] = []
        self.labels: list[str] = []
        self._moment = (world.time, 0)

    def options(self) -> list[Move]:
        """What may happen next; empty when the story has come to its end."""
        return moves(self.world)

    def take(self, move: Move, choice: int = 0) -> None:
        """The next move, and everything that follows from it without another."""
        self.choices.append(choice)
        self.labels.append(f" {'*' if move.cost else ' '} {move.label}")
        move.act()
        self.world.settle()
        self._check_pace()

    def _check_pace(self) -> None:
        time = self.world.time
        self._moment = (time, self._moment[1] + 1) if self._moment[0] == time else (time, 0)
        if self._moment[1] > MOST_AT_ONCE:
            raise AssertionError("something goes on as fast as the servers answer")
        if len(self.choices) > MOST_STEPS:
            raise AssertionError("no end is reached")

    def go_on(self) -> None:
        """Plain moves to the end, and what has ended stays as it is."""
        while options := self.options():
            self.take(options[0])
        self.stay_calm()

    def stay_calm(self) -> None:
        """No write, and once a sweep has told of what was missed no call either, nor after a restart.

        A connection's status, too, is written no more by then: until then another process may know less of its Secret.
        """
        world = self.world
        writes = world.api.writes[REPLICATIONS.kind]
        self._wait(CALM)
        reads, all_writes = world.cloud.reads, world.api.writes.total()
        self._wait(CALM)
        world.start()
        world.settle()
        self._wait(CALM)
        if world.api.writes[REPLICATIONS.kind] != writes:
            raise AssertionError("every object had come to its end, and yet a status was written")
        if world.api.writes.total() != all_writes:
            raise AssertionError("the connection was ready, and yet its status was written")
        if world.cloud.reads != reads:
            raise AssertionError("every object had come to its end, and yet the cloud was called")

    def _wait(self, seconds: float) -> None:
        world = self.world
        until = world.time + seconds
        while True:
            if options := self.options():
                self.take(options[0])
            elif (moment := world.next_moment()) is not None and moment <= until:
                world.pass_time()
                world.settle()
            else:
                return

    def until(self, label: str) -> None:
        """Plain moves until something with this label may happen; then that."""
        while options := self.options():
            for choice, move in enumerate(options):
                if move.label == label:
                    self.take(move, choice)
                    return
            self.take(options[0])
        raise AssertionError(f"it never came to {label!r}")

    def close(self) -> None:
        """Leave nothing behind."""
        for process in self.world.processes:
            process.kill()

    def __str__(self) -> str:
        return "\n".join((f"choices: {self.choices}", *self.labels))


def explore(make: Callable[[], World], *, budget: int) -> Count:
    """Take every way with at most ``budget`` moves that are not the plain one.

    Raises:
        BrokenStoryError: a law is broken, or no end is reached.
    """
    count = Count()
    seen: dict[int, int] = {}
    waiting: list[tuple[tuple[int, ...], int]] = [((), budget)]
    with log_kept():
        while waiting:
            given, left = waiting.pop()
            with told(make) as story:
                count.paths += 1
                for choice in given:
                    story.take(story.options()[choice], choice)
                _go_on(story, left, waiting, seen, count)
    count.states = len(seen)
    return count


@contextmanager
def told(make: Callable[[], World]) -> Iterator[Story]:
    """A story from its beginning; a law that is broken in it is told with the way there."""
    story = Story(make())
    try:
        yield story
    except Exception as error:
        raise BrokenStoryError(f"{type(error).__name__}: {error}\n{story}") from error
    finally:
        story.close()


def _go_on(
    story: Story, left: int, waiting: list[tuple[tuple[int, ...], int]], seen: dict[int, int], count: Count
) -> None:
    """Plain moves from here on, noting at each what else could have been done."""
    while True:
        state = fingerprint(story.world)
        if seen.get(state, -1) >= left:
            return
        seen[state] = left
        options = story.options()
        if not options:
            story.stay_calm()
            return
        waiting.extend(
            ((*story.choices, each), left - move.cost)
            for each, move in enumerate(options)
            if each and move.cost <= left
        )
        count.steps += 1
        story.take(options[0])
