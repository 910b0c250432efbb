from datetime import UTC, datetime, timedelta

import pytest

from channels.contract import LETTER_PAUSES, POST_PAUSES, Deferred, Reason
from delivery.retry import GiveUp, Policy, RetryAt, decide, hold_pause, repeat_at

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
WAIT = Reason.REFUSED


def after(error: Deferred, attempts: int = 1, jitter: float = 0.0, patience: timedelta = timedelta(days=1)) -> object:
    decision = decide(error, attempts, timedelta(0), Policy(LETTER_PAUSES, patience), now=NOW, jitter=jitter)
    return decision.moment - NOW if isinstance(decision, RetryAt) else decision


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(0, 5), (1, 5), (2, 15), (3, 30), (4, 60), (5, 120), (6, 120), (50, 120)]
)
def test_waits_longer_each_time(attempts: int, minutes: int) -> None:
    assert after(Deferred("451 4.7.1 greylisted", WAIT), attempts) == timedelta(minutes=minutes)


def test_without_a_connection_it_tries_again_soon() -> None:
    assert after(Deferred("refused", Reason.NOT_CONNECTED)) == POST_PAUSES[0]


def test_jitter_only_ever_adds() -> None:
    assert after(Deferred("451", WAIT), jitter=1.0) == timedelta(minutes=6)


def test_what_the_other_side_asked_for_is_kept_to_the_second() -> None:
    error = Deferred("429", Reason.LIMIT_REACHED, retry_after=timedelta(seconds=37))
    assert after(error, attempts=9, jitter=1.0) == timedelta(seconds=37)


def test_gives_up_rather_than_come_too_late() -> None:
    assert after(Deferred("451", WAIT), patience=timedelta(minutes=4)) == GiveUp()
    assert after(Deferred("451", WAIT), patience=timedelta(minutes=5)) == timedelta(minutes=5)


def test_a_doubt_is_repeated_only_inside_the_window() -> None:
    window = timedelta(minutes=55)

    def again(since: datetime | None, at: timedelta, length: timedelta = window) -> datetime | None:
        return repeat_at(1, since, length, now=NOW + at)

    assert again(NOW, timedelta(0)) == NOW + timedelta(seconds=5)
    assert again(NOW, timedelta(minutes=54, seconds=54)) is not None
    assert again(NOW, timedelta(minutes=54, seconds=55)) is None
    assert again(None, timedelta(0)) is None
    assert again(NOW, timedelta(0), timedelta(0)) is None


@pytest.mark.parametrize(
    ("age", "minutes"),
    [(timedelta(0), 5), (timedelta(hours=23, minutes=55), 5), (timedelta(hours=23, minutes=56), None)],
)
def test_age_counts_from_the_release(age: timedelta, minutes: int | None) -> None:
    decision = decide(Deferred("451", WAIT), 1, age, Policy(LETTER_PAUSES, timedelta(days=1)), now=NOW)
    assert decision == (GiveUp() if minutes is None else RetryAt(NOW + timedelta(minutes=minutes)))


def test_a_channel_that_refuses_everybody_is_asked_ever_more_rarely() -> None:
    pauses = [hold_pause(Reason.TOKEN_REVOKED, tries) for tries in range(1, 7)]
    assert pauses == [timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 60)]


def test_a_channel_that_nobody_answers_for_is_asked_again_soon() -> None:
    assert [hold_pause(Reason.NOT_CONNECTED, tries) for tries in (1, 2, 9)] == [
        POST_PAUSES[0],
        POST_PAUSES[1],
        POST_PAUSES[-1],
    ]
