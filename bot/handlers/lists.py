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
from bot.handlers.common import composer, pressed
from bot.handlers.content import piece_of
from bot.handlers.dialogues import end
from bot.keyboards import File, FileAct
from bot.pieces import content_of
from bot.talking import Screen, say, show
from bot.texts import bot as texts
from bot.texts import lists as list_texts
from delivery import listfile
from delivery.listfile import ListFile, ListFileError
from delivery.store import inbox, lists, media
from delivery.store.inbox import Piece
from delivery.store.media import Media

_SUFFIXES = (".csv", ".tsv", ".xlsx", ".xls")
_TYPES = {
    "text/csv",
    "text/comma-separated-values",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
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
    await say(bot, message.chat.id, Screen(list_texts.overview(rows)))


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
    if attachment.digest is not None:
        content = await Media(face.desk.database).read(attachment.digest)
    else:
        downloaded = await download(bot, attachment.telegram_file_id or "", attachment.size)
        if downloaded is None:
            return None
        content = downloaded
        async with face.desk.database.writing() as tx:
            digest = await media.keep(tx, content, face.desk.now())
            await inbox.keep_bytes(tx, one, attachment, digest, len(content))
    return await asyncio.to_thread(listfile.read, attachment.name, content)


async def _waiting(face: Face, chat_id: int, message_id: int) -> Piece:
    """Return the file that a button is about. Raises StaleError when it has become an announcement."""
    async with face.desk.database.reading() as tx:
        one = await inbox.one_piece(tx, chat_id, message_id)
    if one is None or one.quiet_until is not None or not one.post.attachments:
        raise StaleError(texts.OLD_BUTTON)
    return one


async def apply(query: CallbackQuery, callback_data: File, bot: Bot, face: Face) -> None:
    """Write a file's addresses into a list: new ones added, known ones brought up to date, none taken away."""
    press = pressed(query)
    composer(face, press)
    one = await _waiting(face, press.chat_id, callback_data.msg)
    name = one.post.attachments[0].name
    try:
        found = await _read(bot, face, one)
    except ListFileError as error:
        await show(
            bot,
            press.chat_id,
            press.message_id,
            _refusal(one, list_texts.refused(name, list_texts.file_refused(error))),
        )
        return
    if found is None:
        raise StaleError(texts.OLD_BUTTON)
    async with face.desk.database.writing() as tx:
        there = {key: shown for key, shown, *_ in await lists.overview(tx)}
        key = keyboards.named(callback_data.tag, there)
        if callback_data.act is FileAct.NEW:
            own = PurePath(name).stem
            key = key_of(own)
            there.setdefault(key, own)
            await lists.create(tx, key, there[key], face.desk.now())
        if key is None:
            raise StaleError(texts.OLD_BUTTON)
        changes = listfile.changes(await lists.members(tx, key), found.members)
        people = [*changes.added, *(update.after for update in changes.updated)]
        await lists.put_members(tx, key, people, source=f"telegram:{press.user_id}", now=face.desk.now())
    await show(bot, press.chat_id, press.message_id, Screen(list_texts.applied(there[key], changes, len(found.bad))))


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
    own.callback_query.register(apply, File.filter(F.act.in_({FileAct.APPLY, FileAct.NEW})))
    own.callback_query.register(is_announcement, File.filter(F.act == FileAct.POST))
    return own
