"""A second accepted call is reached where an assumption of the protocol does not hold, and nowhere else.

That it is reached there shows that the explorer would see one (protocol, section 8).
"""

import pytest

from model.cloud import Sight, Traits
from model.explorer import BrokenStoryError, Story, explore, told
from model.moves import send_after_freezing
from model.world import World


@pytest.mark.usefixtures("log")
def test_frozen_between_the_check_and_the_sending() -> None:
    with told(World) as story:
        story.until("process-1's list: done")
        while not (queue := story.world.queue()) or queue[0].verb != "replicate":
            story.take(story.options()[0])
        story.world.laws.broken_promises.append("1: frozen after the check for longer than a resolver waits")
        send_after_freezing(story.world, queue[0])
        story.world.settle()
        story.go_on()
        assert story.world.cloud.accepted == {"uid-1": 2}


@pytest.mark.usefixtures("log")
def test_a_record_that_appears_after_the_settle_time() -> None:
    with told(lambda: World(Traits(sight=Sight.TOO_LATE))) as story:
        story.world.laws.broken_promises.append("2: neither record nor line in the log within the settle time")
        story.until("process-1's replicate: taken, the answer is lost")
        story.go_on()
        assert story.world.cloud.accepted == {"uid-1": 2}


@pytest.mark.timeout(0)
def test_the_explorer_finds_the_second_call_by_itself() -> None:
    with pytest.raises(BrokenStoryError, match="accepted a second call"):
        explore(lambda: World(Traits(sight=Sight.TOO_LATE), followed=False, people=False), budget=1)


@pytest.mark.usefixtures("log")
def test_never_a_third_call_even_then() -> None:
    with told(lambda: World(Traits(sight=Sight.TOO_LATE))) as story:
        story.world.laws.broken_promises.append("2: neither record nor line in the log within the settle time")
        story.until("process-1's replicate: taken, the answer is lost")
        story.until("process-1's replicate: taken, the answer is lost")
        story.go_on()
        assert story.world.cloud.accepted == {"uid-1": 2}
        assert reason_of(story) == "OutcomeUnresolved"


def reason_of(story: Story) -> str:
    (body,) = story.world.api.objects.values()
    return next(str(each["reason"]) for each in body["status"]["conditions"] if each["type"] == "Succeeded")
