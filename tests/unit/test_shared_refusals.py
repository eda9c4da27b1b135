"""A refusal of one object's call through a shared connection, and what it means for the others."""

from typing import Any, cast

import pytest

from cbr_operator.engine.clocks import CloudClocks
from cbr_operator.engine.credentials import Credentials
from cbr_operator.engine.pace import Pace
from cbr_operator.engine.vault_reader import VaultReader, rooms_for_looks
from cbr_operator.kinds.connection import CLUSTER_CONNECTIONS, ConnectionKey
from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import Credential, Facts
from cbr_operator.rules.holds import Refusal, held_by
from cbr_operator.rules.looks import LookFailure
from cbr_operator.rules.records import Look
from cbr_operator.rules.view import LookAtVault, UseConnection
from ground.connections import TOKEN as TOKEN_AUTH
from ground.connections import cluster_connection
from ground.hand_clock import HandClock
from ground.objects import ENDPOINT, NOW, POLICY, SOURCE
from ground.vault import Vault, answered

OWN = SOURCE["projectID"]
FOREIGN = "e" * 32
KEY = ConnectionKey(CLUSTER_CONNECTIONS.kind, "", "prod")
COMMON = answered({"error_code": "APIGW.0301", "error_msg": "of a secret project"}, status=401)
AMBIGUOUS = answered({"unauthorized": {"code": "401", "message": "no"}}, status=401)


class Ground:
    def __init__(self) -> None:
        self.vault = Vault()
        self.works = self.vault.backups
        clock, kube = HandClock(), cast("Any", self.vault)
        self.moved: list[str] = []
        self.credentials = Credentials(
            kube=kube,
            cloud=self.vault,
            clock=clock,
            policy=POLICY,
            connections=lambda _: cluster_connection(auth=TOKEN_AUTH),
            moved=self.moved.append,
        )
        self.reader = VaultReader(
            cloud=self.vault,
            clock=clock,
            clocks=CloudClocks(clock),
            credentials=self.credentials,
            pace=Pace(clock=clock, wake=lambda _: None),
            rooms=rooms_for_looks(),
        )

    async def credential(self) -> Credential:
        found = await self.credentials.get(UseConnection(KEY, "uid-of-prod", OWN))
        assert isinstance(found, Credential)
        return found

    async def look(self, answer: Any, *, project: str = OWN, vault: str = "v") -> Look | LookFailure:
        self.vault.backups = answer
        target = Target(endpoint=ENDPOINT, region="region1", project_id=project, vault_id=vault)
        return await self.reader.look(LookAtVault(target, UseConnection(KEY, "uid-of-prod", project)), log_since=None)


@pytest.mark.parametrize(("answer", "project"), [(COMMON, FOREIGN), (AMBIGUOUS, OWN), (AMBIGUOUS, FOREIGN)])
async def test_a_refusal_that_any_object_can_bring_about_holds_nobody_else(answer: Facts, project: str) -> None:
    ground = Ground()
    failure = await ground.look(answer, project=project)
    assert isinstance(failure, LookFailure)
    assert (failure.reason, failure.again, failure.for_good) == (Reason.AUTHENTICATION_FAILED, 60.0, False)
    assert ground.credentials.standing(await ground.credential()) is None
    assert ground.moved == []
    assert isinstance(await ground.look(ground.works, vault="another"), Look)


async def test_a_refusal_for_the_connection_s_own_project_holds_all_and_its_words_stay_where_they_were_said() -> None:
    ground = Ground()
    failure = await ground.look(COMMON)
    assert isinstance(failure, LookFailure)
    assert failure.for_good
    assert ground.credentials.standing(await ground.credential()) is False
    held = await ground.look(ground.works, vault="another")
    assert isinstance(held, LookFailure)
    assert held.reason is Reason.AUTHENTICATION_FAILED
    assert "secret project" not in held.said
    assert await ground.look(ground.works) is failure


def test_a_refusal_tells_its_words_in_its_own_namespace_alone() -> None:
    refusal = Refusal("k", Reason.AUTHENTICATION_FAILED, "words", None, "7", "dr")

    def told(namespace: str) -> str:
        found = held_by([refusal], credential_version="7", now=NOW, namespace=namespace)
        assert found is not None
        return found.message

    assert told("dr") == "words"
    assert "words" not in told("other")
