"""`rupor announce`: stored and released in one step, or not at all."""

import json
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from channels.contract import Post
from delivery import broadcast
from delivery.desk import Desk
from delivery.store import announcements, media
from tests.bot.commands.conftest import CHANNELS, Rupor
from tests.support.pictures import png


def count(rupor: Rupor) -> int:
    """How many announcements there are, drafts and all."""

    async def work(desk: Desk) -> int:
        async with desk.database.reading() as tx:
            return len(await announcements.latest(tx, 100))

    return rupor.with_desk(work)


def post_of(rupor: Rupor, number: int) -> Post:
    async def work(desk: Desk) -> Post:
        return (await broadcast.find(desk, number)).post

    return rupor.with_desk(work)


# Now


def test_the_answer_is_two_numbers_and_nothing_else(rupor: Rupor) -> None:
    code, out, _ = rupor("announce", "--text", "Собрание", "--to", "wall", "--json")
    assert (code, json.loads(out)) == (0, {"announcement": 1, "broadcast": 1})
    assert rupor.sent("wall") == []
    assert rupor.json("status", "1")["state"] == "running"


def test_people_read_who_will_send_it(rupor: Rupor) -> None:
    _, out, _ = rupor("announce", "--text", "Собрание", "--to", "wall")
    assert "rupor worker" in out
    assert "rupor status 1" in out


def test_with_wait_it_is_sent_by_this_very_command(rupor: Rupor) -> None:
    rupor.a_list("all", "a@example.org", "b@example.org")
    answer = rupor.json("announce", "--text", "Собрание", "--to", "wall,mail:all", "--wait")
    assert answer == {"announcement": 1, "broadcast": 1}
    assert (rupor.sent("wall"), rupor.sent("mail")) == (["Собрание"], ["Собрание"] * 2)
    assert rupor.json("status", "1")["state"] == "settled"


def test_waiting_tells_people_how_it_ended(rupor: Rupor) -> None:
    code, out, _ = rupor("announce", "--text", "Собрание", "--to", "wall", "--wait")
    assert code == 0
    assert "Объявление 1: отправлено" in out
    assert "rehearsal:wall/1" in out


def test_a_list_channel_by_itself_means_all_its_lists(rupor: Rupor) -> None:
    rupor.a_list("one", "a@example.org")
    rupor.a_list("two", "b@example.org")
    rupor("announce", "--text", "x", "--to", "mail", "--to", " wall , wall", "--wait")
    assert (len(rupor.sent("mail")), len(rupor.sent("wall"))) == (2, 1)


def test_waiting_for_what_is_paused_says_so(rupor: Rupor) -> None:
    args = ("announce", "--text", "Собрание", "--to", "wall", "--key", "k")
    rupor(*args)
    rupor("pause", "1")
    code, _, err = rupor(*args, "--wait", "--timeout", "1.2")
    assert (code, err.count("Приостановлено. Продолжить: rupor resume 1")) == (3, 1)
    assert rupor.sent("wall") == []
    rupor("resume", "1")
    assert rupor(*args, "--wait")[0] == 0
    assert rupor.sent("wall") == ["Собрание"]


def test_time_out_ends_with_3_and_leaves_the_rest_to_the_service(rupor: Rupor) -> None:
    rupor.configure(CHANNELS + "per_minute = 1\nconcurrency = 2\n")
    rupor.a_list("all", "a@example.org", "b@example.org")
    code, out, _ = rupor("announce", "--text", "x", "--to", "mail", "--wait", "--timeout", "1")
    assert code == 3
    assert "Время ожидания вышло" in out
    assert rupor.json("status", "1")["broadcasts"][0]["counts"] | {"sent": 0, "queued": 0} == dict.fromkeys(
        ["queued", "sending", "sent", "failed", "unconfirmed", "cancelled", "returned"], 0
    )
    assert len(rupor.sent("mail")) == 1


def test_urgent_is_kept(rupor: Rupor) -> None:
    rupor("announce", "--text", "x", "--to", "wall", "--urgent")

    async def work(desk: Desk) -> bool:
        return (await broadcast.find(desk, 1)).urgent

    assert rupor.with_desk(work)


# The same key


def test_the_same_key_answers_the_same_and_sends_once(rupor: Rupor) -> None:
    args = ["announce", "--text", "Собрание", "--to", "wall", "--key", "2026-11", "--wait"]
    assert rupor.json(*args) == rupor.json(*args) == {"announcement": 1, "broadcast": 1}
    assert len(rupor.sent("wall")) == 1
    assert "Второй раз не уйдёт" in rupor(*args[:-1])[1]
    assert rupor.json("announce", "--text", "x", "--to", "wall", "--key", "other")["announcement"] == 2


def test_the_key_of_a_plan_answers_the_same_plan(rupor: Rupor) -> None:
    args = ["announce", "--text", "x", "--to", "wall", "--key", "k", "--at"]
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert rupor.json(*args, soon) == {"announcement": 1, "broadcast": None, "schedule": 1}
    assert rupor.json(*args, soon) == {"announcement": 1, "broadcast": None, "schedule": 1}
    # Asked again much later, when the moment is over: it was planned once, and that is the answer.
    assert rupor.json(*args, "2020-01-01T00:00")["schedule"] == 1
    assert len(rupor.json("schedules")["schedules"]) == 1


def test_a_draft_left_by_a_call_that_died_is_released_once(rupor: Rupor) -> None:
    async def died(desk: Desk) -> int:
        return await broadcast.draft(desk, Post("Собрание"), author="a", targets=["wall"], request_key="cli:k")

    number = rupor.with_desk(died)
    args = ["announce", "--text", "Собрание", "--to", "wall", "--key", "k", "--wait"]
    assert rupor.json(*args) == rupor.json(*args) == {"announcement": number, "broadcast": 1}
    assert rupor.sent("wall") == ["Собрание"]


def test_a_cancelled_key_stays_cancelled(rupor: Rupor) -> None:
    args = ["announce", "--text", "x", "--to", "wall", "--key", "k", "--at", "завтра в 9:00"]
    rupor(*args)
    rupor("cancel", "1")
    assert rupor.json(*args)["announcement"] == 1
    assert rupor.json("schedules") == {"schedules": []}


# Later


def test_a_plan_is_read_back_in_words(rupor: Rupor) -> None:
    code, out, _ = rupor("announce", "--text", "x", "--to", "wall", "--at", "завтра в 9:00")
    assert code == 0
    assert "запланировано: завтра" in out
    assert rupor.json("status", "1")["state"] == "scheduled"


def test_a_repeat_has_an_end(rupor: Rupor) -> None:
    until = (datetime.now(UTC) + timedelta(days=60)).date().isoformat()
    answer = rupor.json("announce", "--text", "x", "--to", "wall", "--repeat", "0 9 * * mon", "--until", until)
    assert answer == {"announcement": 1, "broadcast": None, "schedule": 1}
    [plan] = rupor.json("schedules")["schedules"]
    assert plan["cron"] == "0 9 * * mon"
    assert plan["until"].startswith(until)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--at", "2020-01-01T09:00"], "уже прошло"),
        (["--at", "31 июня в 9:00"], "31 июня"),
        (["--at", "2027-02-30T09:00"], "нет"),
        (["--at", "2027-03-28T25:00"], "нет"),
        (["--at", "абракадабра"], "Непонятно"),
        (["--at", "завтра"], "час"),
        (["--repeat", "0 9 * *"], ""),
        (["--repeat", "0 9 30 2 *"], ""),
        (["--repeat", "99 9 * * *"], ""),
        (["--repeat", "0 9 * * *", "--until", "2020-01-01"], "уже прошло"),
        (["--until", "2099-01-01"], "--repeat"),
        (["--timeout", "5"], "--wait"),
        (["--wait", "--at", "завтра в 9:00"], "--wait"),
    ],
)
def test_a_moment_that_cannot_be_is_refused_and_nothing_stored(rupor: Rupor, options: list[str], words: str) -> None:
    code, out, err = rupor("announce", "--text", "x", "--to", "wall", *options)
    assert (code, out) == (2, "")
    assert words in err
    assert "Внутренняя ошибка" not in err
    assert count(rupor) == 0


def test_the_hour_that_the_clock_jumps_over_does_not_exist(rupor: Rupor) -> None:
    rupor.configure(f'timezone = "Europe/Berlin"\n{CHANNELS}')
    year = datetime.now(UTC).year + 1
    last_sunday = max(day for day in range(25, 32) if datetime(year, 3, day, tzinfo=UTC).weekday() == 6)
    code, _, err = rupor("announce", "--text", "x", "--to", "wall", "--at", f"{year}-03-{last_sunday}T02:30")
    assert (code, "Такого времени нет" in err) == (2, True)


# What is refused, with nothing stored


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--text", "x", "--to", "wal"], "Возможно, имелось в виду «wall»"),
        (["--text", "x", "--to", "mail:al"], "Списка «al» нет. Возможно, имелось в виду «mail:all»"),
        (["--text", "x", "--to", "nowhere:all"], "Канала «nowhere» нет"),
        (["--text", "x", "--to", "mail:empty"], "Отправлять некому"),
        (["--text", "x", "--to", ","], "--to"),
        (["--text", "", "--to", "wall"], "Объявление пустое"),
        (["--text", " \n ", "--to", "wall"], "Объявление пустое"),
        (["--to", "wall"], "Объявление пустое"),
        (["--text", "x"], "--to"),
        (["--text", "x", "--text-file", "-", "--to", "wall"], "Текст указан дважды"),
        (["--text", "<b>x", "--format", "html", "--to", "wall"], "строка 1, знак 1: тег <b> открыт и не закрыт"),
        (["--text", "x", "--format", "rtf", "--to", "wall"], "«rtf» не подходит"),
        (["--text", "плохо \udcff", "--to", "wall"], "не в кодировке UTF-8"),
        (["--text", "x", "--media", "нет.jpg", "--to", "wall"], "«нет.jpg»: не найдено"),
        (["--text-file", "нет.txt", "--to", "wall"], "«нет.txt»: не найдено"),
        (["--text", "ы" * 50_000, "--to", "short"], "Текст длиннее на"),
    ],
)
def test_what_cannot_be_announced_is_refused_and_nothing_stored(rupor: Rupor, args: list[str], words: str) -> None:
    rupor.configure(f'{CHANNELS}\n[channels.short]\nkind = "rehearsal"\ntext_limit = 100\n')
    rupor.a_list("all", "a@example.org")
    rupor.a_list("empty")
    code, out, err = rupor("announce", *args)
    assert (code, out) == (2, "")
    assert words in err
    assert count(rupor) == 0
    assert rupor.json("announce", *args, code=2)["error"]["exit"] == 2


def test_a_doubtful_problem_is_told_and_does_not_stop(rupor: Rupor) -> None:
    rupor.configure('[bot]\ntoken = "42:x"\n[channels.wall]\nkind = "telegram"\nchat_id = "@prof"\n')
    code, out, err = rupor("announce", "--text", "слово " * 1000, "--to", "wall")
    assert (code, "Объявление 1 в очереди" in out) == (0, True)
    assert "wall: Текст длинный: выйдет 2\u00a0сообщениями подряд." in err


# Text


def read_from(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    class Stdin:
        class buffer:  # noqa: N801
            @staticmethod
            def read(limit: int) -> bytes:
                return content[:limit]

    monkeypatch.setattr(sys, "stdin", Stdin)


def test_a_text_comes_from_standard_input(rupor: Rupor, monkeypatch: pytest.MonkeyPatch) -> None:
    read_from(monkeypatch, "\ufeffСтрока\r\nи ещё\n".encode())
    assert rupor("announce", "--text-file", "-", "--to", "wall")[0] == 0
    assert post_of(rupor, 1).text == "Строка\nи ещё"


@pytest.mark.parametrize("encoding", ["cp1251", "utf-16"])
def test_a_text_in_another_encoding_is_refused_by_line(rupor: Rupor, encoding: str) -> None:
    file = rupor.folder / "текст.txt"
    file.write_bytes(b"first line\n" + "Собрание".encode(encoding) if encoding == "cp1251" else "Да".encode(encoding))
    code, _, err = rupor("announce", "--text-file", str(file), "--to", "wall")
    assert (code, "это не UTF-8" in err) == (2, True)
    assert encoding != "cp1251" or "строка 2" in err


def test_markup_becomes_entities(rupor: Rupor) -> None:
    rupor("announce", "--text", "<b>Важно</b>", "--format", "html", "--title", " Тема\n письма ", "--to", "wall")
    rupor("announce", "--text", "**Важно**", "--format", "markdown", "--to", "wall")
    rupor("announce", "--text", "<b>Важно</b>", "--to", "wall")
    posts = [post_of(rupor, number) for number in (1, 2, 3)]
    assert [post.text for post in posts] == ["Важно", "Важно", "<b>Важно</b>"]
    assert [[one.type for one in post.entities] for post in posts] == [["bold"], ["bold"], []]
    assert posts[0].title == "Тема письма"


def test_typography_is_kept_with_the_post_and_done_by_the_channels(rupor: Rupor) -> None:
    text = 'Газета "Труд" - fnpr.ru № 5'
    shown = rupor.json("announce", "--text", text, "--typography", "--to", "wall", "--dry-run")
    typeset = "Газета «Труд»\u00a0— fnpr.ru №\u00a05"
    assert shown["channels"]["wall"]["parts"][0]["text"] == typeset
    rupor("announce", "--text", text, "--title", '"Труд"', "--typography", "--to", "wall", "--wait")
    assert rupor.sent("wall") == [typeset]
    assert post_of(rupor, 1) == Post(text, title='"Труд"', typography=True)


def test_without_being_asked_nothing_is_typeset(rupor: Rupor) -> None:
    rupor("announce", "--text", '"Труд" - газета', "--to", "wall", "--wait")
    assert rupor.sent("wall") == ['"Труд" - газета']


# Files


def test_files_are_kept_in_the_database(rupor: Rupor) -> None:
    picture = rupor.folder / "фото.png"
    picture.write_bytes(png(640, 480))
    document = rupor.folder / "план.pdf"
    document.write_bytes(b"%PDF-1.7")
    code, _, err = rupor("announce", "--media", str(picture), "--media", str(document), "--to", "wall")
    assert (code, err) == (0, "")
    first, second = post_of(rupor, 1).attachments
    assert (first.kind, first.name, first.mime_type, first.width, first.height) == (
        "photo",
        "фото.png",
        "image/png",
        640,
        480,
    )
    assert (second.kind, second.name, second.mime_type) == ("document", "план.pdf", "application/pdf")

    async def work(desk: Desk) -> list[bytes]:
        kept = media.Media(desk.database)
        return [await kept.read(one.digest or "") for one in (first, second)]

    assert rupor.with_desk(work) == [png(640, 480), b"%PDF-1.7"]


def test_a_file_of_60_megabytes_is_refused(rupor: Rupor) -> None:
    large = rupor.folder / "видео.mp4"
    with large.open("wb") as file:
        file.truncate(60 * 1024 * 1024)
    code, _, err = rupor("announce", "--text", "x", "--media", str(large), "--to", "wall")
    assert (code, "«видео.mp4» слишком большой: 60\u00a0МБ, а можно до 50\u00a0МБ" in err) == (2, True)
    assert count(rupor) == 0


def test_eleven_pictures_are_told_of(rupor: Rupor) -> None:
    rupor.configure('[bot]\ntoken = "42:x"\n[channels.wall]\nkind = "telegram"\nchat_id = "@prof"\n')
    paths = []
    for number in range(11):
        path = rupor.folder / f"{number}.png"
        path.write_bytes(png(grey=number))
        paths += ["--media", str(path)]
    code, out, _ = rupor("announce", "--text", "x", *paths, "--to", "wall", "--dry-run")
    assert (code, "Вложений 11" in out) == (0, True)


# --dry-run


def rehearsed(rupor: Rupor, *args: str, code: int = 0) -> Any:
    return rupor.json("announce", "--dry-run", *args, code=code)


def test_a_trial_run_shows_each_channel_and_stores_nothing(rupor: Rupor) -> None:
    rupor.a_list("all", "a@example.org", "b@example.org")
    code, out, _ = rupor("announce", "--text", "Собрание", "--title", "Тема", "--to", "wall,mail", "--dry-run")
    assert code == 0
    assert "wall → @wall" in out
    assert "mail → 2\u00a0получателя (All)" in out
    assert out.count("Собрание") == 2
    assert "Тема: Тема" in out
    assert count(rupor) == 0
    answer = rehearsed(rupor, "--text", "<b>Собрание</b>", "--format", "html", "--to", "wall,mail")
    assert answer["ok"] is True
    assert answer["channels"]["mail"]["recipients"] == 2
    [part] = answer["channels"]["wall"]["parts"]
    assert (part["text"], part["entities"]) == ("Собрание", [{"type": "bold", "offset": 0, "length": 8}])
    assert count(rupor) == 0


def test_a_trial_run_ends_with_2_where_something_must_fail(rupor: Rupor) -> None:
    rupor.configure('[channels.wall]\nkind = "rehearsal"\ntext_limit = 3\n')
    code, out, _ = rupor("announce", "--text", "Собрание", "--to", "wall", "--dry-run")
    assert (code, "⛔ Не выйдет." in out) == (2, True)
    answer = rehearsed(rupor, "--text", "Собрание", "--to", "wall", code=2)
    assert answer["ok"] is False
    [problem] = answer["channels"]["wall"]["problems"]
    assert (problem["code"], problem["certain"], problem["values"]["over"]) == ("text_too_long", True, 5)


def test_a_trial_run_names_who_is_left_out(rupor: Rupor) -> None:
    rupor.a_list("all", "a@example.org", "b@example.org")

    async def work(desk: Desk) -> None:
        from delivery.store import lists  # noqa: PLC0415

        async with desk.database.writing() as tx:
            await lists.suppress(tx, "a@example.org", "", reason="unsubscribed", now=desk.now())

    rupor.with_desk(work)
    assert rehearsed(rupor, "--text", "x", "--to", "mail")["channels"]["mail"]["suppressed"] == ["a@example.org"]
    assert "Не получат письма" in rupor("announce", "--text", "x", "--to", "mail", "--dry-run")[1]


def test_nobody_to_reach_is_a_failure_to_come(rupor: Rupor) -> None:
    rupor.a_list("empty")
    code, out, _ = rupor("announce", "--text", "x", "--to", "mail:empty", "--dry-run")
    assert (code, "Отправлять некому" in out) == (2, True)


# The database


def test_the_first_announcement_makes_the_tables(fresh: Rupor) -> None:
    assert fresh.json("announce", "--text", "x", "--to", "wall", "--wait") == {"announcement": 1, "broadcast": 1}
    assert fresh.sent("wall") == ["x"]


def test_a_postgres_without_tables_is_not_touched(rupor: Rupor, database_kind: str, databases: Any) -> None:
    if database_kind == "sqlite":
        pytest.skip("an SQLite database grows by itself")
    url = databases.empty(database_kind, Path())
    rupor.configure(CHANNELS, url=url)
    code, _, err = rupor("announce", "--text", "x", "--to", "wall")
    assert (code, "rupor db upgrade" in err) == (2, True)
    databases.drop(database_kind, url)


def test_bad_settings_end_with_2_and_all_sentences(fresh: Rupor) -> None:
    fresh.configure('[channels.wall]\nkind = "rehersal"\n[web]\nprt = 1\n')
    code, _, err = fresh("announce", "--text", "x", "--to", "wall")
    assert code == 2
    assert "rehearsal" in err
    assert "web.prt" in err
    assert not (fresh.folder / "fresh.db").exists()


def test_sqlite_is_whole_afterwards(fresh: Rupor) -> None:
    fresh("announce", "--text", "x", "--to", "wall", "--wait")
    with sqlite3.connect(fresh.folder / "fresh.db") as found:
        assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found.close()
