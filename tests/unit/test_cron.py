"""The times of cron lines, through every change of the clocks."""

from datetime import UTC, datetime, timedelta
from importlib import resources
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbr_operator.rules.cron import MOST_COUNTED, Cron, CronError, parse_cron
from ground.schedules import moment


def times(line: str, zone: str, after: str, count: int) -> list[str]:
    found = islice(parse_cron(line, zone).after(moment(after)), count)
    return [each.strftime("%m-%d %H:%M") for each in found]


@pytest.mark.parametrize(
    ("line", "zone", "after", "expected"),
    [
        ("0 2 * * *", "UTC", "2026-03-01 02:00", ["03-02 02:00", "03-03 02:00"]),
        ("0 2 * * *", "UTC", "2026-03-01 01:59", ["03-01 02:00", "03-02 02:00"]),
        ("*/20 2 * * *", "UTC", "2026-03-01 02:10", ["03-01 02:20", "03-01 02:40", "03-02 02:00"]),
        ("0 0 31 * *", "UTC", "2026-03-31 00:00", ["05-31 00:00", "07-31 00:00"]),
        ("0 0 29 2 *", "UTC", "2026-03-31 00:00", ["02-29 00:00"]),
        ("0 0 1 * MON", "UTC", "2026-03-01 00:00", ["03-02 00:00", "03-09 00:00"]),  # either day is enough
        ("0 0 * * sun", "UTC", "2026-03-02 00:00", ["03-08 00:00", "03-15 00:00"]),
        ("0 0 * * 7", "UTC", "2026-03-02 00:00", ["03-08 00:00", "03-15 00:00"]),
        ("0 0 1 jan *", "UTC", "2026-03-02 00:00", ["01-01 00:00"]),
        ("  0   2 * * * ", "UTC", "2026-03-01 03:00", ["03-02 02:00"]),
        ("@hourly", "UTC", "2026-03-01 03:20", ["03-01 04:00", "03-01 05:00"]),
        ("@daily", "Asia/Shanghai", "2026-03-01 03:20", ["03-01 16:00", "03-02 16:00"]),
        ("@midnight", "UTC", "2026-03-01 03:20", ["03-02 00:00"]),
        ("@weekly", "UTC", "2026-03-02 03:20", ["03-08 00:00"]),
        ("@monthly", "UTC", "2026-03-02 03:20", ["04-01 00:00"]),
        ("@yearly", "UTC", "2026-03-02 03:20", ["01-01 00:00"]),
        ("@Annually", "UTC", "2026-03-02 03:20", ["01-01 00:00"]),
        # Europe/Berlin: on 29 March 02:00 becomes 03:00 at 01:00 UTC; on 25 October 03:00 becomes 02:00 at 01:00 UTC.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28 00:00", ["03-28 01:30", "03-29 01:00", "03-30 00:30"]),
        ("*/15 2 * * *", "Europe/Berlin", "2026-03-28 12:00", ["03-29 01:00", "03-30 00:00", "03-30 00:15"]),
        ("0,30 2,3 * * *", "Europe/Berlin", "2026-03-28 12:00", ["03-29 01:00", "03-29 01:30", "03-30 00:00"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", ["10-25 00:30", "10-26 01:30"]),
        ("*/30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", ["10-25 00:00", "10-25 00:30", "10-26 01:00"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25 00:45", ["10-26 01:30"]),
        ("45 2 * * *", "Europe/Berlin", "2026-10-25 01:15", ["10-26 01:45"]),
        ("30 3 * * *", "Europe/Berlin", "2026-10-25 01:15", ["10-25 02:30"]),
        ("0 * * * *", "Europe/Berlin", "2026-10-24 23:30", ["10-25 00:00", "10-25 01:00", "10-25 02:00"]),
        ("0 * * * *", "Europe/Berlin", "2026-03-28 23:30", ["03-29 00:00", "03-29 01:00", "03-29 02:00"]),
        # America/New_York: on 8 March 02:00 becomes 03:00 at 07:00 UTC; on 1 November 02:00 becomes 01:00 at 06:00.
        ("30 2 * * *", "America/New_York", "2026-03-07 12:00", ["03-08 07:00", "03-09 06:30"]),
        ("30 1 * * *", "America/New_York", "2026-10-31 12:00", ["11-01 05:30", "11-02 06:30"]),
        # Australia/Lord_Howe: on 4 October 02:00 becomes 02:30 at 15:30 UTC; on 5 April 02:00 becomes 01:30 at 15:00.
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-02 16:00", ["10-03 15:30", "10-04 15:15"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-03 15:00", ["04-04 14:45", "04-05 15:15"]),
        ("15 1 * * *", "Australia/Lord_Howe", "2026-04-03 15:00", ["04-04 14:15", "04-05 14:45"]),
        # A whole day that was left out, and a midnight that does not exist.
        ("0 12 30 12 *", "Pacific/Apia", "2011-12-01 00:00", ["12-30 10:00"]),
        ("0 0 * * *", "Africa/Cairo", "2026-04-22 12:00", ["04-22 22:00", "04-23 22:00", "04-24 21:00"]),
    ],
)  # fmt: skip
def test_the_times_of_a_line(line: str, zone: str, after: str, expected: list[str]) -> None:
    assert times(line, zone, after, len(expected)) == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("61 2 * * *", "position 1: '61' is not a minute"),
        ("0 24 * * *", "position 3: '24' is not an hour"),
        ("0 1,2,25 * * *", "position 7: '25' is not an hour"),
        ("0 2 32 * *", "position 5: '32' is not a day of the month"),
        ("0 2 0 * *", "position 5: '0' is not a day of the month"),
        ("0 2 * 13 *", "position 7: '13' is not a month"),
        ("0 2 * * 8", "position 9: '8' is not a day of the week"),
        ("0 2 * * MOON", "position 9: 'MOON' is not a day of the week"),
        ("0 5-2 * * *", "position 3: '5-2' is not an hour (0-23), a range of them from small to large"),
        ("*/0 2 * * *", "position 1: '*/0' is not a minute"),
        ("0 2 L * *", "position 5: 'L' is not a day of the month"),
        ("0 2 * * 5#2", "position 9: '5#2' is not a day of the week"),
        ("0 2 31 2,4 *", "position 5: no month that is named has day 31"),
        ("0 2 ?,1 * *", "position 5: '?' is not"),
        ("0 2 , * *", "position 5: '' is not"),
        ("0 2 * *", "has 4 fields and must have five"),
        ("0 0 2 * * *", "has 6 fields and must have five"),
        ("", "has 0 fields"),
        ("@nightly", "position 1: '@nightly' is none of @hourly"),
        (" @every 1h", "has 2 fields"),
    ],
)
def test_what_is_wrong_with_a_line_and_where(line: str, words: str) -> None:
    with pytest.raises(CronError) as error:
        parse_cron(line, "UTC")
    assert words in str(error.value)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "Local", "", "../../etc/passwd", "Europe"])
def test_a_zone_that_there_is_not(zone: str) -> None:
    with pytest.raises(CronError, match="is not a time zone"):
        parse_cron("0 2 * * *", zone)


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
LINES = st.sampled_from(
    [
        "* * * * *",
        "*/7 * * * *",
        "30 2 * * *",
        "*/30 1-3 * * *",
        "15 */3 * * *",
        "0 2 1 * *",
        "45 1 * * 0",
        "0 0 29 2 *",
    ]
)
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1)).map(lambda each: each.replace(tzinfo=UTC))  # noqa: DTZ001


@settings(max_examples=60)
@given(line=LINES, zone=ZONES, after=MOMENTS)
def test_times_rise_and_lie_after_the_moment(line: str, zone: str, after: datetime) -> None:
    found = [after, *islice(parse_cron(line, zone).after(after), 40)]
    assert all(one < other for one, other in pairwise(found))
    assert all(each.second == each.microsecond == 0 for each in found[1:])


@settings(max_examples=60)
@given(line=LINES, zone=ZONES, start=MOMENTS, later=st.timedeltas(timedelta(0), timedelta(hours=8)))
def test_where_one_begins_to_look_makes_no_difference(line: str, zone: str, start: datetime, later: timedelta) -> None:
    cron = parse_cron(line, zone)
    from_start = [each for each in _until(cron, start, start + timedelta(hours=12)) if each > start + later]
    assert from_start == _until(cron, start + later, start + timedelta(hours=12))


@settings(max_examples=60)
@given(line=LINES, zone=ZONES, start=MOMENTS, length=st.timedeltas(timedelta(0), timedelta(hours=12)))
def test_what_has_passed_is_what_lies_between(line: str, zone: str, start: datetime, length: timedelta) -> None:
    cron = parse_cron(line, zone)
    between = _until(cron, start, start + length)
    passed = cron.passed(after=start, until=start + length)
    assert (passed.count, passed.newest) == (len(between), between[-1] if between else None)


def _until(cron: Cron, start: datetime, end: datetime) -> list[datetime]:
    found = []
    for each in cron.after(start):
        if each > end:
            break
        found.append(each)
    return found


@pytest.mark.parametrize("days", [8, 400, 4000])
def test_a_very_long_absence_is_counted_no_further_and_its_newest_time_is_found(days: int) -> None:
    start = moment("2026-03-01 00:00")
    end = start + timedelta(days=days, seconds=30)
    passed = parse_cron("* * * * *", "UTC").passed(after=start, until=end)
    assert (passed.count, passed.newest) == (MOST_COUNTED, end.replace(second=0))


def test_a_sparse_line_after_a_very_long_absence() -> None:
    start = moment("1970-03-01 00:00")
    passed = parse_cron("0 0 1 1 *", "UTC").passed(after=start, until=moment("2026-06-01 00:00"))
    assert (passed.count, passed.newest) == (56, moment("2026-01-01 00:00"))


def test_another_edition_of_the_time_zone_database() -> None:
    """A zone that is an hour further east tomorrow: what ran stays run, and what comes follows the new clock."""
    before, after = Cron("0 2 * * *", edition("UTC")), Cron("0 2 * * *", edition("Etc/GMT-1"))
    ran = before.next(moment("2026-03-01 12:00"))
    assert ran == moment("2026-03-02 02:00")
    assert after.next(ran) == moment("2026-03-03 01:00")


def edition(taken_from: str) -> ZoneInfo:
    """The zone "X", as it would be if its clocks were those of another."""
    with (resources.files("tzdata") / "zoneinfo" / taken_from).open("rb") as file:
        return ZoneInfo.from_file(file, key="X")
