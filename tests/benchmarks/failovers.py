"""Two replicas under the chart's own rights and settings: how long until the other submits, ten times each way."""

import asyncio
import statistics
import time
from pathlib import Path

from benchmarks.ground import Cloud, call_words, cluster, resource, show, simulated_cloud
from benchmarks.load import API, create
from ground.controlplane import ControlPlane
from ground.operator_process import OperatorProcess, eventually
from ground.release import Release
from ground.simulator import make_fleet
from ground.simulator.vaults import Vault

ROUNDS = 20
BATCH = 25
"""Resources created just before a leader ends, so that submissions are under way."""
QUIET_SECONDS = 3.0
"""Without a call under way, before a leader is told to end: it would await those."""
LATENCY = 0.2
VALUES = {
    "crds": {"enabled": False},
    "settings": {"allowedEndpoints": ["http://127.0.0.1:*"], "settleSeconds": 8, "requestTimeoutSeconds": 5},
}
DONE_SECONDS = 300.0


class Failovers:
    """One run: who leads, and what is created meanwhile."""

    def __init__(self, plane: ControlPlane, folder: Path, cloud: Cloud, vaults: tuple[list[Vault], Vault]) -> None:
        self._plane = plane
        self._cloud = cloud
        self._sources, self._destination = iter(vaults[0]), vaults[1]
        release = Release(plane, folder, "default")
        release.install(VALUES)
        self.replicas = [release.operator(name).start() for name in ("first", "second")]
        self._made = 0

    def create(self, count: int) -> None:
        """Create so many resources on vaults of their own."""
        names = [f"copy-{self._made + number}" for number in range(count)]
        bodies = [resource(name, next(self._sources), self._destination, self._cloud.url) for name in names]
        asyncio.run(create(self._plane.api(), bodies))
        self._made += count

    def fail_over(self, *, kill: bool) -> float:
        """End the leader, have something to submit, and return the seconds until the cloud receives the next call."""
        eventually(lambda: [probe(each) for each in self.replicas].count("standing by\n") == 1, what="one stands by")
        leader = next(each for each in self.replicas if probe(each).startswith("leading"))
        self.create(BATCH)
        if not kill:
            time.sleep(QUIET_SECONDS)
        ended = time.monotonic()
        if kill:
            leader.kill()
        elif leader.process is not None:
            leader.process.terminate()
        received = self._received()
        self.create(1)
        eventually(lambda: self._received() > received, what="the other submits")
        seconds = time.monotonic() - ended
        leader.stop()
        leader.start()
        return seconds

    def _received(self) -> int:
        return int(self._cloud.summary()["received"])

    def all_final(self) -> bool:
        """Whether every resource has come to its end."""
        items = self._plane.request("GET", API)["items"]
        return all("completionTime" in each["status"] for each in items)


def probe(operator: OperatorProcess) -> str:
    """What /readyz says."""
    return operator.probe("readyz")[1]


def run() -> None:
    """Leaders that are killed and leaders that are told to end, in turn."""
    count = ROUNDS * (BATCH + 1)
    fleet = make_fleet(vaults=count, regions=1)
    with cluster() as (plane, folder), simulated_cloud(fleet=count, latency=LATENCY, copy_seconds=1) as cloud:
        run_of = Failovers(plane, folder, cloud, (list(fleet.sources), fleet.destinations[0]))
        try:
            times: dict[bool, list[float]] = {True: [], False: []}
            for number in range(ROUNDS):
                kill = number % 2 == 0
                times[kill].append(run_of.fail_over(kill=kill))
            eventually(run_of.all_final, seconds=DONE_SECONDS, every=1, what="all are final")
        finally:
            for each in run_of.replicas:
                each.kill()
        for kill, words in ((True, "leader killed"), (False, "leader told to end")):
            show(words, f"{_words(times[kill])} until the other submits (lease of 15 s)")
        show("the cloud", call_words(cloud.summary()))


def _words(seconds: list[float]) -> str:
    return (
        f"{min(seconds):.1f} to {max(seconds):.1f} s, median {statistics.median(seconds):.1f} s, {len(seconds)} times,"
    )
