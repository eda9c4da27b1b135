"""What a node does to a Pod: probes that fail, an API server that is away, too little memory, a restart under load."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ground.node.flights import Flights
from ground.node.node import Node
from ground.node.release import Release
from ground.operator_process import eventually
from ground.story import Story

TESTS = Path(__file__).parents[1]
AWAY_SECONDS = 60.0
MEMORY_STEP = 64 * 1024
MOST_MORE = 300
"""Replications, until a Pod without memory to spare is killed."""


@contextmanager
def frozen_watch(process: int) -> Iterator[None]:
    """The thread that watches stands still, as if a bug hung it."""
    command = [sys.executable, "-m", "ground.node.freeze", str(process)]
    with subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True) as freezer:
        try:
            assert freezer.stdout is not None
            assert freezer.stdout.readline() == "frozen\n"
            yield
        finally:
            freezer.kill()


def anonymous_memory(process: int) -> int:
    """The bytes of a process that cannot be read again from a file."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("RssAnon:"))) * 1024


def test_a_pod_whose_watching_is_dead_is_restarted_by_its_liveness_probe(release: Release, story: Story) -> None:
    with frozen_watch(release.main_process()):
        story.create("unseen")
        words = eventually(lambda: (now := release.probe("livez"))[0] == 503 and now[1])
        ended = release.wait_for_restart()

    assert "watching has stopped: its thread hangs" in words
    assert ended["exitCode"] == 0  # it was told to leave, and left in order
    assert ["failed liveness probe" in each for each in release.kills()] == [True]
    story.wait_for("unseen", "AllReplicated")


def test_an_api_server_that_is_away_for_a_minute_is_no_reason_to_kill(
    release: Release, story: Story, node: Node
) -> None:
    node.plane.stop_apiserver(kill=True)
    until = time.monotonic() + AWAY_SECONDS
    probes = set()
    while time.monotonic() < until:
        probes.add(release.probe("livez"))
        time.sleep(1)
    node.plane.start_apiserver()

    # It stops leading, since it cannot renew its Lease, and starts anew to wait for it: no probe has it killed.
    assert probes <= {(200, "alive\n"), (0, "")}
    story.create("afterwards")
    story.wait_for("afterwards", "AllReplicated", seconds=90)
    assert release.container()["restartCount"] <= 1
    assert release.kills() == []


def test_killed_for_memory_in_the_middle_of_submissions_it_submits_nothing_twice(
    release: Release, story: Story, node: Node
) -> None:
    container, process = release.container_id(), release.main_process()
    flights = Flights(story)
    flights.create_many("first", 20, call_seconds=2)
    flights.wait_for_calls(1)

    size = anonymous_memory(process)
    while not node.limit_memory(container, size):
        size += MEMORY_STEP
    for number in range(MOST_MORE):
        flights.create(f"more-{number}", call_seconds=2)
        if not Path(f"/proc/{process}").exists():
            break

    ended = release.wait_for_restart()
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)
    flights.each_is_submitted_once()


def test_restarts_under_load_submit_nothing_twice(release: Release, story: Story) -> None:
    flights = Flights(story)
    flights.create_many("first", 20, call_seconds=0.5)
    release.kubectl("rollout", "restart", "deployment/cbr-operator")
    for number in range(20):
        flights.create(f"more-{number}", call_seconds=0.5)
        time.sleep(0.1)
    release.restart()

    flights.each_is_submitted_once()
