"""What the cloud shows of a vault, read from whatever it answers."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.kinds.replication_status import BackupState
from cbr_operator.ports import Body, Facts
from cbr_operator.rules.records import (
    MOST_ENTRIES,
    MOST_RECORDS,
    BackupsPage,
    Look,
    Record,
    Wanted,
    parse_moment,
    read_backups,
    read_log,
)


def answered(content: Any, **changes: Any) -> Facts:
    """A 200 with this JSON."""
    return Facts(
        **{"sent": False, "status": 200, "body": json.dumps(content).encode(), "body_state": Body.WHOLE, **changes}
    )


def backups(*listed: Any, **keys: Any) -> BackupsPage:
    page = read_backups(answered({"backups": list(listed), "count": len(listed), **keys}))
    assert page is not None
    return page


def only(record: dict[str, Any]) -> Record:
    (found,) = backups({"id": "b", "replication_records": [{"id": "r", **record}]}).records
    return found


def test_a_record_as_the_documentation_shows_it() -> None:
    found = only(
        {
            "status": "fail",
            "created_at": "2020-02-05T10:38:34.209782",
            "source_backup_id": "b1",
            "destination_region": "region2",
            "destination_project_id": "p2",
            "destination_backup_id": "b2",
            "extra_info": {
                "progress": 40,
                "fail_code": "E.1",
                "fail_reason": "no\nroom",
                "auto_trigger": False,
                "destinatio_vault_id": "v2",
            },
        }
    )
    assert found == Record(
        id="r",
        backup_id="b1",
        state=BackupState.FAILED,
        created_at="2020-02-05T10:38:34.209782",
        created=datetime(2020, 2, 5, 10, 38, 34, 209782, tzinfo=UTC),
        destination_region="region2",
        destination_project_id="p2",
        destination_vault_id="v2",
        destination_backup_id="b2",
        auto_trigger=False,
        progress=40,
        fail_code="E.1",
        fail_reason="no room",
    )


def test_the_vault_of_a_record_is_read_wherever_it_stands() -> None:
    for record in (
        {"destination_vault_id": "v"},
        {"extra_info": {"destination_vault_id": "v"}},
        {"extra_info": '{"destinatio_vault_id": "v"}'},
    ):
        assert only(record).destination_vault_id == "v"
    assert only({"extra_info": "no JSON"}).destination_vault_id == ""


@pytest.mark.parametrize(
    ("status", "state", "is_open"),
    [
        ("waiting_replicate", "Waiting", True),
        ("replicating", "Replicating", True),
        ("success", "Succeeded", False),
        ("fail", "Failed", False),
        ("skip", "Skipped", False),
        ("failed", "Unknown", False),
        (None, "Unknown", False),
    ],
)
def test_a_state_that_is_not_listed_is_no_end_and_no_success(status: Any, state: str, *, is_open: bool) -> None:
    found = only({"status": status})
    assert (found.state, found.is_open) == (state, is_open)


def test_a_line_of_the_log_as_the_documentation_shows_it() -> None:
    line = {
        "id": "l",
        "status": "timeout",
        "created_at": "2020-02-05T10:38:34+02:00",
        "error_info": {"code": "E.2", "message": "too slow"},
        "extra_info": {
            "common": {"progress": 7},
            "replication": {"source_backup_id": "b1", "destination_backup_id": "b2", "destination_region": "region2"},
        },
    }
    page = read_log(answered({"operation_logs": [line, "odd"], "count": 2}))
    assert page is not None
    (found,) = page.entries
    assert (page.count, page.length) == (2, 2)
    assert (found.id, found.backup_id, found.destination_backup_id, found.state) == ("", "b1", "b2", "Failed")
    assert (found.created, found.progress) == (datetime(2020, 2, 5, 8, 38, 34, tzinfo=UTC), 7)
    assert (found.fail_code, found.fail_reason) == ("E.2", "too slow")
    started = {"started_at": "2020-02-05T10:38:34Z"}
    (other,) = read_log(answered({"operation_logs": [started]})).entries  # type: ignore[union-attr]
    assert other.created == datetime(2020, 2, 5, 10, 38, 34, tzinfo=UTC)


@pytest.mark.parametrize("backup", [{"id": "b"}, {"id": "b", "replication_records": None}, "odd", None])
def test_a_backup_that_does_not_show_its_records_is_counted(backup: Any) -> None:
    assert backups(backup, {"id": "c", "replication_records": []}).without_records == 1


@pytest.mark.parametrize("record", ["odd", None, {}, {"id": ""}, {"status": "success"}])
def test_a_record_without_an_id_is_not_followed_and_keeps_its_backup_from_proving_anything(record: Any) -> None:
    page = backups({"id": "b", "replication_records": [record, {"id": "r"}]})
    assert ([each.id for each in page.records], page.without_records) == (["r"], 1)


@pytest.mark.parametrize(
    "facts",
    [
        answered([]),
        answered({"backups": {}}),
        answered({"backups": []}, body_state=Body.CUT),
        answered({"backups": []}, body_state=Body.TOO_LONG),
        answered(None, body=b"<html>"),
        answered(None, body=b"[" * 100_000),
        answered(None, body=b'{"backups": [1' + b"0" * 5000 + b"]}"),
    ],
)
def test_what_is_no_page_is_not_read_as_one(facts: Facts) -> None:
    assert read_backups(facts) is None
    assert read_log(facts) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-02-05T10:38:34", datetime(2020, 2, 5, 10, 38, 34, tzinfo=UTC)),
        ("2020-02-05T10:38:34Z", datetime(2020, 2, 5, 10, 38, 34, tzinfo=UTC)),
        ("2020-02-05T12:38:34+02:00", datetime(2020, 2, 5, 10, 38, 34, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_times_as_the_cloud_writes_them(text: str, moment: datetime | None) -> None:
    assert parse_moment(text) == moment


ANY = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.builds(lambda at, offset: at.isoformat() + offset, st.datetimes(), st.sampled_from(["", "Z", "-14:00"])),
        st.sampled_from(["success", "waiting", "skip", '{"progress": 1e400}', "0001-01-01T00:00:00+14:00"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["id", "status", "created_at", "progress", "extra_info"]) | st.text(), inner),
    ),
    max_leaves=10,
)
RECORD = st.dictionaries(
    st.sampled_from(["id", "status", "created_at", "destination_region", "extra_info", "source_backup_id"]), ANY
)
BACKUP = st.fixed_dictionaries({}, optional={"id": ANY, "replication_records": st.lists(RECORD, max_size=3) | ANY})
LINE = st.fixed_dictionaries(
    {}, optional={"status": ANY, "created_at": ANY, "error_info": ANY, "extra_info": st.dictionaries(st.text(), ANY)}
)


@given(st.lists(BACKUP | ANY, max_size=3), st.lists(LINE | ANY, max_size=3), ANY)
def test_reading_never_fails_and_yields_short_lines(listed: Any, lines: Any, count: Any) -> None:
    page = read_backups(answered({"backups": listed, "count": count}))
    log = read_log(answered({"operation_logs": lines, "count": count}))
    assert page is not None
    assert log is not None
    assert len(page.backup_ids) == len(listed)
    assert 0 <= page.without_records <= len(listed)
    for each in (*page.records, *log.entries):
        assert each.progress is None or 0 <= each.progress <= 100
        for text in (each.id, each.backup_id, each.created_at, each.fail_code, each.fail_reason):
            assert len(text) <= 512
            assert text == "" or text.isprintable()
    hash(page)
    hash(log)


@given(ANY)
def test_any_json_is_read_without_failing(body: Any) -> None:
    read_backups(answered(body))
    read_log(answered(body))


WANTED = Wanted(region="region2", project_id="AB-cd", vault_id="11-22", auto_trigger=False)


@pytest.mark.parametrize(
    ("record", "matches"),
    [
        ({}, True),
        ({"destination_region": "REGION2", "destination_project_id": "abcd", "destination_vault_id": "1122"}, True),
        ({"destination_region": "region3"}, False),
        ({"destination_project_id": "other"}, False),
        ({"extra_info": {"destination_vault_id": "33"}}, False),
        ({"extra_info": {"auto_trigger": True}}, False),
        ({"extra_info": {"auto_trigger": False}}, True),
        ({"extra_info": {"auto_trigger": "true"}}, True),
    ],
)
def test_a_field_that_a_record_lacks_is_no_mismatch(record: dict[str, Any], *, matches: bool) -> None:
    assert WANTED.matches(only(record)) is matches


def test_a_look_proves_something_only_where_each_of_at_least_one_backup_shows_records() -> None:
    assert Look(0.0, 1, 0, ()).shows_records
    assert not Look(0.0, 0, 0, ()).shows_records
    assert not Look(0.0, 2, 1, ()).shows_records


def test_looks_are_told_apart_by_what_they_show_and_not_by_when() -> None:
    seen = only({"status": "replicating"})
    assert Look(1.0, 1, 0, (seen,)).fingerprint == Look(2.0, 1, 0, (seen,)).fingerprint
    assert Look(1.0, 1, 0, (seen,)).fingerprint != Look(1.0, 1, 0, (only({"status": "success"}),)).fingerprint


@pytest.mark.parametrize("more", [0, 1])
def test_a_page_is_read_up_to_its_bounds(more: int) -> None:
    records = [{"id": f"r{each}"} for each in range(MOST_RECORDS + more)]
    pages = (
        read_backups(answered({"backups": [{"id": "b", "replication_records": records}]})),
        read_backups(answered({"backups": [{"id": f"b{each}"} for each in range(MOST_ENTRIES + more)]})),
        read_log(answered({"operation_logs": [{}] * (MOST_ENTRIES + more)})),
    )
    assert [page is None for page in pages] == [bool(more)] * 3


def test_a_page_of_countless_objects_is_not_even_parsed() -> None:
    body = b'{"operation_logs": [], "rest": [' + b"{}," * 500_000 + b"0]}"
    assert read_log(answered({}, body=body)) is None
