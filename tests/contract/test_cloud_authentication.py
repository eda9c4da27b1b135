"""Logging in and signing against the simulated cloud, which checks signatures with the vendor's own code."""

import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from cbr_operator.cloud.client import CbrClient
from cbr_operator.engine.system_clock import SystemClock
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import AccessKey, Credential, Facts, LoginRequest, ReplicateRequest
from cbr_operator.rules.logins import LoginFailure, Token, judge_login
from ground.simulator import Simulator, Vault, make_backups
from ground.wire import http, says, talking_to

PASSWORD = "pass word/ö-1234"
SOURCE = Vault(backups=make_backups(1))
DESTINATION = Vault(region="region2", project_id="68589cac08274b82b4e254268a3862d8", protect_type="replication")


@pytest.fixture
def cloud() -> Iterator[Simulator]:
    with Simulator() as simulator:
        simulator.add(SOURCE, DESTINATION)
        simulator.add_user("dr", PASSWORD)
        yield simulator


@pytest.fixture
async def client() -> AsyncIterator[CbrClient]:
    made = CbrClient(clock=SystemClock(), request_timeout=10)
    yield made
    await made.close()


def login(endpoint: str, *, password: str = PASSWORD, project: str = SOURCE.project_id) -> LoginRequest:
    return LoginRequest(endpoint, "acme", "dr", password, project)


async def log_in(client: CbrClient, request: LoginRequest) -> Token | LoginFailure:
    answer = await client.log_in(request)
    assert request.password not in repr(answer) + repr(request)
    assert not answer.token or answer.token not in repr(answer)
    return judge_login(answer, request, now=datetime.now(UTC))


def target(endpoint: str) -> Target:
    return Target(endpoint=endpoint, project_id=SOURCE.project_id, vault_id=SOURCE.id)


async def read(client: CbrClient, endpoint: str, credential: Credential) -> Facts:
    return await client.list_backups(target=target(endpoint), credential=credential, offset=0, limit=1)


async def test_a_login_gives_a_token_that_is_good_for_its_project(cloud: Simulator, client: CbrClient) -> None:
    found = await log_in(client, login(cloud.url))
    assert isinstance(found, Token)
    assert found.life == pytest.approx(86400, abs=2)
    assert found.value not in repr(found)
    assert (await read(client, cloud.url, Credential("o", "1", found.value))).status == 200
    other = await log_in(client, login(cloud.url, project="0" * 32))
    assert isinstance(other, Token)
    assert (await read(client, cloud.url, Credential("o", "1", other.value))).status == 401


async def test_a_wrong_password_is_told_from_a_cloud_that_is_away(cloud: Simulator, client: CbrClient) -> None:
    wrong = await log_in(client, login(cloud.url, password="not-the-password"))
    assert isinstance(wrong, LoginFailure)
    assert wrong.refused
    assert "user 'dr' of 'acme'" in wrong.said
    assert "The username or password is wrong" in wrong.said
    cloud.iam.unreachable = True
    away = await log_in(client, login(cloud.url))
    assert isinstance(away, LoginFailure)
    assert not away.refused
    nobody = await log_in(client, login("http://127.0.0.1:9"))
    assert isinstance(nobody, LoginFailure)
    assert not nobody.refused
    assert "connection refused" in nobody.said


@pytest.mark.parametrize(
    "answer",
    [
        http("201 Created", b"{}"),
        http("201 Created", b"{}", "X-Subject-Token: two words"),
        http("201 Created", b"{}", "X-Subject-Token: t\xc3\xb6ken"),
    ],
)
async def test_an_answer_without_a_usable_token_is_none(answer: bytes) -> None:
    async with talking_to(says(answer)) as (_, client, to):
        found = await log_in(client, login(to.endpoint))
        assert isinstance(found, LoginFailure)
        assert "without a usable token" in found.said


async def test_a_server_that_echoes_the_password_does_not_get_it_into_a_status() -> None:
    async with talking_to(says(http("401 Unauthorized", f"wrong: {PASSWORD}".encode()))) as (_, client, to):
        found = await log_in(client, login(to.endpoint))
        assert isinstance(found, LoginFailure)
        assert PASSWORD not in found.said


async def test_a_redirect_of_a_login_is_not_followed() -> None:
    elsewhere = http("307 Temporary Redirect", b"", "Location: http://127.0.0.1:9/")
    async with talking_to(says(elsewhere)) as (wire, client, to):
        found = await log_in(client, login(to.endpoint))
        assert isinstance(found, LoginFailure)
        assert found.refused
        assert len(wire.requests) == 1


def key(**changes: str) -> Credential:
    values = {"id": "AK1", "secret": "SK/1+", "token": "", **changes}
    access_key = AccessKey(values["id"], values["secret"])
    return Credential("o", "1", values["token"], access_key=access_key)


async def test_signed_requests_are_taken(cloud: Simulator, client: CbrClient) -> None:
    cloud.add_key("AK1", "SK/1+")
    assert (await read(client, cloud.url, key())).status == 200
    to = target(cloud.url)
    logs = await client.list_operation_logs(target=to, credential=key(), since=datetime.now(UTC), offset=0, limit=200)
    assert logs.status == 200
    request = ReplicateRequest(
        vault_id=SOURCE.id,
        destination_project_id=DESTINATION.project_id,
        destination_region=DESTINATION.region,
        destination_vault_id=DESTINATION.id,
        auto_trigger=False,
        enable_acceleration=False,
    )
    facts = await client.replicate(target=to, request=request, credential=key(), may_send=lambda: True)
    assert (facts.sent, facts.status) == (True, 200)
    assert cloud.iam.bad_signatures["AK1"] == 0


async def test_a_temporary_key_needs_its_security_token(cloud: Simulator, client: CbrClient) -> None:
    cloud.add_key("AK1", "SK/1+", security_token="sec-token+/=")
    assert (await read(client, cloud.url, key())).status == 401
    assert (await read(client, cloud.url, key(token="sec-token+/="))).status == 200


@pytest.mark.parametrize("wrong", [{"secret": "other"}, {"id": "AK2"}, {"token": uuid.uuid4().hex}])
async def test_a_wrong_signature_is_refused(cloud: Simulator, client: CbrClient, wrong: dict[str, str]) -> None:
    cloud.add_key("AK1", "SK/1+")
    assert (await read(client, cloud.url, key(**wrong))).status == 401
