"""«Запланировать» and «Повторять»: a moment or a repeat in words or by buttons, read back before it counts."""

from datetime import UTC, datetime, time, timedelta

from aiogram import Bot, F, Router
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from bot import access, keyboards
from bot.face import Face
from bot.handlers.answering import NotAllowedError, StaleError
from bot.handlers.common import Press, composer, current, here, pressed
from bot.handlers.content import content
from bot.handlers.dialogues import Waiting, about, wait_for
from bot.keyboards import Act, At, Do, Every, Rhythm
from bot.moments import MomentError, parse_moment, parse_repeat
from bot.talking import Screen, remove, say, show
from bot.texts import bot as texts
from bot.texts import moments as moment_texts
from bot.texts import plan as plan_texts
from delivery import broadcast, planning
from delivery.broadcast import RELEASABLE, StageError
from delivery.model import Announcement, ScheduleState, Stage
from delivery.planning import PastError
from delivery.report import title_of
from delivery.store import schedules, talks

_LONGEST_WORDS = 100
"""Characters. What is longer, or has several lines, is an announcement and no moment."""

_NINE, _TEN = time(9), time(10)
_HOURS = ("0900", "1000", "1200", "1500", "1800", "2000")
_MONTH_DAYS = ("1", "5", "10", "15", "20", "25", "L")
_ENDS_IN = {"1m": timedelta(days=30), "3m": timedelta(days=91)}


async def _plannable(face: Face, press: Press, number: int, revision: int) -> Announcement:
    """Return an announcement that this person may plan. Raises NotAllowedError, StaleError, StageError."""
    composer(face, press)
    one = await current(face, number, revision)
    if one.stage not in {*RELEASABLE, Stage.CONFIRMED}:
        raise StageError(one.stage)
    if one.stage is Stage.DRAFT and not access.may_send(face.settings, press.user_id):
        raise NotAllowedError(texts.NEEDS_APPROVAL)
    return one


# A moment


async def ask_moment(query: CallbackQuery, callback_data: Do, bot: Bot, face: Face, state: FSMContext) -> None:
    """Ask when."""
    press = pressed(query)
    one = await _plannable(face, press, callback_data.id, callback_data.rev)
    async with face.desk.database.writing() as tx:
        await talks.move_card(tx, one.id, press.chat_id, press.message_id)
    await wait_for(state, Waiting.moment, one.id)
    rows = keyboards.proposals(one.id, one.revision, _proposals(face))
    await show(bot, press.chat_id, press.message_id, Screen(plan_texts.ask_moment(one.id), keyboards.keyboard(rows)))


def _proposals(face: Face) -> list[tuple[str, datetime]]:
    today = face.desk.now().astimezone(face.zone).date()
    tomorrow, monday = today + timedelta(days=1), today + timedelta(days=7 - today.weekday())
    found = [(plan_texts.TOMORROW_AT_NINE, datetime.combine(tomorrow, _NINE, face.zone))]
    if monday != tomorrow:
        found.append((plan_texts.MONDAY_AT_TEN, datetime.combine(monday, _TEN, face.zone)))
    return found


async def said_moment(message: Message, bot: Bot, face: Face, state: FSMContext) -> None:
    """Read a moment back, or say why it cannot be."""
    words = message.text or ""
    number = await about(state)
    one = await broadcast.find(face.desk, number)
    try:
        at = parse_moment(words, face.desk.now(), face.zone)
    except MomentError as error:
        await _refuse(message, face, state, words, error)
        return
    await state.clear()
    await _below(bot, face, one, message.chat.id, _moment_screen(face, one, at))


async def _refuse(message: Message, face: Face, state: FSMContext, words: str, error: MomentError) -> None:
    """Say what is wrong with words about time; what was never meant as such becomes a draft."""
    if len(words) > _LONGEST_WORDS or "\n" in words:
        await content(message, face, state)
    else:
        await message.answer(moment_texts.sentence(error))


def _moment_screen(face: Face, one: Announcement, at: datetime) -> Screen:
    text = plan_texts.moment(one.id, title_of(one), at.astimezone(face.zone), face.desk.now())
    return Screen(text, keyboards.keyboard(keyboards.confirm_moment(one.id, one.revision, at)))


async def _below(bot: Bot, face: Face, one: Announcement, chat_id: int, screen: Screen) -> None:
    """Let the card stand below the talk, showing this."""
    message_id = await say(bot, chat_id, screen)
    async with face.desk.database.writing() as tx:
        before = await talks.move_card(tx, one.id, chat_id, message_id)
    if before is not None:
        await remove(bot, chat_id, before)


async def pressed_moment(
    query: CallbackQuery, callback_data: At, bot: Bot, face: Face, state: FSMContext
) -> str | None:
    """Read a proposed moment back; plan a confirmed one."""
    press = pressed(query)
    one = await _plannable(face, press, callback_data.id, callback_data.rev)
    at = datetime.fromtimestamp(callback_data.at, UTC)
    await state.clear()
    if not callback_data.sure:
        await show(bot, press.chat_id, press.message_id, _moment_screen(face, one, at))
        return None
    return await _plan(face, one, press, at=at)


async def _plan(
    face: Face,
    one: Announcement,
    press: Press,
    *,
    at: datetime | None = None,
    cron: str = "",
    until: datetime | None = None,
) -> str:
    """Make the plan, in place of any that there was. A second press finds it made."""
    come_from = RELEASABLE if access.may_send(face.settings, press.user_id) else (Stage.APPROVED,)
    by = f"editor:{press.user_id}"
    seen = await broadcast.preview(face.desk, one.id)
    async with face.desk.database.writing() as tx:
        before = await schedules.living(tx, one.id)
        there = any((plan.cron, plan.until) == (cron, until) and at in {None, plan.next_at} for plan in before)
        if not there:
            try:
                await planning.plan_in(tx, face.desk, seen, at=at, cron=cron, until=until, by=by, come_from=come_from)
            except PastError:
                raise StaleError(plan_texts.PAST) from None
            for plan in before:
                await schedules.turn(tx, plan.id, to=ScheduleState.REMOVED, come_from=schedules.LIVING)
    await here(face, one.id, press)
    return texts.ALREADY_PLANNED if there else texts.PLANNED


# A repeat


async def ask_repeat(query: CallbackQuery, callback_data: Do, bot: Bot, face: Face, state: FSMContext) -> None:
    """Ask how often."""
    press = pressed(query)
    one = await _plannable(face, press, callback_data.id, callback_data.rev)
    async with face.desk.database.writing() as tx:
        await talks.move_card(tx, one.id, press.chat_id, press.message_id)
    await wait_for(state, Waiting.repeat, one.id)
    rows = keyboards.units(one.id, one.revision)
    await show(bot, press.chat_id, press.message_id, Screen(plan_texts.ask_repeat(one.id), keyboards.keyboard(rows)))


async def said_repeat(message: Message, bot: Bot, face: Face, state: FSMContext) -> None:
    """Read a repeat back, or say why it cannot be."""
    words = message.text or ""
    one = await broadcast.find(face.desk, await about(state))
    try:
        found = parse_repeat(words, face.desk.now(), face.zone)
    except MomentError as error:
        await _refuse(message, face, state, words, error)
        return
    await _below(bot, face, one, message.chat.id, await _repeat_screen(face, one, state, found.cron, found.until))


async def step(query: CallbackQuery, callback_data: Rhythm, bot: Bot, face: Face, state: FSMContext) -> None:
    """Ask for the next part of a repeat, or read the whole back."""
    press = pressed(query)
    one = await _plannable(face, press, callback_data.id, callback_data.rev)
    screen = _question(one, callback_data)
    if screen is None:
        until = _end(face, callback_data.end)
        screen = await _repeat_screen(face, one, state, _cron(callback_data), until)
    await show(bot, press.chat_id, press.message_id, screen)


def _question(one: Announcement, so_far: Rhythm) -> Screen | None:
    """Return the question for the first part that is missing, None when nothing is."""

    def screen(text: object, steps: list[tuple[str, Rhythm]], per_row: int) -> Screen:
        rows = keyboards.rhythms(one.id, one.revision, steps, per_row)
        return Screen(text, keyboards.keyboard(rows))  # type: ignore[arg-type]

    def with_(**part: str) -> Rhythm:
        return so_far.model_copy(update=part)

    if not so_far.day and so_far.unit == "w":
        days = [(name, with_(day=str(number))) for number, name in enumerate(plan_texts.WEEKDAYS, 1)]
        return screen(plan_texts.ask_day(one.id, of_week=True), days, 4)
    if not so_far.day:
        days = [(plan_texts.LAST_DAY if day == "L" else day, with_(day=day)) for day in _MONTH_DAYS]
        return screen(plan_texts.ask_day(one.id, of_week=False), days, 3)
    if not so_far.time:
        hours = [(f"{int(hour[:2])}:{hour[2:]}", with_(time=hour)) for hour in _HOURS]
        return screen(plan_texts.ask_time(one.id), hours, 3)
    if not so_far.end:
        ends = [(label, with_(end=end)) for end, label in plan_texts.ENDS.items()]
        return screen(plan_texts.ask_end(one.id), ends, 2)
    return None


def _cron(of: Rhythm) -> str:
    hour, minute = int(of.time[:2]), int(of.time[2:])
    day, weekday = {"d": ("*", "*"), "w": ("*", of.day), "m": (of.day, "*")}[of.unit]
    return f"{minute} {hour} {day} * {weekday}"


def _end(face: Face, word: str) -> datetime | None:
    now = face.desk.now().astimezone(face.zone)
    if word in _ENDS_IN:
        return datetime.combine((now + _ENDS_IN[word]).date(), time(23, 59), face.zone)
    return datetime(now.year, 12, 31, 23, 59, tzinfo=face.zone) if word == "year" else None


async def _repeat_screen(face: Face, one: Announcement, state: FSMContext, cron: str, until: datetime | None) -> Screen:
    """Read a repeat back; the talk holds it until it is confirmed."""
    now = face.desk.now()
    first = planning.first_moment(face.desk, at=None, cron=cron, now=now)
    if first is None or (until is not None and first[1] > until):
        raise StaleError(plan_texts.PAST)
    await state.set_state(None)
    await state.set_data({"id": one.id, "cron": cron, "until": until.isoformat() if until else None})
    text = plan_texts.repeat(one.id, title_of(one), cron, until, first[1].astimezone(face.zone), now)
    tag = keyboards.tag(f"{cron}/{until.isoformat() if until else None}")
    return Screen(text, keyboards.keyboard(keyboards.confirm_repeat(one.id, one.revision, tag)))


async def confirmed_repeat(query: CallbackQuery, callback_data: Every, face: Face, state: FSMContext) -> str:
    """Plan the repeat that was read back."""
    press = pressed(query)
    one = await _plannable(face, press, callback_data.id, callback_data.rev)
    held = await state.get_data()
    cron, until = str(held.get("cron", "")), held.get("until")
    if held.get("id") != one.id or keyboards.tag(f"{cron}/{until}") != callback_data.tag:
        raise StaleError(texts.OLD_BUTTON)
    return await _plan(face, one, press, cron=cron, until=datetime.fromisoformat(until) if until else None)


def router() -> Router:
    """Return the handlers with what they answer to."""
    own = Router(name=__name__)
    words = (F.text, ~F.text.startswith("/"), ~F.forward_origin)
    own.callback_query.register(ask_moment, Do.filter(F.act == Act.PLAN))
    own.callback_query.register(pressed_moment, At.filter())
    own.callback_query.register(ask_repeat, Do.filter(F.act == Act.REPEAT))
    own.callback_query.register(step, Rhythm.filter())
    own.callback_query.register(confirmed_repeat, Every.filter())
    own.message.register(said_moment, Waiting.moment, *words)
    own.message.register(said_repeat, Waiting.repeat, *words)
    return own
