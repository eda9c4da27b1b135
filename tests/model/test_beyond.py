"""Beyond the depth to which every way is taken: ways with many faults, chosen by hypothesis."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.conftest import WAYS
from model.explorer import Story, told
from model.laws import log_kept
from model.worlds import WORLDS

EXAMPLES = int(os.environ.get("EXPLORE_EXAMPLES", "40"))
FAULTS = 8

# How many plain moves, and then which of the others.
FAULT = st.tuples(st.integers(0, 12), st.integers(0, 40))


def happen(story: Story, plain: int, which: int) -> bool:
    """Plain moves, then another one; False when the story came to its end before."""
    for _ in range(plain):
        options = story.options()
        if not options:
            return False
        story.take(options[0])
    options = story.options()
    if len(options) < 2:
        return False
    choice = 1 + which % (len(options) - 1)
    story.take(options[choice], choice)
    return True


@pytest.mark.timeout(0)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == 40,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(world=st.sampled_from(sorted(WORLDS)), faults=st.lists(FAULT, min_size=2, max_size=FAULTS))
def test_many_faults(world: str, faults: list[tuple[int, int]]) -> None:
    with log_kept(), told(WORLDS[world]) as story:
        for plain, which in faults:
            if not happen(story, plain, which):
                break
        story.go_on()
        WAYS.append(len(story.choices))
