"""What an attempt's end means, as one table: state of doubt, error and age in, what becomes of the delivery out."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from channels.contract import (
    LETTER_PAUSES,
    POST_PAUSES,
    ChannelClosed,
    ChannelError,
    Deferred,
    Pace,
    Reason,
    Receipt,
    Recipient,
    Rejected,
    Unconfirmed,
)
from delivery import verdict
from delivery.model import Delivery, DeliveryState, Outcome, Result
from delivery.retry import Policy
from delivery.verdict import Terms
from tests.delivery.builders import Scripted
from tests.support.clock import START

QUEUED, SENT, FAILED, UNCONFIRMED = (
    DeliveryState.QUEUED,
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.UNCONFIRMED,
)
MINUTE = timedelta(minutes=1)
STALE = timedelta(hours=24)
ASKS = Terms(Policy(LETTER_PAUSES, STALE), timedelta(0), patient=False)
REPEATS = Terms(Policy(LETTER_PAUSES, STALE), 55 * MINUTE, patient=False)
PATIENT = replace(ASKS, patient=True)
NOW = START


def delivery(*, doubtful: bool = False, key_age: timedelta | None = None, age: timedelta = MINUTE) -> Delivery:
    return Delivery(
        id=1,
        broadcast_id=1,
        announcement_id=1,
        revision=1,
        channel="c",
        part=1,
        recipient=Recipient("a@x.ru"),
        state=DeliveryState.SENDING,
        key="k",
        attempts=0 if key_age is None else 1,
        due_at=NOW,
        key_since=None if key_age is None else NOW - key_age,
        doubtful=doubtful,
        queued_at=NOW - age,
        updated_at=NOW,
    )


FRESH = delivery()
OLD = delivery(age=STALE)
TRIED = delivery(key_age=10 * MINUTE)
DOUBT = delivery(doubtful=True, key_age=10 * MINUTE)
OLD_DOUBT = delivery(doubtful=True, key_age=10 * MINUTE, age=STALE)
LATE_DOUBT = delivery(doubtful=True, key_age=55 * MINUTE)

WAIT = Deferred("451", Reason.REFUSED)
WAIT_37 = Deferred("429", Reason.LIMIT_REACHED, retry_after=timedelta(seconds=37), counts=False)
AWAY = Deferred("refused", Reason.NOT_CONNECTED)
NEVER = Rejected("550", Reason.NO_SUCH_MAILBOX)
SHUT = ChannelClosed("401", Reason.TOKEN_REVOKED)
UNHEARD = Unconfirmed("cut off")


def ended(
    outcome: Outcome,
    state: DeliveryState,
    error: ChannelError,
    *,
    due: timedelta | None = None,
    reason: Reason | None = None,
    counts: bool = True,
) -> Result:
    due_at: datetime | None = None if due is None else NOW + due
    return Result(FRESH, 7, outcome, state, error.detail, reason or error.reason, due_at=due_at, counts=counts)


D, R, U, C = Outcome.DEFERRED, Outcome.REJECTED, Outcome.UNCONFIRMED, Outcome.CLOSED
TABLE = [
    # delivery, error, terms -> what becomes of it
    (FRESH, WAIT, ASKS, ended(D, QUEUED, WAIT, due=LETTER_PAUSES[0])),
    (TRIED, WAIT, ASKS, ended(D, QUEUED, WAIT, due=LETTER_PAUSES[1])),
    (FRESH, WAIT_37, ASKS, ended(D, QUEUED, WAIT_37, due=timedelta(seconds=37), counts=False)),
    (FRESH, AWAY, ASKS, ended(D, QUEUED, AWAY, due=POST_PAUSES[0])),
    (OLD, WAIT, ASKS, ended(R, FAILED, WAIT, reason=Reason.TOO_LATE)),
    (DOUBT, WAIT, REPEATS, ended(D, QUEUED, WAIT, due=LETTER_PAUSES[1])),
    (OLD_DOUBT, WAIT, REPEATS, ended(D, UNCONFIRMED, WAIT)),
    (FRESH, NEVER, ASKS, ended(R, FAILED, NEVER)),
    (TRIED, NEVER, REPEATS, ended(R, FAILED, NEVER)),
    (OLD, NEVER, ASKS, ended(R, FAILED, NEVER)),
    (DOUBT, NEVER, REPEATS, ended(R, UNCONFIRMED, NEVER)),
    (FRESH, SHUT, ASKS, ended(C, QUEUED, SHUT, due=timedelta(0), counts=False)),
    (OLD, SHUT, ASKS, ended(C, QUEUED, SHUT, due=timedelta(0), counts=False)),
    (DOUBT, SHUT, REPEATS, ended(C, QUEUED, SHUT, due=timedelta(0), counts=False)),
    (FRESH, UNHEARD, ASKS, ended(U, UNCONFIRMED, UNHEARD)),
    (FRESH, UNHEARD, REPEATS, ended(U, QUEUED, UNHEARD, due=timedelta(seconds=5))),
    (TRIED, UNHEARD, REPEATS, ended(U, QUEUED, UNHEARD, due=timedelta(seconds=30))),
    (DOUBT, UNHEARD, REPEATS, ended(U, QUEUED, UNHEARD, due=timedelta(seconds=30))),
    (OLD_DOUBT, UNHEARD, REPEATS, ended(U, QUEUED, UNHEARD, due=timedelta(seconds=30))),
    (LATE_DOUBT, UNHEARD, REPEATS, ended(U, UNCONFIRMED, UNHEARD)),
    (DOUBT, UNHEARD, ASKS, ended(U, UNCONFIRMED, UNHEARD)),
]


@pytest.mark.parametrize(("one", "error", "terms", "expected"), TABLE)
def test_what_an_error_means(one: Delivery, error: ChannelError, terms: Terms, expected: Result) -> None:
    assert verdict.judge(one, 7, error, terms, NOW) == replace(expected, delivery=one)


FORGOTTEN = Unconfirmed("the key may be forgotten by now")
MISSED = Rejected("the channel was out of reach for too long", Reason.TOO_LATE)
BEFORE = [
    (FRESH, ASKS, None),
    (OLD, ASKS, None),
    (delivery(age=STALE + MINUTE), ASKS, ended(R, FAILED, MISSED)),
    (delivery(age=STALE + MINUTE), PATIENT, None),
    (DOUBT, REPEATS, None),
    (delivery(doubtful=True, key_age=54 * MINUTE, age=STALE + MINUTE), REPEATS, None),
    (LATE_DOUBT, REPEATS, ended(U, UNCONFIRMED, FORGOTTEN)),
    (DOUBT, ASKS, ended(U, UNCONFIRMED, FORGOTTEN)),
]


@pytest.mark.parametrize(("one", "terms", "expected"), BEFORE)
def test_what_must_not_go_out_any_more(one: Delivery, terms: Terms, expected: Result | None) -> None:
    found = verdict.before_sending(one, 7, terms, NOW)
    assert found == (None if expected is None else replace(expected, delivery=one))


def test_a_doubtful_delivery_without_a_key_in_use_is_asked_about() -> None:
    found = verdict.before_sending(replace(DOUBT, key_since=None), 7, REPEATS, NOW)
    # Nobody knows when the key was first shown, so it counts as shown now and may be repeated as such.
    assert found is not None
    assert found.outcome is Outcome.UNCONFIRMED


def test_a_receipt_is_the_end() -> None:
    receipt = Receipt(("1",), "https://x.ru/1", "250 ok")
    assert verdict.sent(DOUBT, 7, receipt) == Result(DOUBT, 7, Outcome.SENT, SENT, "250 ok", receipt=receipt)


def test_a_channel_gone_from_the_settings_leaves_the_doubt_to_a_person() -> None:
    assert verdict.in_doubt(DOUBT, 7, UNHEARD, None, NOW).state is UNCONFIRMED


def test_a_rescue_counts_the_try_that_was_under_way() -> None:
    found = verdict.in_doubt(TRIED, 7, UNHEARD, REPEATS, NOW, tries=TRIED.attempts)
    assert found.due_at == NOW + timedelta(seconds=5)


@pytest.mark.parametrize(("pace", "patient"), [(Pace(), False), (Pace(per_minute=1), False), (Pace(per_hour=1), True)])
def test_what_a_long_limit_keeps_waiting_is_not_late(pace: Pace, patient: bool) -> None:
    way = Scripted(None)
    way.pace = pace
    way.repeatable_for = 5 * MINUTE
    assert verdict.terms_of(way) == Terms(Policy(LETTER_PAUSES, way.stale_after), 5 * MINUTE, patient)
