"""`rupor schedules`: what is still to come."""

import pytest

from tests.bot.commands.conftest import Rupor
from tests.bot.commands.situations import planned


def test_a_planned_moment_and_a_repeat_are_listed(rupor: Rupor) -> None:
    once, again = planned(rupor), planned(rupor, cron="0 9 * * mon")
    assert rupor.json("schedules")["schedules"] == [
        {
            "schedule": 1,
            "announcement": once,
            "title": "Собрание",
            "state": "active",
            "cron": None,
            "timezone": "Europe/Moscow",
            "next_at": "2026-11-24T10:00:00Z",
            "until": None,
        },
        {
            "schedule": 2,
            "announcement": again,
            "title": "Собрание",
            "state": "active",
            "cron": "0 9 * * mon",
            "timezone": "Europe/Moscow",
            "next_at": "2026-11-30T06:00:00Z",
            "until": None,
        },
    ]
    _, out, _ = rupor("schedules")
    assert "24.11.2026 13:00" in out
    assert "каждый понедельник в 9:00" in out


def test_nothing_planned_says_how(rupor: Rupor) -> None:
    assert "rupor announce" in rupor("schedules")[1]


def test_a_repeat_is_paused_resumed_and_removed(rupor: Rupor) -> None:
    planned(rupor, cron="0 9 * * mon")
    assert rupor.json("schedules", "pause", "1")["state"] == "paused"
    assert "на паузе" in rupor("schedules")[1]
    assert "и так" in rupor("schedules", "pause", "1")[1]
    assert rupor.json("schedules", "resume", "1")["state"] == "active"
    assert rupor.json("schedules", "remove", "1")["state"] == "removed"
    assert rupor.json("schedules") == {"schedules": []}
    code, _, err = rupor("schedules", "resume", "1")
    assert (code, "удалено" in err) == (2, True)


@pytest.mark.parametrize("step", ["pause", "resume", "remove"])
def test_an_unknown_schedule_ends_with_4(rupor: Rupor, step: str) -> None:
    assert rupor("schedules", step, "5")[0] == 4
