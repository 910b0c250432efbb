"""`rupor lists`: mailing lists from a file and into a file."""

from pathlib import Path

import pytest

from delivery.listfile import read
from tests.bot.commands.conftest import Rupor

GOOD = "E-mail;Имя;Организация\nanna@example.org;Анна;Обком\nboris@пример.рф;;Горком\n"


def a_file(rupor: Rupor, text: str, name: str = "адреса.csv", encoding: str = "utf-8") -> str:
    path = rupor.folder / name
    path.write_bytes(text.encode(encoding))
    return str(path)


def shown(rupor: Rupor, key: str = "all") -> list[tuple[str, str, str]]:
    return [(one["shown"], one["name"], one["organisation"]) for one in rupor.json("lists", "show", key)["members"]]


def test_a_file_becomes_a_list(rupor: Rupor) -> None:
    answer = rupor.json("lists", "import", "all", a_file(rupor, GOOD), "--name", "Все организации")
    assert answer == {
        "list": "all",
        "dry_run": False,
        "added": ["anna@example.org", "boris@xn--e1afmkfd.xn--p1ai"],
        "updated": [],
        "unchanged": 0,
        "missing": [],
        "missing_count": 0,
        "missing_removed": False,
        "duplicates": [],
        "unclear": [],
        "bad": [],
        "import": 1,
    }
    assert rupor.json("lists") == {
        "lists": [{"list": "all", "name": "Все организации", "addresses": 2, "suppressed": 0, "reasons": {}}]
    }
    assert shown(rupor) == [("anna@example.org", "Анна", "Обком"), ("boris@пример.рф", "", "Горком")]
    assert "Все организации" in rupor("lists")[1]
    assert "boris@пример.рф" in rupor("lists", "show", "all")[1]


def test_bad_lines_are_told_by_number_and_the_good_ones_kept(rupor: Rupor) -> None:
    file = a_file(rupor, "a@example.org\nне адрес\nb@example\n=HYPERLINK(1)@x.ru\nb@example.org\na@example.org\n")
    code, out, _ = rupor("lists", "import", "all", file)
    assert code == 3
    assert "строка 2: в адресе нет знака @ («не адрес»)" in out
    assert "строка 3" in out
    assert "строка 4" in out
    assert [one[0] for one in shown(rupor)] == ["a@example.org", "b@example.org"]
    answer = rupor.json("lists", "import", "all", file, code=3)
    assert [one["line"] for one in answer["bad"]] == [2, 3, 4]
    assert answer["duplicates"] == [{"line": 6, "first_line": 1, "address": "a@example.org"}]


def test_a_trial_run_shows_what_would_change_and_changes_nothing(rupor: Rupor) -> None:
    rupor("lists", "import", "all", a_file(rupor, GOOD))
    file = a_file(rupor, "E-mail;Имя;Организация\nanna@example.org;Анна Ильина;\nnew@example.org;;\nplain\n")
    code, out, _ = rupor("lists", "import", "all", file, "--dry-run")
    assert code == 3
    assert "проба" in out
    assert "1 новый, 1 исчез, 1 исправлен, 1 с ошибкой (строка 4)" in out.replace("\u00a0", " ")
    assert "anna@example.org (Анна → Анна Ильина)" in out
    assert "new@example.org" in out
    assert "в списке остаются: 1" in out
    assert [one[0] for one in shown(rupor)] == ["anna@example.org", "boris@пример.рф"]
    answer = rupor.json("lists", "import", "all", file, "--dry-run", code=3)
    assert (answer["added"], answer["updated"], answer["missing"]) == (
        ["new@example.org"],
        ["anna@example.org"],
        ["boris@xn--e1afmkfd.xn--p1ai"],
    )


def test_a_second_import_adds_and_takes_nothing_away(rupor: Rupor) -> None:
    rupor("lists", "import", "all", a_file(rupor, GOOD), "--name", "Все")
    rupor("lists", "import", "all", a_file(rupor, "c@example.org\n", encoding="utf-16"))
    assert len(shown(rupor)) == 3
    assert rupor.json("lists")["lists"][0]["name"] == "Все"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "файл пустой"),
        (b"%PDF-1.7\n\x00\x01", "это не таблица"),
        ("просто текст\n".encode(), "нет ни одного адреса"),
        (b"a@example.org\n" * 200_001, "слишком много строк"),
    ],
)
def test_a_file_that_gives_no_list_is_refused(rupor: Rupor, content: bytes, words: str) -> None:
    path = rupor.folder / "список.csv"
    path.write_bytes(content)
    code, out, err = rupor("lists", "import", "all", str(path))
    assert (code, out) == (2, "")
    assert words in err
    assert rupor.json("lists") == {"lists": []}


def test_a_file_with_bad_lines_only_stores_nothing(rupor: Rupor) -> None:
    code, out, _ = rupor("lists", "import", "all", a_file(rupor, "a@b@c d\n@\n"))
    assert code == 2
    assert "строка 1" in out
    assert rupor.json("lists") == {"lists": []}


def test_an_address_never_carries_a_line_break(rupor: Rupor) -> None:
    file = a_file(rupor, '"a@example.org\nBcc: evil@example.org";Имя\n')
    rupor("lists", "import", "all", file)
    assert all("\n" not in one["address"] + one["name"] for one in rupor.json("lists", "show", "all")["members"])


@pytest.mark.parametrize("key", ["все", "a,b", "mail:all", "", "-x", "x" * 33])
def test_a_list_has_a_name_that_a_command_line_can_say(rupor: Rupor, key: str) -> None:
    code, _, err = rupor("lists", "import", "--", key, a_file(rupor, GOOD))
    assert (code, "латинских букв" in err) == (2, True)


def test_the_first_import_needs_no_database(fresh: Rupor) -> None:
    assert fresh("lists", "import", "all", a_file(fresh, GOOD))[0] == 0
    assert len(shown(fresh)) == 2


def test_a_missing_file_is_named(rupor: Rupor) -> None:
    code, _, err = rupor("lists", "import", "all", "нет.csv")
    assert (code, "«нет.csv»: не найдено" in err) == (2, True)


# Out again


@pytest.mark.parametrize("name", ["out.csv", "out.xlsx"])
def test_what_goes_out_comes_in_again(rupor: Rupor, name: str) -> None:
    rupor("lists", "import", "all", a_file(rupor, GOOD))
    before = shown(rupor)
    out = rupor.folder / name
    answer = rupor.json("lists", "export", "all", str(out))
    assert (answer["list"], answer["addresses"]) == ("all", 2)
    rupor("lists", "import", "copy", str(out))
    assert shown(rupor, "copy") == before
    assert read(name, out.read_bytes()).encoding == ("xlsx" if name.endswith("xlsx") else "utf-8-sig")
    assert [path.name for path in rupor.folder.iterdir() if path.name.startswith(".out")] == []


def test_a_formula_is_harmless_in_the_exported_file(rupor: Rupor) -> None:
    rupor("lists", "import", "all", a_file(rupor, "E-mail;Имя\na@example.org;\"=cmd|'/c calc'!A0\"\n"))
    out = rupor.folder / "out.csv"
    rupor("lists", "export", "all", str(out))
    assert "'=cmd" in out.read_text(encoding="utf-8-sig")


def test_a_list_is_not_written_where_it_cannot_be(rupor: Rupor) -> None:
    rupor("lists", "import", "all", a_file(rupor, GOOD))
    code, _, err = rupor("lists", "export", "all", str(rupor.folder / "нет" / "out.csv"))
    assert (code, "не записался" in err) == (2, True)


@pytest.mark.parametrize("command", ["show", "export", "remove", "undo"])
def test_an_unknown_list_names_the_nearest(rupor: Rupor, command: str, tmp_path: Path) -> None:
    rupor("lists", "import", "smolensk", a_file(rupor, GOOD))
    rest = {"show": [], "undo": [], "export": [str(tmp_path / "x.csv")], "remove": ["a@example.org"]}[command]
    code, _, err = rupor("lists", command, "smolnsk", *rest)
    assert (code, "«smolensk»" in err) == (4, True)


# Taking an import back


def test_an_import_is_taken_back_by_one_command(rupor: Rupor) -> None:
    rupor("lists", "import", "all", a_file(rupor, GOOD))
    before = rupor.json("lists", "show", "all")
    file = a_file(rupor, "E-mail;Имя\nanna@example.org;Анна Ильина\nnew@example.org;\n")
    answer = rupor.json("lists", "import", "all", file, "--remove-missing")
    assert (answer["missing_count"], answer["missing_removed"], answer["import"]) == (1, True, 2)
    assert [one[0] for one in shown(rupor)] == ["anna@example.org", "new@example.org"]
    undone = rupor.json("lists", "undo", "all")
    assert (undone["import"], undone["file"], undone["kept"]) == (2, "адреса.csv", 0)
    assert (undone["removed"], undone["restored"], undone["returned"]) == (1, 1, 1)
    assert rupor.json("lists", "show", "all") == before


def test_an_undo_says_what_it_had_to_leave(rupor: Rupor) -> None:
    rupor.a_list("all", "anna@example.org")
    rupor("lists", "import", "all", a_file(rupor, GOOD))
    rupor("lists", "remove", "all", "anna@example.org")
    code, out, _ = rupor("lists", "undo", "all")
    assert code == 3
    assert "Убрано новых: 1." in out
    assert "с тех пор изменены: anna@example.org" in out
    assert rupor.json("lists", "show", "all")["members"] == []


def test_there_is_an_end_to_taking_back(rupor: Rupor) -> None:
    rupor("lists", "import", "all", a_file(rupor, GOOD))
    code, out, _ = rupor("lists", "undo", "all")
    assert (code, "Списка больше нет" in out) == (0, True)
    assert rupor.json("lists") == {"lists": []}
    rupor.a_list("all", "anna@example.org")
    code, _, err = rupor("lists", "undo", "all")
    assert (code, "Возвращать нечего" in err) == (4, True)


def test_a_file_with_mistakes_takes_nobody_out(rupor: Rupor) -> None:
    rupor("lists", "import", "all", a_file(rupor, GOOD))
    file = a_file(rupor, "anna@example.org\nboris@\n")
    for more in ([], ["--dry-run"]):
        code, _, err = rupor("lists", "import", "all", file, "--remove-missing", *more)
        assert (code, "--remove-missing" in err) == (2, True)
    assert len(shown(rupor)) == 2


# Tags and consent

KNOWN = (
    "E-mail;Имя;Метки;Согласие;Источник согласия;Дата согласия\n"
    "anna@example.org;Анна;профком;да;анкета;01.03.2026\nboris@example.org;Борис;;нет;;\n"
)


def test_all_that_is_known_of_an_address_is_shown(rupor: Rupor) -> None:
    rupor("lists", "import", "all", a_file(rupor, KNOWN))
    answer = rupor.json("lists", "show", "all")
    assert answer["tags"] == {"профком": 1}
    anna, boris = answer["members"]
    assert (anna["tags"], anna["consent"], anna["consent_source"], anna["consent_on"], anna["suppressed"]) == (
        ["профком"],
        "yes",
        "анкета",
        "2026-03-01",
        None,
    )
    assert anna["source"].startswith("cli:")
    assert anna["added_at"].endswith("Z")
    assert (boris["consent"], boris["consent_on"], boris["suppressed"]) == ("no", None, "no_consent")
    out = rupor("lists", "show", "all")[1]
    assert "Метки: профком (1)" in out
    assert "есть, анкета, 2026-03-01" in out
    assert "не дал согласия" in out


def test_a_broadcast_may_go_to_a_tag_of_a_list(rupor: Rupor) -> None:
    rupor("lists", "import", "all", a_file(rupor, KNOWN + "vera@example.org;Вера;ПРОФКОМ, совет;;;\n"), "--name", "Все")
    code, out, _ = rupor("announce", "--text", "x", "--to", "mail:all#профком", "--dry-run")
    assert (code, "2 получателя (Все · профком)" in out.replace("\u00a0", " ")) == (0, True)
    rupor("announce", "--text", "Только профкому", "--to", "mail:all#Профком", "--wait")
    assert rupor.sent("mail") == ["Только профкому"] * 2


def test_a_tag_that_nobody_bears_is_refused_with_the_nearest(rupor: Rupor) -> None:
    rupor("lists", "import", "all", a_file(rupor, KNOWN))
    code, _, err = rupor("announce", "--text", "x", "--to", "mail:all#профкм")
    assert (code, "«mail:all#профком»" in err) == (2, True)
    assert rupor("announce", "--text", "x", "--to", "wall#профком")[0] == 2


def test_an_export_has_everything_and_changes_nothing_when_it_comes_back(rupor: Rupor) -> None:
    rupor("lists", "import", "all", a_file(rupor, KNOWN))
    rupor("lists", "suppress", "anna@example.org")
    for name in ("out.csv", "out.xlsx"):
        out = rupor.folder / name
        rupor("lists", "export", "all", str(out))
        answer = rupor.json("lists", "import", "all", str(out), "--dry-run")
        assert (answer["added"], answer["updated"], answer["unchanged"], answer["missing_count"]) == ([], [], 2, 0)
    head, anna, boris = (rupor.folder / "out.csv").read_text(encoding="utf-8-sig").splitlines()
    assert head.startswith("E-mail;Имя;Организация;Метки;Согласие;Источник согласия;Дата согласия;Не получает;")
    assert anna.startswith("anna@example.org;Анна;;профком;да;анкета;2026-03-01;отключён вручную;cli:")
    assert "не дал согласия" in boris
