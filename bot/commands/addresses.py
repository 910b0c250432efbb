"""`rupor lists …` for one address: take it off a list, write to it no more or again, forget it."""

from typing import Any

import click

from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command
from bot.commands.lists import known, lists
from bot.commands.opened import in_the_office
from bot.texts import lists as file_texts
from bot.texts.cli import addresses as texts
from delivery.address import Address, AddressError, check_address
from delivery.database import Tx
from delivery.listlines import BadLineCode
from delivery.member import SuppressionReason
from delivery.store import erasure
from delivery.store import lists as store

__all__ = ["lists"]


def _checked(address: str) -> Address:
    try:
        return check_address(address)
    except AddressError as error:
        reason = file_texts.BAD_LINES[BadLineCode(error.code)](error.values)
        raise Failure(ExitCode.BAD_INPUT, texts.bad_address(address, reason)) from None


@command("lists remove", parent=lists, answers_json=True)
@click.argument("list_key")
@click.argument("address")
async def remove(invocation: Invocation, list_key: str, address: str) -> Answer:
    """Take one address off a list."""
    wanted = _checked(address)
    async with in_the_office(invocation) as desk, desk.database.writing() as tx:
        key, _name = await known(tx, list_key)
        if not await store.remove_member(tx, key, wanted.ascii):
            raise Failure(ExitCode.NOT_FOUND, texts.not_on_the_list(wanted.shown, key))
    return Answer(texts.removed(wanted.shown, key), {"list": key, "address": wanted.ascii})


@command("lists suppress", parent=lists, answers_json=True)
@click.argument("address")
@click.option("--list", "list_key")
@click.option(
    "--reason", type=click.Choice([one.value for one in SuppressionReason]), default=SuppressionReason.BY_HAND.value
)
async def suppress(invocation: Invocation, address: str, list_key: str | None, reason: str) -> Answer:
    """Write to an address no more, on whatever list it is or will be."""
    wanted = _checked(address)
    async with in_the_office(invocation) as desk, desk.database.writing() as tx:
        key = await _key(tx, list_key)
        fresh = await store.suppress(tx, wanted.ascii, key, reason=reason, now=desk.now())
    document = {"address": wanted.ascii, "list": key or None, "reason": reason, "new": fresh}
    return Answer(texts.suppressed(wanted.shown, key, fresh=fresh), document)


@command("lists unsuppress", parent=lists, answers_json=True)
@click.argument("address")
@click.option("--list", "list_key")
async def unsuppress(invocation: Invocation, address: str, list_key: str | None) -> Answer:
    """Write to an address again. Without --list whatever kept it from letters is lifted, an erasure too."""
    wanted = _checked(address)
    async with in_the_office(invocation) as desk, desk.database.writing() as tx:
        lifted = await store.unsuppress(tx, wanted.ascii, await _key(tx, list_key) if list_key else None)
        forgiven = not list_key and await erasure.forgive(tx, wanted.ascii)
    if not lifted and not forgiven:
        raise Failure(ExitCode.NOT_FOUND, texts.not_suppressed(wanted.shown, list_key))
    said = texts.unsuppressed(wanted.shown, lifted, forgiven=forgiven)
    return Answer(said, {"address": wanted.ascii, "lifted": _lifted(lifted), "erasure_lifted": forgiven})


async def _key(tx: Tx, named: str | None) -> str:
    return (await known(tx, named))[0] if named else ""


def _lifted(lifted: dict[str, str]) -> list[dict[str, Any]]:
    return [{"list": key or None, "reason": reason} for key, reason in sorted(lifted.items())]


@command("lists erase", parent=lists, answers_json=True)
@click.argument("address")
async def erase(invocation: Invocation, address: str) -> Answer:
    """Forget an address. It is known by a keyed hash only, so that no file brings it back unnoticed."""
    wanted = _checked(address)
    async with in_the_office(invocation) as desk, desk.database.writing() as tx:
        done = await erasure.erase(tx, wanted.ascii, desk.now())
    document = {
        "address": wanted.ascii,
        "lists": list(done.lists),
        "suppressions": done.suppressions,
        "deliveries": done.deliveries,
        "stopped": done.stopped,
        "in_flight": done.in_flight,
        "files": done.files,
    }
    code = ExitCode.INCOMPLETE if done.in_flight else ExitCode.DONE
    return Answer(texts.erased(wanted.shown, done), document, code)
