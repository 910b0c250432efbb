"""`rupor retry`, `settle`, `look`, `pause`, `resume` and `cancel`: a person's word about deliveries."""

import pytest

from bot.commands.opened import who
from delivery.desk import Desk
from delivery.model import DeliveryState
from delivery.store import holds
from tests.bot.commands.conftest import Rupor
from tests.bot.commands.situations import (
    a_draft,
    all_sent,
    letters_in_doubt,
    one_failed,
    one_in_doubt,
    planned,
    queued,
    wall_closed,
)
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


@pytest.mark.parametrize(
    "args",
    [
        ["retry", "7"],
        ["retry", "7", "--delivery", "1"],
        ["settle", "--all", "7", "sent"],
        ["look", "7"],
        ["pause", "7"],
        ["resume", "7"],
        ["cancel", "7"],
    ],
)
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
    assert (code, f"Так уже и записано ({who()}, " in out) == (0, True)


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


@pytest.mark.parametrize(("word", "state"), [("sent", "sent"), ("not-sent", "failed")])
def test_a_word_about_all_settles_every_doubt(rupor: Rupor, word: str, state: str) -> None:
    number = letters_in_doubt(rupor)
    answer = rupor.json("settle", "--all", str(number), word)
    assert answer == {"announcement": number, "channel": None, "state": state, "settled": 3}
    assert states_of(rupor, number) == [DeliveryState.SENT] + [DeliveryState(state)] * 3
    code, out, _ = rupor("settle", "--all", str(number), word)
    assert (code, "неподтверждённых доставок нет" in out) == (0, True)


def test_a_word_about_one_channel_leaves_the_others(rupor: Rupor) -> None:
    number = letters_in_doubt(rupor)
    assert rupor.json("settle", str(number), "sent", "--all", "--channel", "wall")["settled"] == 0
    code, out, _ = rupor("settle", "--all", str(number), "not-sent", "--channel", "mail")
    assert (code, f"rupor retry {number}" in out) == (0, True)
    code, _, err = rupor("settle", "--all", str(number), "sent", "--channel", "fax")
    assert (code, "Есть: wall, mail" in err) == (2, True)


def test_a_channel_is_chosen_only_for_all(rupor: Rupor) -> None:
    one_in_doubt(rupor)
    code, _, err = rupor("settle", "1", "sent", "--channel", "wall")
    assert (code, "добавьте --all" in err) == (2, True)


# look


def test_what_is_known_is_not_looked_at(rupor: Rupor) -> None:
    all_sent(rupor)
    assert rupor.json("look", "1")["seen"] == "settled"


def test_a_channel_that_is_gone_from_the_settings_cannot_be_looked_at(rupor: Rupor) -> None:
    one_in_doubt(rupor)
    rupor.configure('[channels.news]\nkind = "rehearsal"\n')
    code, _, err = rupor("look", "1")
    assert (code, "«wall» в настройках больше нет" in err) == (2, True)


# pause, resume


def test_what_is_paused_waits_until_it_goes_on(rupor: Rupor) -> None:
    number = queued(rupor)
    stand = {"announcement": number, "changed": True, "paused": True, "waiting": 1, "gone": 0}
    assert rupor.json("pause", str(number)) == stand
    found = rupor.json("status", str(number))
    assert (found["state"], found["broadcasts"][0]["state"]) == ("running", "paused")
    assert rupor.json("pause", str(number)) == stand | {"changed": False}
    assert rupor.json("resume", str(number)) == stand | {"paused": False}
    assert rupor.json("status", str(number))["broadcasts"][0]["state"] == "running"


def test_people_read_how_to_go_on(rupor: Rupor) -> None:
    number = str(queued(rupor))
    assert f"Продолжить: rupor resume {number}" in rupor("pause", number)[1]
    assert "и так приостановлено" in rupor("pause", number)[1]
    assert f"rupor resume {number}" in rupor("status", number)[1]
    assert "приостановлена" in rupor("status", number)[1]
    assert "rupor worker" in rupor("resume", number)[1]
    assert "продолжать нечего" in rupor("resume", number)[1]


def test_what_is_out_cannot_be_paused(rupor: Rupor) -> None:
    number = all_sent(rupor)
    code, out, _ = rupor("pause", str(number))
    assert (code, "приостанавливать нечего" in out) == (0, True)
    assert rupor.json("pause", str(number)) == {
        "announcement": number,
        "changed": False,
        "paused": False,
        "waiting": 0,
        "gone": 1,
    }


def test_what_is_paused_can_be_cancelled(rupor: Rupor) -> None:
    number = queued(rupor)
    rupor("pause", str(number))
    assert rupor.json("cancel", str(number))["deliveries"] == 1
    assert rupor.json("status", str(number))["state"] == "cancelled"


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
