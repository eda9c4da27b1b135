"""Tokens from logins: shared, renewed, and not asked for too often."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from cbr_operator.cloud.client import CbrClient
from cbr_operator.engine.logins import DOUBTED_AFTER, Logins, Refused
from cbr_operator.ports import LoginRequest, Route
from cbr_operator.rules.logins import Token
from ground.hand_clock import HandClock
from ground.simulator import Simulator

RIGHT = "right"
PROJECT = "f841e01fd2b14e7fa41b6ae7aa6b0594"
OTHERS = [f"{number:032x}" for number in range(4)]


class Ground:
    def __init__(self, cloud: Simulator, client: CbrClient, clock: HandClock) -> None:
        self.cloud = cloud
        self.clock = clock
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        self.logins = Logins(cloud=client, clock=clock, ended=self.ended.put_nowait)

    async def get(self, password: str = RIGHT, version: str = "1", project: str = PROJECT) -> Token | Refused:
        request = LoginRequest(self.cloud.url, "acme", "dr", password, project, Route("uid"))
        while True:
            found = self.logins.get(request, version, own=project == PROJECT)
            if not isinstance(found, asyncio.Task):
                return found
            await found

    @property
    def count(self) -> int:
        return len(self.cloud.iam.logins)


@pytest.fixture
async def ground() -> AsyncIterator[Ground]:
    clock = HandClock()
    client = CbrClient(clock=clock, request_timeout=10)
    with Simulator() as cloud:
        cloud.add_user("dr", "right", life=1000, projects=[PROJECT])
        yield Ground(cloud, client, clock)
    await client.close()


async def test_many_who_ask_at_once_share_one_login(ground: Ground) -> None:
    found = await asyncio.gather(*(ground.get() for _ in range(50)))
    assert len({each.value for each in found if isinstance(each, Token)}) == 1
    assert (ground.count, ground.ended.qsize(), ground.ended.get_nowait()) == (1, 1, "uid")


async def test_a_token_is_renewed_at_four_fifths_of_its_life_and_used_meanwhile(ground: Ground) -> None:
    first = await ground.get()
    ground.clock.seconds += 799
    assert await ground.get() == first
    assert ground.logins.renews_in(("uid", PROJECT)) == pytest.approx(1, abs=0.1)
    ground.clock.seconds += 2
    assert await ground.get() == first  # the renewal is on its way
    for _ in range(2):
        await ground.ended.get()
    assert await ground.get() != first
    assert ground.count == 2


async def test_a_renewal_that_fails_leaves_the_old_token_to_its_end(ground: Ground) -> None:
    first = await ground.get()
    ground.cloud.iam.unreachable = True
    ground.clock.seconds += 900
    assert await ground.get() == first
    for _ in range(2):
        await ground.ended.get()
    assert await ground.get() == first
    ground.clock.seconds += 101
    found = await ground.get()
    assert isinstance(found, Refused)
    assert not found.failure.refused


async def test_a_refused_login_waits_for_minutes_longer_each_time(ground: Ground) -> None:
    pauses = []
    for _ in range(6):
        found = await ground.get("wrong")
        assert isinstance(found, Refused)
        pauses.append(found.again)
        ground.clock.seconds += found.again - 1
        assert isinstance(await ground.get("wrong"), Refused)
        ground.clock.seconds += 1
    assert pauses == [300, 600, 1200, 2400, 3600, 3600]
    assert ground.count == 6


async def test_another_version_is_a_reason_for_a_login_at_once(ground: Ground) -> None:
    assert isinstance(await ground.get("wrong", "1"), Refused)
    assert isinstance(await ground.get("right", "2"), Token)
    assert ground.count == 2


async def test_the_word_of_an_earlier_process_holds_the_same_version_and_no_other(ground: Ground) -> None:
    until = ground.clock.now() + timedelta(seconds=250)
    request = LoginRequest(ground.cloud.url, "acme", "dr", "wrong", PROJECT, Route("uid"))
    ground.logins.hold(request, "1", until)
    found = await ground.get("wrong", "1")
    assert isinstance(found, Refused)
    assert (found.until, ground.count) == (until, 0)
    assert isinstance(await ground.get("right", "2"), Token)


async def test_a_token_that_the_cloud_refuses_is_renewed_once_and_then_refused_for_good(ground: Ground) -> None:
    owner = "uid", PROJECT
    first = await ground.get()
    assert isinstance(first, Token)
    assert ground.logins.answered(owner, first.value, refused=True) is False
    second = await ground.get()
    assert isinstance(second, Token)
    assert second.value != first.value
    assert ground.logins.answered(owner, first.value, refused=True) is False  # one that was still under way
    assert await ground.get() == second
    assert ground.logins.answered(owner, second.value, refused=True) is True
    assert await ground.get() == second
    assert ground.count == 2


async def test_a_token_that_worked_may_be_renewed_again(ground: Ground) -> None:
    owner = "uid", PROJECT
    for expected in (1, 2, 3):
        found = await ground.get()
        assert isinstance(found, Token)
        ground.logins.answered(owner, found.value, refused=False)
        assert ground.logins.answered(owner, found.value, refused=True) is False
        assert ground.count == expected


async def test_an_ambiguous_refusal_ends_no_young_token_and_none_for_good(ground: Ground) -> None:
    owner = "uid", PROJECT
    first = await ground.get()
    assert isinstance(first, Token)
    for _ in range(3):
        assert ground.logins.answered(owner, first.value, refused=True, ambiguous=True) is False
        assert await ground.get() == first
    ground.clock.seconds += DOUBTED_AFTER
    assert ground.logins.answered(owner, first.value, refused=True, ambiguous=True) is False
    assert await ground.get() != first
    assert ground.count == 2


async def test_naming_many_projects_cannot_lock_the_user(ground: Ground) -> None:
    for project in OTHERS:
        assert isinstance(await ground.get(project=project), Refused)
    assert ground.count == 1
    assert isinstance(await ground.get(), Token)  # the connection's own goes on


async def test_a_connection_that_is_gone_leaves_no_token(ground: Ground) -> None:
    await ground.get()
    ground.logins.forget("uid")
    assert ground.logins.renews_in(("uid", PROJECT)) is None
    assert ground.logins.answered(("uid", PROJECT), "any", refused=True) is None
