"""`rupor edit` and `recall`: what can be done, and the truth about what cannot."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from channels.contract import Post
from delivery import broadcast
from delivery.desk import Desk
from tests.bot.commands.conftest import Rupor
from tests.bot.commands.situations import a_draft, all_sent, letters_sent, one_in_doubt, planned, queued
from tests.delivery.builders import Scripted, a_worker


def post_of(rupor: Rupor, number: int) -> Post:
    async def work(desk: Desk) -> Post:
        return (await broadcast.find(desk, number)).post

    return rupor.with_desk(work)


def test_what_is_planned_gets_a_new_text(rupor: Rupor) -> None:
    number = planned(rupor)
    answer = rupor.json("edit", str(number), "--text", "<b>Перенос</b>", "--format", "html")
    assert answer == {"announcement": number, "revision": 2, "channels": {}}
    assert post_of(rupor, number).text == "Перенос"
    assert rupor.json("status", str(number))["revision"] == 2
    assert "редакция 3" in rupor("edit", str(number), "--text", "Ещё раз")[1]


def carried_out(rupor: Rupor, wall: Scripted, mail: Scripted | None = None, *, in_time: bool = True) -> None:
    """Let a worker do what was begun: a little later than now, or at the desk's own time."""

    async def work(desk: Desk) -> None:
        soon = replace(desk, now=lambda: datetime.now(UTC) + timedelta(minutes=2)) if in_time else desk
        for channel in desk.channels:
            await a_worker(soon).step(channel)

    rupor.with_desk(work, wall, mail)


def test_what_is_out_is_corrected_where_it_stands(rupor: Rupor) -> None:
    wall = Scripted("@wall")
    number = all_sent(rupor, wall)
    code, out, _ = rupor("edit", str(number), "--text", "Другое")
    assert code == 0
    assert "wall: исправляем на месте" in out
    assert f"rupor status {number}" in out
    carried_out(rupor, wall)
    assert list(wall.standing.values()) == ["Другое"]
    answer = rupor.json("edit", str(number), "--text", "Другое")
    links = ["https://example.org/1", "https://example.org/1"]
    channel = {"done": True, "out": 1, "to_come": 0, "links": links}
    assert answer == {"announcement": number, "revision": 2, "broadcasts": [2], "channels": {"wall": channel}}


def test_letters_are_followed_on_request(rupor: Rupor) -> None:
    mail = Scripted(None)
    number = letters_sent(rupor, mail)
    code, out, _ = rupor("edit", str(number), "--text", "Другое")
    assert (code, "--letters" in out) == (3, True)
    answer = rupor.json("edit", str(number), "--text", "Другое", "--letters")
    assert (answer["revision"], answer["channels"]["mail"]["done"]) == (2, True)
    carried_out(rupor, Scripted("@wall"), mail)
    assert [one.part.text for one in mail.sent] == ["Заседание президиума"] * 2 + ["Другое"] * 2


def test_what_still_waits_goes_out_with_the_new_text(rupor: Rupor) -> None:
    wall = Scripted("@wall")
    number = queued(rupor)
    assert "выйдет с новым текстом" in rupor("edit", str(number), "--text", "Другое")[1]
    carried_out(rupor, wall, in_time=False)
    assert list(wall.standing.values()) == ["Другое"]


def test_a_correction_that_would_fail_is_refused(rupor: Rupor) -> None:
    number = planned(rupor)
    rupor.configure('[channels.wall]\nkind = "rehearsal"\naddress = "@wall"\ntext_limit = 10\n')
    code, _, err = rupor("edit", str(number), "--text", "Слишком длинно")
    assert (code, "Текст длиннее" in err) == (2, True)
    assert post_of(rupor, number).text == "Собрание"


def test_what_makes_no_sense_is_refused(rupor: Rupor) -> None:
    number = a_draft(rupor)
    assert rupor("edit", str(number))[0] == 2
    assert rupor("edit", str(number), "--text", " ")[0] == 2
    assert rupor("edit", "99", "--text", "x")[0] == 4
    assert rupor("recall", "99")[0] == 4
    rupor("cancel", str(number))
    code, _, err = rupor("edit", str(number), "--text", "x")
    assert (code, "отменено" in err) == (2, True)


def test_a_recall_takes_it_away(rupor: Rupor) -> None:
    wall = Scripted("@wall")
    number = all_sent(rupor, wall)
    answer = rupor.json("recall", str(number))
    assert answer["channels"]["wall"]["done"] is True
    carried_out(rupor, wall)
    assert wall.standing == {}
    whole = rupor.json("status", str(number))
    assert (whole["state"], whole["title"]) == ("cancelled", "Заседание президиума")
    assert rupor("recall", str(number))[0] == 0
    code, _, err = rupor("edit", str(number), "--text", "x")
    assert (code, "отменено" in err) == (2, True)


def test_what_still_waits_is_stopped_by_a_recall(rupor: Rupor) -> None:
    number = queued(rupor)
    assert rupor("recall", str(number))[0] == 0
    assert rupor.json("status", str(number))["broadcasts"][0]["counts"]["cancelled"] == 1


def test_a_doubtful_post_is_recalled_once_it_is_known_to_be_there(rupor: Rupor) -> None:
    number = one_in_doubt(rupor)
    assert rupor.json("recall", str(number))["channels"]["wall"]["out"] == 1


def test_there_is_nothing_to_recall_of_a_draft(rupor: Rupor) -> None:
    code, out, _ = rupor("recall", str(a_draft(rupor)))
    assert (code, "нигде не вышло" in out) == (0, True)


def test_what_a_channel_cannot_do_is_left_to_a_person(rupor: Rupor) -> None:
    number = all_sent(rupor, Scripted("@wall"))
    rupor.configure('[channels.wall]\nkind = "vk"\ngroup_id = 1\ncommunity_token = "vk1.x"\n')
    code, out, _ = rupor("edit", str(number), "--text", "Другое")
    assert (code, "«Редактировать»" in out, "https://example.org/1" in out) == (3, True, True)
    code, out, _ = rupor("recall", str(number))
    assert (code, "«Удалить запись»" in out) == (3, True)


def test_an_edit_before_sending_is_what_goes_out(rupor: Rupor) -> None:
    number = a_draft(rupor)
    rupor("edit", str(number), "--text", "Исправлено")

    async def work(desk: Desk) -> None:
        await broadcast.release(desk, number, by="a")
        await a_worker(desk).step("wall")

    rupor.with_desk(work)
    assert rupor.json("status", str(number))["title"] == "Исправлено"
