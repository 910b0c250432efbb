"""Words about time become moments and repeats, and these become words again.

The tables stand at Tuesday, 24 November 2026, 12:00 in Moscow.
"""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.moments import (
    MomentCode,
    MomentError,
    Repeat,
    in_words,
    parse_moment,
    parse_repeat,
    parse_until,
    repeat_in_words,
)
from delivery.recurrence import Recurrence, RecurrenceError, monthly

MOSCOW = ZoneInfo("Europe/Moscow")
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 12, tzinfo=MOSCOW)


def moment(text: str, now: datetime = NOW, zone: ZoneInfo = MOSCOW) -> str:
    return f"{parse_moment(text, now, zone):%Y-%m-%d %H:%M}"


def refusal(text: str, now: datetime = NOW, zone: ZoneInfo = MOSCOW) -> tuple[str, dict[str, int | str]]:
    with pytest.raises(MomentError) as caught:
        parse_moment(text, now, zone)
    return str(caught.value.code), caught.value.values


def repeat(text: str) -> tuple[str, str | None]:
    found = parse_repeat(text, NOW, MOSCOW)
    return found.cron, None if found.until is None else f"{found.until:%Y-%m-%d %H:%M}"


def repeat_refusal(text: str) -> tuple[str, dict[str, int | str]]:
    with pytest.raises(MomentError) as caught:
        parse_repeat(text, NOW, MOSCOW)
    return str(caught.value.code), caught.value.values


# Moments

MOMENTS = {
    # today, tomorrow, the day after
    "завтра в 9:00": "2026-11-25 09:00",
    "завтра в 9": "2026-11-25 09:00",
    "завтра 9": "2026-11-25 09:00",
    "Завтра, 9:00": "2026-11-25 09:00",
    "  ЗАВТРА   в  9:00!  ": "2026-11-25 09:00",
    "завтра в\u00a09:00": "2026-11-25 09:00",
    "на завтра на 9:00": "2026-11-25 09:00",
    "завтра ровно в 9": "2026-11-25 09:00",
    "завтра в 09:00": "2026-11-25 09:00",
    "завтра в 9.00": "2026-11-25 09:00",
    "завтра 9.30": "2026-11-25 09:30",
    "завтра 9.05": "2026-11-25 09:05",
    "завтра в 9-30": "2026-11-25 09:30",
    "завтра в 9 30": "2026-11-25 09:30",
    "завтра 9 00": "2026-11-25 09:00",
    "завтра в 9 часов": "2026-11-25 09:00",
    "завтра в 9 ч.": "2026-11-25 09:00",
    "завтра в 9ч30": "2026-11-25 09:30",
    "завтра в 9 часов 30 минут": "2026-11-25 09:30",
    "завтра в это же время": "2026-11-25 12:00",
    "послезавтра в 18:30": "2026-11-26 18:30",
    "послезавтра 18": "2026-11-26 18:00",
    "сегодня в 18:30": "2026-11-24 18:30",
    "сегодня 18.30": "2026-11-24 18:30",
    # an hour alone: the next such
    "9:00": "2026-11-25 09:00",
    "18:30": "2026-11-24 18:30",
    "9:00:00": "2026-11-25 09:00",
    "12:00": "2026-11-25 12:00",
    "12:01": "2026-11-24 12:01",
    "11:59": "2026-11-25 11:59",
    "в 18": "2026-11-24 18:00",
    "в 9": "2026-11-25 09:00",
    "9.30": "2026-11-25 09:30",
    "в 9.05": "2026-11-25 09:05",
    "9 часов": "2026-11-25 09:00",
    # parts of the day
    "9 утра": "2026-11-25 09:00",
    "в 9 утра": "2026-11-25 09:00",
    "в 7 вечера": "2026-11-24 19:00",
    "завтра вечером в 7": "2026-11-25 19:00",
    "завтра утром в 9": "2026-11-25 09:00",
    "завтра в 7:30 вечера": "2026-11-25 19:30",
    "завтра в 19 часов вечера": "2026-11-25 19:00",
    "завтра в 2 часа дня": "2026-11-25 14:00",
    "завтра в час дня": "2026-11-25 13:00",
    "завтра в 12 дня": "2026-11-25 12:00",
    "завтра днём в 3": "2026-11-25 15:00",
    "завтра в 3 часа ночи": "2026-11-25 03:00",
    "завтра в час ночи": "2026-11-25 01:00",
    "завтра в 11 ночи": "2026-11-25 23:00",
    "в полдень": "2026-11-25 12:00",
    "завтра в полдень": "2026-11-25 12:00",
    "в полночь": "2026-11-25 00:00",
    "сегодня в полночь": "2026-11-25 00:00",
    "в 12 ночи": "2026-11-25 00:00",
    "завтра в 24:00": "2026-11-26 00:00",
    "завтра в 0:00": "2026-11-25 00:00",
    "завтра в 00:30": "2026-11-25 00:30",
    # in words
    "в семь вечера": "2026-11-24 19:00",
    "завтра в девять тридцать": "2026-11-25 09:30",
    "завтра в двадцать ноль ноль": "2026-11-25 20:00",
    "завтра в двадцать два часа": "2026-11-25 22:00",
    "половина десятого": "2026-11-25 09:30",
    "завтра в полдесятого утра": "2026-11-25 09:30",
    "завтра в половине восьмого вечера": "2026-11-25 19:30",
    "первого мая в 10 утра": "2027-05-01 10:00",
    "двадцать пятого декабря в 12:00": "2026-12-25 12:00",
    # weekdays
    "в пятницу 18:30": "2026-11-27 18:30",
    "в пятницу в 18:30": "2026-11-27 18:30",
    "в пятница 18:30": "2026-11-27 18:30",
    "пт в 18-30": "2026-11-27 18:30",
    "в среду в 9": "2026-11-25 09:00",
    "ср. в 9": "2026-11-25 09:00",
    "понедельник, 9 утра": "2026-11-30 09:00",
    "10:00 в понедельник": "2026-11-30 10:00",
    "в воскресение в 10": "2026-11-29 10:00",
    "во вторник в 10": "2026-12-01 10:00",
    "в этот вторник в 18:30": "2026-11-24 18:30",
    "в следующий вторник в 9": "2026-12-01 09:00",
    "в эту пятницу в 9": "2026-11-27 09:00",
    "в следующую пятницу в 9": "2026-12-04 09:00",
    "в ближайшую субботу в 10": "2026-11-28 10:00",
    "на этой неделе в пятницу в 9": "2026-11-27 09:00",
    "на следующей неделе в пятницу в 9": "2026-12-04 09:00",
    "в пятницу на следующей неделе в 9:00": "2026-12-04 09:00",
    # later by
    "через час": "2026-11-24 13:00",
    "через 2 часа": "2026-11-24 14:00",
    "через два часа": "2026-11-24 14:00",
    "через полчаса": "2026-11-24 12:30",
    "через полтора часа": "2026-11-24 13:30",
    "через 1,5 часа": "2026-11-24 13:30",
    "через 30 минут": "2026-11-24 12:30",
    "через сорок пять минут": "2026-11-24 12:45",
    "через минуту": "2026-11-24 12:01",
    "через 2 ч 30 мин": "2026-11-24 14:30",
    "через 1 час и 15 минут": "2026-11-24 13:15",
    "через 48 часов": "2026-11-26 12:00",
    "через сутки": "2026-11-25 12:00",
    "через 3 дня": "2026-11-27 12:00",
    "через 3 дня в 9:00": "2026-11-27 09:00",
    "через три дня в 7 вечера": "2026-11-27 19:00",
    "через неделю": "2026-12-01 12:00",
    "через неделю в 10": "2026-12-01 10:00",
    "через две недели в 10:00": "2026-12-08 10:00",
    "через неделю в пятницу в 10": "2026-12-04 10:00",
    "через месяц": "2026-12-24 12:00",
    "через месяц в 9:00": "2026-12-24 09:00",
    "через год": "2027-11-24 12:00",
    # dates
    "1 мая 10:00": "2027-05-01 10:00",
    "1 мая в 10:00": "2027-05-01 10:00",
    "1 май в 10:00": "2027-05-01 10:00",
    "1-го мая в 10": "2027-05-01 10:00",
    "1 мая 2027 в 10:00": "2027-05-01 10:00",
    "1 мая 2027 года в 10:00": "2027-05-01 10:00",
    "1 мая 2028 г. в 10:00": "2028-05-01 10:00",
    "15 декабря, 9 утра": "2026-12-15 09:00",
    "15 декабря (вторник) в 9:00": "2026-12-15 09:00",
    "15 дек. 9:00": "2026-12-15 09:00",
    "вторник 15 декабря 9:00": "2026-12-15 09:00",
    "в 10:00 15 декабря": "2026-12-15 10:00",
    "24 ноября в 18:00": "2026-11-24 18:00",
    "23 ноября в 18:00": "2027-11-23 18:00",
    "31 декабря в 23:59": "2026-12-31 23:59",
    "1 января в 0:00": "2027-01-01 00:00",
    "29 февраля в 10:00": "2028-02-29 10:00",
    "01.05.2027 10:00": "2027-05-01 10:00",
    "1.5.27 10:00": "2027-05-01 10:00",
    "01/05/2027 10:00": "2027-05-01 10:00",
    "01.05.2027 г. в 10:00": "2027-05-01 10:00",
    "01.05 10:00": "2027-05-01 10:00",
    "01.05 10": "2027-05-01 10:00",
    "10.05 18.30": "2027-05-10 18:30",
    "25.11 18:30": "2026-11-25 18:30",
    "18:30 25.11": "2026-11-25 18:30",
    "завтра 25.11 в 9": "2026-11-25 09:00",
    "в пятницу, 27.11, в 18:30": "2026-11-27 18:30",
    "завтра, 25 ноября, среда, 9:00": "2026-11-25 09:00",
    "5 числа в 9:00": "2026-12-05 09:00",
    "5-го в 9": "2026-12-05 09:00",
    "пятого числа в 9": "2026-12-05 09:00",
    "25 числа в 10": "2026-11-25 10:00",
    "24 числа в 10": "2026-12-24 10:00",
    "31 числа в 9": "2026-12-31 09:00",
    "30 числа этого месяца в 9": "2026-11-30 09:00",
    "5 числа следующего месяца в 9": "2026-12-05 09:00",
    "в последний день месяца в 17:00": "2026-11-30 17:00",
    "в последнюю пятницу месяца в 17:00": "2026-11-27 17:00",
    "в первый понедельник месяца в 9": "2026-12-07 09:00",
    # ISO 8601
    "2026-11-25T09:00": "2026-11-25 09:00",
    "2026-11-25 09:00": "2026-11-25 09:00",
    "2026-11-25T09:00:30": "2026-11-25 09:00",
    "2026-11-25T09:00Z": "2026-11-25 12:00",
    "2026-11-25T09:00:00+05:00": "2026-11-25 07:00",
    "2026-11-25T09:00+0500": "2026-11-25 07:00",
    "2026-11-25T23:30:00.000Z": "2026-11-26 02:30",
    "2026-11-25 в 9": "2026-11-25 09:00",
}

REFUSALS: dict[str, tuple[str, dict[str, int | str]]] = {
    # not understood
    "": ("not_understood", {"word": "", "near": ""}),
    "в": ("not_understood", {"word": "", "near": ""}),
    "9": ("not_understood", {"word": "9", "near": ""}),
    "утром": ("not_understood", {"word": "утром", "near": ""}),
    "сейчас": ("not_understood", {"word": "сейчас", "near": ""}),
    "когда-нибудь": ("not_understood", {"word": "когда-нибудь", "near": ""}),
    "на Новый год": ("not_understood", {"word": "новый", "near": ""}),
    "зафтра в 9": ("not_understood", {"word": "зафтра", "near": "завтра"}),
    "послезавтро в 9": ("not_understood", {"word": "послезавтро", "near": "послезавтра"}),
    "завтра в 9 по москве": ("not_understood", {"word": "москве", "near": ""}),
    "завтра в 9 и в 10": ("not_understood", {"word": "и", "near": ""}),
    "1 и 2 мая в 10": ("not_understood", {"word": "1", "near": ""}),
    "1, 2 мая": ("not_understood", {"word": "1", "near": ""}),
    "с 1 по 2 мая": ("not_understood", {"word": "с", "near": ""}),
    "до завтра 9:00": ("not_understood", {"word": "до", "near": ""}),
    "в мае в 10": ("not_understood", {"word": "мае", "near": ""}),
    "через 15 минут после обеда": ("not_understood", {"word": "после", "near": ""}),
    "каждый вторник в 10": ("not_understood", {"word": "каждый", "near": ""}),
    "1970": ("not_understood", {"word": "1970", "near": ""}),
    "ж" * 1000: ("not_understood", {"word": "ж" * 30, "near": ""}),
    # no hour
    "завтра": ("no_time", {}),
    "завтра утром": ("no_time", {}),
    "в пятницу": ("no_time", {}),
    "2 мая": ("no_time", {}),
    "2026-11-25": ("no_time", {}),
    "через 3 дня вечером": ("no_time", {}),
    # past
    "сегодня 9:00": ("in_the_past", {"moment": "2026-11-24T09:00"}),
    "сегодня в 12:00": ("in_the_past", {"moment": "2026-11-24T12:00"}),
    "вчера в 9": ("in_the_past", {"moment": "2026-11-23T09:00"}),
    "24 ноября в 9:00": ("in_the_past", {"moment": "2026-11-24T09:00"}),
    "в этот понедельник в 9": ("in_the_past", {"moment": "2026-11-23T09:00"}),
    "01.11.2026 10:00": ("in_the_past", {"moment": "2026-11-01T10:00"}),
    "2026-11-24T09:00:00Z": ("in_the_past", {"moment": "2026-11-24T12:00"}),
    # dates that no calendar has
    "31 июня в 10:00": ("no_such_date", {"text": "31 июня"}),
    "30 февраля в 9": ("no_such_date", {"text": "30 февраля"}),
    "29 февраля 2027 в 10:00": ("no_such_date", {"text": "29 февраля 2027"}),
    "32 мая в 10": ("no_such_date", {"text": "32 мая"}),
    "0 мая в 10": ("no_such_date", {"text": "0 мая"}),
    "31.11 10:00": ("no_such_date", {"text": "31.11"}),
    "15.13 10:00": ("no_such_date", {"text": "15.13"}),
    "31.06.2027 10:00": ("no_such_date", {"text": "31.06.2027"}),
    "2027-06-31T10:00": ("no_such_date", {"text": "2027-06-31"}),
    "2027-06-31T10:00Z": ("no_such_date", {"text": "2027-06-31"}),
    "через 9999 лет": ("no_such_date", {"text": "через 9999 лет"}),
    # hours that no clock has
    "завтра в 25:00": ("no_such_hour", {"text": "25:00"}),
    "завтра в 9:60": ("no_such_hour", {"text": "9:60"}),
    "завтра в 24:01": ("no_such_hour", {"text": "24:01"}),
    "завтра в 13 утра": ("no_such_hour", {"text": "13 утра"}),
    "завтра в 3 часа вечера": ("no_such_hour", {"text": "3 часа вечера"}),
    "2026-12-01T25:00": ("no_such_hour", {"text": "25:00"}),
    "2026-12-01T25:00Z": ("no_such_hour", {"text": "25:00"}),
    # two readings
    "во вторник в 18:30": ("ambiguous", {"first": "2026-11-24T18:30", "second": "2026-12-01T18:30"}),
    "завтра в час": ("ambiguous", {"first": "2026-11-25T01:00", "second": "2026-11-25T13:00"}),
    "завтра в полночь": ("ambiguous", {"first": "2026-11-25T00:00", "second": "2026-11-26T00:00"}),
    "9.05": ("ambiguous", {"first": "09:05", "second": "2027-05-09"}),
    "через день в 9": ("ambiguous", {"first": "2026-11-25", "second": "2026-11-26"}),
    # what does not agree
    "15 декабря, пятница, 9:00": ("wrong_weekday", {"date": "2026-12-15", "weekday": 2}),
    "в пятницу 28.11 в 18:30": ("wrong_weekday", {"date": "2026-11-28", "weekday": 6}),
    "пятница 13 числа 9:00": ("wrong_weekday", {"date": "2026-12-13", "weekday": 7}),
    "завтра, 26 ноября, 9:00": ("contradiction", {}),
    "завтра и послезавтра в 9": ("not_understood", {"word": "и", "near": ""}),
    "в среду, в пятницу, 9:00": ("contradiction", {}),
    # a slip of the year
    "1 мая 2207 в 10": ("too_far", {"moment": "2207-05-01T10:00", "years": 5}),
    "9999-12-31T23:59": ("too_far", {"moment": "9999-12-31T23:59", "years": 5}),
}


@pytest.mark.parametrize(("text", "expected"), MOMENTS.items())
def test_understands_a_moment(text: str, expected: str) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(("text", "expected"), REFUSALS.items())
def test_refuses_what_names_no_moment_and_says_why(text: str, expected: tuple[str, dict[str, int | str]]) -> None:
    assert refusal(text) == expected


def test_the_tables_have_their_promised_size() -> None:
    assert len(MOMENTS) >= 150
    assert {code for code, _ in REFUSALS.values()} == {
        code.value
        for code in MomentCode
        if code not in {MomentCode.BAD_CRON, MomentCode.NEVER, MomentCode.NO_DAY, MomentCode.NO_SUCH_REPEAT}
    }


@pytest.mark.parametrize("text", MOMENTS)
def test_what_is_read_back_is_understood_as_the_same_moment(text: str) -> None:
    found = parse_moment(text, NOW, MOSCOW)
    assert parse_moment(in_words(found, NOW), NOW, MOSCOW) == found.replace(second=0)


def test_a_moment_is_aware_and_in_the_zone() -> None:
    found = parse_moment("2026-11-25T09:00Z", datetime(2026, 11, 24, 9, tzinfo=UTC), BERLIN)
    assert (found.tzinfo, found.hour) == (BERLIN, 10)


def test_today_is_that_of_the_zone_and_not_that_of_now() -> None:
    late = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)  # 01:30 of the next day in Moscow
    assert moment("сегодня в 9", late) == "2026-11-25 09:00"
    assert moment("завтра в 9", late, ZoneInfo("Asia/Vladivostok")) == "2026-11-26 09:00"


def test_minutes_from_now_are_whole_minutes() -> None:
    now = datetime(2026, 11, 24, 12, 0, 59, 999, tzinfo=MOSCOW)
    assert parse_moment("через 5 минут", now, MOSCOW) == datetime(2026, 11, 24, 12, 5, tzinfo=MOSCOW)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("29 января 2027", "2027-02-28 09:00"),
        ("31 октября 2027", "2027-11-30 09:00"),
        ("31 декабря 2026", "2027-01-31 09:00"),
    ],
)
def test_a_month_later_is_the_last_day_where_the_month_is_shorter(day: str, expected: str) -> None:
    now = parse_moment(f"{day} в 8:00", NOW, MOSCOW)
    assert moment("через месяц в 9:00", now) == expected


# Clocks that change


def test_the_hour_over_which_the_clock_is_put_forward_is_refused() -> None:
    now = datetime(2026, 3, 28, 12, tzinfo=BERLIN)
    assert refusal("завтра в 2:30", now, BERLIN) == ("no_such_hour", {"text": "2026-03-29T02:30"})
    assert refusal("2026-03-29T02:00", now, BERLIN) == ("no_such_hour", {"text": "2026-03-29T02:00"})
    assert moment("завтра в 3:00", now, BERLIN) == "2026-03-29 03:00"
    assert moment("2026-03-29T02:30+01:00", now, BERLIN) == "2026-03-29 03:30"


def test_of_an_hour_that_comes_twice_the_first_is_meant() -> None:
    found = parse_moment("завтра в 2:30", datetime(2026, 10, 24, 12, tzinfo=BERLIN), BERLIN)
    assert found.astimezone(UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_hours_from_now_are_real_hours_and_days_are_days_of_the_calendar() -> None:
    now = datetime(2026, 3, 28, 20, tzinfo=BERLIN)
    assert moment("через 24 часа", now, BERLIN) == "2026-03-29 21:00"
    assert moment("через сутки", now, BERLIN) == "2026-03-29 20:00"


# Ends of repeats


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 июня", "2027-06-01 23:59"),
        ("1 июня 12:00", "2027-06-01 12:00"),
        ("01.06.2027", "2027-06-01 23:59"),
        ("2027-06-01", "2027-06-01 23:59"),
        ("завтра", "2026-11-25 23:59"),
        ("пятницы", "2026-11-27 23:59"),
        ("конца недели", "2026-11-29 23:59"),
        ("конца месяца", "2026-11-30 23:59"),
        ("конца ноября", "2026-11-30 23:59"),
        ("конца мая", "2027-05-31 23:59"),
        ("конца года", "2026-12-31 23:59"),
    ],
)
def test_a_repeat_ends_with_the_day_that_is_named(text: str, expected: str) -> None:
    assert f"{parse_until(text, NOW, MOSCOW):%Y-%m-%d %H:%M}" == expected


# Repeats

REPEATS: dict[str, tuple[str, str | None]] = {
    # days
    "каждый день в 9:00": ("0 9 * * *", None),
    "ежедневно 9:00": ("0 9 * * *", None),
    "ежедневно в 9 утра": ("0 9 * * *", None),
    "каждые сутки в 9": ("0 9 * * *", None),
    "9:00 каждый день": ("0 9 * * *", None),
    "каждое утро в 9": ("0 9 * * *", None),
    "каждый вечер в 7": ("0 19 * * *", None),
    "каждый день в полдень": ("0 12 * * *", None),
    "каждый день в полночь": ("0 0 * * *", None),
    "каждый день в 9 и 18": ("0 9,18 * * *", None),
    "каждый день в 9:00, 12:00 и 18:00": ("0 9,12,18 * * *", None),
    "каждый день в 9:00 и 9:30": ("0,30 9 * * *", None),
    "каждый день в 9 утра и в 6 вечера": ("0 9,18 * * *", None),
    "каждый день утром в 9 и вечером в 7": ("0 9,19 * * *", None),
    # weekdays
    "по будням в 8:30": ("30 8 * * 1-5", None),
    "в будни в 9": ("0 9 * * 1-5", None),
    "каждый будний день в 9": ("0 9 * * 1-5", None),
    "по рабочим дням в 9": ("0 9 * * 1-5", None),
    "по выходным в 10": ("0 10 * * 6,7", None),
    "каждый вторник в 10": ("0 10 * * 2", None),
    "каждую пятницу в 18:30": ("30 18 * * 5", None),
    "каждую среду, 9 утра": ("0 9 * * 3", None),
    "каждое воскресенье в 12": ("0 12 * * 7", None),
    "вторник 10:00": ("0 10 * * 2", None),
    "по понедельникам и средам в 12:00": ("0 12 * * 1,3", None),
    "по понедельникам, средам и пятницам в 12:00": ("0 12 * * 1,3,5", None),
    "каждый понедельник и четверг в 9.30": ("30 9 * * 1,4", None),
    "пн, ср, пт в 12": ("0 12 * * 1,3,5", None),
    "по вторникам в 10 и 12": ("0 10,12 * * 2", None),
    "с понедельника по четверг в 9": ("0 9 * * 1-4", None),
    "с пятницы по понедельник в 9": ("0 9 * * 5,6,7,1", None),
    "каждую неделю по вторникам в 10": ("0 10 * * 2", None),
    "еженедельно в пятницу в 10": ("0 10 * * 5", None),
    "раз в неделю по средам в 9": ("0 9 * * 3", None),
    # days of the month
    "каждый месяц 5 числа в 9:00": ("0 9 5 * *", None),
    "5 числа каждого месяца в 9:00": ("0 9 5 * *", None),
    "каждое пятое число месяца в 9": ("0 9 5 * *", None),
    "ежемесячно 5-го в 9": ("0 9 5 * *", None),
    "1 и 15 числа каждого месяца в 10:00": ("0 10 1,15 * *", None),
    "1-го и 15-го числа в 10": ("0 10 1,15 * *", None),
    "каждый месяц 29 числа в 9": (monthly(29, 9, 0), None),
    "каждый месяц 30 числа в 9": (monthly(30, 9, 0), None),
    "31 числа каждого месяца в 9": (monthly(31, 9, 0), None),
    "в последний день месяца в 17:00": ("0 17 L * *", None),
    "каждый последний день месяца в 17": ("0 17 L * *", None),
    "каждый месяц 15 числа и в последний день в 9:00": ("0 9 15,L * *", None),
    "последняя пятница месяца в 10": ("0 10 * * 5L", None),
    "каждую последнюю пятницу месяца в 10": ("0 10 * * 5L", None),
    "в первый понедельник каждого месяца в 9": ("0 9 * * 1#1", None),
    "каждый второй вторник месяца в 9": ("0 9 * * 2#2", None),
    "каждую вторую и четвёртую среду месяца в 9": ("0 9 * * 3#2,3#4", None),
    # once a year, several times a day
    "каждый год 1 мая в 10:00": ("0 10 1 5 *", None),
    "1 мая ежегодно в 10": ("0 10 1 5 *", None),
    "каждое 8 марта в 9": ("0 9 8 3 *", None),
    "каждый год 1 и 9 мая в 10": ("0 10 1,9 5 *", None),
    "каждый час": ("0 * * * *", None),
    "каждые 2 часа": ("0 */2 * * *", None),
    "каждые полчаса": ("*/30 * * * *", None),
    "каждые 15 минут": ("*/15 * * * *", None),
    # with an end
    "каждый вторник в 10 до 1 июня": ("0 10 * * 2", "2027-06-01 23:59"),
    "каждый вторник в 10 до 1 июня включительно": ("0 10 * * 2", "2027-06-01 23:59"),
    "каждый вторник в 10 по 1 июня": ("0 10 * * 2", "2027-06-01 23:59"),
    "каждый вторник до 1 июня в 10": ("0 10 * * 2", "2027-06-01 23:59"),
    "каждый вторник в 10 до 01.06.2028": ("0 10 * * 2", "2028-06-01 23:59"),
    "по вторникам в 10:00 до 15 декабря, 12:00": ("0 10 * * 2", "2026-12-15 12:00"),
    "каждый день в 9 до пятницы": ("0 9 * * *", "2026-11-27 23:59"),
    "каждый день в 9 до конца года": ("0 9 * * *", "2026-12-31 23:59"),
    # cron text
    "0 9 * * 1": ("0 9 * * 1", None),
    "0 9 L * *": ("0 9 L * *", None),
    "0 9 * * 1,3 до 1 июня": ("0 9 * * 1,3", "2027-06-01 23:59"),
    "@daily": ("@daily", None),
    "* * * * *": ("* * * * *", None),
    "0 9 1-7 JAN,jul Mon": ("0 9 1-7 jan,jul mon", None),
}

REPEAT_REFUSALS: dict[str, tuple[str, dict[str, int | str]]] = {
    "": ("not_understood", {"word": "", "near": ""}),
    "каждый": ("not_understood", {"word": "каждый", "near": ""}),
    "завтра в 9": ("not_understood", {"word": "завтра", "near": ""}),
    "каждый вторнк в 10": ("not_understood", {"word": "вторнк", "near": "вторник"}),
    "каждую среду в 9, кроме праздников": ("not_understood", {"word": "кроме", "near": ""}),
    "каждый день в 9 до когда-нибудь": ("not_understood", {"word": "когда-нибудь", "near": ""}),
    "каждый вторник в 10 до 1 июня до 5 июня": ("not_understood", {"word": "до", "near": ""}),
    "каждый день": ("no_time", {}),
    "каждый день утром": ("no_time", {}),
    "последняя пятница месяца": ("no_time", {}),
    "каждый месяц в 9": ("no_day", {}),
    "каждую неделю в 9": ("no_day", {}),
    "1 мая в 10": ("no_day", {}),
    "каждый день в 10 до 12:00": ("no_day", {}),
    "каждый вторник в 25:00": ("no_such_hour", {"text": "25:00"}),
    "каждый вторник в 24:00": ("no_such_hour", {"text": "24:00"}),
    "каждый вторник в полночь": ("ambiguous", {"first": "00:00", "second": "24:00"}),
    "каждый день в час": ("ambiguous", {"first": "01:00", "second": "13:00"}),
    "каждый вторник в 10 до вчера": ("in_the_past", {"moment": "2026-11-23T23:59"}),
    "каждый вторник в 10 до 31 июня": ("no_such_date", {"text": "31 июня"}),
    "каждый вторник в 10 до 1 июня 2207": ("too_far", {"moment": "2207-06-01T23:59", "years": 5}),
    "каждый день по вторникам в 10": ("contradiction", {}),
    "каждую пятницу 13 числа в 9": ("contradiction", {}),
    "каждые 2 часа в 9": ("contradiction", {}),
    "каждый день в 9 утром и в 7 вечером": ("contradiction", {}),
    "через день в 9": ("no_such_repeat", {}),
    "каждые три дня в 9": ("no_such_repeat", {}),
    "раз в две недели в пятницу в 9": ("no_such_repeat", {}),
    "каждую вторую пятницу в 9": ("no_such_repeat", {}),
    "раз в квартал": ("no_such_repeat", {}),
    "каждые 5 часов": ("no_such_repeat", {}),
    "каждый день в 9:00 и 18:30": ("no_such_repeat", {}),
    "по вторникам в 10 и по четвергам в 12": ("no_such_repeat", {}),
    "1 мая и 12 июня каждый год в 10": ("no_such_repeat", {}),
    "каждый вторник в 10 до завтра": ("never", {}),
    "каждый год 31 июня в 9": ("never", {}),
    "0 9 30 2 *": ("never", {}),
    "60 9 * * *": ("bad_cron", {"code": "out_of_range", "field": "minute", "value": "60"}),
    "0 9 * *": ("bad_cron", {"code": "field_count", "field": "", "value": "0 9 * *"}),
    "@reboot": ("bad_cron", {"code": "unknown_macro", "field": "", "value": "@reboot"}),
}


@pytest.mark.parametrize(("text", "expected"), REPEATS.items())
def test_understands_a_repeat(text: str, expected: tuple[str, str | None]) -> None:
    assert repeat(text) == expected


@pytest.mark.parametrize(("text", "expected"), REPEAT_REFUSALS.items())
def test_refuses_what_is_no_repeat_and_says_why(text: str, expected: tuple[str, dict[str, int | str]]) -> None:
    assert repeat_refusal(text) == expected


@pytest.mark.parametrize("text", REPEATS)
def test_a_repeat_read_back_is_understood_as_the_same(text: str) -> None:
    found = parse_repeat(text, NOW, MOSCOW)
    again = parse_repeat(repeat_in_words(found.cron, found.until, NOW), NOW, MOSCOW)
    assert again.until == found.until
    assert _days_and_times(again) == _days_and_times(found)


def _days_and_times(repeat: Repeat) -> tuple[object, ...]:
    """What a cron text comes down to; «1-5» and «1,2,3,4,5» are the same."""
    one = Recurrence.parse(repeat.cron)
    every_day = not (one.days or one.days_or_last or one.weekdays or one.nth_weekdays)
    return one.minutes, one.hours, one.days, one.days_or_last, one.months, one.weekdays, one.nth_weekdays, every_day


# Words again


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-24 18:30", "сегодня в 18:30"),
        ("2026-11-24 09:05", "сегодня в 9:05"),
        ("2026-11-25 09:00", "завтра, 25 ноября, среда, 9:00"),
        ("2026-11-26 00:00", "послезавтра, 26 ноября, четверг, 0:00"),
        ("2026-11-23 09:00", "вчера, 23 ноября, понедельник, 9:00"),
        ("2026-11-27 18:30", "27 ноября, пятница, 18:30"),
        ("2026-11-22 18:30", "22 ноября, воскресенье, 18:30"),
        ("2026-12-31 23:59", "31 декабря, четверг, 23:59"),
        ("2027-01-01 00:00", "1 января 2027 года, пятница, 0:00"),
        ("2027-05-01 10:00", "1 мая 2027 года, суббота, 10:00"),
    ],
)
def test_says_a_moment_with_its_weekday_and_a_year_only_when_it_is_another(at: str, expected: str) -> None:
    assert in_words(datetime.fromisoformat(at).replace(tzinfo=MOSCOW), NOW) == expected


def test_near_days_across_the_new_year_say_their_year() -> None:
    assert in_words(datetime(2027, 1, 1, 9, tzinfo=MOSCOW), datetime(2026, 12, 31, 9, tzinfo=MOSCOW)) == (
        "завтра, 1 января 2027 года, пятница, 9:00"
    )


def test_today_is_that_of_the_readers() -> None:
    now = datetime(2026, 11, 24, 22, tzinfo=UTC)  # already tomorrow in Moscow
    assert in_words(datetime(2026, 11, 25, 9, tzinfo=MOSCOW), now) == "сегодня в 9:00"


JUNE = datetime(2027, 6, 1, 23, 59, tzinfo=MOSCOW)


@pytest.mark.parametrize(
    ("cron", "until", "now", "expected"),
    [
        ("0 9 * * *", None, None, "каждый день в 9:00"),
        ("0 9 * * 0-6", None, None, "каждый день в 9:00"),
        ("0 9,18 * * *", None, None, "каждый день в 9:00 и 18:00"),
        ("30 8 * * mon-fri", None, None, "по будням в 8:30"),
        ("0 10 * * 0,6", None, None, "по выходным в 10:00"),
        ("0 10 * * 2", None, None, "каждый вторник в 10:00"),
        ("0 10 * * 3", None, None, "каждую среду в 10:00"),
        ("0 10 * * 7", None, None, "каждое воскресенье в 10:00"),
        ("0 12 * * 3,1", None, None, "по понедельникам и средам в 12:00"),
        ("0 12 * * 0,1,3", None, None, "по понедельникам, средам и воскресеньям в 12:00"),
        ("0 9 5 * *", None, None, "каждый месяц 5 числа в 9:00"),
        ("0 9 5,20 * *", None, None, "каждый месяц 5 и 20 числа в 9:00"),
        ("0 9 30L * *", None, None, "каждый месяц 30 числа или в последний день в 9:00"),
        ("0 17 L * *", None, None, "в последний день месяца в 17:00"),
        ("0 10 * * 5L", None, None, "в последнюю пятницу месяца в 10:00"),
        ("0 10 * * 2#2", None, None, "во второй вторник месяца в 10:00"),
        ("0 10 1 5 *", None, None, "каждый год 1 мая в 10:00"),
        ("0 * * * *", None, None, "каждый час"),
        ("@hourly", None, None, "каждый час"),
        ("0 */2 * * *", None, None, "каждые 2 часа"),
        ("0 */6 * * *", None, None, "каждые 6 часов"),
        ("*/2 * * * *", None, None, "каждые 2 минуты"),
        ("*/30 * * * *", None, None, "каждые 30 минут"),
        ("0 9 31 * *", None, None, "по расписанию «0 9 31 * *»"),
        ("0 9 1 * 1", None, None, "по расписанию «0 9 1 * 1»"),
        ("0 9 * 1-6 2", None, None, "по расписанию «0 9 * 1-6 2»"),
        ("* 9 * * *", None, None, "по расписанию «* 9 * * *»"),
        ("0 9-17 * * 1-5", None, None, "по расписанию «0 9-17 * * 1-5»"),
        ("0 10 * * 2", JUNE, datetime(2027, 1, 10, tzinfo=MOSCOW), "каждый вторник в 10:00 до 1 июня"),
        ("0 10 * * 2", JUNE, NOW, "каждый вторник в 10:00 до 1 июня 2027 года"),
        ("0 10 * * 2", JUNE, None, "каждый вторник в 10:00 до 1 июня 2027 года"),
        ("0 10 * * 2", JUNE.replace(hour=12, minute=0), NOW, "каждый вторник в 10:00 до 1 июня 2027 года, 12:00"),
    ],
)
def test_says_a_repeat(cron: str, until: datetime | None, now: datetime | None, expected: str) -> None:
    assert repeat_in_words(cron, until, now) == expected


def test_a_text_that_is_no_cron_is_not_said() -> None:
    with pytest.raises(RecurrenceError):
        repeat_in_words("каждый вторник")


# Whatever people write

VOCABULARY = sorted({word for text in (*MOMENTS, *REFUSALS, *REPEATS, *REPEAT_REFUSALS) for word in text.split()[:12]})


@given(st.lists(st.sampled_from(VOCABULARY), max_size=8).map(" ".join) | st.text(max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_words_are_a_moment_ahead_that_reads_back_or_a_refusal(text: str) -> None:
    try:
        found = parse_moment(text, NOW, MOSCOW)
    except MomentError:
        return
    assert found > NOW
    assert parse_moment(in_words(found, NOW), NOW, MOSCOW) == found.replace(second=0)


@given(st.lists(st.sampled_from(VOCABULARY), max_size=8).map(" ".join) | st.text(max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_words_are_a_repeat_that_reads_back_or_a_refusal(text: str) -> None:
    try:
        found = parse_repeat(text, NOW, MOSCOW)
    except MomentError:
        return
    again = parse_repeat(repeat_in_words(found.cron, found.until, NOW), NOW, MOSCOW)
    assert (again.until, _days_and_times(again)) == (found.until, _days_and_times(found))


@given(st.integers(1, 5 * 365 * 24 * 60))
def test_every_minute_reads_back(minutes: int) -> None:
    at = NOW + timedelta(minutes=minutes)
    assert parse_moment(in_words(at, NOW), NOW, MOSCOW) == at


@pytest.mark.parametrize(
    "text",
    [
        "в " * 100,
        "10 " * 66,
        "в 10 " * 40,
        "1.1 " * 50,
        "каждый день 10 10 " * 11,
        "последний день каждого месяца " * 6,
    ],
)
def test_an_odd_text_takes_no_odd_time(text: str) -> None:
    begun = time.process_time()
    for parse in (parse_moment, parse_repeat):
        with pytest.raises(MomentError):
            parse(f"{text[:190]} ж", NOW, MOSCOW)
    assert time.process_time() - begun < 2
