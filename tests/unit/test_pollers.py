"""Looking at vaults together: who is woken when, with what, and that nobody waits for ever."""

from dataclasses import replace
from datetime import timedelta

from cbr_operator.engine.clocks import CloudClocks
from cbr_operator.engine.pollers import Pollers
from cbr_operator.engine.store import Key
from cbr_operator.kinds.replication_status import Target
from cbr_operator.rules.looks import LookFailure
from cbr_operator.rules.records import Look
from cbr_operator.rules.view import LookAtVault, ReadSecret
from ground.hand_clock import HandClock
from ground.objects import ENDPOINT, NOW
from ground.reader import reader_of
from ground.vault import Vault, answered, backup, settle

A, B = ("dr", "a"), ("dr", "b")
SHORT, LONG = 15.0, 300.0
SLACK = 0.11
"""The jitter adds up to a tenth."""
TARGET = Target(endpoint=ENDPOINT, region="region1", project_id="p", vault_id="v")
REGULAR = LookAtVault(TARGET, ReadSecret("dr", "cbr-token", "token"), always=False)
AT_ONCE = replace(REGULAR, within=0.0, always=True)
DOWN = answered({}, status=503)


class Ground:
    """Pollers of a vault whose content a test sets, under a clock that it moves."""

    def __init__(self, *backups: dict[str, object]) -> None:
        self.clock = HandClock()
        self.vault = Vault(*backups)
        self.woken: list[Key] = []
        clocks = CloudClocks(self.clock)
        reader = reader_of(self.vault, self.clock, clocks)
        self.pollers = Pollers(reader=reader, clock=self.clock, wake=self.woken.append, shortest=SHORT, longest=LONG)

    async def want(self, *keys: Key, action: LookAtVault = REGULAR) -> None:
        for key in keys:
            self.pollers.want(key, action)
        await settle()

    async def after(self, seconds: float, *keys: Key, action: LookAtVault = REGULAR) -> list[Key]:
        """Who is woken when so many seconds have passed; ``keys`` look on as before, which wakes the poller."""
        self.woken.clear()
        self.clock.seconds += seconds
        await self.want(*keys, action=action)
        return list(self.woken)

    def take(self, key: Key) -> Look | LookFailure:
        """The result, of which the object takes note."""
        found = self.pollers.result_for(key)
        assert found is not None
        self.pollers.forget(key, found)
        return found


async def test_all_who_look_at_a_vault_with_one_credential_share_one_list() -> None:
    ground = Ground(backup("b", "replicating"))
    await ground.want(A, B)
    assert (len(ground.pollers), ground.vault.reads) == (1, [])
    assert await ground.after(SHORT, A, B) == [A, B]
    assert ground.vault.read_of("backups") == 1
    assert ground.take(A) is ground.take(B)
    await ground.pollers.close()


async def test_another_credential_or_vault_is_read_by_a_poller_of_its_own() -> None:
    ground = Ground()
    await ground.want(A)
    await ground.want(B, action=replace(REGULAR, source=ReadSecret("dr", "other", "token")))
    assert len(ground.pollers) == 2
    await ground.want(B, action=replace(REGULAR, target=TARGET.model_copy(update={"vault_id": "w"})))
    assert len(ground.pollers) == 2
    await ground.want(B, action=replace(REGULAR, target=TARGET.model_copy(update={"endpoint": ENDPOINT + ":443/"})))
    assert len(ground.pollers) == 1
    await ground.pollers.close()


async def test_who_cannot_wait_gets_a_look_at_once_and_the_others_share_it() -> None:
    ground = Ground(backup("b", "replicating"))
    await ground.want(A)
    await ground.want(B, action=AT_ONCE)
    assert ground.woken == [A, B]
    await ground.want(A, B)
    assert ground.vault.read_of("backups") == 1
    await ground.pollers.close()


async def test_looks_grow_rarer_while_nothing_changes_and_wake_only_whom_it_concerns() -> None:
    ground = Ground(backup("b", "replicating"))
    await ground.want(A, B)
    assert await ground.after(SHORT, A, B) == [A, B]
    interval = SHORT
    for _ in range(6):
        before = ground.vault.read_of("backups")
        assert await ground.after(interval * (1 + SLACK), A) == []
        assert ground.vault.read_of("backups") == before + 1
        interval = min(LONG, 2 * interval)
    assert interval == LONG
    ground.vault.show(backup("b", "success"))
    assert await ground.after(LONG * (1 + SLACK), A) == [A, B]
    assert await ground.after(SHORT - 1, A) == []
    assert await ground.after(1 + SLACK * SHORT, A, action=replace(REGULAR, always=True)) == [A]
    await ground.pollers.close()


async def test_somebody_new_does_not_wait_for_a_poller_that_has_slowed_down() -> None:
    ground = Ground()
    await ground.want(A)
    for _ in range(6):
        await ground.after(LONG * (1 + SLACK), A)
    await ground.want(B)
    assert await ground.after(SHORT, B) == [B]
    await ground.pollers.close()


async def test_a_wish_is_not_put_off_by_a_later_one() -> None:
    ground = Ground()
    await ground.want(A, action=replace(REGULAR, within=5.0))
    await ground.want(A)
    await ground.want(A, action=replace(REGULAR, within=9.0))
    assert await ground.after(5.0, A) == [A]
    await ground.pollers.close()


async def test_a_look_that_began_before_a_wish_is_no_answer_to_it() -> None:
    ground = Ground()
    ground.vault.open.clear()
    await ground.want(A, action=AT_ONCE)
    assert ground.vault.hanging == 1
    await ground.want(B, action=AT_ONCE)
    ground.pollers.drop(A)  # it calls meanwhile
    await ground.want(A, action=AT_ONCE)
    ground.vault.open.set()
    await settle()
    assert ground.vault.read_of("backups") == 2
    assert ground.woken == [B, A]
    found = ground.take(A)
    assert isinstance(found, Look)
    await ground.pollers.close()


async def test_the_log_is_read_since_the_earliest_and_a_look_without_it_does_not_count() -> None:
    ground = Ground()
    ground.vault.open.clear()
    await ground.want(A, action=AT_ONCE)
    await ground.want(A, action=replace(AT_ONCE, log_since=NOW))
    await ground.want(B, action=replace(AT_ONCE, log_since=NOW - timedelta(seconds=9)))
    ground.vault.open.set()
    await settle()
    assert ground.woken == [A, B]
    found = ground.take(A)
    assert isinstance(found, Look)
    assert found.log_since == NOW - timedelta(seconds=9)
    await ground.pollers.close()


async def test_a_failed_look_is_told_to_all_and_the_next_good_one_too() -> None:
    ground = Ground()
    await ground.want(A, B)
    await ground.after(SHORT, A, B)
    works, ground.vault.backups = ground.vault.backups, DOWN
    assert await ground.after(SHORT * (1 + SLACK), A) == [A, B]
    assert isinstance(ground.take(B), LookFailure)
    ground.vault.backups = works
    assert await ground.after(4 * SHORT, A) == [A, B]
    assert isinstance(ground.take(B), Look)
    await ground.pollers.close()


async def test_who_wants_a_look_at_once_again_and_again_gets_none_before_failing_has_paused() -> None:
    ground = Ground()
    ground.vault.backups = DOWN
    for _ in range(5):
        await ground.want(A, action=AT_ONCE)
    assert ground.vault.read_of("backups") == 1
    assert await ground.after(2 * SHORT, A, action=AT_ONCE) == [A]
    await ground.pollers.close()


async def test_a_retry_after_is_sat_out_and_what_is_held_is_told_without_a_call() -> None:
    ground = Ground()
    ground.vault.backups = answered({}, status=503, retry_after=150.0)
    await ground.want(A, action=AT_ONCE)
    for _ in range(2):
        assert await ground.after(61, A, action=AT_ONCE) == [A]
    assert ground.vault.read_of("backups") == 1
    ground.vault.show()
    await ground.after(61, A, action=AT_ONCE)
    assert isinstance(ground.take(A), Look)
    await ground.pollers.close()


async def test_an_error_of_our_own_ends_no_poller() -> None:
    ground = Ground()
    ground.vault.error = RuntimeError("a defect")
    await ground.want(A, action=AT_ONCE)
    assert isinstance(ground.take(A), LookFailure)
    ground.vault.error = None
    assert await ground.after(4 * SHORT, A, action=AT_ONCE) == [A]
    assert isinstance(ground.take(A), Look)
    await ground.pollers.close()


async def test_a_newer_result_is_not_forgotten_with_an_older_one() -> None:
    ground = Ground(backup("b", "replicating"))
    await ground.want(A, action=AT_ONCE)
    first = ground.pollers.result_for(A)
    assert first is not None
    ground.vault.show(backup("b", "success"))
    await ground.want(A, action=AT_ONCE)
    ground.pollers.forget(A, first)
    assert ground.pollers.result_for(A) not in (None, first)
    await ground.pollers.close()


async def test_the_last_object_to_go_ends_its_poller_and_leaves_nothing_behind() -> None:
    ground = Ground()
    await ground.want(A, B, action=AT_ONCE)
    ground.pollers.drop(A)
    assert (len(ground.pollers), ground.pollers.result_for(A)) == (1, None)
    ground.vault.open.clear()
    await ground.want(B, action=AT_ONCE)
    ground.pollers.drop(B)
    ground.pollers.drop(B)
    assert len(ground.pollers) == 0
    ground.vault.open.set()
    assert await ground.after(LONG) == []
    await ground.pollers.close()
