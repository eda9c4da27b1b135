"""Which records of a look are an object's, and what they make of its backups."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.replication_status import MAX_BYTES, Backup, BackupState, Status
from cbr_operator.rules.backups import summarise, with_backups
from cbr_operator.rules.claims import NO_CLAIMS, Claims
from cbr_operator.rules.matching import Matched, match
from cbr_operator.rules.records import Look, Record
from ground.looks import at, listed, logged, look, record
from ground.objects import replication, submitted_as

LASTING = 180.0
STATES = [each.value for each in BackupState]


def taken(backups: list[dict[str, Any]], *, outcome: str = "Submitted", **status: Any) -> Replication:
    return replication(status={**submitted_as(outcome), "backups": backups, **status})


def matched(found: Replication, seen: Look, *, claims: Claims = NO_CLAIMS, patient: bool = False) -> Matched:
    return match(found, seen, claims, lasting=LASTING, patient=patient)


def states(seen: Matched) -> list[tuple[str, str]]:
    return [(each.replication_record_id, each.state) for each in seen.backups]


def test_a_record_is_found_by_its_id_however_it_is_spelt_and_whenever_it_was_created() -> None:
    old = record("AB-1", created_at=at(-9999), destination_backup_id="copy", fail_code="E", fail_reason="why")
    (backup,) = matched(taken(listed("ab1")), look(old)).backups
    assert (backup.replication_record_id, backup.state, backup.progress) == ("ab1", "Replicating", 10)
    assert (backup.created_at, backup.destination_backup_id) == (at(-9999), "copy")
    assert (backup.fail_code, backup.fail_reason) == ("E", "why")


def test_what_has_ended_stays_as_it_was() -> None:
    ended = listed("r1", state="Succeeded")
    assert states(matched(taken(ended), look(record(state=BackupState.FAILED)))) == [("r1", "Succeeded")]
    assert states(matched(taken(ended), look())) == [("r1", "Succeeded")]


def test_a_record_that_is_not_there_is_unknown_and_not_failed_and_first_of_all_awaited() -> None:
    found = taken(listed("r1"))
    assert matched(found, look()) == Matched((Backup(**_named("r1"), state="Unknown"),), 0, 1, 1)
    assert states(matched(found, look(), patient=True)) == [("r1", "Waiting")]


def _named(id_: str) -> dict[str, str]:
    return {"backup_id": f"backup-of-{id_}", "replication_record_id": id_}


def test_an_entry_without_a_record_finds_it_by_its_backup_in_the_window() -> None:
    bare = taken([{"backupID": "backup-of-r1", "state": "Unknown"}])
    assert states(matched(bare, look(record()))) == [("r1", "Replicating")]
    for other in (record(created_at=at(-1)), record(created_at=at(LASTING + 1)), record(created_at="")):
        assert states(matched(bare, look(other))) == [("", "Unknown")]
    assert states(matched(bare, look(record()), claims=Claims(frozenset({"r1"})))) == [("", "Unknown")]


def test_without_records_the_log_is_followed() -> None:
    found = taken(listed("r1", "r2"))
    lines = (
        logged("backup-of-r1", state=BackupState.SUCCEEDED, created_at=at(5), destination_backup_id="copy"),
        logged("backup-of-r1", state=BackupState.FAILED, created_at=at(4)),
        logged("backup-of-r2", state=BackupState.FAILED, created_at=at(-100)),
    )
    seen = matched(found, look(log=lines))
    assert states(seen) == [("r1", "Succeeded"), ("r2", "Unknown")]
    assert (seen.without_record, seen.unseen) == (2, 1)
    assert seen.backups[0].destination_backup_id == "copy"


def test_only_an_adopted_object_takes_records_that_come_later() -> None:
    seen = look(record("r1"), record("r2"), record("r3", created_at=at(LASTING + 1)), record("r4"))
    claims = Claims(frozenset({"r4"}))
    assert states(matched(taken(listed("r1")), seen, claims=claims)) == [("r1", "Replicating")]
    adopted = taken(listed("r1"), outcome="Adopted")
    assert states(matched(adopted, seen, claims=claims)) == [("r1", "Replicating"), ("r2", "Replicating")]


def test_what_did_not_fit_into_the_list_is_found_again_and_what_is_not_is_missing() -> None:
    some = taken(listed("r1"), backupsOmitted=3)
    seen = matched(some, look(record("r1"), record("r2"), record("r3")))
    assert [each for each, _ in states(seen)] == ["r1", "r2", "r3"]
    assert (seen.missing, seen.without_record, seen.unseen) == (1, 1, 1)
    many = matched(taken(listed("r1"), backupsOmitted=1), look(*map(record, ("r1", "r2", "r3"))))
    assert (len(many.backups), many.missing) == (2, 0)
    adopted = taken(listed("r1"), backupsOmitted=1, outcome="Adopted")
    assert len(matched(adopted, look(*map(record, ("r1", "r2", "r3")))).backups) == 3


RECORDS = st.lists(
    st.builds(
        lambda number, state, created, to: record(f"r{number}", state=state, created_at=created, **to),
        st.integers(0, 8),
        st.sampled_from(BackupState),
        st.sampled_from([at(-1), at(1), at(200), ""]),
        st.sampled_from([{}, {"destination_region": "region3"}]),
    ),
    max_size=8,
    unique_by=lambda each: each.id,
)
ENTRIES = st.lists(
    st.tuples(st.integers(0, 8), st.sampled_from(STATES)), max_size=6, unique_by=lambda each: each[0]
).map(lambda each: [entry for number, state in each for entry in listed(f"r{number}", state=state)])


@given(
    entries=ENTRIES,
    records=RECORDS,
    omitted=st.integers(0, 5),
    outcome=st.sampled_from(["Submitted", "Adopted", "NotNeeded"]),
    claimed=st.sets(st.sampled_from([f"r{each}" for each in range(9)])),
    patient=st.booleans(),
)
def test_laws_of_matching(
    *,
    entries: list[dict[str, Any]],
    records: list[Record],
    omitted: int,
    outcome: str,
    claimed: set[str],
    patient: bool,
) -> None:
    found = taken(entries, backupsOmitted=omitted, outcome=outcome)
    claims = Claims(frozenset(claimed))
    seen = matched(found, look(*records), claims=claims, patient=patient)
    before = {each.replication_record_id: each.state for each in found.status.backups}
    after = {each.replication_record_id: each.state for each in seen.backups}
    assert len(after) == len(seen.backups)
    assert before.keys() <= after.keys()
    assert not (after.keys() - before.keys()) & claimed
    for id_, state in before.items():
        if state in ("Succeeded", "Failed", "Skipped"):
            assert after[id_] == state
    status = with_backups(found.status, seen.backups, missing=seen.missing)
    assert status.summary is not None
    total = status.summary
    parts = total.waiting + total.replicating + total.succeeded + total.failed + total.skipped + total.unknown
    assert total.total == parts == len(status.backups) + status.backups_omitted
    assert total.total >= len(entries) + omitted
    assert 0 <= total.progress <= 100
    # The same look once more changes nothing.
    again = matched(found.model_copy(update={"status": status}), look(*records), claims=claims, patient=patient)
    assert with_backups(status, again.backups, missing=again.missing) == status


@given(st.lists(st.tuples(st.sampled_from([*STATES, "Odd"]), st.none() | st.integers(0, 100))), st.integers(0, 3))
def test_counts_add_up_whatever_the_states(found: list[tuple[str, int | None]], missing: int) -> None:
    backups = [Backup(state=state, progress=progress) for state, progress in found]
    total = summarise(backups, missing=missing)
    known = total.waiting + total.replicating + total.succeeded + total.failed + total.skipped
    assert total.total == known + total.unknown == len(found) + missing
    assert 0 <= total.progress <= 100


def test_a_list_that_etcd_would_refuse_is_shortened_and_counted() -> None:
    wordy = Backup(state="Failed", backup_id="b" * 36, fail_code="E", fail_reason="<" * 512)
    status = with_backups(Status(), [wordy] * 3000)
    assert status.backups[0].fail_reason
    assert not status.backups[-1].fail_reason
    assert len(status.backups) + status.backups_omitted == 3000
    assert len(str(status.to_json()["backups"]).replace("<", "\\u003c")) < MAX_BYTES
    usual = Backup(
        state="Succeeded",
        progress=100,
        backup_id="b" * 36,
        replication_record_id="r" * 36,
        destination_backup_id="d" * 36,
        created_at="2020-02-05T10:38:34.209782",
    )
    assert with_backups(Status(), [usual] * 5000).backups_omitted == 0
