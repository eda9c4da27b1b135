"""Readings of Secrets are shared and forgotten, and cost the same however many there are."""

import asyncio
from collections import Counter

from cbr_operator.engine.secrets import FRESH_SECONDS, Readings
from cbr_operator.ports import SecretData
from ground.hand_clock import HandClock
from ground.vault import settle


class CountingClock(HandClock):
    """Counts how often it is asked."""

    asked = 0

    def boottime(self) -> float:
        self.asked += 1
        return super().boottime()


class Secrets:
    def __init__(self) -> None:
        self.read: Counter[str] = Counter()
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, *, namespace: str, name: str) -> SecretData:
        self.read[f"{namespace}/{name}"] += 1
        if name == "slow":
            await self.open.wait()
        return SecretData("1", {})


async def test_a_reading_costs_the_same_however_many_are_fresh() -> None:
    clock, secrets = CountingClock(), Secrets()
    readings = Readings(secrets, clock)
    for each in range(500):
        await readings.read(namespace="dr", name=str(each))
    clock.asked = 0
    await readings.read(namespace="dr", name="0")
    assert clock.asked < 10
    assert secrets.read["dr/0"] == 1


async def test_an_old_reading_is_not_used_behind_one_that_hangs() -> None:
    clock, secrets = HandClock(), Secrets()
    secrets.open.clear()
    readings = Readings(secrets, clock)
    slow = asyncio.create_task(readings.read(namespace="dr", name="slow"))
    await settle()
    await readings.read(namespace="dr", name="a")
    clock.seconds += FRESH_SECONDS
    await readings.read(namespace="dr", name="a")
    assert secrets.read == {"dr/slow": 1, "dr/a": 2}
    secrets.open.set()
    assert (await slow).at == 0.0
