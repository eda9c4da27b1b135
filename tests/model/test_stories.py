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
