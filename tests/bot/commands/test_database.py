"""`rupor db` and `rupor backup`."""

import socket
import sqlite3
from contextlib import closing

import pytest

from delivery import database
from delivery.desk import Desk
from tests.bot.commands.conftest import Rupor
from tests.bot.commands.situations import all_sent


def set_revision(rupor: Rupor, revision: str) -> None:
    async def work(desk: Desk) -> None:
        async with desk.database.writing() as tx:
            await tx.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")

    rupor.with_desk(work)


def test_the_tables_are_made_and_named(fresh: Rupor) -> None:
    empty = fresh.json("db", "current", code=3)
    assert (empty["revision"], empty["state"]) == (None, "empty")
    assert fresh("db")[0] == 3
    made = fresh.json("db", "upgrade")
    assert (made["before"], made["revision"]) == (None, empty["newest"])
    assert fresh.json("db", "current") == {"revision": empty["newest"], "newest": empty["newest"], "state": "current"}
    assert "в порядке" in fresh("db", "upgrade")[1]


def test_newer_tables_are_left_alone(rupor: Rupor) -> None:
    set_revision(rupor, "9999")
    for args in (["db", "upgrade"], ["status"], ["announce", "--text", "x", "--to", "wall"], ["worker"]):
        code, _, err = rupor(*args)
        assert (code, "новее программы" in err) == (2, True), args


def test_without_tables_every_command_says_what_to_do(fresh: Rupor) -> None:
    for args in (["status"], ["retry", "1"], ["settle", "1", "sent"], ["cancel", "1"], ["schedules"], ["lists"]):
        code, _, err = fresh(*args)
        assert (code, "rupor db upgrade" in err) == (2, True), args


@pytest.mark.parametrize("command", [["status"], ["db", "current"], ["db", "upgrade"], ["lists"]])
def test_an_unreachable_database_is_one_sentence(fresh: Rupor, command: list[str]) -> None:
    fresh.configure("", url="postgresql+asyncpg://rupor:hunter2hunter2@127.0.0.1:9/rupor")
    code, out, err = fresh(*command)
    assert (code, out) == (1, "")
    assert "База данных недоступна" in err
    assert "hunter2" not in err
    assert "Traceback" not in err


def test_a_database_that_says_nothing_is_unreachable_too(fresh: Rupor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(database._POSTGRES, "timeout", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        fresh.configure("", url=f"postgresql+asyncpg://rupor@127.0.0.1:{silent.getsockname()[1]}/rupor?ssl=disable")
        code, _, err = fresh("status")
    assert (code, "База данных недоступна: TimeoutError" in err) == (1, True)


def test_a_folder_that_is_not_there_is_an_unreachable_database(fresh: Rupor) -> None:
    fresh.configure("", url="sqlite+aiosqlite:///нет/rupor.db")
    code, _, err = fresh("status")
    assert (code, "База данных недоступна" in err) == (1, True)


def test_a_copy_holds_what_the_database_holds(rupor: Rupor) -> None:
    number = all_sent(rupor)
    target = rupor.folder / "копия.db"
    code, _, err = rupor("backup", str(target))
    if "postgres" in rupor.database_url:
        assert (code, "pg_dump" in err) == (2, True)
        assert not target.exists()
        return
    assert code == 0
    assert target.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("SELECT count(*) FROM delivery").fetchone() == (1,)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    rupor.configure("", url=f"sqlite+aiosqlite:///{target}")
    assert rupor.json("status", str(number))["state"] == "settled"


def test_a_copy_never_goes_over_a_file(fresh: Rupor) -> None:
    fresh("db", "upgrade")
    target = fresh.folder / "копия.db"
    target.write_text("чужое", encoding="utf-8")
    code, _, err = fresh("backup", str(target))
    assert (code, "уже есть" in err) == (2, True)
    assert target.read_text(encoding="utf-8") == "чужое"
    assert fresh("backup", str(fresh.folder / "нет" / "x.db"))[0] == 2
