"""Asks Telegram whether a broadcast would work now, without sending anything."""

from collections.abc import Sequence

from aiogram.enums import ChatMemberStatus, ChatType
from aiogram.exceptions import AiogramError, TelegramBadRequest, TelegramForbiddenError, TelegramNotFound
from aiogram.methods import GetChat, GetChatMember, GetMe, SendRichMessage
from aiogram.types import (
    ChatFullInfo,
    ChatMemberAdministrator,
    ChatMemberOwner,
    InputRichMessage,
    ResultChatMemberUnion,
)

from channels.contract import ChannelClosed, Finding, FindingCode
from channels.telegram.failures import PROXY_ERRORS, failure_of, words_of
from channels.telegram.line import Line

__all__ = ["findings"]

_ERRORS = (AiogramError, *PROXY_ERRORS)


async def findings(
    line: Line, chat: int | str, service_chat: int | str, secrets: tuple[str, ...], *, pin: bool, rich: bool
) -> Sequence[Finding]:
    """Ask for the bot, the chat and the bot's rights in it, and for what the settings want beyond. Raises nothing."""
    try:
        await line.call(GetMe())
        found = list(await _place(line, chat, pin=pin))
        if rich:
            found += await _rich_messages(line)
        if service_chat and not any(one.fatal for one in found):
            found += await _service(line, service_chat, chat)
    except _ERRORS as error:
        failure = failure_of(error, secrets)
        code = FindingCode.TOKEN_REFUSED if isinstance(failure, ChannelClosed) else FindingCode.NOT_REACHED
        return [Finding(code, fatal=True, detail=failure.detail)]
    return found


async def _place(line: Line, chat: int | str, *, pin: bool) -> Sequence[Finding]:
    values = {"chat": chat}
    try:
        full = await line.call(GetChat(chat_id=chat))
        member = await line.call(GetChatMember(chat_id=full.id, user_id=line.bot_id))
    except TelegramBadRequest as error:
        return [Finding(FindingCode.CHAT_NOT_FOUND, fatal=True, detail=words_of(error), values=values)]
    except TelegramForbiddenError as error:
        return [Finding(FindingCode.NOT_ADMINISTRATOR, fatal=True, detail=words_of(error), values=values)]
    reached = Finding(FindingCode.REACHED, values={"name": full.title or full.full_name})
    return [reached, *_rights(full, member), *(_pinning(full, member) if pin else ())]


async def _rich_messages(line: Line) -> Sequence[Finding]:
    """Ask whether the server knows rich messages, by one for a chat that can't be: a method that it knows says so."""
    try:
        await line.call(SendRichMessage(chat_id=0, rich_message=InputRichMessage(blocks=[])))
    except TelegramNotFound as error:
        return [Finding(FindingCode.NO_RICH_MESSAGES, detail=words_of(error))]
    except TelegramBadRequest:
        return []
    return []


def _pinning(chat: ChatFullInfo, member: ResultChatMemberUnion) -> Sequence[Finding]:
    """Say whether pinning would fail. Source: Bot API, pinChatMessage."""
    if chat.type == ChatType.PRIVATE:
        return []
    right = "can_edit_messages" if chat.type == ChatType.CHANNEL else "can_pin_messages"
    if isinstance(member, ChatMemberOwner) or getattr(member, right, False):
        return []
    return [Finding(FindingCode.MAY_NOT_PIN, values={"chat": chat.title or chat.id})]


def _rights(chat: ChatFullInfo, member: ResultChatMemberUnion) -> Sequence[Finding]:
    values = {"chat": chat.title or chat.id}
    if chat.type != ChatType.CHANNEL:
        present = member.status not in {ChatMemberStatus.LEFT, ChatMemberStatus.KICKED}
        return [] if present else [Finding(FindingCode.MAY_NOT_POST, fatal=True, values=values)]
    if not isinstance(member, ChatMemberAdministrator):
        return [Finding(FindingCode.NOT_ADMINISTRATOR, fatal=True, values=values)]
    # Own posts may be edited and deleted with the right to post. Source: Bot API, editMessageText, deleteMessage.
    return [] if member.can_post_messages else [Finding(FindingCode.MAY_NOT_POST, fatal=True, values=values)]


async def _service(line: Line, service_chat: int | str, chat: int | str) -> Sequence[Finding]:
    values = {"chat": service_chat}
    try:
        service = await line.call(GetChat(chat_id=service_chat))
        place = await line.call(GetChat(chat_id=chat))
    except (TelegramBadRequest, TelegramForbiddenError) as error:
        return [Finding(FindingCode.CHAT_NOT_FOUND, detail=words_of(error), values=values)]
    if service.id in {place.id, place.linked_chat_id}:
        return [Finding(FindingCode.SERVICE_CHAT_IS_READ, values=values)]
    return []
