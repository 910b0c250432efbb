"""When a repeat happens: what cron means, on clocks that are put forward and back."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.recurrence import (
    LAST,
    Occurrence,
    Recurrence,
    RecurrenceCode,
    RecurrenceError,
    daily,
    monthly,
    next_after,
    weekly,
)

MOSCOW = ZoneInfo("Europe/Moscow")
BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # puts its clock forward by half an hour
APIA = ZoneInfo("Pacific/Apia")  # had no 30 December 2011
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)  # a Tuesday, 12:00 in Moscow


def occurrences(cron: str, after: datetime, zone: ZoneInfo) -> Iterator[Occurrence]:
    found = next_after(Recurrence.parse(cron), after, zone)
    while found is not None:
        yield found
        found = next_after(Recurrence.parse(cron), found.at, zone)


def walls(cron: str, count: int, *, after: datetime = NOW, zone: ZoneInfo = MOSCOW) -> list[str]:
    return [f"{found.local:%Y-%m-%d %H:%M}" for found in islice(occurrences(cron, after, zone), count)]


def complaint(cron: str) -> tuple[RecurrenceCode, str, str]:
    with pytest.raises(RecurrenceError) as caught:
        Recurrence.parse(cron)
    return caught.value.code, caught.value.field, caught.value.value


# What the text means


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 9 * * *", ["2026-11-25 09:00", "2026-11-26 09:00"]),
        ("30 12 * * *", ["2026-11-24 12:30", "2026-11-25 12:30"]),
        ("0 12 * * *", ["2026-11-25 12:00", "2026-11-26 12:00"]),
        ("* * * * *", ["2026-11-24 12:01", "2026-11-24 12:02"]),
        ("*/20 * * * *", ["2026-11-24 12:20", "2026-11-24 12:40", "2026-11-24 13:00"]),
        ("5/20 * * * *", ["2026-11-24 12:05", "2026-11-24 12:25", "2026-11-24 12:45", "2026-11-24 13:05"]),
        ("10-30/10 12 * * *", ["2026-11-24 12:10", "2026-11-24 12:20", "2026-11-24 12:30", "2026-11-25 12:10"]),
        ("0 */6 * * *", ["2026-11-24 18:00", "2026-11-25 00:00", "2026-11-25 06:00"]),
        ("0 */24 * * *", ["2026-11-25 00:00", "2026-11-26 00:00"]),
        ("0 9,18 * * *", ["2026-11-24 18:00", "2026-11-25 09:00"]),
        ("0 9-11 * * *", ["2026-11-25 09:00", "2026-11-25 10:00", "2026-11-25 11:00", "2026-11-26 09:00"]),
        # weekdays: 0 and 7 are Sunday, 1 is Monday
        ("0 9 * * 1", ["2026-11-30 09:00", "2026-12-07 09:00"]),
        ("0 9 * * 2", ["2026-12-01 09:00", "2026-12-08 09:00"]),
        ("0 9 * * 0", ["2026-11-29 09:00", "2026-12-06 09:00"]),
        ("0 9 * * 7", ["2026-11-29 09:00", "2026-12-06 09:00"]),
        ("0 9 * * 0,7", ["2026-11-29 09:00", "2026-12-06 09:00"]),
        ("0 9 * * SUN", ["2026-11-29 09:00", "2026-12-06 09:00"]),
        ("0 9 * * Wed", ["2026-11-25 09:00", "2026-12-02 09:00"]),
        ("0 9 * * 1-5", ["2026-11-25 09:00", "2026-11-26 09:00", "2026-11-27 09:00", "2026-11-30 09:00"]),
        ("0 9 * * fri-sun", ["2026-11-27 09:00", "2026-11-28 09:00", "2026-11-29 09:00", "2026-12-04 09:00"]),
        ("0 9 * * 5-7", ["2026-11-27 09:00", "2026-11-28 09:00", "2026-11-29 09:00", "2026-12-04 09:00"]),
        ("0 9 * * sun-tue", ["2026-11-29 09:00", "2026-11-30 09:00", "2026-12-01 09:00", "2026-12-06 09:00"]),
        ("0 9 * * 1-5/2", ["2026-11-25 09:00", "2026-11-27 09:00", "2026-11-30 09:00"]),
        ("0 9 * * */2", ["2026-11-26 09:00", "2026-11-28 09:00", "2026-11-29 09:00"]),
        # months
        ("0 9 1 jan *", ["2027-01-01 09:00", "2028-01-01 09:00"]),
        ("0 9 1 MAR,may-jun *", ["2027-03-01 09:00", "2027-05-01 09:00", "2027-06-01 09:00", "2028-03-01 09:00"]),
        ("0 9 1 */4 *", ["2027-01-01 09:00", "2027-05-01 09:00", "2027-09-01 09:00"]),
        # days
        ("0 9 31 * *", ["2026-12-31 09:00", "2027-01-31 09:00", "2027-03-31 09:00", "2027-05-31 09:00"]),
        ("0 9 29 2 *", ["2028-02-29 09:00", "2032-02-29 09:00"]),
        ("0 9 */15 * *", ["2026-12-01 09:00", "2026-12-16 09:00", "2026-12-31 09:00", "2027-01-01 09:00"]),
        # a day or a weekday when both are restricted; both when one begins with a star
        ("0 9 13 * 5", ["2026-11-27 09:00", "2026-12-04 09:00", "2026-12-11 09:00", "2026-12-13 09:00"]),
        ("0 9 1 1 1", ["2027-01-01 09:00", "2027-01-04 09:00", "2027-01-11 09:00"]),
        ("0 9 */2 * 1", ["2026-12-07 09:00", "2026-12-21 09:00", "2027-01-11 09:00", "2027-01-25 09:00"]),
        ("0 9 13 * */5", ["2026-12-13 09:00", "2027-06-13 09:00", "2027-08-13 09:00"]),
        # names for the whole
        ("@hourly", ["2026-11-24 13:00", "2026-11-24 14:00"]),
        ("@daily", ["2026-11-25 00:00", "2026-11-26 00:00"]),
        ("@midnight", ["2026-11-25 00:00", "2026-11-26 00:00"]),
        ("@weekly", ["2026-11-29 00:00", "2026-12-06 00:00"]),
        ("@Monthly", ["2026-12-01 00:00", "2027-01-01 00:00"]),
        ("@yearly", ["2027-01-01 00:00", "2028-01-01 00:00"]),
        ("@annually", ["2027-01-01 00:00", "2028-01-01 00:00"]),
        # added: the last day, a day or the last, the n-th and the last weekday
        ("0 9 L * *", ["2026-11-30 09:00", "2026-12-31 09:00", "2027-01-31 09:00", "2027-02-28 09:00"]),
        ("0 9 l 2 *", ["2027-02-28 09:00", "2028-02-29 09:00"]),
        ("0 9 30L 1-4 *", ["2027-01-30 09:00", "2027-02-28 09:00", "2027-03-30 09:00", "2027-04-30 09:00"]),
        ("0 9 29L 2 *", ["2027-02-28 09:00", "2028-02-29 09:00"]),
        ("0 9 29L 1-3 *", ["2027-01-29 09:00", "2027-02-28 09:00", "2027-03-29 09:00"]),
        ("0 9 31L 1-4 *", ["2027-01-31 09:00", "2027-02-28 09:00", "2027-03-31 09:00", "2027-04-30 09:00"]),
        ("0 9 15,L * *", ["2026-11-30 09:00", "2026-12-15 09:00", "2026-12-31 09:00"]),
        ("0 9 15L 2 *", ["2027-02-15 09:00", "2028-02-15 09:00"]),
        ("0 9 * * 5L", ["2026-11-27 09:00", "2026-12-25 09:00", "2027-01-29 09:00"]),
        ("0 9 * * friL", ["2026-11-27 09:00", "2026-12-25 09:00", "2027-01-29 09:00"]),
        ("0 9 * * 7L", ["2026-11-29 09:00", "2026-12-27 09:00"]),
        ("0 9 * * 1#1", ["2026-12-07 09:00", "2027-01-04 09:00", "2027-02-01 09:00"]),
        ("0 9 * * mon#5", ["2026-11-30 09:00", "2027-03-29 09:00", "2027-05-31 09:00"]),
        ("0 9 * * 1,5L", ["2026-11-27 09:00", "2026-11-30 09:00", "2026-12-07 09:00"]),
        ("0 9 1 * 5L", ["2026-11-27 09:00", "2026-12-01 09:00", "2026-12-25 09:00"]),
        ("  0\t9 *  * *  ", ["2026-11-25 09:00", "2026-11-26 09:00"]),
    ],
)
def test_cron_text_means_what_cron_means(cron: str, expected: list[str]) -> None:
    assert walls(cron, len(expected)) == expected


@pytest.mark.parametrize(
    ("cron", "code", "field", "value"),
    [
        ("", RecurrenceCode.FIELD_COUNT, "", ""),
        ("0 9 * *", RecurrenceCode.FIELD_COUNT, "", "0 9 * *"),
        ("0 0 9 * * *", RecurrenceCode.FIELD_COUNT, "", "0 0 9 * * *"),
        ("@reboot", RecurrenceCode.UNKNOWN_MACRO, "", "@reboot"),
        ("@dayly", RecurrenceCode.UNKNOWN_MACRO, "", "@dayly"),
        ("60 9 * * *", RecurrenceCode.OUT_OF_RANGE, "minute", "60"),
        ("0 24 * * *", RecurrenceCode.OUT_OF_RANGE, "hour", "24"),
        ("0 9 0 * *", RecurrenceCode.OUT_OF_RANGE, "day", "0"),
        ("0 9 32 * *", RecurrenceCode.OUT_OF_RANGE, "day", "32"),
        ("0 9 32L * *", RecurrenceCode.OUT_OF_RANGE, "day", "32"),
        ("0 9 * 13 *", RecurrenceCode.OUT_OF_RANGE, "month", "13"),
        ("0 9 * 0 *", RecurrenceCode.OUT_OF_RANGE, "month", "0"),
        ("0 9 * * 8", RecurrenceCode.OUT_OF_RANGE, "weekday", "8"),
        ("0 9 1-32 * *", RecurrenceCode.OUT_OF_RANGE, "day", "32"),
        (f"{'9' * 5000} 9 * * *", RecurrenceCode.OUT_OF_RANGE, "minute", "9" * 5000),
        ("0 9 5-1 * *", RecurrenceCode.BACKWARD_RANGE, "day", "5-1"),
        ("0 22-2 * * *", RecurrenceCode.BACKWARD_RANGE, "hour", "22-2"),
        ("0 9 * * sat-mon", RecurrenceCode.BACKWARD_RANGE, "weekday", "sat-mon"),
        ("*/0 9 * * *", RecurrenceCode.BAD_STEP, "minute", "*/0"),
        ("*/90 * * * *", RecurrenceCode.BAD_STEP, "minute", "*/90"),
        ("a 9 * * *", RecurrenceCode.BAD_VALUE, "minute", "a"),
        ("0 9 * пн *", RecurrenceCode.BAD_VALUE, "month", "пн"),
        ("0 9 * * monday", RecurrenceCode.BAD_VALUE, "weekday", "monday"),
        ("0 9 * jan *,", RecurrenceCode.BAD_VALUE, "weekday", ""),
        ("0 9 ? * *", RecurrenceCode.BAD_VALUE, "day", "?"),
        ("0 9 15W * *", RecurrenceCode.BAD_VALUE, "day", "15w"),
        ("0 9 L-3 * *", RecurrenceCode.BAD_VALUE, "day", "l"),
        ("0 9 * * 5#6", RecurrenceCode.BAD_VALUE, "weekday", "5#6"),
        ("0 9 * * L", RecurrenceCode.BAD_VALUE, "weekday", "l"),
        ("1.5 9 * * *", RecurrenceCode.BAD_VALUE, "minute", "1.5"),
        ("-5 9 * * *", RecurrenceCode.BAD_VALUE, "minute", "-5"),
        ("٣ 9 * * *", RecurrenceCode.BAD_VALUE, "minute", "٣"),
        ("0 9 */2 * 5L", RecurrenceCode.NOT_TOGETHER, "weekday", "5L"),
    ],
)
def test_says_which_field_is_wrong_and_why(cron: str, code: RecurrenceCode, field: str, value: str) -> None:
    assert complaint(cron) == (code, field, value)


@pytest.mark.parametrize("cron", ["0 9 30 2 *", "0 9 31 2,4,6,9,11 *", "0 9 30,31 feb *"])
def test_what_never_happens_is_none(cron: str) -> None:
    assert next_after(Recurrence.parse(cron), NOW, MOSCOW) is None


def test_an_impossible_day_leaves_the_weekdays() -> None:
    assert walls("0 9 30 2 1", 2) == ["2027-02-01 09:00", "2027-02-08 09:00"]


def test_keeps_the_text_and_knows_its_parts() -> None:
    one = Recurrence.parse(" 0  9,18 15,30L  * 5L,mon#2 ")
    assert one.cron == "0 9,18 15,30L * 5L,mon#2"
    assert (one.minutes, one.hours, one.days, one.days_or_last) == ((0,), (9, 18), (15,), (30,))
    assert (one.weekdays, one.nth_weekdays, one.both) == ((), ((5, LAST), (1, 2)), False)


def test_leap_days_are_found_across_a_century_without_one() -> None:
    after = datetime(2096, 3, 1, tzinfo=UTC)
    assert walls("0 9 29 2 *", 1, after=after) == ["2104-02-29 09:00"]


def test_texts_made_from_choices() -> None:
    assert walls(daily(9, 30), 2) == ["2026-11-25 09:30", "2026-11-26 09:30"]
    assert walls(weekly(1, 9, 0), 1) == ["2026-11-30 09:00"]
    assert walls(weekly(7, 9, 0), 1) == ["2026-11-29 09:00"]
    assert walls(monthly(5, 9, 0), 2) == ["2026-12-05 09:00", "2027-01-05 09:00"]


@pytest.mark.parametrize("day", [28, 29, 30, 31])
def test_a_late_day_of_the_month_is_the_last_where_the_month_is_shorter(day: int) -> None:
    found = islice(occurrences(monthly(day, 9, 0), datetime(2027, 12, 31, 12, tzinfo=UTC), MOSCOW), 12)
    lengths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]  # 2028
    assert [one.local.day for one in found] == [min(day, length) for length in lengths]


# Clocks


def test_without_changes_of_the_clock_wall_and_instant_keep_their_distance() -> None:
    for found in islice(occurrences("30 2 * * *", NOW, MOSCOW), 400):
        assert found.local - found.at.replace(tzinfo=None) == timedelta(hours=3)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        # 29 March 2026: 02:00 becomes 03:00, which is 01:00 UTC
        ("30 2 * * *", ["02:30 is 01:30", "02:30 is 00:30"]),
        ("0 2,4 29 3 *", ["02:00 is 01:00", "04:00 is 02:00"]),
        # what happens an hour later anyway does not happen twice
        ("0 1-4 29 3 *", ["01:00 is 00:00", "03:00 is 01:00", "04:00 is 02:00"]),
        ("30 2,3 29 3 *", ["03:30 is 01:30"]),
        ("*/30 2-3 29 3 *", ["03:00 is 01:00", "03:30 is 01:30"]),
    ],
)
def test_an_hour_that_does_not_exist_is_moved_forward_once(cron: str, expected: list[str]) -> None:
    found = islice(occurrences(cron, datetime(2026, 3, 28, 12, tzinfo=UTC), BERLIN), len(expected))
    assert [f"{one.local:%H:%M} is {one.at:%H:%M}" for one in found] == expected


def test_an_hour_that_comes_twice_counts_the_first_time_only() -> None:
    # 25 October 2026: 03:00 becomes 02:00
    found = list(islice(occurrences("30 2 * * *", datetime(2026, 10, 24, 12, tzinfo=UTC), BERLIN), 2))
    assert [f"{one.at:%m-%d %H:%M}" for one in found] == ["10-25 00:30", "10-26 01:30"]
    between = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)
    assert next_after(Recurrence.parse("30 2 * * *"), between, BERLIN) == found[1]


def test_every_half_hour_stays_silent_while_the_hour_repeats() -> None:
    found = islice(occurrences("*/30 * * * *", datetime(2026, 10, 24, 23, 45, tzinfo=UTC), BERLIN), 4)
    assert [f"{one.at:%H:%M}" for one in found] == ["00:00", "00:30", "02:00", "02:30"]


def test_a_jump_of_half_an_hour_keeps_the_order_of_instants() -> None:
    # Lord Howe, 4 October 2026: 02:00 becomes 02:30. What was asked for at 02:15 comes at 02:45, after that of 02:40.
    found = list(islice(occurrences("0,15,40 2 4 10 *", datetime(2026, 10, 1, tzinfo=UTC), LORD_HOWE), 3))
    assert [f"{one.local:%H:%M}" for one in found] == ["02:00", "02:40", "02:15"]
    assert [f"{one.at.astimezone(LORD_HOWE):%H:%M}" for one in found] == ["02:30", "02:40", "02:45"]


def test_a_day_that_does_not_exist_is_moved_like_an_hour() -> None:
    found = list(islice(occurrences("0 9 30 12 *", datetime(2011, 12, 1, tzinfo=UTC), APIA), 2))
    assert [f"{one.local:%Y-%m-%d %H:%M}" for one in found] == ["2011-12-30 09:00", "2012-12-30 09:00"]
    assert f"{found[0].at.astimezone(APIA):%Y-%m-%d %H:%M}" == "2011-12-31 09:00"
    assert walls("0 9 * * *", 3, after=datetime(2011, 12, 29, 1, tzinfo=UTC), zone=APIA) == [
        "2011-12-29 09:00",
        "2011-12-31 09:00",
        "2012-01-01 09:00",
    ]


# Against a stepper that knows nothing but a minute


class Said(Protocol):
    """A repeat said twice: as cron text, and as a question to one wall time."""

    @property
    def cron(self) -> str: ...

    def holds(self, wall: datetime) -> bool: ...


@dataclass(frozen=True)
class Rule:
    """A repeat said twice: as cron text, and as a question to one wall time."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday

    @property
    def cron(self) -> str:
        fields = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        return " ".join(",".join(map(str, sorted(field))) or "*" for field in fields)

    def holds(self, wall: datetime) -> bool:
        day, weekday = wall.day in self.days, wall.isoweekday() % 7 in self.weekdays
        if self.days and self.weekdays:
            right_day = day or weekday
        else:
            right_day = (day or not self.days) and (weekday or not self.weekdays)
        return right_day and all(
            value in field or not field
            for value, field in ((wall.minute, self.minutes), (wall.hour, self.hours), (wall.month, self.months))
        )


def stepped(rule: Said, start: datetime, end: datetime, zone: ZoneInfo) -> list[Occurrence]:
    """Look at the clock on the wall every minute; where it jumped, look at the minutes it left out."""
    found: list[Occurrence] = []
    shown = (start - timedelta(minutes=1)).astimezone(zone).replace(tzinfo=None)
    latest = shown
    at = start
    while at < end:
        wall = at.astimezone(zone).replace(tzinfo=None)
        jump = wall - shown - timedelta(minutes=1)
        if wall > latest and rule.holds(wall):
            found.append(Occurrence(wall, at))
        for skipped in range(int(jump / timedelta(minutes=1))):
            left_out = shown + timedelta(minutes=1 + skipped)
            if rule.holds(left_out) and not rule.holds(left_out + jump):
                found.append(Occurrence(left_out, at + timedelta(minutes=skipped)))
        shown, latest = wall, max(latest, wall)
        at += timedelta(minutes=1)
    return sorted(found, key=lambda one: one.at)


def computed(rule: Said, start: datetime, end: datetime, zone: ZoneInfo) -> list[Occurrence]:
    found = []
    for one in occurrences(rule.cron, start - timedelta(seconds=1), zone):
        if one.at >= end:
            break
        found.append(one)
    return found


def _some(low: int, high: int, most: int) -> st.SearchStrategy[frozenset[int]]:
    return st.just(frozenset[int]()) | st.frozensets(st.integers(low, high), min_size=1, max_size=most)


RULES = st.builds(
    Rule,
    minutes=st.frozensets(st.integers(0, 59), min_size=1, max_size=3),
    hours=_some(0, 23, 3) | st.frozensets(st.integers(0, 4), min_size=1),
    days=_some(1, 31, 3) | st.frozensets(st.integers(24, 31), min_size=1),
    months=_some(1, 12, 6),
    weekdays=_some(0, 6, 2),
)
CHANGES = st.sampled_from(
    [
        (BERLIN, datetime(2026, 3, 29, tzinfo=UTC)),
        (BERLIN, datetime(2026, 10, 25, tzinfo=UTC)),
        (LORD_HOWE, datetime(2026, 10, 3, tzinfo=UTC)),
        (LORD_HOWE, datetime(2027, 4, 3, tzinfo=UTC)),
        (ZoneInfo("America/St_Johns"), datetime(2026, 3, 8, tzinfo=UTC)),
        (ZoneInfo("Africa/Casablanca"), datetime(2026, 3, 22, tzinfo=UTC)),
        (ZoneInfo("America/Havana"), datetime(2026, 3, 8, tzinfo=UTC)),  # at midnight
        (MOSCOW, datetime(2014, 10, 25, tzinfo=UTC)),  # the last change there was
        (MOSCOW, datetime(2027, 2, 28, tzinfo=UTC)),
    ]
)


@given(RULES, CHANGES)
@settings(max_examples=60, deadline=None)
def test_agrees_with_a_minute_stepper_where_clocks_change(rule: Rule, change: tuple[ZoneInfo, datetime]) -> None:
    zone, day = change
    start, end = day - timedelta(days=2), day + timedelta(days=3)
    assert computed(rule, start, end, zone) == stepped(rule, start, end, zone)


@pytest.mark.parametrize(
    "rule",
    [
        Rule(frozenset({0, 59}), frozenset({1, 2, 3}), frozenset({13, 25, 29}), frozenset(), frozenset({0, 5})),
        Rule(frozenset({15}), frozenset(), frozenset({31}), frozenset({1, 3, 4, 10}), frozenset()),
    ],
)
def test_agrees_with_a_minute_stepper_over_a_year(rule: Rule) -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    assert computed(rule, start, end, BERLIN) == stepped(rule, start, end, BERLIN)


# Against crontab(5), said once more: each piece is drawn as text and as what it means


@dataclass(frozen=True)
class Piece:
    """One item of a field: its text, the numbers that it means, and days that are no fixed number."""

    text: str
    numbers: frozenset[int] = frozenset()
    day: Callable[[datetime], bool] | None = None


@dataclass(frozen=True)
class Drawn:
    """Five fields of pieces."""

    fields: tuple[tuple[Piece, ...], ...]

    @property
    def cron(self) -> str:
        return " ".join(",".join(piece.text for piece in field) for field in self.fields)

    def holds(self, wall: datetime) -> bool:
        minutes, hours, days, months, weekdays = self.fields
        return (
            _among(minutes, wall.minute)
            and _among(hours, wall.hour)
            and _among(months, wall.month)
            and self._right_day(days, weekdays, wall)
        )

    def _right_day(self, days: tuple[Piece, ...], weekdays: tuple[Piece, ...], wall: datetime) -> bool:
        day = _among(days, wall.day) or any(piece.day(wall) for piece in days if piece.day)
        weekday = _among(weekdays, wall.isoweekday() % 7) or any(piece.day(wall) for piece in weekdays if piece.day)
        # crontab(5): if both fields are restricted, that is do not start with *, either one is enough
        restricted = not (days[0].text.startswith("*") or weekdays[0].text.startswith("*"))
        return day or weekday if restricted else day and weekday

    def __repr__(self) -> str:
        return f"Drawn({self.cron!r})"


def _among(field: tuple[Piece, ...], number: int) -> bool:
    return any(number in piece.numbers for piece in field)


MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@st.composite
def pieces(draw: st.DrawFn, low: int, high: int, names: Sequence[str] = (), fold: int = 100) -> Piece:
    """A number, name, range, step or star. Numbers count modulo `fold`: 7 is Sunday too."""

    def said(number: int) -> str:
        name = names[number - low] if number - low < len(names) else ""
        return draw(st.sampled_from([str(number), name, name.upper()])) if name else str(number)

    def meant(numbers: range) -> frozenset[int]:
        return frozenset(number % fold for number in numbers)

    first = draw(st.integers(low, high))
    kind = draw(st.sampled_from(["number", "range", "stepped range", "stepped star", "from on"]))
    step = draw(st.integers(1, min(high - low, 12)))
    if kind == "number":
        return Piece(said(first), meant(range(first, first + 1)))
    if kind == "stepped star":
        return Piece(f"*/{step}", meant(range(low, min(high, fold - 1) + 1, step)))
    if kind == "from on":
        return Piece(f"{first}/{step}", meant(range(first, high + 1, step)))
    last = draw(st.integers(first, high))
    if kind == "range":
        return Piece(f"{said(first)}-{said(last)}", meant(range(first, last + 1)))
    return Piece(f"{first}-{last}/{step}", meant(range(first, last + 1, step)))


def _last_day(wall: datetime) -> int:
    return (wall.replace(day=28) + timedelta(days=4)).replace(day=1).toordinal() - wall.replace(day=1).toordinal()


def _or_last(number: int) -> Piece:
    text = "L" if number == 31 else f"{number}L"
    return Piece(text, day=lambda wall: wall.day == min(number, _last_day(wall)))


def _nth_weekday(number: int, week: int) -> Piece:
    def right(wall: datetime) -> bool:
        if wall.isoweekday() % 7 != number % 7:
            return False
        return wall.day + 7 > _last_day(wall) if week == LAST else (wall.day - 1) // 7 + 1 == week

    return Piece(f"{number}L" if week == LAST else f"{number}#{week}", day=right)


def _field(low: int, high: int, *more: st.SearchStrategy[Piece], **kind: Any) -> st.SearchStrategy[tuple[Piece, ...]]:
    star = st.just((Piece("*", frozenset(range(low, high + 1))),))
    some = st.lists(st.one_of(pieces(low, high, **kind), *more), min_size=1, max_size=3)
    return star | some.map(tuple)


def _sayable(drawn: Drawn) -> bool:
    """Steps of days together with the n-th weekday are refused, and so they are no question of meaning."""
    try:
        Recurrence.parse(drawn.cron)
    except RecurrenceError as error:
        return error.code is not RecurrenceCode.NOT_TOGETHER
    return True


DRAWN = st.tuples(
    _field(0, 59),
    _field(0, 23),
    _field(1, 31, st.integers(28, 31).map(_or_last)),
    _field(1, 12, names=MONTH_NAMES),
    _field(
        0,
        7,
        st.builds(_nth_weekday, st.integers(0, 7), st.sampled_from([1, 2, 3, 4, 5, LAST])),
        names=DAY_NAMES,
        fold=7,
    ),
).map(Drawn)
HORIZON = timedelta(days=800)


def brute(drawn: Drawn, start: datetime, count: int) -> list[datetime]:
    """Ask each minute, and of a day that cannot hold only its first."""
    found: list[datetime] = []
    wall, end = start, start + HORIZON
    _, _, days, months, weekdays = drawn.fields
    while wall < end and len(found) < count:
        if not (_among(months, wall.month) and drawn._right_day(days, weekdays, wall)):
            wall = wall.replace(hour=0, minute=0) + timedelta(days=1)
            continue
        if drawn.holds(wall):
            found.append(wall)
        wall += timedelta(minutes=1)
    return found


@given(DRAWN.filter(_sayable), st.datetimes(datetime(2023, 1, 1), datetime(2031, 1, 1)))  # noqa: DTZ001 - wall times
@settings(max_examples=50, deadline=None)
def test_means_what_crontab_5_says(drawn: Drawn, moment: datetime) -> None:
    start = moment.replace(second=0, microsecond=0)
    expected = brute(drawn, start, 25)
    before = start.replace(tzinfo=UTC) - timedelta(seconds=1)
    found = islice(occurrences(drawn.cron, before, ZoneInfo("Etc/UTC")), max(len(expected), 1))
    assert [one.local for one in found if one.at - before <= HORIZON] == expected


@given(DRAWN.filter(_sayable), CHANGES)
@settings(max_examples=6, deadline=None)
def test_means_the_same_where_clocks_change(drawn: Drawn, change: tuple[ZoneInfo, datetime]) -> None:
    zone, day = change
    start, end = day - timedelta(hours=30), day + timedelta(hours=40)
    assert computed(drawn, start, end, zone) == stepped(drawn, start, end, zone)


@given(st.text(max_size=20) | st.from_regex(r"([0-9*/,lL#-]{1,6} ){4}[a-z0-9*/,lL#-]{1,6}", fullmatch=True))
def test_no_text_brings_anything_but_a_recurrence_or_a_complaint(text: str) -> None:
    try:
        recurrence = Recurrence.parse(text)
    except RecurrenceError:
        return
    found = next_after(recurrence, NOW, BERLIN)
    assert found is None or found.at > NOW
