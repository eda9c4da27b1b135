"""A few at once: of logins and of looks at the clock, too."""

import asyncio
from typing import Any

from cbr_operator.engine.clocks import CloudClocks
from cbr_operator.engine.logins import LOGINS_A_NAMESPACE, LOGINS_AN_ENDPOINT, Logins
from cbr_operator.engine.looks import ClockLooks
from cbr_operator.engine.pace import Pace
from cbr_operator.engine.rooms import Rooms
from cbr_operator.engine.vault_reader import LOOKS_A_NAMESPACE, rooms_for_looks
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import Credential, Facts, LoginFacts, LoginRequest, Route
from cbr_operator.rules.access import origin_of
from cbr_operator.rules.view import LookAtClock
from ground.hand_clock import HandClock
from ground.reader import credentials_of
from ground.vault import Vault, settle


class Iam(Vault):
    """Logins that hang."""

    async def log_in(self, request: LoginRequest) -> LoginFacts:
        del request
        self.hanging += 1
        await self.open.wait()
        self.hanging -= 1
        return LoginFacts(Facts(sent=False, failure="connection refused"))


def test_an_origin_is_the_same_however_the_path_is_written() -> None:
    for url in ("https://CBR.example.com", "https://cbr.example.com:443/a", "https://cbr.example.com./b/../c"):
        assert origin_of(url) == "https://cbr.example.com:443"
    assert origin_of("http://cbr.example.com") != origin_of("https://cbr.example.com")


async def test_who_waits_for_its_namespace_keeps_nothing_from_others() -> None:
    rooms, inside = Rooms(in_all=2, an_origin=2, a_namespace=1), asyncio.Event()

    async def stay(namespace: str) -> None:
        async with rooms.room("https://e", namespace):
            await inside.wait()

    waiting = [asyncio.create_task(stay("greedy")) for _ in range(5)]
    await settle()
    async with asyncio.timeout(5), rooms.room("https://e", "other"):
        inside.set()
    await asyncio.gather(*waiting)


async def test_looks_at_clocks_go_a_few_at_once() -> None:
    vault, clock, woken = Vault(), HandClock(), list[Any]()
    vault.open.clear()
    looks = ClockLooks(
        cloud=vault,
        clocks=CloudClocks(clock),
        credentials=credentials_of(vault, clock),
        pace=Pace(clock=clock, wake=lambda _: None),
        rooms=rooms_for_looks(),
        wake=woken.append,
    )
    credential = Credential("o", "1", "tok", route=Route(namespace="dr"))
    for each in range(20):
        target = Target(endpoint=f"https://e{each}", project_id="p", vault_id="v")
        looks.start(("dr", str(each)), LookAtClock(target, credential))
    await settle()
    assert vault.hanging == LOOKS_A_NAMESPACE
    vault.open.set()
    await settle()
    assert len(woken) == 20


async def test_logins_go_a_few_at_once() -> None:
    for namespaces, most in ((1, LOGINS_A_NAMESPACE), (20, LOGINS_AN_ENDPOINT)):
        iam = Iam()
        iam.open.clear()
        logins = Logins(cloud=iam, clock=HandClock(), ended=lambda _: None)
        for each in range(20):
            route = Route(f"uid{each}", namespace=f"n{each % namespaces}")
            request = LoginRequest(f"https://iam/path{each}", "acme", "dr", "password", "p", route)
            assert isinstance(logins.get(request, "1", own=True), asyncio.Task)
        await settle()
        assert iam.hanging == most
        await logins.close()
