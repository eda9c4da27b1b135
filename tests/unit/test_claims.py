"""Which records of a vault are whose: what one object follows is never another's."""

from datetime import timedelta
from typing import Any

import pytest

from cbr_operator.kinds.common import format_micro_time
from cbr_operator.kinds.replication import Replication
from cbr_operator.rules.claims import (
    NO_CLAIMS,
    Claims,
    called_at,
    claim_of,
    claims_of,
    wanted_by,
    window_of,
    window_start,
)
from ground.looks import at, listed, record
from ground.objects import NOW, body, replication, submitted_as

LASTING = 180.0


def claims(*bodies: dict[str, Any], beside_open: bool = False) -> Claims:
    claimed = (claim_of(Replication.from_json(each)) for each in bodies)
    return claims_of(filter(None, claimed), lasting=LASTING, beside_open=beside_open)


def test_an_object_claims_the_records_in_its_list_for_good() -> None:
    found = claims(body(status={**submitted_as("Submitted"), "backups": listed("AB-1")}), body(status={}))
    assert found.cover(record("ab1"))
    assert not found.cover(record("r2"))


def test_an_id_with_white_space_in_it_is_one_id() -> None:
    found = claims(body(status={**submitted_as("Submitted"), "backups": listed("a b")}))
    assert found.cover(record("a b"))
    assert not found.cover(record("a"))


@pytest.mark.parametrize(
    "status",
    [{"backups": listed("r1"), "backupsOmitted": 1}, {"backups": [{"backupID": "b"}]}],
)
def test_an_object_whose_list_does_not_name_all_claims_its_whole_window(status: dict[str, Any]) -> None:
    found = claims(body(status={**submitted_as("Submitted"), **status}))
    assert found.cover(record("r9"))
    assert found.cover(record("r9", created_at=""))
    assert not found.cover(record("r9", created_at=at(LASTING + 1)))
    assert not found.cover(record("r9", created_at=at(-1)))
    assert not found.cover(record("r9", destination_region="region3"))


@pytest.mark.parametrize("outcome", ["Pending", "Unknown"])
def test_what_an_open_call_may_have_begun_is_its_own_before_any_object_without_one(outcome: str) -> None:
    first = format_micro_time(NOW - timedelta(seconds=100))
    other = body(status=submitted_as(outcome, firstUnknownAt=first))
    assert claims(other, beside_open=True).cover(record("r9", created_at=at(-100)))
    assert not claims(other).cover(record("r9"))


def test_records_that_an_older_object_is_about_to_adopt_are_its_own() -> None:
    found = claims_of([], pending=["AB-1"], lasting=LASTING)
    assert found.cover(record("ab1"))
    assert not NO_CLAIMS.cover(record("ab1"))


def test_the_window_of_calls_reaches_from_the_first_unknown_one_to_the_last() -> None:
    later = format_micro_time(NOW + timedelta(seconds=600))
    twice = replication(status=submitted_as("Submitted", firstUnknownAt=format_micro_time(NOW), cloudTime=later))
    window = window_of(twice, lasting=LASTING)
    assert window is not None
    assert (window.start, window.end) == (NOW, NOW + timedelta(seconds=600 + LASTING))
    assert (window_start(twice), called_at(twice)) == (NOW, NOW + timedelta(seconds=600))


def test_without_a_clock_of_the_cloud_our_own_tells_the_time() -> None:
    own = replication(status={"submission": {"outcome": "Submitted", "intentTime": format_micro_time(NOW)}})
    assert called_at(own) == NOW


@pytest.mark.parametrize("found", [replication(), replication(spec={}, status=submitted_as("Unknown"))])
def test_what_was_not_called_or_cannot_be_read_has_no_window(found: Any) -> None:
    assert window_of(found, lasting=LASTING) is None
    assert (wanted_by(found) is None) == (found.spec is None)
