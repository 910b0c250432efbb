"""Files of addresses sent to the bot, and what is on the lists."""

import io
import zipfile

import pytest

from bot.handlers.lists import key_of
from delivery.member import Member
from delivery.store import lists
from sandbox.faults import Fault, Kind
from tests.bot.newsroom import ANNA, BORIS, Message, Newsroom, labels, words
from tests.delivery.builders import a_list

CSV = (
    "E-mail;Имя;Организация\nivanov@kristall.example;Иванов;Кристалл\npetrov@izmeritel.example;Петров;Измеритель\n"
).encode()


async def members(room: Newsroom, key: str) -> list[Member]:
    async with room.desk.database.reading() as tx:
        return await lists.members(tx, key)


async def sent(room: Newsroom, data: bytes = CSV, name: str = "Членские организации.csv", user: int = ANNA) -> None:
    await room.tg.send_media(user, "document", name, data, "text/csv")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Членские организации", "chlenskie-organizatsii"),
        ("ЖКХ 2026", "zhkkh-2026"),
        ("!!!", "list"),
        ("Press_list", "press-list"),
    ],
)
def test_a_list_gets_a_key_that_can_be_typed(name: str, key: str) -> None:
    assert key_of(name) == key


async def test_a_file_becomes_a_new_list_on_one_press(room: Newsroom) -> None:
    await sent(room)
    question = await room.sees("Это список рассылки?")
    assert "2 адреса" in words(question)
    assert await members(room, "chlenskie-organizatsii") == []
    await room.press("Новый список «Членские организации»")
    await room.sees("Записано в список «Членские организации»")
    assert [one.organisation for one in await members(room, "chlenskie-organizatsii")] == ["Кристалл", "Измеритель"]
    await room.tg.say(ANNA, "/lists")
    await room.sees("Членские организации: 2 адреса")


async def test_a_known_list_is_brought_up_to_date_and_nobody_is_taken_away(room: Newsroom) -> None:
    await a_list(room.desk, "orgs", "ivanov@kristall.example", "old@example.org")
    await sent(room)
    await room.press("Orgs · 2")
    result = words(await room.sees("Записано в список «Orgs»"))
    assert "1 новый" in result
    assert "1 изменён" in result
    assert "нет в файле: 1" in result
    assert len(await members(room, "orgs")) == 3


async def test_bad_lines_are_named_by_number_with_the_reason(room: Newsroom) -> None:
    await sent(room, CSV + "ivan.example.org;Без собаки;X\nпочта@example.org;Кириллица;Y\n".encode())
    question = words(await room.sees("Не взяты 2 строки"))
    assert "строка 4: в адресе нет знака @" in question
    assert "строка 5: " in question


async def test_formulas_are_taken_as_text_and_told(room: Newsroom) -> None:
    await sent(room, "E-mail;Имя\na@example.org;=HYPERLINK(1)\n".encode())
    await room.sees("Формулы вместо имён")


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"", "Файл пустой."),
        ("Имя;Город\nИванов;Смоленск\n".encode(), "нет ни одного адреса"),
        (b"%PDF-1.7 \x00\x01\x02", "Это не таблица."),
    ],
)
async def test_a_file_that_gives_no_list_is_refused_and_may_still_be_an_announcement(
    room: Newsroom, data: bytes, answer: str
) -> None:
    await sent(room, data)
    refusal = await room.sees(answer)
    assert labels(refusal) == ["Нет, это объявление"]
    await room.press("Нет, это объявление")
    await room.sees("Черновик · №1")


async def test_no_list_but_an_announcement_with_a_file(room: Newsroom) -> None:
    await sent(room)
    await room.press("Нет, это объявление")
    card = await room.sees("Черновик · №1")
    assert "файл «Членские организации.csv»" in words(card)
    assert await room.press("Нет, это объявление", message=await _with_old_buttons(room)) != ""


async def _with_old_buttons(room: Newsroom) -> Message:
    message = await room.sees("это объявление с файлом")
    message["reply_markup"] = {"inline_keyboard": [[{"text": "Нет, это объявление", "callback_data": "f:post:1:"}]]}
    return message


async def test_applying_twice_changes_nothing_more(room: Newsroom) -> None:
    await sent(room)
    question = {**await room.sees("Это список рассылки?")}
    await room.press("Новый список")
    result = await room.sees("Записано в список")
    result["reply_markup"] = question["reply_markup"]
    await room.press("Новый список", message=result)
    await room.sees("2 без изменений")
    assert len(await members(room, "chlenskie-organizatsii")) == 2


async def test_a_file_that_cannot_be_fetched_now_is_read_later_on_a_press(room: Newsroom) -> None:
    room.tg.faults.add("getFile", Fault(Kind.DROPS_BEFORE, times=1))
    await sent(room)
    await room.sees("не отдаёт файл")
    await room.press("Прочитать ещё раз")
    await room.sees("Это список рассылки?")


async def test_two_editors_may_have_files_at_the_same_time(room: Newsroom) -> None:
    await sent(room, name="Первый.csv")
    await sent(room, name="Второй.csv", user=BORIS)
    await room.press("Новый список «Первый»")
    await room.press("Новый список «Второй»", BORIS)
    await room.sees("Записано в список «Второй»", BORIS)
    assert len(await members(room, "pervyy")) == len(await members(room, "vtoroy")) == 2


async def test_without_lists_one_is_told_how_to_make_one(room: Newsroom) -> None:
    await room.tg.say(ANNA, "/lists")
    await room.sees("Списков рассылки пока нет.")


async def test_a_zip_that_calls_itself_a_workbook_is_refused(room: Newsroom) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.txt", "a@example.org")
    await sent(room, archive.getvalue(), "адреса.xlsx")
    await room.sees("прочитать не удалось")
