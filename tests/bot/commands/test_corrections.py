"""`rupor edit` and `recall`: what can be done, and the truth about what cannot."""

from channels.contract import Post
from delivery import broadcast
from delivery.desk import Desk
from tests.bot.commands.conftest import Rupor
from tests.bot.commands.situations import a_draft, all_sent, one_in_doubt, planned, queued
from tests.delivery.builders import a_worker


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


def test_what_is_out_stays_and_that_is_said(rupor: Rupor) -> None:
    number = all_sent(rupor)
    code, out, _ = rupor("edit", str(number), "--text", "Другое")
    assert code == 3
    assert "ничего не изменено" in out
    assert "https://example.org/1" in out
    assert post_of(rupor, number).text == "Заседание президиума"
    answer = rupor.json("edit", str(number), "--text", "Другое", code=3)
    assert answer == {
        "announcement": number,
        "revision": None,
        "channels": {"wall": {"done": False, "links": ["https://example.org/1"]}},
    }


def test_what_still_waits_can_be_stopped_and_that_is_said(rupor: Rupor) -> None:
    number = queued(rupor)
    assert f"rupor cancel {number}" in rupor("edit", str(number), "--text", "Другое")[1]
    assert f"rupor cancel {number}" in rupor("recall", str(number))[1]


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


def test_recall_says_where_it_is_out_and_pretends_nothing(rupor: Rupor) -> None:
    number = all_sent(rupor)
    code, out, _ = rupor("recall", str(number))
    assert code == 3
    assert "https://example.org/1" in out
    answer = rupor.json("recall", str(number), code=3)
    assert answer["channels"] == {"wall": {"done": False, "links": ["https://example.org/1"]}}
    assert rupor.json("status", str(number))["broadcasts"][0]["counts"]["sent"] == 1


def test_a_doubtful_post_may_have_to_be_recalled_too(rupor: Rupor) -> None:
    number = one_in_doubt(rupor)
    assert rupor.json("recall", str(number), code=3)["channels"] == {"wall": {"done": False, "links": []}}


def test_there_is_nothing_to_recall_of_a_draft(rupor: Rupor) -> None:
    code, out, _ = rupor("recall", str(a_draft(rupor)))
    assert (code, "нигде не вышло" in out) == (0, True)


def test_recall_knows_each_kind_of_channel(rupor: Rupor) -> None:
    number = all_sent(rupor)
    rupor.configure('[bot]\ntoken = "42:x"\n[channels.wall]\nkind = "telegram"\nchat_id = "@prof"\n')
    assert "«Удалить»" in rupor("recall", str(number))[1]
    assert "«Изменить»" in rupor("edit", str(number), "--text", "x")[1]


def test_an_edit_before_sending_is_what_goes_out(rupor: Rupor) -> None:
    number = a_draft(rupor)
    rupor("edit", str(number), "--text", "Исправлено")

    async def work(desk: Desk) -> None:
        await broadcast.release(desk, number, by="a")
        await a_worker(desk).step("wall")

    rupor.with_desk(work)
    assert rupor.json("status", str(number))["title"] == "Исправлено"
