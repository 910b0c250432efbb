"""Files of addresses sent to the bot, and what is on the lists."""

import io
import zipfile

import pytest

from bot.handlers.lists import key_of
from delivery.member import Consent, Member
from delivery.store import erasure, lists
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


async def test_a_known_list_shows_what_changes_and_changes_on_a_press(room: Newsroom) -> None:
    await a_list(room.desk, "orgs", "ivanov@kristall.example", "old@example.org")
    await sent(room, CSV + "ivan.example.org;Без собаки;X\n".encode())
    await room.press("Orgs · 2")
    shown = await room.sees("Что изменится в списке «Orgs»")
    assert "1 новый, 1 исчез, 1 исправлен, 1 с ошибкой (строка 4)." in words(shown)
    assert "Новые: petrov@izmeritel.example." in words(shown)
    assert "ivanov@kristall.example (— → Иванов; — → Кристалл)" in words(shown)
    assert "Исчезли: old@example.org." in words(shown)
    assert labels(shown) == ["Применить", "Отмена"]  # a line with a mistake may be that of the missing one
    assert len(await members(room, "orgs")) == 2
    await room.press("Применить")
    result = words(await room.sees("Записано в список «Orgs»"))
    assert "1 новый, 1 исправлен" in result
    assert "нет в файле: 1. Они остались" in result
    assert len(await members(room, "orgs")) == 3


async def test_whoever_is_missing_is_taken_out_on_a_button_of_its_own(room: Newsroom) -> None:
    await a_list(room.desk, "orgs", "ivanov@kristall.example", "old@example.org")
    await sent(room)
    await room.press("Orgs · 2")
    await room.press("Применить и убрать исчезнувших (1)")
    assert "1 убран" in words(await room.sees("Записано в список «Orgs»"))
    assert [one.address for one in await members(room, "orgs")] == [
        "ivanov@kristall.example",
        "petrov@izmeritel.example",
    ]


async def test_an_import_is_taken_back_on_a_press_and_only_once(room: Newsroom) -> None:
    await a_list(room.desk, "orgs", "ivanov@kristall.example", "old@example.org")
    before = await members(room, "orgs")
    await sent(room)
    await room.press("Orgs · 2")
    await room.press("Применить и убрать исчезнувших")
    result = {**await room.sees("Записано в список «Orgs»")}
    await room.press("Вернуть как было")
    said = await room.sees("Список «Orgs» снова как был")
    assert "Убрано новых: 1, возвращено исчезнувших: 1, возвращены прежние данные: 1." in words(said)
    assert await members(room, "orgs") == before
    said["reply_markup"] = result["reply_markup"]
    assert "Возвращать нечего" in await room.press("Вернуть как было", message=said)


async def test_a_list_made_by_mistake_goes_on_a_press(room: Newsroom) -> None:
    await sent(room)
    await room.press("Новый список")
    await room.press("Вернуть как было")
    await room.sees("Списка «Членские организации» больше нет")
    await room.tg.say(ANNA, "/lists")
    await room.sees("Списков рассылки пока нет.")


async def test_what_has_changed_since_is_named_by_the_undo(room: Newsroom) -> None:
    await sent(room)
    await room.press("Новый список")
    await room.sees("Записано")
    async with room.desk.database.writing() as tx:
        one = Member("ivanov@kristall.example", "ivanov@kristall.example", "Иванов-Петров")
        await lists.put_members(tx, "chlenskie-organizatsii", [one], source="test", now=room.desk.now())
    await room.press("Вернуть как было")
    said = words(await room.sees("вернулось не всё"))
    assert "с тех пор изменены: ivanov@kristall.example" in said
    assert [one.name for one in await members(room, "chlenskie-organizatsii")] == ["Иванов-Петров"]


async def test_cancelling_writes_nothing(room: Newsroom) -> None:
    await a_list(room.desk, "orgs", "old@example.org")
    await sent(room)
    await room.press("Orgs · 1")
    await room.press("Отмена")
    await room.sees("Список «Orgs» не изменился")
    assert len(await members(room, "orgs")) == 1


async def test_a_list_that_changed_since_it_was_shown_is_shown_again(room: Newsroom) -> None:
    await a_list(room.desk, "orgs", "old@example.org")
    await sent(room)
    await room.press("Orgs · 1")
    await room.sees("2 новых, 1 исчез")
    await a_list(room.desk, "orgs", "other@example.org")
    await room.press("Применить")
    await room.sees("Список только что изменился")
    await room.sees("2 новых, 2 исчезли")
    assert len(await members(room, "orgs")) == 2
    await room.press("Применить")
    await room.sees("Записано в список")
    assert len(await members(room, "orgs")) == 4


async def test_a_file_that_changes_nothing_says_so(room: Newsroom) -> None:
    await sent(room)
    await room.press("Новый список")
    await room.sees("Записано")
    await sent(room, name="Ещё раз.csv")
    await room.press("Членские организации · 2")
    assert labels(await room.sees("Ничего не изменится")) == ["Отмена"]


async def test_whoever_was_erased_on_request_is_told_and_not_added(room: Newsroom) -> None:
    await a_list(room.desk, "orgs", "petrov@izmeritel.example")
    async with room.desk.database.writing() as tx:
        await erasure.erase(tx, "ivanov@kristall.example", room.desk.now())
    await sent(room)
    await room.press("Orgs · 1")
    assert "строка 2: удалён по просьбе владельца" in words(await room.sees("Что изменится"))
    await room.press("Применить")
    await room.sees("Записано")
    assert [one.address for one in await members(room, "orgs")] == ["petrov@izmeritel.example"]


async def test_a_file_forgotten_with_an_erased_address_is_fetched_again(room: Newsroom) -> None:
    await sent(room)
    await room.sees("Это список рассылки?")
    async with room.desk.database.writing() as tx:
        assert (await erasure.erase(tx, "stranger@example.org", room.desk.now())).files == 1
    await room.press("Новый список")
    await room.sees("Записано в список")


async def test_lists_tell_how_many_get_no_letters_and_why_by_number(room: Newsroom) -> None:
    await a_list(room.desk, "orgs", *(f"{name}@example.org" for name in "abcde"))
    async with room.desk.database.writing() as tx:
        for name, reason in (("a", "unsubscribed"), ("b", "unsubscribed"), ("c", "bounced")):
            await lists.suppress(tx, f"{name}@example.org", "orgs", reason=reason, now=room.desk.now())
        refused = Member("d@example.org", "d@example.org", consent=Consent.NO)
        await lists.put_members(tx, "orgs", [refused], source="test", now=room.desk.now())
    await room.tg.say(ANNA, "/lists")
    said = words(await room.sees("Orgs: 5 адресов"))
    assert "писем не получат 4: 2 отписались, 1 не принимает почту, 1 не дал согласия" in said
    assert "@example.org" not in said


async def test_the_card_tells_who_is_left_out_by_number_and_not_by_name(room: Newsroom) -> None:
    await a_list(room.desk, "orgs", "a@example.org", "b@example.org")
    async with room.desk.database.writing() as tx:
        await lists.suppress(tx, "a@example.org", "orgs", reason="unsubscribed", now=room.desk.now())
    await room.tg.say(ANNA, "Собрание в среду")
    card = words(await room.sees("Не получат письма"))
    assert "«Orgs» — 1 отписался" in card
    assert "a@example.org" not in card


@pytest.mark.parametrize("name", ["Список.ods", "Список.xls", "Список.XLSX"])
async def test_every_kind_of_table_is_taken_for_a_list(room: Newsroom, name: str) -> None:
    await sent(room, name=name)
    await room.sees("Это список рассылки?")


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
    message["reply_markup"] = {"inline_keyboard": [[{"text": "Нет, это объявление", "callback_data": "f:post:1::"}]]}
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
