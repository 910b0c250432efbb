"""`rupor lists …` for one address: off a list, silenced, written to again, forgotten."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from channels.contract import Reason, Rejected
from delivery.desk import Desk
from delivery.store import lists
from delivery.tables import delivery, erased, returned
from tests.bot.commands.conftest import Rupor
from tests.delivery.builders import Scripted, a_broadcast, a_worker, says


def shown(rupor: Rupor, key: str = "all") -> dict[str, str | None]:
    return {one["address"]: one["suppressed"] for one in rupor.json("lists", "show", key)["members"]}


def test_an_address_is_taken_off_a_list(rupor: Rupor) -> None:
    rupor.a_list("all", "anna@example.org", "boris@xn--e1afmkfd.xn--p1ai")
    assert rupor.json("lists", "remove", "all", "BORIS@пример.рф") == {
        "list": "all",
        "address": "boris@xn--e1afmkfd.xn--p1ai",
    }
    assert list(shown(rupor)) == ["anna@example.org"]
    assert rupor("lists", "remove", "all", "boris@пример.рф")[0] == 4


@pytest.mark.parametrize("address", ["нет", "a@", "a@b\nc@d.ru", "иван@example.org"])
@pytest.mark.parametrize("command", [["remove", "all"], ["suppress"], ["unsuppress"], ["erase"]])
def test_what_is_no_address_is_refused(rupor: Rupor, command: list[str], address: str) -> None:
    rupor.a_list("all", "anna@example.org")
    assert rupor("lists", *command, address)[0] == 2


# Written to no more, and again


@pytest.mark.parametrize("reason", ["unsubscribed", "bounced", "complained", "by_hand"])
def test_an_address_is_silenced_with_a_reason_and_written_to_again(rupor: Rupor, reason: str) -> None:
    rupor.a_list("all", "anna@example.org", "boris@example.org")
    answer = rupor.json("lists", "suppress", "Anna@example.org", "--reason", reason)
    assert answer == {"address": "anna@example.org", "list": None, "reason": reason, "new": True}
    assert shown(rupor) == {"anna@example.org": reason, "boris@example.org": None}
    assert rupor.json("lists")["lists"][0]["reasons"] == {reason: 1}
    answer = rupor.json("lists", "unsuppress", "anna@example.org")
    assert answer["lifted"] == [{"list": None, "reason": reason}]
    assert shown(rupor) == {"anna@example.org": None, "boris@example.org": None}
    assert rupor("lists", "unsuppress", "anna@example.org")[0] == 4


def test_an_address_may_be_silenced_on_one_list_only(rupor: Rupor) -> None:
    for key in ("all", "news"):
        rupor.a_list(key, "anna@example.org")
    rupor("lists", "suppress", "anna@example.org", "--list", "news")
    assert (shown(rupor), shown(rupor, "news")) == ({"anna@example.org": None}, {"anna@example.org": "by_hand"})
    assert rupor("lists", "unsuppress", "anna@example.org", "--list", "all")[0] == 4
    assert rupor("lists", "unsuppress", "anna@example.org", "--list", "news")[0] == 0
    assert shown(rupor, "news") == {"anna@example.org": None}


def test_without_a_list_every_ban_is_lifted(rupor: Rupor) -> None:
    rupor.a_list("all", "anna@example.org")
    rupor("lists", "suppress", "anna@example.org", "--list", "all", "--reason", "unsubscribed")
    rupor("lists", "suppress", "anna@example.org", "--reason", "bounced")
    code, out, _ = rupor("lists", "unsuppress", "anna@example.org")
    assert (code, "все списки — не принимает почту, список all — отписался" in out) == (0, True)


def test_an_unknown_list_and_an_unknown_reason_are_refused(rupor: Rupor) -> None:
    assert rupor("lists", "suppress", "anna@example.org", "--list", "no")[0] == 4
    assert rupor("lists", "suppress", "anna@example.org", "--reason", "because")[0] == 2


def test_silencing_twice_is_said(rupor: Rupor) -> None:
    rupor("lists", "suppress", "anna@example.org")
    assert "и так не получает" in rupor("lists", "suppress", "anna@example.org")[1]


# Forgotten


async def _everything(desk: Desk, tables: Sequence[str]) -> str:
    async with desk.database.reading() as tx:
        rows = [row for name in tables for row in await tx.execute(text(f"SELECT * FROM {name}"))]
    return repr(rows)


def _dump(rupor: Rupor) -> str:
    tables = (
        "member",
        "list_change",
        "list_import",
        "suppression",
        "erased",
        "delivery",
        "attempt",
        "media",
        "returned",
    )
    return rupor.with_desk(lambda desk: _everything(desk, tables))


def test_an_erased_address_stands_nowhere_any_more(rupor: Rupor) -> None:
    file = rupor.folder / "a.csv"
    file.write_text("E-mail;Имя;Организация\nanna@example.org;Анна Ильина;Завод\nb@example.org;Б;\n", encoding="utf-8")
    rupor("lists", "import", "all", str(file))
    file.write_text("E-mail;Имя\nanna@example.org;Анна Петрова\n", encoding="utf-8")
    rupor("lists", "import", "all", str(file))
    rupor("lists", "suppress", "anna@example.org", "--list", "all", "--reason", "complained")

    async def refused(desk: Desk) -> None:
        async with desk.database.writing() as tx:
            await lists.unsuppress(tx, "anna@example.org", None)
            await lists.suppress(tx, "b@example.org", "all", reason="bounced", now=desk.now())
        await a_broadcast(desk, targets=["mail:all"])
        await a_worker(desk).step("mail")
        async with desk.database.writing() as tx:
            await lists.suppress(tx, "anna@example.org", "all", reason="complained", now=desk.now())
            back = {"delivery_id": 1, "kind": "bounced", "reason": "", "detail": "To: <Anna@example.org> 5.1.1"}
            back |= {"address": "anna@example.org", "at": desk.now(), "counts": True, "waits": False}
            await tx.execute(returned.insert().values(back))

    mail = Scripted(None)
    says(mail, Rejected("550 5.1.1 <Anna@example.org> no such user", Reason.NO_SUCH_MAILBOX))
    rupor.with_desk(refused, mail=mail)
    before = _dump(rupor)
    assert "Анна Ильина" in before
    assert "Anna@example.org" in before
    answer = rupor.json("lists", "erase", "anna@example.org")
    assert (answer["lists"], answer["suppressions"], answer["deliveries"], answer["in_flight"]) == (["all"], 1, 1, 0)
    after = _dump(rupor)
    for gone in ("anna@", "Anna@", "Анна", "Завод", "5.1.1"):
        assert gone not in after
    assert "b@example.org" in after


def test_a_letter_that_waits_for_an_erased_address_is_stopped(rupor: Rupor) -> None:
    rupor.a_list("all", "anna@example.org")
    number = rupor.json("announce", "--text", "x", "--to", "mail:all")["announcement"]
    answer = rupor.json("lists", "erase", "anna@example.org")
    assert (answer["stopped"], answer["deliveries"]) == (1, 1)
    report = rupor.json("status", str(number), "--deliveries")
    assert report["state"] != "running"
    assert [(one["state"], "anna" in one["recipient"]) for one in report["deliveries"]] == [("cancelled", False)]


def test_a_letter_on_the_wire_is_left_and_told(rupor: Rupor) -> None:
    rupor.a_list("all", "anna@example.org")
    rupor("announce", "--text", "x", "--to", "mail:all")

    async def claimed(desk: Desk) -> None:
        until = desk.now() + timedelta(minutes=5)
        async with desk.database.writing() as tx:
            await tx.execute(update(delivery).values(state="sending", lease="w", lease_until=until))

    rupor.with_desk(claimed)
    code, out, _ = rupor("lists", "erase", "anna@example.org")
    assert (code, "Повторите команду через минуту" in out) == (3, True)


def test_an_erased_address_comes_back_only_by_hand(rupor: Rupor) -> None:
    file = rupor.folder / "a.csv"
    file.write_text("anna@example.org\nb@example.org\n", encoding="utf-8")
    rupor("lists", "erase", "anna@example.org")
    code, out, _ = rupor("lists", "import", "all", str(file))
    assert (code, "строка 1: удалён по просьбе владельца, не добавлен («anna@example.org»)" in out) == (3, True)
    assert list(shown(rupor)) == ["b@example.org"]
    assert rupor.json("lists", "unsuppress", "anna@example.org")["erasure_lifted"] is True
    assert rupor("lists", "import", "all", str(file))[0] == 0
    assert list(shown(rupor)) == ["anna@example.org", "b@example.org"]


def test_erasing_twice_is_said_and_does_no_harm(rupor: Rupor) -> None:
    rupor("lists", "erase", "anna@example.org")
    assert "удаляли и раньше" in rupor("lists", "erase", "anna@example.org")[1]

    async def marks(desk: Desk) -> int:
        async with desk.database.reading() as tx:
            return int((await tx.execute(select(func.count()).select_from(erased))).scalar_one())

    assert rupor.with_desk(marks) == 1
