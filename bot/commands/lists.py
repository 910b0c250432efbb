"""`rupor lists`: mailing lists, from a file and into a file."""

import asyncio
import re
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command, group
from bot.commands.opened import in_the_office, who
from bot.commands.tables import table
from bot.texts import lists as file_texts
from bot.texts.cli import lists as texts
from delivery import listfile
from delivery.address import AddressError, check_address
from delivery.database import Tx
from delivery.listfile import BadLine, BadLineCode, Changes, ListFile, ListFileError, Member
from delivery.store import lists as store

__all__ = ["lists"]

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")  # it stands in `--to KEY:LIST,KEY` and in buttons


@group("lists", answers_json=True)
async def lists(invocation: Invocation) -> Answer:
    """Every list with its size."""
    async with in_the_office(invocation) as desk, desk.database.reading() as tx:
        rows = await store.overview(tx)
    document = [{"list": key, "name": name, "addresses": n, "suppressed": silent} for key, name, n, silent in rows]
    text = table(texts.COLUMNS, map(texts.row, rows), right=texts.NUMBERS) if rows else texts.NONE_YET
    return Answer(text, {"lists": document})


@command("lists show", parent=lists, answers_json=True)
@click.argument("list_key")
async def show(invocation: Invocation, list_key: str) -> Answer:
    """Every address of a list, those that are not written to among them."""
    async with in_the_office(invocation) as desk, desk.database.reading() as tx:
        key, name = await _known(tx, list_key)
        members = await store.members(tx, key)
        blocked = await store.suppressed(tx, [key])
    reasons = {one.address: blocked.get((one.address, key)) or blocked.get((one.address, "")) for one in members}
    rows = [texts.member(one, reasons[one.address]) for one in members]
    text = f"{name} ({key})\n{table(texts.MEMBER_COLUMNS, rows)}" if rows else texts.empty(key)
    document = {
        "list": key,
        "name": name,
        "members": [_member(one) | {"suppressed": reasons[one.address]} for one in members],
    }
    return Answer(text, document)


def _member(one: Member) -> dict[str, Any]:
    return {"address": one.address, "shown": one.shown, "name": one.name, "organisation": one.organisation}


async def _known(tx: Tx, named: str) -> tuple[str, str]:
    """Return a list's key and name. Raises Failure with the nearest one."""
    there = {key: name for key, name, *_ in await store.overview(tx)}
    if named in there:
        return named, there[named]
    raise Failure(ExitCode.NOT_FOUND, texts.unknown(named, list(there)))


# From a file


@command("lists import", parent=lists, answers_json=True)
@click.argument("list_key")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name")
@click.option("--dry-run", is_flag=True)
async def import_(invocation: Invocation, list_key: str, file: Path, name: str | None, dry_run: bool) -> Answer:
    """Add what is new, bring up to date what is known, take nothing away."""
    if not _KEY.fullmatch(list_key):
        raise Failure(ExitCode.BAD_INPUT, texts.bad_key(list_key))
    found = await _read(file)
    async with in_the_office(invocation, furnish=True) as desk:
        if dry_run or not found.members:
            async with desk.database.reading() as tx:
                changes = listfile.changes(await store.members(tx, list_key), found.members)
        else:
            async with desk.database.writing() as tx:
                changes = listfile.changes(await store.members(tx, list_key), found.members)
                await _write(tx, list_key, name, changes, desk.now())
    code = ExitCode.DONE if not found.bad else ExitCode.INCOMPLETE if found.members else ExitCode.BAD_INPUT
    said = texts.imported(list_key, found, changes, dry_run=dry_run)
    return Answer(said, _import_document(list_key, found, changes, dry_run=dry_run), code)


async def _write(tx: Tx, key: str, name: str | None, changes: Changes, now: datetime) -> None:
    there = await store.names(tx, [key])
    if name is not None or key not in there:
        await store.create(tx, key, name or key, now)
    people = [*changes.added, *(update.after for update in changes.updated)]
    await store.put_members(tx, key, people, source=f"cli:{who()}", now=now)


def _import_document(key: str, found: ListFile, changes: Changes, *, dry_run: bool) -> dict[str, Any]:
    return {
        "list": key,
        "dry_run": dry_run,
        "added": [one.address for one in changes.added],
        "updated": [one.after.address for one in changes.updated],
        "unchanged": len(changes.unchanged),
        "missing": [one.address for one in changes.missing],
        "duplicates": [
            {"line": one.line, "first_line": one.first_line, "address": one.shown} for one in found.duplicates
        ],
        "bad": [_bad(one) for one in found.bad],
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


# Into a file, and out of the list


@command("lists export", parent=lists, answers_json=True)
@click.argument("list_key")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
async def export(invocation: Invocation, list_key: str, file: Path) -> Answer:
    """Write a list as XLSX when the file's name says so, else as CSV."""
    async with in_the_office(invocation) as desk, desk.database.reading() as tx:
        key, name = await _known(tx, list_key)
        members = await store.members(tx, key)
    write = listfile.write_workbook if file.suffix.lower() == ".xlsx" else listfile.write
    content = await asyncio.to_thread(write, members)
    try:
        await asyncio.to_thread(_replace, file, content)
    except OSError:
        raise Failure(ExitCode.BAD_INPUT, texts.not_writable(str(file))) from None
    said = texts.exported(key, str(file), len(members))
    return Answer(said, {"list": key, "name": name, "file": file, "addresses": len(members)})


def _replace(file: Path, content: bytes) -> None:
    """Write beside the file and put it in its place: whoever reads it never meets half of it."""
    with tempfile.NamedTemporaryFile(dir=file.absolute().parent, prefix=f".{file.name}.", delete=False) as fresh:
        try:
            fresh.write(content)
            fresh.flush()
            Path(fresh.name).replace(file)
        except BaseException:
            Path(fresh.name).unlink(missing_ok=True)
            raise


@command("lists remove", parent=lists, answers_json=True)
@click.argument("list_key")
@click.argument("address")
async def remove(invocation: Invocation, list_key: str, address: str) -> Answer:
    """Take one address off a list."""
    try:
        wanted = check_address(address)
    except AddressError as error:
        reason = file_texts.BAD_LINES[BadLineCode(error.code)](error.values)
        raise Failure(ExitCode.BAD_INPUT, texts.bad_address(address, reason)) from None
    async with in_the_office(invocation) as desk, desk.database.writing() as tx:
        key, _name = await _known(tx, list_key)
        if not await store.remove_member(tx, key, wanted.ascii):
            raise Failure(ExitCode.NOT_FOUND, texts.not_on_the_list(wanted.shown, key))
    return Answer(texts.removed(wanted.shown, key), {"list": key, "address": wanted.ascii})
