"""Mailing lists: /lists, and files of addresses that editors send."""

import asyncio
import re
from pathlib import PurePath

from aiogram import Bot, F, Router
from aiogram.filters import Command
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message
from markupsafe import Markup

from bot import access, keyboards
from bot.collector import OUT_OF_REACH, download
from bot.face import Face
from bot.handlers.answering import StaleError
from bot.handlers.common import Press, composer, pressed
from bot.handlers.content import piece_of
from bot.handlers.dialogues import end
from bot.keyboards import File, FileAct, UndoImport
from bot.pieces import content_of
from bot.talking import Screen, say, show
from bot.texts import bot as texts
from bot.texts import lists as list_texts
from delivery import imports, listfile
from delivery.database import Tx
from delivery.imports import NothingToUndoError, RemovalError
from delivery.listfile import ListFile, ListFileError
from delivery.store import inbox, lists, media
from delivery.store.inbox import Piece
from delivery.store.media import Media

_SUFFIXES = (".csv", ".tsv", ".xlsx", ".xls", ".ods")
_TYPES = {
    "text/csv",
    "text/comma-separated-values",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.oasis.opendocument.spreadsheet",
}
_LONGEST_KEY = 32
_LATIN = str.maketrans("абвгдеёзийклмнопрстуфыэ", "abvgdeeziyklmnoprstufye") | str.maketrans(
    {"ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ь": "", "ю": "yu", "я": "ya"}
)


def is_list_file(message: Message) -> bool:
    """Tell whether a document looks like a table of addresses."""
    document = message.document
    if document is None or message.media_group_id is not None:
        return False
    name = (document.file_name or "").lower()
    return name.endswith(_SUFFIXES) or (not PurePath(name).suffix and document.mime_type in _TYPES)


def key_of(name: str) -> str:
    """Make a list's key of its name: Latin letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower().translate(_LATIN)).strip("-")[:_LONGEST_KEY].strip("-") or "list"


# What there is


async def overview(message: Message, bot: Bot, face: Face) -> None:
    """Show the lists with their sizes."""
    async with face.desk.database.reading() as tx:
        rows = await lists.overview(tx)
        why = await lists.reasons(tx)
    await say(bot, message.chat.id, Screen(list_texts.overview(rows, why)))


# A file


async def file(message: Message, bot: Bot, face: Face, state: FSMContext) -> None:
    """Keep a file that looks like a list, and ask what it is."""
    post = content_of(message)
    if post is None or message.from_user is None or not access.may_compose(face.settings, message.from_user.id):
        await message.answer(texts.ONLY_EDITORS)
        return
    await end(state, face, message.chat.id)
    one = piece_of(message, post, f"list:{message.message_id}")
    async with face.desk.database.writing() as tx:
        await inbox.add_piece(tx, one, face.desk.now())
    await say(bot, message.chat.id, await _offer(bot, face, one))


async def read_again(query: CallbackQuery, callback_data: File, bot: Bot, face: Face) -> None:
    """Try once more to get the file."""
    press = pressed(query)
    composer(face, press)
    one = await _waiting(face, press.chat_id, callback_data.msg)
    await show(bot, press.chat_id, press.message_id, await _offer(bot, face, one))


async def _offer(bot: Bot, face: Face, one: Piece) -> Screen:
    """Return the question which list a file is for, with what it holds."""
    name = one.post.attachments[0].name
    try:
        found = await _read(bot, face, one)
    except ListFileError as error:
        return _refusal(one, list_texts.refused(name, list_texts.file_refused(error)))
    except OUT_OF_REACH:
        return _refusal(one, list_texts.refused(name, list_texts.NOT_DOWNLOADED), again=True)
    if found is None:
        return _refusal(one, list_texts.refused(name, list_texts.TOO_LARGE_TO_DOWNLOAD))
    async with face.desk.database.reading() as tx:
        there = [(key, shown, members) for key, shown, members, _suppressed in await lists.overview(tx)]
    own = PurePath(name).stem
    fresh = "" if key_of(own) in {key for key, *_ in there} else own
    rows = keyboards.list_choice(one.message_id, there, list_texts.new_list(fresh) if fresh else "")
    return Screen(list_texts.found(name, found), keyboards.keyboard(rows))


def _refusal(one: Piece, text: Markup, *, again: bool = False) -> Screen:
    return Screen(text, keyboards.keyboard(keyboards.not_a_list(one.message_id, again=again)))


async def _read(bot: Bot, face: Face, one: Piece) -> ListFile | None:
    """Read a file, keeping its bytes. None when Telegram never hands it out. Raises ListFileError, OUT_OF_REACH."""
    attachment = one.post.attachments[0]
    content = await _kept(face, attachment.digest)
    if content is None:
        content = await download(bot, attachment.telegram_file_id or "", attachment.size)
        if content is None:
            return None
        async with face.desk.database.writing() as tx:
            digest = await media.keep(tx, content, face.desk.now())
            await inbox.keep_bytes(tx, one, attachment, digest, len(content))
    return await asyncio.to_thread(listfile.read, attachment.name, content)


async def _kept(face: Face, digest: str | None) -> bytes | None:
    """Return a file's bytes; None when they were not fetched yet, or forgotten with an address that was erased."""
    if digest is None:
        return None
    try:
        return await Media(face.desk.database).read(digest)
    except KeyError:
        return None


async def _waiting(face: Face, chat_id: int, message_id: int) -> Piece:
    """Return the file that a button is about. Raises StaleError when it has become an announcement."""
    async with face.desk.database.reading() as tx:
        one = await inbox.one_piece(tx, chat_id, message_id)
    if one is None or one.quiet_until is not None or not one.post.attachments:
        raise StaleError(texts.OLD_BUTTON)
    return one


# What it would change


async def look(query: CallbackQuery, callback_data: File, bot: Bot, face: Face) -> None:
    """Show what a file would change in a list, and ask."""
    press = pressed(query)
    composer(face, press)
    one = await _waiting(face, press.chat_id, callback_data.msg)
    found = await _again(bot, face, press, one)
    if found is None:
        return
    async with face.desk.database.reading() as tx:
        key, name = await _named(tx, callback_data.tag)
        plan = await imports.look(tx, key, found)
    await show(bot, press.chat_id, press.message_id, _preview(one, key, name, plan))


def _preview(one: Piece, key: str, name: str, plan: imports.Plan, *, again: bool = False) -> Screen:
    changes = plan.changes
    rows = keyboards.decision(
        one.message_id,
        key,
        changes.digest,
        changes=bool(changes.added or changes.updated),
        missing=changes.missing if plan.may_remove else 0,
    )
    return Screen(list_texts.preview(name, plan, again=again), keyboards.keyboard(rows))


async def _again(bot: Bot, face: Face, press: Press, one: Piece) -> ListFile | None:
    """Read a file that was read before; None when it can't be any more, which is then said. Raises StaleError."""
    try:
        found = await _read(bot, face, one)
    except ListFileError as error:
        name = one.post.attachments[0].name
        refusal = _refusal(one, list_texts.refused(name, list_texts.file_refused(error)))
        await show(bot, press.chat_id, press.message_id, refusal)
        return None
    if found is None:
        raise StaleError(texts.OLD_BUTTON)
    return found


async def _named(tx: Tx, tag: str) -> tuple[str, str]:
    """Return the key and the name of a button's list. Raises StaleError."""
    there = await lists.every(tx)
    key = keyboards.named(tag, there)
    if key is None:
        raise StaleError(texts.OLD_BUTTON)
    return key, there[key]


async def apply(query: CallbackQuery, callback_data: File, bot: Bot, face: Face) -> None:
    """Write what was shown into a list. When the list has changed since, show what it would be now."""
    press = pressed(query)
    composer(face, press)
    one = await _waiting(face, press.chat_id, callback_data.msg)
    found = await _again(bot, face, press, one)
    if found is None:
        return
    removes = callback_data.act is FileAct.TRIM
    async with face.desk.database.writing() as tx:
        key, name = await _named(tx, callback_data.tag)
        plan = await imports.look(tx, key, found)
        if plan.changes.digest == callback_data.seen:
            screen = await _write(tx, face, press, one, key, name, plan, removes=removes)
        else:
            screen = _preview(one, key, name, plan, again=True)
    await show(bot, press.chat_id, press.message_id, screen)


async def apply_anew(query: CallbackQuery, callback_data: File, bot: Bot, face: Face) -> None:
    """Make a list of a file."""
    press = pressed(query)
    composer(face, press)
    one = await _waiting(face, press.chat_id, callback_data.msg)
    found = await _again(bot, face, press, one)
    if found is None:
        return
    own = PurePath(one.post.attachments[0].name).stem
    async with face.desk.database.writing() as tx:
        key = key_of(own)
        name = (await lists.every(tx)).get(key, own)
        plan = await imports.look(tx, key, found)
        screen = await _write(tx, face, press, one, key, name, plan, removes=False)
    await show(bot, press.chat_id, press.message_id, screen)


async def _write(
    tx: Tx, face: Face, press: Press, one: Piece, key: str, name: str, plan: imports.Plan, *, removes: bool
) -> Screen:
    """Write, and return what to say of it. Raises StaleError."""
    try:
        number = await imports.write(
            tx,
            key,
            plan,
            remove_missing=removes,
            name=name,
            file_name=one.post.attachments[0].name,
            source=f"telegram:{press.user_id}",
            now=face.desk.now(),
        )
    except RemovalError:
        raise StaleError(texts.OLD_BUTTON) from None
    said = list_texts.applied(name, plan, removed=removes)
    return Screen(said, keyboards.keyboard(keyboards.undo_import(number)))


async def leave(query: CallbackQuery, callback_data: File, bot: Bot, face: Face) -> None:
    """Write nothing."""
    press = pressed(query)
    composer(face, press)
    async with face.desk.database.reading() as tx:
        _key, name = await _named(tx, callback_data.tag)
    await show(bot, press.chat_id, press.message_id, Screen(list_texts.not_applied(name)))


async def undo(query: CallbackQuery, callback_data: UndoImport, bot: Bot, face: Face) -> None:
    """Bring a list back to how it was before an import."""
    press = pressed(query)
    composer(face, press)
    async with face.desk.database.writing() as tx:
        try:
            one, done = await imports.undo_one(tx, callback_data.number, face.desk.now())
        except NothingToUndoError:
            raise StaleError(list_texts.NOTHING_TO_UNDO) from None
    await show(bot, press.chat_id, press.message_id, Screen(list_texts.undone(one.name_after, done)))


# No list


async def is_announcement(query: CallbackQuery, callback_data: File, bot: Bot, face: Face) -> None:
    """Make a draft with the file."""
    press = pressed(query)
    composer(face, press)
    now = face.desk.now()
    async with face.desk.database.writing() as tx:
        if not await inbox.rebundle(
            tx, press.chat_id, callback_data.msg, bundle=str(callback_data.msg), quiet_until=now
        ):
            raise StaleError(texts.OLD_BUTTON)
    face.poke()
    await show(bot, press.chat_id, press.message_id, Screen(list_texts.IS_ANNOUNCEMENT))


def router() -> Router:
    """Return the handlers with what they answer to."""
    own = Router(name=__name__)
    own.message.register(overview, Command("lists"))
    own.message.register(file, F.document, is_list_file)
    own.callback_query.register(read_again, File.filter(F.act == FileAct.READ))
    own.callback_query.register(look, File.filter(F.act == FileAct.LOOK))
    own.callback_query.register(apply, File.filter(F.act.in_({FileAct.APPLY, FileAct.TRIM})))
    own.callback_query.register(apply_anew, File.filter(F.act == FileAct.NEW))
    own.callback_query.register(leave, File.filter(F.act == FileAct.LEAVE))
    own.callback_query.register(undo, UndoImport.filter())
    own.callback_query.register(is_announcement, File.filter(F.act == FileAct.POST))
    return own
