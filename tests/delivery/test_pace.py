from datetime import UTC, datetime, timedelta

from channels.contract import Pace
from delivery.pace import Turnstile

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def test_without_limits_it_is_always_open() -> None:
    turnstile = Turnstile(Pace())
    turnstile.passed(NOW)
    assert turnstile.room(NOW, 500) == 500
    assert turnstile.opens_at(NOW) == NOW


def test_a_gap_parts_two_sends() -> None:
    turnstile = Turnstile(Pace(gap=timedelta(seconds=1.1)))
    turnstile.passed(NOW)
    assert turnstile.opens_at(NOW) == NOW + timedelta(seconds=1.1)


def test_the_tightest_limit_counts() -> None:
    turnstile = Turnstile(Pace(per_minute=5, per_hour=6, per_day=100))
    for second in range(5):
        turnstile.passed(NOW + timedelta(seconds=second))
    now = NOW + timedelta(seconds=5)
    assert turnstile.room(now, 10) == 0
    assert turnstile.opens_at(now) == NOW + timedelta(minutes=1)
    later = NOW + timedelta(minutes=2)
    assert turnstile.room(later, 10) == 1
    turnstile.passed(later)
    assert turnstile.opens_at(later) == NOW + timedelta(hours=1)


def test_the_window_slides_and_opens_one_by_one() -> None:
    turnstile = Turnstile(Pace(per_minute=2))
    turnstile.passed(NOW)
    turnstile.passed(NOW + timedelta(seconds=30))
    assert turnstile.room(NOW + timedelta(seconds=59), 5) == 0
    assert turnstile.room(NOW + timedelta(seconds=60), 5) == 1
    assert turnstile.room(NOW + timedelta(seconds=90), 5) == 2


def test_what_a_dead_process_sent_counts_too() -> None:
    past = [NOW - timedelta(hours=hours) for hours in (30, 20, 10)]
    turnstile = Turnstile(Pace(per_day=3), past)
    assert turnstile.room(NOW, 10) == 1
