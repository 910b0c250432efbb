"""`rupor lists`: mailing lists, from a file and into a file. Single addresses: `bot.commands.addresses`."""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import click

from bot.commands.documents import moment
from bot.commands.frame import Answer, ExitCode, Failure, Invocation, Page, command, group
from bot.commands.opened import in_the_office, who
from bot.commands.tables import table
from bot.texts import lists as file_texts
from bot.texts.cli import lists as texts
from delivery import imports, listfile, listout
from delivery.database import Database, Tx
from delivery.desk import Desk
from delivery.imports import NothingToUndoError, Plan, RemovalError
from delivery.listfile import ListFile, ListFileError
from delivery.listlines import BadLine
from delivery.store import lists as store
from delivery.store.imports import Import, Undone
from delivery.store.lists import Listed

__all__ = ["known", "lists"]

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")  # it stands in `--to KEY:LIST,KEY` and in buttons
_PAGE = 5_000


@group("lists", answers_json=True)
async def lists(invocation: Invocation) -> Answer:
    """Every list with its size, and why some of it gets no letters."""
    async with in_the_office(invocation) as desk, desk.database.reading() as tx:
        rows = await store.overview(tx)
        why = await store.reasons(tx)
    document = [
        {"list": key, "name": name, "addresses": n, "suppressed": silent, "reasons": why.get(key, {})}
        for key, name, n, silent in rows
    ]
    drawn = [texts.row(one, why.get(one[0], {})) for one in rows]
    text = table(texts.COLUMNS, drawn, right=texts.NUMBERS) if rows else texts.NONE_YET
    return Answer(text, {"lists": document})


@command("lists show", parent=lists, answers_json=True)
@click.argument("list_key")
async def show(invocation: Invocation, list_key: str) -> Answer:
    """Every address of a list with all that is known of it, those that are not written to among them."""
    async with in_the_office(invocation) as desk, desk.database.reading() as tx:
        key, name = await known(tx, list_key)
        tags = await store.tags(tx, key)
    head = "\n".join(filter(None, [f"{name} ({key})", texts.tags(tags)]))
    document = {"list": key, "name": name, "tags": tags}
    return Answer(head, document, pages=_shown(invocation, key), pages_key="members")


async def _shown(invocation: Invocation, key: str) -> AsyncIterator[Page]:
    some = False
    async with in_the_office(invocation) as desk:
        async for found in _pages(desk.database, key):
            some = True
            yield Page(table(texts.MEMBER_COLUMNS, map(texts.member, found)), [_document(one) for one in found])
    if not some:
        yield Page(texts.empty(key), [])


async def _pages(database: Database, key: str) -> AsyncIterator[list[Listed]]:
    """Read a list a page at a time: it may be longer than fits in memory."""
    after = ""
    while True:
        async with database.reading() as tx:
            found = await store.page(tx, key, after=after, most=_PAGE)
        if not found:
            return
        yield found
        after = found[-1].member.address


def _document(one: Listed) -> dict[str, Any]:
    member = one.member
    return {
        "address": member.address,
        "shown": member.shown,
        "name": member.name,
        "organisation": member.organisation,
        "tags": list(member.tags or ()),
        "consent": member.consent,
        "consent_source": member.consent_source,
        "consent_on": member.consent_on or None,
        "source": one.source,
        "added_at": moment(one.added_at),
        "suppressed": one.left_out,
    }


async def known(tx: Tx, named: str) -> tuple[str, str]:
    """Return a list's key and name. Raises Failure with the nearest one."""
    there = await store.every(tx)
    if named in there:
        return named, there[named]
    raise Failure(ExitCode.NOT_FOUND, texts.unknown(named, list(there)))


# From a file


@command("lists import", parent=lists, answers_json=True)
@click.argument("list_key")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name")
@click.option("--remove-missing", is_flag=True)
@click.option("--dry-run", is_flag=True)
async def import_(
    invocation: Invocation, list_key: str, file: Path, name: str | None, remove_missing: bool, dry_run: bool
) -> Answer:
    """Add what is new, bring up to date what is known, and take nothing away unless asked to."""
    if not _KEY.fullmatch(list_key):
        raise Failure(ExitCode.BAD_INPUT, texts.bad_key(list_key))
    found = await _read(file)
    number: int | None = None
    async with in_the_office(invocation, furnish=True) as desk:
        if dry_run:
            async with desk.database.reading() as tx:
                plan = await imports.look(tx, list_key, found)
            _may_remove(plan, remove_missing=remove_missing)
        else:
            async with desk.database.writing() as tx:
                plan = await imports.look(tx, list_key, found)
                _may_remove(plan, remove_missing=remove_missing)
                if plan.file.members:
                    number = await _write(tx, list_key, plan, name, file, desk.now(), remove_missing=remove_missing)
    bad, some = plan.file.bad, plan.file.members
    code = ExitCode.DONE if not bad else ExitCode.INCOMPLETE if some else ExitCode.BAD_INPUT
    said = texts.imported(list_key, plan, dry_run=dry_run, removes=remove_missing, undoable=number is not None)
    document = _import_document(list_key, plan, dry_run=dry_run, removes=remove_missing) | {"import": number}
    return Answer(said, document, code)


def _may_remove(plan: Plan, *, remove_missing: bool) -> None:
    if remove_missing and not plan.may_remove:
        raise Failure(ExitCode.BAD_INPUT, texts.no_removal(plan.file.bad))


async def _write(
    tx: Tx, key: str, plan: Plan, name: str | None, file: Path, now: datetime, *, remove_missing: bool
) -> int | None:
    try:
        return await imports.write(
            tx,
            key,
            plan,
            remove_missing=remove_missing,
            name=name,
            file_name=file.name,
            source=f"cli:{who()}",
            now=now,
        )
    except RemovalError:
        raise Failure(ExitCode.BAD_INPUT, texts.no_removal(plan.file.bad)) from None


def _import_document(key: str, plan: Plan, *, dry_run: bool, removes: bool) -> dict[str, Any]:
    changes = plan.changes
    return {
        "list": key,
        "dry_run": dry_run,
        "added": [one.address for one in changes.added],
        "updated": [one.after.address for one in changes.updated],
        "unchanged": changes.unchanged,
        "missing": [one.address for one in changes.missing_named],
        "missing_count": changes.missing,
        "missing_removed": removes,
        "duplicates": [
            {"line": one.line, "first_line": one.first_line, "address": one.shown} for one in plan.file.duplicates
        ],
        "unclear": [{"line": one.line, "text": one.text} for one in plan.file.unclear],
        "bad": [_bad(one) for one in plan.file.bad],
    }


def _bad(one: BadLine) -> dict[str, Any]:
    return {"line": one.line, "text": one.text, "code": one.code, "message": file_texts.bad_line(one)}


async def _read(file: Path) -> ListFile:
    try:
        content = await asyncio.to_thread(_bytes, file)
        return await asyncio.to_thread(listfile.read, file.name, content)
    except OSError:
        raise Failure(ExitCode.BAD_INPUT, texts.not_readable(str(file))) from None
    except ListFileError as error:
        raise Failure(ExitCode.BAD_INPUT, texts.refused(file.name, file_texts.file_refused(error))) from None


def _bytes(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(listfile.LIMITS.size + 1)


@command("lists undo", parent=lists, answers_json=True)
@click.argument("list_key")
async def undo(invocation: Invocation, list_key: str) -> Answer:
    """Take back the newest import that has not been taken back."""
    async with in_the_office(invocation) as desk, desk.database.writing() as tx:
        key, _name = await known(tx, list_key)
        try:
            one, done = await imports.undo_last(tx, key, desk.now())
        except NothingToUndoError:
            raise Failure(ExitCode.NOT_FOUND, texts.nothing_to_undo(key)) from None
        said = texts.undone(one, done, desk.zone)
    return Answer(said, _undo_document(one, done), ExitCode.INCOMPLETE if done.kept else ExitCode.DONE)


def _undo_document(one: Import, done: Undone) -> dict[str, Any]:
    return {
        "list": one.list_key,
        "import": one.id,
        "file": one.file,
        "imported_at": moment(one.at),
        "removed": done.removed,
        "restored": done.restored,
        "returned": done.returned,
        "kept": done.kept,
        "kept_named": list(done.kept_named),
        "list_removed": done.list_gone,
    }


# Into a file


@command("lists export", parent=lists, answers_json=True)
@click.argument("list_key")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
async def export(invocation: Invocation, list_key: str, file: Path) -> Answer:
    """Write a list with all that is known, as XLSX when the file's name says so, else as CSV."""
    async with in_the_office(invocation) as desk:
        async with desk.database.reading() as tx:
            key, name = await known(tx, list_key)
        try:
            written = await _export(desk, key, file)
        except OSError:
            raise Failure(ExitCode.BAD_INPUT, texts.not_writable(str(file))) from None
    said = texts.exported(key, str(file), written)
    return Answer(said, {"list": key, "name": name, "file": file, "addresses": written})


async def _export(desk: Desk, key: str, file: Path) -> int:
    """Write beside the file and put it in its place: whoever reads it never meets half of it."""
    as_table = file.suffix.lower() == ".xlsx"
    head = [(*listout.HEADER, *texts.REMARK_COLUMNS)]
    rows: list[Sequence[str]] = list(head)
    written = 0
    with _replacing(file) as fresh:
        if not as_table:
            await asyncio.to_thread(fresh.write, listout.as_csv(head))
        async for found in _pages(desk.database, key):
            written += len(found)
            page = [_line(one, desk) for one in found]
            if as_table:
                rows += page
            else:
                await asyncio.to_thread(fresh.write, listout.as_csv(page, first=False))
        if as_table:
            await asyncio.to_thread(lambda: fresh.write(listout.as_workbook(rows)))
    return written


def _line(one: Listed, desk: Desk) -> Sequence[str]:
    return listout.row(one.member, texts.remarks(one, desk.zone))


@contextmanager
def _replacing(file: Path) -> Iterator[IO[bytes]]:
    with tempfile.NamedTemporaryFile(dir=file.absolute().parent, prefix=f".{file.name}.", delete=False) as fresh:
        try:
            yield fresh.file
            fresh.flush()
            Path(fresh.name).replace(file)
        except BaseException:
            Path(fresh.name).unlink(missing_ok=True)
            raise
