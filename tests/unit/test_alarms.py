"""Waking at moments of a clock that jumps."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from cbr_operator.engine.alarms import LONGEST_SLEEP, Alarms
from ground.schedules import moment

A, B = ("dr", "a"), ("dr", "b")


class JumpingClock:
    """A clock that moves when it is told to; a sleep ends when it has moved that far, or was told to look."""

    def __init__(self) -> None:
        self.time = moment("2026-03-02 02:00")
        self.slept: list[float] = []
        self._woken = asyncio.Event()

    def now(self) -> datetime:
        return self.time

    def boottime(self) -> float:
        return self.time.timestamp()

    def chance(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._woken.clear()
        await self._woken.wait()

    async def move(self, by: timedelta) -> None:
        """Jump, and let the sleeper look."""
        self.time += by
        self._woken.set()
        await _turns()


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@asynccontextmanager
async def running(clock: JumpingClock, ring: Callable[[tuple[str, str]], None]) -> AsyncIterator[Alarms]:
    alarms = Alarms(clock, ring)
    task = asyncio.create_task(alarms.run())
    await _turns()
    yield alarms
    task.cancel()


async def test_it_rings_at_the_moment_and_once() -> None:
    clock, rung = JumpingClock(), list[tuple[str, str]]()
    async with running(clock, rung.append) as alarms:
        alarms.set(A, clock.time + timedelta(seconds=30))
        await _turns()
        await clock.move(timedelta(seconds=29))
        assert rung == []
        await clock.move(timedelta(seconds=1))
        await clock.move(timedelta(hours=1))
        assert rung == [A]
        assert max(clock.slept) <= LONGEST_SLEEP


async def test_a_jump_forwards_rings_what_was_jumped_over_and_one_back_waits() -> None:
    clock, rung = JumpingClock(), list[tuple[str, str]]()
    async with running(clock, rung.append) as alarms:
        alarms.set(B, clock.time + timedelta(days=2))
        alarms.set(A, clock.time + timedelta(days=1))
        await _turns()
        await clock.move(timedelta(days=-5))
        assert rung == []
        await clock.move(timedelta(days=30))
        assert rung == [A, B]


async def test_a_new_moment_takes_the_place_of_the_old_one_and_none_of_both() -> None:
    clock, rung = JumpingClock(), list[tuple[str, str]]()
    async with running(clock, rung.append) as alarms:
        alarms.set(A, clock.time + timedelta(seconds=10))
        alarms.set(B, clock.time + timedelta(seconds=10))
        alarms.set(A, clock.time + timedelta(seconds=60))
        alarms.set(B, None)
        await _turns()
        await clock.move(timedelta(seconds=10))
        assert rung == []
        await clock.move(timedelta(seconds=50))
        assert rung == [A]


async def test_moments_that_are_replaced_do_not_pile_up() -> None:
    clock, rung = JumpingClock(), list[tuple[str, str]]()
    async with running(clock, rung.append) as alarms:
        for each in range(10_000):
            alarms.set(A, clock.time + timedelta(days=300, seconds=each))
        alarms.set(B, clock.time + timedelta(days=1))
        assert len(alarms) < 100
        await _turns()
        await clock.move(timedelta(days=2))
        assert rung == [B]
        await clock.move(timedelta(days=300))
        assert rung == [B, A]
