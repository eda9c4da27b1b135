"""Ways that once led to a defect, told by name."""

import pytest

from model.cloud import Sight, Traits
from model.explorer import told
from model.world import World

pytestmark = pytest.mark.usefixtures("log")


def test_a_stale_view_is_not_acted_upon_without_a_pause() -> None:
    """The news of an edit are late: the intent meets a conflict, and must not be tried again at once."""
    with told(World) as story:
        story.until("process-1's list_backups: answered")
        story.until("a is suspended for a while")
        story.until("process-1's patch_status: done")
        story.until("news to process-1 are late")
        story.go_on()


def test_a_late_answer_keeps_when_the_first_unknown_attempt_was() -> None:
    """Frozen with its answer in hand, until another process has given the search up."""
    with told(lambda: World(Traits(sight=Sight.IN_THE_LOG))) as story:
        story.until("process-1's replicate: answered")
        story.until("process-1 freezes, another leads")
        story.go_on()
        (body,) = story.world.api.objects.values()
        assert body["status"]["submission"]["outcome"] == "Submitted"
        assert body["status"]["submission"]["firstUnknownAt"]


def test_what_another_object_follows_is_not_adopted() -> None:
    """The other one's call falls into the window of a first call that was lost, and of a second one."""
    with told(lambda: World(names=("a", "b"))) as story:
        story.until("process-1's replicate: lost on its way")  # a's
        story.until("process-1's replicate: answered")  # b's, while a pauses
        story.until("process-1's replicate: lost on its way")  # a's second and last
        story.go_on()
        outcomes = {
            name: body["status"]["submission"]["outcome"] for (_, name), body in story.world.api.objects.items()
        }
        assert outcomes == {"a": "Unresolved", "b": "Submitted"}


def test_a_namesake_that_a_result_comes_upon_is_decided_about() -> None:
    """The result is read again just when another namesake was created, of which no news have come yet."""
    with told(World) as story:
        story.until("process-1's replicate: answered")
        story.until("a is deleted and created anew")
        story.until("process-1's patch_status: done")
        story.until("time passes")
        story.until("a is deleted and created anew")
        story.go_on()
        assert story.world.cloud.accepted == {"uid-1": 1, "uid-3": 1}


def test_an_object_that_asks_for_the_clock_twice_gets_one_look() -> None:
    """Of a stale view it is decided again and again, also while its look at the cloud's clock is under way."""
    with told(lambda: World(followed=False)) as story:
        story.until("process-1's patch_status: the object was changed just before")
        story.until("news to process-1 are lost")
        story.go_on()


def test_two_processes_do_not_answer_each_other_s_status_of_a_connection() -> None:
    """One could not read the Secret a moment ago, the other one can: both wrote as fast as the servers answered."""
    with told(lambda: World(Traits(sight=Sight.LATE), connected=True)) as story:
        story.until("process-1's replicate: taken, the answer is lost")
        story.until("process-1's patch_status: the API server is away for 60 s")
        story.until("a second operator leads, too")
        story.go_on()


def test_two_processes_do_not_answer_each_other_s_status_of_an_object() -> None:
    """One could not read the Secret a moment ago, the other one waits for the vault that another object copies."""
    with told(lambda: World(names=("a", "b"), connected=True)) as story:
        story.until("process-1's replicate: answered")
        story.until("process-1's patch_status: not done, no answer")
        story.until("process-1's patch_status: done")
        story.until("time passes")
        story.until("a second operator leads, too")
        story.until("process-1's read_secret: not done, no answer")
        story.go_on()
