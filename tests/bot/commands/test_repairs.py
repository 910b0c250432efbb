"""`rupor retry`, `settle` and `cancel`: a person's word about deliveries."""

import pytest

from delivery.desk import Desk
from delivery.model import DeliveryState
from delivery.store import holds
from tests.bot.commands.conftest import Rupor
from tests.bot.commands.situations import a_draft, all_sent, one_failed, one_in_doubt, planned, queued, wall_closed
from tests.delivery.builders import states


def states_of(rupor: Rupor, number: int) -> list[DeliveryState]:
    return rupor.with_desk(lambda desk: states(desk, number))


# retry


def test_retry_queues_what_failed_and_says_who_will_send_it(rupor: Rupor) -> None:
    number = one_failed(rupor)
    code, out, _ = rupor("retry", str(number))
    assert code == 0
    assert "1\u00a0доставка" in out
    assert "rupor worker" in out
    assert states_of(rupor, number).count(DeliveryState.QUEUED) == 1
    assert rupor.json("retry", str(number)) == {"announcement": number, "queued": [], "asked_now": []}


def test_retry_names_the_deliveries(rupor: Rupor) -> None:
    number = one_failed(rupor)
    failed = rupor.json("status", str(number), "--deliveries", "--state", "failed")["deliveries"][0]["id"]
    assert rupor.json("retry", str(number), "--delivery", str(failed))["queued"] == [failed]


def test_a_doubt_is_repeated_only_when_that_was_said(rupor: Rupor) -> None:
    number = one_in_doubt(rupor)
    assert rupor.json("retry", str(number))["queued"] == []
    code, _, err = rupor("retry", str(number), "--delivery", "1")
    assert (code, "--state unconfirmed" in err) == (2, True)
    assert states_of(rupor, number) == [DeliveryState.UNCONFIRMED]
    assert rupor.json("retry", str(number), "--state", "unconfirmed")["queued"] == [1]


def test_what_is_sent_is_not_sent_again(rupor: Rupor) -> None:
    number = all_sent(rupor)
    code, _, err = rupor("retry", str(number), "--delivery", "1")
    assert (code, "отправлено" in err) == (2, True)
    assert "Повторять нечего" in rupor("retry", str(number))[1]


def test_retry_lets_a_mended_channel_be_asked_at_once(rupor: Rupor) -> None:
    number = wall_closed(rupor)
    assert rupor.json("retry", str(number))["asked_now"] == ["wall"]

    async def look(desk: Desk) -> float:
        async with desk.database.reading() as tx:
            [hold] = await holds.holds(tx)
        return (hold.retry_at - hold.since).total_seconds()

    # The test's clock stands in the past, so that now is later than the pause of a minute.
    assert rupor.with_desk(look) != 60


@pytest.mark.parametrize("args", [["retry", "7"], ["retry", "7", "--delivery", "1"], ["cancel", "7"]])
def test_what_is_unknown_ends_with_4(rupor: Rupor, args: list[str]) -> None:
    assert rupor(*args)[:2] == (4, "")
    assert rupor.json(*args, code=4)["error"]["exit"] == 4


def test_a_delivery_of_another_announcement_is_not_found(rupor: Rupor) -> None:
    first, second = all_sent(rupor), all_sent(rupor)
    assert rupor("retry", str(first), "--delivery", "2")[0] == 4
    assert rupor("retry", str(second), "--delivery", "2")[0] == 2


# settle


@pytest.mark.parametrize(("word", "state"), [("sent", DeliveryState.SENT), ("not-sent", DeliveryState.FAILED)])
def test_a_word_settles_a_doubt_once(rupor: Rupor, word: str, state: DeliveryState) -> None:
    number = one_in_doubt(rupor)
    assert rupor.json("settle", "1", word) == {"delivery": 1, "state": state.value}
    assert states_of(rupor, number) == [state]
    code, out, _ = rupor("settle", "1", word)
    assert (code, "Так уже и записано" in out) == (0, True)


def test_a_word_against_what_is_known_is_refused(rupor: Rupor) -> None:
    number = all_sent(rupor)
    code, _, err = rupor("settle", "1", "not-sent")
    assert (code, "решать нечего" in err) == (2, True)
    assert states_of(rupor, number) == [DeliveryState.SENT]


def test_not_sent_says_how_to_send_again(rupor: Rupor) -> None:
    number = one_in_doubt(rupor)
    assert f"rupor retry {number} --delivery 1" in rupor("settle", "1", "not-sent")[1]
    assert rupor.json("retry", str(number), "--delivery", "1")["queued"] == [1]


def test_settling_what_is_not_there_ends_with_4(rupor: Rupor) -> None:
    assert rupor("settle", "99", "sent")[0] == 4
    assert rupor("settle", "1", "maybe")[0] == 2


# cancel


def test_cancel_stops_what_waits(rupor: Rupor) -> None:
    number = queued(rupor)
    assert rupor.json("cancel", str(number)) == {
        "announcement": number,
        "deliveries": 1,
        "schedules": 0,
        "gone": 0,
    }
    assert rupor.json("status", str(number))["state"] == "cancelled"


def test_cancel_takes_a_plan_away(rupor: Rupor) -> None:
    number = planned(rupor)
    code, out, _ = rupor("cancel", str(number))
    assert (code, "1\u00a0расписание" in out) == (0, True)
    assert rupor.json("schedules") == {"schedules": []}
    assert rupor.json("status", str(number))["state"] == "cancelled"


def test_cancel_says_what_is_gone_already(rupor: Rupor) -> None:
    number = all_sent(rupor)
    code, out, _ = rupor("cancel", str(number))
    assert (code, "всё уже ушло" in out) == (0, True)
    assert rupor.json("status", str(number))["state"] == "settled"


def test_cancel_drops_a_draft(rupor: Rupor) -> None:
    number = a_draft(rupor)
    assert "Ничего не отправлено" in rupor("cancel", str(number))[1]
    assert rupor.json("status", str(number))["state"] == "cancelled"
