"""What editors send outside a dialogue: it becomes a draft. Also their edits of it, and what cannot become one."""

from dataclasses import replace

from aiogram import F, Router
from aiogram.fsm.context import FSMContext
from aiogram.types import Message

from bot import access
from bot.drafting import Edit, edited
from bot.face import Face
from bot.handlers.dialogues import end
from bot.pieces import bundle_for, content_of, more_may_follow
from bot.texts import bot as texts
from channels.contract import Post
from delivery.database import Tx
from delivery.store import inbox
from delivery.store.inbox import Piece

__all__ = ["piece_of", "router", "take"]


async def unknown_command(message: Message) -> None:
    """Name the way to the list of commands."""
    await message.answer(texts.UNKNOWN_COMMAND)


async def content(message: Message, face: Face, state: FSMContext) -> None:
    """Keep a message as a piece of an announcement."""
    post = content_of(message)
    if message.from_user is None or not access.may_compose(face.settings, message.from_user.id):
        await message.answer(texts.ONLY_EDITORS)
    elif post is None:
        await message.answer(texts.NOT_AN_ANNOUNCEMENT.get(message.content_type, texts.NOT_AN_ANNOUNCEMENT_AT_ALL))
    else:
        await end(state, face, message.chat.id)
        await take(message, face, post)


async def take(message: Message, face: Face, post: Post, *, bundle: str | None = None) -> None:
    """Store a piece, together with what it continues or else in `bundle`, and wake the collector."""
    now = face.desk.now()
    one = piece_of(message, post, bundle or str(message.message_id))
    async with face.desk.database.writing() as tx:
        continued = await _continued(tx, one)
        waits = continued is not None or more_may_follow(one)
        quiet_until = now + face.quiet if waits else now
        await inbox.add_piece(tx, replace(one, bundle=continued or one.bundle, quiet_until=quiet_until), now)
    face.poke()


async def _continued(tx: Tx, one: Piece) -> str | None:
    """Return the bundle that a piece continues."""
    if one.album is not None:
        found = await inbox.bundle_of_album(tx, one.chat_id, one.album)
        if found is not None:
            return found
    return bundle_for(one, await inbox.last_piece(tx, one.chat_id, one.author_id, one.message_id))


def piece_of(message: Message, post: Post, bundle: str) -> Piece:
    """Return a message as a piece."""
    author = message.from_user
    return Piece(
        chat_id=message.chat.id,
        message_id=message.message_id,
        author_id=author.id if author else message.chat.id,
        author=author.full_name if author else "",
        bundle=bundle,
        post=post,
        sent_at=message.date,
        quiet_until=None,
        album=message.media_group_id,
        forwarded=message.forward_origin is not None,
    )


async def edited_source(message: Message, face: Face) -> None:
    """Let an edited message change its draft."""
    post = content_of(message)
    if post is None:
        return
    guarded = not access.may_send(face.settings, message.chat.id)
    async with face.desk.database.writing() as tx:
        outcome = await edited(tx, face.desk, message.chat.id, message.message_id, post, guarded=guarded)
    face.poke()
    if outcome is not None and outcome[0] is Edit.TOO_LATE:
        await message.answer(texts.edited_too_late(outcome[1]))


def router() -> Router:
    """Return the handlers with what they answer to."""
    own = Router(name=__name__)
    own.message.register(unknown_command, F.text.startswith("/"))
    own.message.register(content)
    own.edited_message.register(edited_source)
    return own
