"""One complete look: every page or none, and what keeps it from coming about."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from cbr_operator.engine.clocks import CloudClocks
from cbr_operator.engine.vault_reader import LOOKS_A_NAMESPACE, LOOKS_AN_ENDPOINT, MOST_RECORDS, PAGE
from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import Body, Facts
from cbr_operator.rules.access import comparable_endpoint
from cbr_operator.rules.looks import LookFailure
from cbr_operator.rules.records import Look
from cbr_operator.rules.view import LookAtVault, ReadSecret
from ground.hand_clock import HandClock
from ground.objects import ENDPOINT, NOW, TOKEN
from ground.reader import reader_of
from ground.vault import Answer, Vault, answered, backup, pages, settle

TARGET = Target(endpoint=ENDPOINT, region="region1", project_id="p", vault_id="v")
ACTION = LookAtVault(TARGET, ReadSecret("dr", "cbr-token", "token"))
REFUSED = answered({"error_code": "APIGW.0301", "error_msg": f"Incorrect token {TOKEN}"}, status=401)
LINE = {"status": "success", "created_at": "2026-03-01T12:00:00"}


class Ground:
    def __init__(self, *backups: dict[str, Any]) -> None:
        self.clock = HandClock()
        self.vault = Vault(*backups)
        self.clocks = CloudClocks(self.clock)
        self.reader = reader_of(self.vault, self.clock, self.clocks)

    async def look(self, log_since: datetime | None = None, **changes: Any) -> Look | LookFailure:
        return await self.reader.look(replace(ACTION, **changes), log_since=log_since)

    async def seen(self, log_since: datetime | None = None) -> Look:
        found = await self.look(log_since)
        assert isinstance(found, Look)
        return found

    async def failed(self, log_since: datetime | None = None) -> LookFailure:
        found = await self.look(log_since)
        assert isinstance(found, LookFailure)
        return found


async def test_every_page_is_read_and_counted() -> None:
    ground = Ground(*(backup(f"b{each}", "success") for each in range(2 * PAGE + 1)), {"id": "bare"})
    ground.clock.seconds = 7.0
    found = await ground.seen()
    assert [offset for what, offset in ground.vault.reads if what == "backups"] == [0, PAGE, 2 * PAGE]
    assert (found.started, found.backups, found.without_records, len(found.records)) == (7.0, 402, 1, 401)
    assert (found.log, found.log_since) == (None, None)


async def test_an_empty_vault_and_one_that_does_not_count_are_read_whole() -> None:
    assert (await Ground().seen()).backups == 0
    ground = Ground()
    listed = [backup("b1"), backup("b2")]
    ground.vault.backups = lambda offset, _: answered({"backups": listed[offset : offset + 1]})
    assert (await ground.seen()).backups == 2


@pytest.mark.parametrize(
    "answer",
    [
        lambda offset, _: answered({"backups": [backup(f"b{offset}")], "count": 2 + offset}),
        lambda offset, _: answered({"backups": [backup("b")] if not offset else [], "count": 2}),
        lambda *_: answered({"backups": [backup("b")], "count": 2}),
        lambda *_: answered({"backups": [backup("b"), backup("b")]}),
        lambda *_: answered({"backups": [None, "odd"], "count": 2}),
    ],
)
async def test_pages_that_do_not_fit_together_are_no_look(answer: Answer) -> None:
    ground = Ground()
    ground.vault.backups = answer
    failure = await ground.failed()
    assert "changed while its pages were read" in failure.said
    assert ground.vault.read_of("backups") <= 6


async def test_a_list_that_changes_once_is_read_again() -> None:
    ground = Ground()
    answers = iter([answered({"backups": [backup("a")], "count": 2}), answered({"backups": [], "count": 1})])
    works = pages("backups", [backup("a")])
    ground.vault.backups = lambda offset, limit: next(answers, None) or works(offset, limit)  # type: ignore[operator]
    assert (await ground.seen()).backups == 1


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (Facts(sent=False, failure="connection refused"), Reason.ENDPOINT_UNREACHABLE, "connection refused"),
        (answered({}, status=500), Reason.ENDPOINT_UNREACHABLE, "HTTP 500"),
        (answered({}, status=404), Reason.ENDPOINT_UNREACHABLE, "HTTP 404"),
        (answered([]), Reason.ENDPOINT_UNREACHABLE, "cannot be read"),
        (answered({"backups": []}, body_state=Body.CUT), Reason.ENDPOINT_UNREACHABLE, "cannot be read"),
        (answered({}, status=403), Reason.PERMISSION_DENIED, "HTTP 403"),
        (answered({"error_code": "BackupService.9998"}, status=400), Reason.AUTHENTICATION_FAILED, "9998"),
        (answered({"error_code": "APIG.0308"}, status=400), Reason.RATE_LIMITED, "0308"),
    ],
)
async def test_what_keeps_a_look_from_going_well(answer: Facts, reason: Reason, words: str) -> None:
    ground = Ground()
    ground.vault.backups = answer
    failure = await ground.failed()
    assert failure.reason is reason
    assert words in failure.said
    assert failure.for_a_person == (reason in (Reason.AUTHENTICATION_FAILED, Reason.PERMISSION_DENIED))


async def test_a_refused_token_is_not_used_again_before_its_secret_changes() -> None:
    ground = Ground()
    works, ground.vault.backups = ground.vault.backups, REFUSED
    failure = await ground.failed()
    assert (failure.reason, failure.again) == (Reason.AUTHENTICATION_FAILED, 60.0)
    assert TOKEN not in failure.said
    ground.vault.backups = works
    ground.clock.seconds += 100_000
    assert await ground.failed() is failure
    assert isinstance(await ground.look(target=TARGET.model_copy(update={"endpoint": "https://other"})), Look)
    assert ground.vault.read_of("backups") == 2
    ground.vault.version += 1
    ground.clock.seconds += 11
    await ground.seen()


async def test_a_rate_limit_holds_the_credential_for_as_long_as_it_says() -> None:
    ground = Ground()
    works, ground.vault.backups = ground.vault.backups, answered({}, status=429, retry_after=100.0)
    assert (await ground.failed()).again == 100.0
    ground.vault.backups = works
    ground.clock.seconds += 99
    await ground.failed()
    ground.clock.seconds += 1
    await ground.seen()
    ground.vault.backups = answered({}, status=429)
    assert (await ground.failed()).again == 15.0


async def test_a_secret_that_is_not_there_is_looked_for_again_and_asks_the_cloud_nothing() -> None:
    ground = Ground()
    ground.vault.token = None
    failure = await ground.failed()
    assert (failure.reason, failure.again) == (Reason.WAITING_FOR_SECRET, 10.0)
    assert ground.vault.read_of("backups") == 0
    ground.vault.token = TOKEN
    ground.clock.seconds += 10
    await ground.seen()


async def test_a_secret_whose_reading_met_a_defect_is_read_again() -> None:
    ground = Ground()
    ground.vault.secret_error = ValueError("a defect")
    with pytest.raises(ValueError, match="a defect"):
        await ground.look()
    ground.vault.secret_error = None
    await ground.seen()


async def test_the_log_is_read_whole_after_the_records() -> None:
    ground = Ground(backup("b"))
    ground.vault.log = pages("operation_logs", [LINE] * (PAGE + 1))
    found = await ground.seen(NOW)
    assert found.log is not None
    assert (len(found.log), found.log_since) == (PAGE + 1, NOW)
    assert [what for what, _ in ground.vault.reads] == ["secret", "backups", "log", "log"]
    ground.vault.log = lambda offset, _: answered({"operation_logs": [LINE] if not offset else []})
    assert len((await ground.seen(NOW)).log or ()) == 1


@pytest.mark.parametrize("answer", [answered({}, status=403), answered({}, status=404), answered({"logs": []})])
async def test_a_log_that_this_cloud_or_token_does_not_show_is_none(answer: Facts) -> None:
    ground = Ground()
    ground.vault.log = answer
    found = await ground.seen(NOW)
    assert (found.log, found.log_since, found.log_failed) == (None, NOW, "")


@pytest.mark.parametrize(
    "answer",
    [
        Facts(sent=False, failure="connection reset"),
        answered({}, status=502),
        answered({}, status=408),
        REFUSED,
        answered({"operation_logs": []}, body_state=Body.CUT),
        lambda offset, _: answered({"operation_logs": [LINE] if not offset else [], "count": 5}),
        lambda *_: answered({"operation_logs": [LINE]}),
    ],
)
async def test_a_log_that_was_not_read_to_its_end_says_so_beside_the_records(answer: Answer) -> None:
    ground = Ground(backup("b", "success"))
    ground.vault.log = answer
    found = await ground.seen(NOW)
    assert (len(found.records), found.log, found.log_since) == (1, None, NOW)
    assert "operation log" in found.log_failed
    assert TOKEN not in found.log_failed
    await ground.seen()  # and nothing is held against the credential


async def test_a_rate_limit_at_the_log_is_one_for_the_whole_look() -> None:
    ground = Ground()
    ground.vault.log = answered({}, status=429, retry_after=50.0)
    assert (await ground.failed(NOW)).again == 50.0


async def test_a_token_that_a_server_echoes_is_blotted_out() -> None:
    ground = Ground()
    odd = {"id": "b", "replication_records": [{"id": "r", "extra_info": {"fail_reason": f"bad {TOKEN}"}}]}
    ground.vault.show(odd)
    ground.vault.log = pages("operation_logs", [{"error_info": {"message": TOKEN}}])
    found = await ground.seen(NOW)
    assert found.records[0].fail_reason == "bad [token]"
    assert found.log is not None
    assert found.log[0].fail_reason == "[token]"


async def test_a_look_teaches_the_clock() -> None:
    ground = Ground()
    ground.vault.backups = answered({"backups": []}, clock_offset=-3.0)
    await ground.look()
    assert ground.clocks.offset(comparable_endpoint(ENDPOINT)) == -3.0


async def test_one_sick_endpoint_leaves_looks_to_the_others() -> None:
    ground = Ground()
    ground.vault.open.clear()
    sick = [
        asyncio.create_task(
            ground.look(
                target=TARGET.model_copy(update={"endpoint": f"{ENDPOINT}/path{each}"}),
                source=ReadSecret(f"n{each}", "cbr-token", "token"),
            )
        )
        for each in range(3 * LOOKS_AN_ENDPOINT)
    ]
    await settle()
    assert ground.vault.hanging == LOOKS_AN_ENDPOINT
    other = TARGET.model_copy(update={"endpoint": "https://cbr.region2.myhuaweicloud.com"})
    well = asyncio.create_task(ground.look(target=other))
    await settle()
    assert ground.vault.hanging == LOOKS_AN_ENDPOINT + 1
    ground.vault.open.set()
    await asyncio.gather(well, *sick)


async def test_one_namespace_with_many_sick_servers_leaves_looks_to_the_others() -> None:
    ground = Ground()
    ground.vault.open.clear()
    targets = [TARGET.model_copy(update={"endpoint": f"https://e{each}"}) for each in range(3 * LOOKS_AN_ENDPOINT)]
    sick = [asyncio.create_task(ground.look(target=each)) for each in targets]
    await settle()
    assert ground.vault.hanging == LOOKS_A_NAMESPACE
    well = asyncio.create_task(ground.look(source=ReadSecret("other", "cbr-token", "token")))
    await settle()
    assert ground.vault.hanging == LOOKS_A_NAMESPACE + 1
    ground.vault.open.set()
    await asyncio.gather(well, *sick)


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
async def test_setting_our_clock_does_not_move_the_clouds(jump: float) -> None:
    ground = Ground()
    ground.clocks.learn(ENDPOINT, Facts(sent=False, clock_offset=5.0))
    there = ground.clock.now().timestamp() + 5.0
    ground.clock.set_back = jump
    offset = ground.clocks.offset(ENDPOINT)
    assert offset is not None
    assert ground.clock.now().timestamp() + offset == there
    ground.clock.seconds += 599
    assert ground.clocks.offset(ENDPOINT) == offset
    ground.clock.seconds += 1
    assert ground.clocks.offset(ENDPOINT) is None
    ground.clocks.learn(ENDPOINT, Facts(sent=False), or_none=True)
    assert ground.clocks.has_none(ENDPOINT)
    assert ground.clocks.offset(ENDPOINT) is None


async def test_a_vault_with_records_without_end_is_no_look() -> None:
    ground = Ground()
    ground.vault.show(*(backup(f"b{each}", *["success"] * 40) for each in range(MOST_RECORDS // 40 + 1)))
    assert f"more than {MOST_RECORDS} records" in (await ground.failed()).said


async def test_a_log_without_end_is_not_read_on() -> None:
    ground = Ground()
    ground.vault.log = lambda *_: answered({"operation_logs": [LINE] * 1000})
    assert f"more than {MOST_RECORDS} lines" in (await ground.seen(NOW)).log_failed
    assert ground.vault.read_of("log") == MOST_RECORDS // 1000 + 1
