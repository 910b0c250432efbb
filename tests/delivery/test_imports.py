"""A file changes a list, is looked at first, and is taken back."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.texts.cli.lists import REMARK_COLUMNS
from delivery import imports, listfile
from delivery.desk import Desk
from delivery.imports import NothingToUndoError, Plan, RemovalError
from delivery.listfile import ListFile
from delivery.listlines import BadLineCode
from delivery.listout import HEADER, as_csv, row
from delivery.member import Consent, Member
from delivery.store import erasure, lists
from delivery.store import imports as store
from delivery.store.imports import Import, Undone
from delivery.store.lists import Listed
from tests.delivery.builders import a_list
from tests.support.clock import Clock

FULL = (
    "Почта;Имя;Организация;Метки;Согласие;Источник согласия;Дата согласия\n"
    "a@example.org;Анна;Завод;профком, молодёжь;да;анкета;01.03.2026\n"
    "b@example.org;Борис;Школа;;нет;;\n"
)


def file(text: str) -> ListFile:
    return listfile.read("list.csv", text.encode())


async def put(desk: Desk, text: str, key: str = "all", *, removes: bool = False, name: str | None = None) -> int | None:
    async with desk.database.writing() as tx:
        plan = await imports.look(tx, key, file(text))
        return await imports.write(
            tx, key, plan, remove_missing=removes, name=name, file_name="list.csv", source="test", now=desk.now()
        )


async def look(desk: Desk, text: str, key: str = "all") -> Plan:
    async with desk.database.reading() as tx:
        return await imports.look(tx, key, file(text))


async def undo(desk: Desk, key: str = "all") -> Undone:
    async with desk.database.writing() as tx:
        return (await imports.undo_last(tx, key, desk.now()))[1]


async def members(desk: Desk, key: str = "all") -> list[Member]:
    async with desk.database.reading() as tx:
        return await lists.members(tx, key)


async def everything(desk: Desk, key: str = "all") -> tuple[list[Listed], dict[str, str]]:
    """All that is known of a list, to the letter."""
    async with desk.database.reading() as tx:
        return await lists.page(tx, key, after="", most=10_000), await lists.every(tx)


async def addresses(desk: Desk, key: str = "all") -> list[str]:
    return [one.address.partition("@")[0] for one in await members(desk, key)]


# Looking and writing


async def test_looking_changes_nothing(desk: Desk) -> None:
    plan = await look(desk, FULL)
    assert (len(plan.changes.added), plan.changes.missing) == (2, 0)
    assert await everything(desk) == ([], {})


async def test_what_a_file_says_of_people_is_kept(desk: Desk) -> None:
    await put(desk, FULL)
    anna, boris = await members(desk)
    assert (anna.tags, anna.consent) == (("молодёжь", "профком"), Consent.YES)
    assert (anna.consent_source, anna.consent_on) == ("анкета", "2026-03-01")
    assert (boris.tags, boris.consent) == ((), Consent.NO)


async def test_what_is_shown_is_what_comes_of_it(desk: Desk) -> None:
    await a_list(desk, "all", "b@example.org", "c@example.org", "d@example.org")
    plan = await look(desk, FULL)
    assert [one.address for one in plan.changes.added] == ["a@example.org"]
    assert [one.after.name for one in plan.changes.updated] == ["Борис"]
    assert plan.changes.missing == 2
    assert [one.address for one in plan.changes.missing_named] == ["c@example.org", "d@example.org"]
    await put(desk, FULL)
    assert await addresses(desk) == ["a", "b", "c", "d"]


async def test_whoever_is_missing_goes_only_when_asked(desk: Desk) -> None:
    await a_list(desk, "all", "b@example.org", "c@example.org")
    await put(desk, FULL, removes=True)
    assert await addresses(desk) == ["a", "b"]


@pytest.mark.parametrize(("line", "may"), [("b@", False), ("позвонить", False), (";Завод", True)])
async def test_nobody_is_taken_out_by_a_file_whose_bad_line_may_be_theirs(desk: Desk, line: str, may: bool) -> None:
    await a_list(desk, "all", "b@example.org")
    text = f"Почта;Орг\na@example.org;А\n{line}\n"
    if may:
        await put(desk, text, removes=True)
    else:
        with pytest.raises(RemovalError):
            await put(desk, text, removes=True)
    assert await addresses(desk) == (["a"] if may else ["b"])


async def test_another_list_is_left_alone(desk: Desk) -> None:
    await a_list(desk, "other", "a@example.org", "z@example.org")
    before = await everything(desk, "other")
    await put(desk, FULL, removes=True)
    await undo(desk)
    assert await everything(desk, "other") == before


async def test_an_import_that_changes_nothing_is_none(desk: Desk) -> None:
    assert await put(desk, FULL) is not None
    assert await put(desk, FULL) is None
    await undo(desk)
    with pytest.raises(NothingToUndoError):
        await undo(desk)


# Taking back


async def test_an_undo_brings_everything_back_as_it_was(desk: Desk, clock: Clock) -> None:
    await put(desk, FULL + "c@example.org;Вера;Луч;;;;\n", name="Все")
    before = await everything(desk)
    clock.advance(days=3)
    text = "Почта;Имя;Метки;Согласие\na@example.org;Анна Ильина;—;нет\nd@example.org;Глеб;новые;\n"
    await put(desk, text, removes=True, name="Новое имя")
    assert await addresses(desk) == ["a", "d"]
    done = await undo(desk)
    assert (done.removed, done.restored, done.returned, done.kept) == (1, 1, 2, 0)
    assert await everything(desk) == before


async def test_imports_are_taken_back_one_after_another(desk: Desk) -> None:
    seen = []
    for text in ("a@example.org", "Почта;Имя\na@example.org;Анна\nb@example.org;Борис", "Почта;Имя\na@example.org;Аня"):
        await put(desk, text)
        seen.append(await everything(desk))
    for before in (seen[1], seen[0]):
        await undo(desk)
        assert await everything(desk) == before
    assert (await undo(desk)).list_gone
    assert await everything(desk) == ([], {})


async def test_a_list_that_was_there_stays_when_its_first_import_is_taken_back(desk: Desk) -> None:
    await a_list(desk, "all")
    await put(desk, FULL)
    assert not (await undo(desk)).list_gone
    assert (await everything(desk)) == ([], {"all": "All"})


async def test_what_was_changed_since_is_left_and_named(desk: Desk) -> None:
    await a_list(desk, "all", *(f"{name}@example.org" for name in "bcd"))
    number = await put(
        desk, "Почта;Имя\na@example.org;А\nb@example.org;Б\nc@example.org;В\ne@example.org;Е\n", removes=True
    )
    await put(desk, "Почта;Имя\na@example.org;Анна\nd@example.org;Глеб\n")
    async with desk.database.writing() as tx:
        await lists.remove_member(tx, "all", "b@example.org")
        await lists.remove_member(tx, "all", "e@example.org")
    async with desk.database.writing() as tx:
        assert number is not None
        _one, done = await imports.undo_one(tx, number, desk.now())
    assert (done.removed, done.restored, done.returned, done.kept) == (0, 1, 0, 3)
    assert done.kept_named == ("a@example.org", "b@example.org", "d@example.org")
    assert [(one.address[0], one.name) for one in await members(desk)] == [("a", "Анна"), ("c", ""), ("d", "Глеб")]


async def test_an_undo_works_once(desk: Desk) -> None:
    number = await put(desk, FULL) or 0
    async with desk.database.writing() as tx:
        await imports.undo_one(tx, number, desk.now())
    for again in (number, number + 1000):
        async with desk.database.writing() as tx:
            with pytest.raises(NothingToUndoError):
                await imports.undo_one(tx, again, desk.now())


async def test_old_imports_are_forgotten(desk: Desk) -> None:
    numbers = [await put(desk, f"Почта;Имя\na@example.org;А{n}\n") for n in range(store.KEPT + 2)]
    async with desk.database.writing() as tx:
        with pytest.raises(NothingToUndoError):
            await imports.undo_one(tx, numbers[1] or 0, desk.now())
    for _ in range(store.KEPT):
        await undo(desk)
    assert [one.name for one in await members(desk)] == ["А1"]
    with pytest.raises(NothingToUndoError):
        await undo(desk)


async def test_a_name_that_was_changed_since_stays(desk: Desk) -> None:
    await a_list(desk, "all", "a@example.org")
    await put(desk, FULL, name="Первое")
    async with desk.database.writing() as tx:
        await lists.create(tx, "all", "Второе", desk.now())
    await undo(desk)
    assert (await everything(desk))[1] == {"all": "Второе"}


_NAMES = st.sampled_from("abcdefgh")
_FILES = st.lists(
    st.tuples(st.dictionaries(_NAMES, st.sampled_from(["", "Анна", "Борис"]), min_size=1, max_size=6), st.booleans()),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=_FILES, removed=st.sets(_NAMES, max_size=2))
async def test_whatever_was_imported_undo_after_undo_leads_back(
    desk: Desk, files: list[tuple[dict[str, str], bool]], removed: set[str]
) -> None:
    await a_list(desk, "all", "a@example.org", "b@example.org")
    async with desk.database.writing() as tx:
        for name in removed:
            await lists.remove_member(tx, "all", f"{name}@example.org")
    seen = [await everything(desk)]
    for people, removes in files:
        text = "Почта;Имя\n" + "".join(f"{one}@example.org;{name}\n" for one, name in people.items())
        if await put(desk, text, removes=removes) is not None:
            seen.append(await everything(desk))
    for before in reversed(seen[:-1]):
        assert (await undo(desk)).kept == 0
        assert await everything(desk) == before


# Out and in again


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from("';\"=+-@,#|"), max_size=20)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people=st.lists(
        st.tuples(
            _TEXTS, _TEXTS, _TEXTS, st.sampled_from(["да", "нет", ""]), _TEXTS, st.sampled_from(["", "1.5.2026"])
        ),
        max_size=5,
    )
)
async def test_what_is_exported_is_imported_without_a_difference(desk: Desk, people: list[tuple[str, ...]]) -> None:
    lines = [(f"a{n}@example.org", *cells) for n, cells in enumerate([("x",) * 2 + ("",) * 4, *people])]
    await put(desk, as_csv([HEADER, *lines]).decode("utf-8-sig"), removes=True)
    found, _names = await everything(desk)
    out = as_csv([(*HEADER, *REMARK_COLUMNS), *(row(one.member, ("", one.source, "2026-11-24")) for one in found)])
    there = (await look(desk, out.decode("utf-8-sig"))).changes
    assert (there.any, there.unchanged) == (False, len(lines))
    await put(desk, out.decode("utf-8-sig"), "copy", removes=True)
    assert await members(desk, "copy") == await members(desk)


# Erased addresses


async def test_an_erased_address_does_not_come_back_unnoticed(desk: Desk) -> None:
    await put(desk, FULL)
    async with desk.database.writing() as tx:
        await erasure.erase(tx, "a@example.org", desk.now())
    plan = await look(desk, FULL)
    assert [(bad.line, bad.text, bad.code) for bad in plan.file.bad] == [(2, "a@example.org", BadLineCode.ERASED)]
    await put(desk, FULL)
    assert await addresses(desk) == ["b"]
    async with desk.database.writing() as tx:
        assert await erasure.forgive(tx, "a@example.org")
    await put(desk, FULL)
    assert await addresses(desk) == ["a", "b"]


async def test_an_undo_does_not_bring_an_erased_address_back(desk: Desk) -> None:
    await a_list(desk, "all", "a@example.org", "c@example.org")
    await put(desk, "Почта;Имя\nb@example.org;Борис\n", removes=True)
    async with desk.database.writing() as tx:
        await erasure.erase(tx, "a@example.org", desk.now())
    await undo(desk)
    assert await addresses(desk) == ["c"]


async def test_an_import_of_more_than_a_page_is_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_PAGE", 3)
    text = "".join(f"u{n}@example.org\n" for n in range(10))
    await put(desk, text)
    before = await everything(desk)
    await put(desk, "Почта;Имя\n" + "".join(f"u{n}@example.org;Имя\n" for n in range(2, 14)), removes=True)
    assert len(await members(desk)) == 12
    done = await undo(desk)
    assert (done.removed, done.restored, done.returned) == (4, 8, 2)
    assert await everything(desk) == before


async def test_an_import_remembers_who_brought_which_file(desk: Desk) -> None:
    number = await put(desk, FULL) or 0
    async with desk.database.reading() as tx:
        found = await store.find_import(tx, number)
    expected = Import(number, "all", True, "", "all", "list.csv", "test", desk.now(), None)
    assert found == expected
