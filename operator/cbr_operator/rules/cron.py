"""The times of a cron line in a time zone, as instants.

cronsim finds the times of day. What daylight saving makes of them is said here: a time that does not exist that day
stands for the first instant after the gap, and one that comes twice for its first. Where the hour is ``*`` the line
names no time of day but minutes of every hour, so it goes on through both changes at its own pace.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from cbr_operator.kinds.schedule import CRON_FIELDS, MACROS

MOST_COUNTED = 10_000
"""So many times are counted for one absence; it is a week of minutes."""
_MINUTE = timedelta(minutes=1)
_WINDOWS = (timedelta(hours=1), timedelta(days=1), timedelta(days=32), timedelta(days=366))
_NAMES = ("a minute (0-59)", "an hour (0-23)", "a day of the month (1-31)", "a month", "a day of the week")
_ANY_TIME = datetime(2026, 1, 1)  # noqa: DTZ001 - wall time, only parsed with


class CronError(ValueError):
    """A cron line or time zone that cannot be used; the message says what is wrong, and at which character."""


@dataclass(frozen=True, slots=True)
class Passed:
    """The times of a span: how many, and the newest."""

    count: int = 0
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cron:
    """A line that was found to be good, and its zone."""

    expression: str
    """The five fields."""
    zone: ZoneInfo

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The instants after ``moment``, in UTC, in order and each once; few lines ever come to an end."""
        last = moment
        for instant in self._from(moment):
            if instant > last:
                yield instant
                last = instant

    def _from(self, moment: datetime) -> Iterator[datetime]:
        """The same, from a little before, and perhaps one twice."""
        local = moment.astimezone(self.zone)
        if self.expression.split()[1] == "*":
            return (each.astimezone(UTC) for each in CronSim(self.expression, local))
        wall_times = CronSim(self.expression, local.replace(tzinfo=None) - _MINUTE)
        return (_instant(each, self.zone) for each in wall_times)

    def next(self, moment: datetime) -> datetime | None:
        """The first instant after ``moment``."""
        return next(iter(_first_two(self, moment)), None)

    def second(self, moment: datetime) -> datetime | None:
        """The instant after the first one after ``moment``."""
        return next(iter(_first_two(self, moment)[1:]), None)

    def passed(self, *, after: datetime, until: datetime) -> Passed:
        """The instants after one moment, and not after another; at most ``MOST_COUNTED`` are counted."""
        first = self.next(after)
        if first is None or first > until:
            return Passed()
        count, newest = 0, None
        for instant in islice(self.after(after), MOST_COUNTED):
            if instant > until:
                return Passed(count, newest)
            count, newest = count + 1, instant
        return Passed(count, self._newest(until) or newest)

    def _newest(self, until: datetime) -> datetime | None:
        """The last instant that is not after a moment, for lines that have many."""
        for window in _WINDOWS:
            if (found := _last(self.after(until - window), until)) is not None:
                return found
        return None


@lru_cache(maxsize=16_384)
def _first_two(cron: Cron, moment: datetime) -> tuple[datetime, ...]:
    """The first instants after a moment; of one Schedule the same ones are asked for again and again."""
    return tuple(islice(cron.after(moment), 2))


def _last(instants: Iterator[datetime], until: datetime) -> datetime | None:
    found = None
    for instant in instants:
        if instant > until:
            break
        found = instant
    return found


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a wall time: the first of two, or the first after a gap that swallowed it."""
    local = wall.replace(tzinfo=zone)
    while local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        local += _MINUTE
    return local.astimezone(UTC)


@lru_cache(maxsize=8192)
def parse_cron(line: str, time_zone: str) -> Cron:
    """The times of a cron line.

    Raises:
        CronError: the line or the zone cannot be used.
    """
    expression = MACROS.get(line.strip().lower()) or _checked(line)
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CronError(
            f"spec.timeZone: {time_zone!r} is not a time zone of the IANA database; examples are UTC and Europe/Berlin"
        ) from None
    return Cron(expression, zone)


def _checked(line: str) -> str:
    """The five fields of a line, each of them good."""
    fields = list(re.finditer(r"\S+", line))
    if len(fields) == 1 and line.strip().startswith("@"):
        raise CronError(f"{_at(fields[0].start())}: {line.strip()!r} is none of {', '.join(MACROS)}")
    if len(fields) != len(CRON_FIELDS):
        raise CronError(
            f"spec.schedule has {len(fields)} fields and must have five: minute, hour, day of month, month, day of week"
        )
    for number, found in enumerate(fields):
        position = found.start()
        for item in found.group().split(","):
            _check_item(number, item, position)
            position += len(item) + 1
    expression = " ".join(found.group().upper() for found in fields)
    try:
        CronSim(expression, _ANY_TIME)
    except CronSimError:
        raise CronError(f"{_at(fields[2].start())}: no month that is named has day {fields[2].group()}") from None
    return expression


def _check_item(number: int, item: str, position: int) -> None:
    fields = ["*"] * len(CRON_FIELDS)
    fields[number] = item.upper()
    try:
        if re.fullmatch(CRON_FIELDS[number], item.upper()):
            CronSim(" ".join(fields), _ANY_TIME)
            return
    except CronSimError:
        pass
    raise CronError(
        f"{_at(position)}: {item!r} is not {_NAMES[number]}, a range of them from small to large, or *, each with a "
        "step of at least 1 or without"
    )


def _at(index: int) -> str:
    return f"spec.schedule, position {index + 1}"
