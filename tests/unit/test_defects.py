"""A defect of the operator is told and waited after: nobody waits for ever, and nothing runs hot."""

import asyncio
from typing import Any

import pytest

from cbr_operator.engine.clocks import CloudClocks
from cbr_operator.engine.credentials import Credentials
from cbr_operator.engine.logins import Logins, Refused
from cbr_operator.engine.looks import ClockLooks
from cbr_operator.engine.pace import Pace
from cbr_operator.engine.vault_reader import rooms_for_looks
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import Credential, LoginRequest, Route
from cbr_operator.rules.logins import FIRST_PAUSE
from cbr_operator.rules.view import LookAtClock
from ground.hand_clock import HandClock
from ground.objects import ENDPOINT, POLICY, TOKEN
from ground.vault import Vault, settle

REQUEST = LoginRequest("https://iam.example.com", "d", "u", "secret", "p", Route("uid"))


async def test_a_login_that_meets_a_defect_backs_off(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []
    logins = Logins(cloud=Vault(), clock=HandClock(), ended=ended.append)  # its log_in raises
    task = logins.get(REQUEST, "1", own=True)
    assert isinstance(task, asyncio.Task)
    await task
    found = logins.get(REQUEST, "1", own=True)
    assert isinstance(found, Refused)
    assert (found.again, found.failure.refused, ended) == (FIRST_PAUSE, False, ["uid"])
    assert "secret" not in found.failure.said
    assert "defect" in caplog.text


async def test_a_look_at_the_clock_that_meets_a_defect_wakes_whoever_waits() -> None:
    vault: Any = Vault()
    clock, woken = HandClock(), list[tuple[str, str]]()
    vault.error = RuntimeError("odd")
    credentials = Credentials(
        kube=vault, cloud=vault, clock=clock, policy=POLICY, connections=lambda _: None, moved=lambda _: None
    )
    looks = ClockLooks(
        cloud=vault,
        clocks=CloudClocks(clock),
        credentials=credentials,
        pace=Pace(clock=clock, wake=woken.append),
        rooms=rooms_for_looks(),
        wake=woken.append,
    )
    action = LookAtClock(Target(endpoint=ENDPOINT, project_id="p", vault_id="v"), Credential("o", "1", TOKEN))
    looks.start(("dr", "a"), action)
    await settle()
    failure = looks.failure_for(("dr", "a"))
    assert woken == [("dr", "a")]
    assert failure is not None
    assert "defect" in failure.said
    looks.forget(("dr", "a"))
    vault.error = None
    looks.start(("dr", "a"), action)
    await settle()
    assert (woken, looks.failure_for(("dr", "a"))) == ([("dr", "a")] * 2, None)
