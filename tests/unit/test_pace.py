"""A connection's requests: within their number a second, and the vaults take turns."""

import asyncio
import time

from cbr_operator.engine.pace import Pace
from cbr_operator.engine.store import Key
from cbr_operator.engine.system_clock import SystemClock
from cbr_operator.ports import DIRECT, Route

RATE = 50
ROUTE = Route("uid", requests_per_second=RATE)


class Ground:
    def __init__(self) -> None:
        self.woken: asyncio.Queue[Key] = asyncio.Queue()
        self.pace = Pace(clock=SystemClock(), wake=self.woken.put_nowait)

    async def call(self, key: Key, lane: str) -> float:
        """Wait for this object's turn, and take it; when it was."""
        if not self.pace.may_call(key, ROUTE):
            self.pace.wait(key, ROUTE, lane)
            assert await self.woken.get() == key
            assert self.pace.may_call(key, ROUTE)
        self.pace.called(key, ROUTE)
        return time.monotonic()


async def test_turns_are_never_given_faster_than_the_connection_says() -> None:
    pace = Ground().pace
    times: list[float] = []

    async def one(lane: str) -> None:
        await pace.turn(ROUTE, lane)
        times.append(time.monotonic())

    await asyncio.gather(*(one(f"lane-{number % 3}") for number in range(25)))
    assert times[-1] - times[0] >= 24 / RATE * 0.99
    assert all(times[after] - times[after - 10] >= 9 / RATE for after in range(10, 25))


async def test_a_lane_with_many_is_not_served_twice_while_another_waits() -> None:
    pace = Ground().pace
    served: list[str] = []

    async def one(lane: str) -> None:
        await pace.turn(ROUTE, lane)
        served.append(lane)

    await pace.turn(ROUTE, "first")
    many = [asyncio.create_task(one("many")) for _ in range(6)]
    await asyncio.sleep(0)
    few = [asyncio.create_task(one(lane)) for lane in ("a", "b", "a")]
    await asyncio.gather(*many, *few)
    assert served == ["many", "a", "b", "many", "a", "many", "many", "many", "many"]


async def test_calls_and_looks_share_the_turns() -> None:
    ground = Ground()
    started = time.monotonic()
    for number in range(5):
        await ground.pace.turn(ROUTE, "looks")
        await ground.call(("dr", f"object-{number}"), "calls")
    assert time.monotonic() - started >= 9 / RATE * 0.99


async def test_requests_that_were_held_up_since_their_turn_do_not_leave_all_at_once() -> None:
    pace = Ground().pace
    left: list[float] = []

    async def one() -> None:
        await pace.space(ROUTE)
        left.append(time.monotonic())

    await asyncio.gather(*(one() for _ in range(11)))
    assert left[-1] - left[0] >= 10 / RATE * 0.99
    await pace.space(DIRECT)


async def test_without_a_connection_nobody_waits() -> None:
    ground = Ground()
    for number in range(1000):
        await ground.pace.turn(DIRECT, "lane")
        assert ground.pace.may_call(("dr", str(number)), DIRECT)
    assert ground.woken.empty()


async def test_one_connection_does_not_wait_for_another() -> None:
    pace = Ground().pace
    slow, other = Route("slow", requests_per_second=1), Route("other", requests_per_second=1)
    await pace.turn(slow, "lane")
    waiting = asyncio.create_task(pace.turn(slow, "lane"))
    await pace.turn(other, "lane")
    assert not waiting.done()
    pace.forget("slow")  # whoever waits for a connection that is gone goes on, and finds that out
    await waiting


async def test_a_look_that_was_given_up_takes_no_turn() -> None:
    pace = Ground().pace
    await pace.turn(ROUTE, "lane")
    given_up = asyncio.create_task(pace.turn(ROUTE, "lane"))
    await asyncio.sleep(0)
    given_up.cancel()
    started = time.monotonic()
    await pace.turn(ROUTE, "lane")
    assert time.monotonic() - started < 1
