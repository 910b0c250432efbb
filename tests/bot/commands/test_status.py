"""`rupor status`: the outer contract's document, and the same for people."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from delivery.desk import Desk
from delivery.store import filling
from tests.bot.commands.conftest import CHANNELS, Rupor
from tests.bot.commands.situations import one_failed, one_in_doubt, planned, wall_closed
from tests.delivery.builders import a_broadcast, a_list, a_worker


def test_the_document_is_that_of_the_contract(rupor: Rupor) -> None:
    number = one_failed(rupor)
    found = rupor.json("status", str(number), "--deliveries")
    deliveries = found.pop("deliveries")
    assert found == {
        "announcement": number,
        "title": "Заседание президиума",
        "revision": 1,
        "state": "settled",
        "broadcasts": [
            {
                "id": 1,
                "state": "settled",
                "released_at": "2026-11-24T09:00:00Z",
                "counts": {
                    "queued": 0,
                    "sending": 0,
                    "sent": 2,
                    "failed": 1,
                    "unconfirmed": 0,
                    "cancelled": 0,
                    "returned": 0,
                },
                "channels": {
                    "wall": {"counts": {"sent": 1}, "links": ["https://example.org/1"]},
                    "mail": {"counts": {"sent": 1, "failed": 1}, "links": ["https://example.org/1"]},
                },
            }
        ],
    }
    failed = next(one for one in deliveries if one["state"] == "failed")
    assert failed == {
        "id": failed["id"],
        "broadcast": 1,
        "channel": "mail",
        "recipient": failed["recipient"],
        "state": "failed",
        "attempts": 1,
        "receipt": None,
        "link": None,
        "reason": "no_such_mailbox",
        "detail": "550 5.1.1 \x1b[31mno such user",
        "updated_at": "2026-11-24T09:00:00Z",
    }
    sent = next(one for one in deliveries if one["state"] == "sent")
    assert (sent["receipt"], sent["link"], sent["reason"]) == ("1", "https://example.org/1", None)


def test_the_names_stand_in_the_order_of_the_contract(rupor: Rupor) -> None:
    number = one_failed(rupor)
    _, out, _ = rupor("status", str(number), "--json", "--deliveries")
    names = re.findall(r'"(\w+)":', out)
    assert " ".join(names[:14]) == (
        "announcement title revision state broadcasts id state released_at counts "
        "queued sending sent failed unconfirmed"
    )


def test_deliveries_come_only_when_asked_for(rupor: Rupor) -> None:
    number = one_failed(rupor)
    assert "deliveries" not in rupor.json("status", str(number))


def test_the_latest_come_newest_first(rupor: Rupor) -> None:
    async def work(desk: Desk) -> list[int]:
        return [await a_broadcast(desk, f"Новость {n}") for n in range(22)]

    numbers = rupor.with_desk(work)
    found = rupor.json("status")["announcements"]
    assert [one["announcement"] for one in found] == numbers[:-21:-1]
    assert [one["announcement"] for one in rupor.json("status", "--limit", "2")["announcements"]] == numbers[:-3:-1]
    _, out, _ = rupor("status", "--limit", "2")
    assert "Новость 21" in out
    assert "0 из 1" in out


def test_without_announcements_says_how_to_begin(rupor: Rupor) -> None:
    assert rupor.json("status") == {"announcements": []}
    code, out, _ = rupor("status")
    assert (code, "rupor announce" in out) == (0, True)


def test_deliveries_can_be_narrowed(rupor: Rupor) -> None:
    number = str(one_failed(rupor))
    assert len(rupor.json("status", number, "--deliveries")["deliveries"]) == 3
    narrowed = rupor.json("status", number, "--deliveries", "--state", "failed")["deliveries"]
    assert [one["state"] for one in narrowed] == ["failed"]
    assert len(rupor.json("status", number, "--deliveries", "--limit", "2")["deliveries"]) == 2
    assert rupor.json("status", number, "--deliveries", "--state", "queued")["deliveries"] == []


def test_many_deliveries_come_in_pages_and_whole(rupor: Rupor) -> None:
    addresses = [f"p{n:04}@example.org" for n in range(1203)]

    async def work(desk: Desk) -> int:
        await a_list(desk, "all", *addresses)
        return await a_broadcast(desk, targets=["mail:all"])

    number = str(rupor.with_desk(work))
    found = rupor.json("status", number, "--deliveries")["deliveries"]
    assert [one["recipient"] for one in found] == addresses
    assert len(rupor.json("status", number, "--deliveries", "--limit", "777")["deliveries"]) == 777
    _, out, _ = rupor("status", number, "--deliveries")
    assert all(address in out for address in addresses)


def test_people_read_counts_reasons_and_what_to_do(rupor: Rupor) -> None:
    number = one_failed(rupor)
    code, out, err = rupor("status", str(number))
    assert (code, err) == (0, "")
    assert f"Объявление {number}: отправлено" in out
    assert "Рассылка 1, 24.11.2026 12:00: завершена" in out
    assert re.search(r"mail +2 +1 +1 ", out)
    assert "такого почтового ящика нет (550 5.1.1" in out
    assert f"rupor retry {number}" in out
    assert "\x1b" not in out


def test_a_doubt_is_put_to_people(rupor: Rupor) -> None:
    number = one_in_doubt(rupor)
    _, out, _ = rupor("status", str(number))
    assert "Неизвестно, дошло ли:" in out
    assert "rupor settle" in out


def test_deliveries_for_people_name_everyone(rupor: Rupor) -> None:
    number = str(one_failed(rupor))
    _, out, _ = rupor("status", number, "--deliveries")
    assert all(word in out for word in ("a@example.org", "b@example.org", "@wall", "не дошло", "отправлено"))
    _, out, _ = rupor("status", number, "--deliveries", "--state", "queued")
    assert "Таких доставок нет." in out


def test_a_planned_announcement_says_when(rupor: Rupor) -> None:
    number = str(planned(rupor))
    assert rupor.json("status", number)["state"] == "scheduled"
    assert "следующая отправка 24.11.2026 13:00" in rupor("status", number)[1]


def test_a_closed_channel_is_named_with_the_remedy(rupor: Rupor) -> None:
    number = str(wall_closed(rupor))
    _, out, _ = rupor("status", number)
    assert "Канал wall недоступен: ключ доступа больше не действует" in out


@pytest.mark.parametrize("args", [["status", "77"], ["status", "77", "--deliveries"]])
def test_an_unknown_announcement_ends_with_4(rupor: Rupor, args: list[str]) -> None:
    code, out, err = rupor(*args)
    assert (code, out) == (4, "")
    assert "Объявления 77 нет" in err
    assert rupor.json(*args, code=4)["error"]["exit"] == 4


@pytest.mark.parametrize("args", [["--deliveries"], ["1", "--state", "failed"], ["0"], ["x"], ["--limit", "0"]])
def test_what_makes_no_sense_is_refused(rupor: Rupor, args: list[str]) -> None:
    assert rupor("status", *args)[0] == 2


def test_an_empty_database_is_told_from_an_empty_list(fresh: Rupor) -> None:
    code, _, err = fresh("status")
    assert code == 2
    assert "rupor db upgrade" in err


# When it ends


def slow_letters(rupor: Rupor) -> str:
    """Five letters in the queue, of which the relay takes two a minute."""
    rupor.configure(CHANNELS + "per_minute = 2\n")
    rupor.a_list("all", *(f"a{n}@example.org" for n in range(5)))
    return str(rupor.json("announce", "--text", "Собрание", "--to", "wall,mail:all")["announcement"])


def test_where_limits_bind_the_end_is_told(rupor: Rupor) -> None:
    number = slow_letters(rupor)
    before = datetime.now(UTC)
    channels = rupor.json("status", number)["broadcasts"][0]["channels"]
    assert set(channels["wall"]) == {"counts"}
    end = datetime.fromisoformat(channels["mail"]["expected_end"])
    assert timedelta(seconds=115) < end - before < timedelta(minutes=3)
    latest = rupor.json("status")["announcements"][0]["broadcasts"][0]["channels"]
    assert "expected_end" in latest["mail"]
    assert re.search(
        r"^mail: При лимите 2.письма в минуту — .*до.\d\d:\d\d\.$", rupor("status", number)[1], re.MULTILINE
    )


def test_what_is_paused_has_no_end_to_be_told(rupor: Rupor) -> None:
    number = slow_letters(rupor)
    rupor("pause", number)
    assert "expected_end" not in rupor.json("status", number)["broadcasts"][0]["channels"]["mail"]
    rupor("resume", number)
    assert "expected_end" in rupor.json("status", number)["broadcasts"][0]["channels"]["mail"]


def test_a_channel_that_cannot_be_opened_does_not_spoil_the_report(rupor: Rupor, tmp_path: Path) -> None:
    number = slow_letters(rupor)
    rupor.configure(
        '[channels.mail]\nkind = "email"\nhost = "127.0.0.1"\nsender = "p@example.org"\nper_hour = 2\n'
        f'ca_file = "{tmp_path / "none.pem"}"\n'
    )
    assert rupor.json("status", number)["state"] == "running"


def test_a_dry_run_says_when_the_last_would_leave(rupor: Rupor) -> None:
    slow_letters(rupor)
    args = ("announce", "--dry-run", "--text", "Ещё одно", "--to", "wall,mail:all")
    channels = rupor.json(*args)["channels"]
    assert "expected_end" not in channels["wall"]
    # five are before it: the tenth leaves in the fifth minute
    end = datetime.fromisoformat(channels["mail"]["expected_end"])
    assert timedelta(seconds=235) < end - datetime.now(UTC) < timedelta(seconds=245)
    assert re.search("последнее уйдёт (завтра )?около", rupor(*args)[1])
    urgent = datetime.fromisoformat(rupor.json(*args, "--urgent")["channels"]["mail"]["expected_end"])
    assert end - urgent > timedelta(seconds=100)
    assert "expected_end" not in rupor.json(*args, "--at", "завтра в 9:00")["channels"]["mail"]


def cancelled_while_it_was_taken(rupor: Rupor, monkeypatch: pytest.MonkeyPatch) -> str:
    """A list of which three in seven had become deliveries, its members by threes."""
    monkeypatch.setattr(filling, "AT_ONCE", 3)
    monkeypatch.setattr(filling.take_slice, "__kwdefaults__", {"most": 3})

    async def work(desk: Desk) -> int:
        await a_list(desk, "all", *(f"a{n}@example.org" for n in range(7)))
        number = await a_broadcast(desk, targets=["mail:all"])
        await a_worker(desk).fill()
        return number

    return str(rupor.with_desk(work))


@pytest.mark.one_database
def test_a_large_release_that_is_cancelled_says_whom_it_was_meant_for(
    rupor: Rupor, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = cancelled_while_it_was_taken(rupor, monkeypatch)
    (running,) = rupor.json("status", number)["broadcasts"]
    assert (running["counts"]["queued"], running["unwritten"]) == (7, 4)
    assert "очередь не дошла" not in rupor("status", number)[1]
    assert rupor.json("cancel", number) == {"announcement": 1, "deliveries": 7, "schedules": 0, "gone": 0}
    found = rupor.json("status", number, "--deliveries")
    (its,) = found["broadcasts"]
    assert (sum(its["counts"].values()), its["counts"]["cancelled"], its["unwritten"]) == (7, 7, 4)
    assert its["channels"] == {"mail": {"counts": {"cancelled": 7}, "unwritten": 4}}
    assert [one["state"] for one in found["deliveries"]] == ["cancelled"] * 3
    assert re.search(r"^mail: до 4 из 7 очередь не дошла\.", rupor("status", number)[1], re.MULTILINE)
