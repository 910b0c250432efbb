"""The bot's buttons and what they carry: ids and nothing else, so that the database is the only memory.

Callback data holds at most 64 bytes. Source: Bot API, InlineKeyboardButton.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from bot.texts import bot as texts
from bot.texts import lists
from bot.texts.channels import Names
from delivery.model import Schedule, ScheduleState

Rows = list[list[InlineKeyboardButton]]
TARGETS_PER_PAGE = 20
_MOST_LISTED = 30


class Act(StrEnum):
    """What a button of an announcement's card does."""

    SEND = "send"
    PLAN = "plan"
    REPEAT = "rep"
    TARGETS = "tgt"
    PREVIEW = "see"
    EDIT = "edit"
    DROP = "drop"
    RESTORE = "back"
    SUBMIT = "sub"
    REMIND = "call"
    APPROVE = "yes"
    DECLINE = "no"
    CARD = "card"
    OPEN = "open"


class Do(CallbackData, prefix="d"):
    """A card's button. `rev` is the revision that stood on the card: what she saw is what she means."""

    act: Act
    id: int
    rev: int = 0


class Leave(CallbackData, prefix="x"):
    """Leave out a channel in which sending would certainly fail."""

    id: int
    rev: int
    tag: str


class Toggle(CallbackData, prefix="t"):
    """Switch one target of a draft on or off, or (without `tag`) turn to a page of them, counted from 0."""

    id: int
    tag: str
    page: int = 0


class Turn(StrEnum):
    """What a button of a broadcast does."""

    STOP = "stop"
    RETRY = "retry"
    COPY = "copy"
    DETAILS = "more"
    PAGE = "page"
    SHOW = "show"


class On(CallbackData, prefix="b"):
    """A button of a broadcast. `page` counts from 0."""

    turn: Turn
    id: int
    broadcast: int
    page: int = 0


class Doubt(CallbackData, prefix="q"):
    """A person's word about all doubtful deliveries of one channel of a broadcast."""

    id: int
    broadcast: int
    tag: str
    sent: bool


class Ask(CallbackData, prefix="h"):
    """Try a held channel now."""

    tag: str


class Late(CallbackData, prefix="l"):
    """Release what a schedule did not. `at` is the planned moment in seconds since 1970."""

    id: int
    schedule: int
    at: int


class FileAct(StrEnum):
    """What to do with a file that may be a mailing list."""

    APPLY = "put"
    NEW = "new"
    POST = "post"
    READ = "read"


class At(CallbackData, prefix="at"):
    """A moment, in seconds since 1970: proposed, or (`sure`) confirmed after it was read back in full."""

    id: int
    rev: int
    at: int
    sure: bool = False


class Rhythm(CallbackData, prefix="r"):
    """A repeat put together by buttons: `unit` d, w or m; `day` of the week or month, `time` HHMM, `end` a word."""

    id: int
    rev: int
    unit: str
    day: str = ""
    time: str = ""
    end: str = ""


class Every(CallbackData, prefix="e"):
    """Confirms the repeat that the talk holds; `tag` tells it from an older one."""

    id: int
    rev: int
    tag: str


class PlanAct(StrEnum):
    """What to do with a schedule."""

    PAUSE = "pause"
    RESUME = "go"
    ASK = "ask"
    REMOVE = "del"
    LIST = "list"


class Planned(CallbackData, prefix="s"):
    """A button of one schedule."""

    act: PlanAct
    id: int


class File(CallbackData, prefix="f"):
    """A file's button. `msg` is the message that brought it, `tag` the list that it is for."""

    act: FileAct
    msg: int
    tag: str = ""


def tag(name: str) -> str:
    """Return a short stand-in for a name that may be too long for a button."""
    return sha256(name.encode()).hexdigest()[:10]


def named(tag_: str, names: Iterable[str]) -> str | None:
    """Return the name of a tag, None when it is not among them."""
    return next((name for name in names if tag(name) == tag_), None)


def button(text: str, data: CallbackData) -> InlineKeyboardButton:
    """Return a button that calls the bot."""
    return InlineKeyboardButton(text=text, callback_data=data.pack())


def keyboard(rows: Rows) -> InlineKeyboardMarkup | None:
    """Return the rows that are not empty as a keyboard; None when there is none."""
    kept = [row for row in rows if row]
    return InlineKeyboardMarkup(inline_keyboard=kept) if kept else None


# The card of an announcement


def draft(number: int, revision: int, *, blocked: Sequence[str], may_send: bool, names: Names) -> Rows:
    """Return the buttons of a draft: the way on, or the ways out of what blocks it."""

    def do(text: str, act: Act) -> InlineKeyboardButton:
        return button(text, Do(act=act, id=number, rev=revision))

    if blocked:
        onward = [[button(names.without(name), Leave(id=number, rev=revision, tag=tag(name)))] for name in blocked]
    elif may_send:
        onward = [[do(f"🚀 {texts.SEND}", Act.SEND)], [do(texts.PLAN, Act.PLAN), do(texts.REPEAT, Act.REPEAT)]]
    else:
        onward = [[do(texts.SUBMIT, Act.SUBMIT)]]
    return [
        *onward,
        [do(texts.TARGETS, Act.TARGETS), do(texts.PREVIEW, Act.PREVIEW)],
        [do(texts.EDIT, Act.EDIT), do(texts.DROP, Act.DROP)],
    ]


def awaiting(number: int, revision: int, *, author: bool, approver: bool) -> Rows:
    """Return the buttons of an announcement that waits for consent."""

    def do(text: str, act: Act) -> InlineKeyboardButton:
        return button(text, Do(act=act, id=number, rev=revision))

    return [
        [do(f"✅ {texts.APPROVE}", Act.APPROVE), do(texts.DECLINE, Act.DECLINE)] if approver else [],
        [do(texts.PREVIEW, Act.PREVIEW)] + ([do(texts.REMIND, Act.REMIND)] if author else []),
        [do(texts.EDIT, Act.EDIT), do(texts.DROP, Act.DROP)] if author else [],
    ]


def dropped(number: int) -> Rows:
    """Return the button of a draft that was dropped."""
    return [[button(texts.RESTORE, Do(act=Act.RESTORE, id=number))]]


def back_to_card(number: int) -> Rows:
    """Return the button that leads back to the card."""
    return [[button(f"‹ {texts.BACK}", Do(act=Act.CARD, id=number))]]


def opening(number: int, text: str = texts.OPEN) -> Rows:
    """Return the button that shows an announcement as a new message."""
    return [[button(text, Do(act=Act.OPEN, id=number))]]


def listing(numbers: Sequence[int]) -> Rows:
    """Return a button for each announcement, four to a row."""
    every = [button(f"№{number}", Do(act=Act.OPEN, id=number)) for number in numbers]
    return [every[start : start + 4] for start in range(0, len(every), 4)]


def targets(number: int, rows: Sequence[tuple[str, str, bool]], page: int) -> Rows:
    """Return a switch for each (target, label, on) of a page. A keyboard holds at most 100 buttons."""
    shown = rows[page * TARGETS_PER_PAGE : (page + 1) * TARGETS_PER_PAGE]
    switches = [
        [button(f"{'✅' if on else '⬜'} {label}", Toggle(id=number, tag=tag(target), page=page))]
        for target, label, on in shown
    ]
    earlier = [button(f"‹ {texts.EARLIER}", Toggle(id=number, tag="", page=page - 1))] if page else []
    more = len(rows) > (page + 1) * TARGETS_PER_PAGE
    further = [button(f"{texts.FURTHER} ›", Toggle(id=number, tag="", page=page + 1))] if more else []
    return [*switches, earlier + further, [button(texts.DONE, Do(act=Act.CARD, id=number))]]


# The board of a broadcast


def board(
    number: int,
    broadcast: int,
    *,
    stop: str = "",
    retry: bool = False,
    details: bool = False,
    copy: bool = False,
    doubtful: Sequence[str] = (),
    names: Names,
) -> Rows:
    """Return the buttons of a broadcast. `stop` is the word for stopping it, `doubtful` the channels in doubt."""

    def on(text: str, turn: Turn) -> InlineKeyboardButton:
        return button(text, On(turn=turn, id=number, broadcast=broadcast))

    rows: Rows = [[on(stop, Turn.STOP)] if stop else []]
    for channel in doubtful:
        rows += _doubt(number, broadcast, channel, names, alone=len(doubtful) == 1)
    rows.append([on(texts.DETAILS, Turn.DETAILS)] if details else [])
    rows.append([on(texts.RETRY, Turn.RETRY)] if retry else [])
    rows.append([on(texts.COPY, Turn.COPY)] if copy else [])
    return rows


def _doubt(number: int, broadcast: int, channel: str, names: Names, *, alone: bool) -> Rows:
    def word(text: str, *, sent: bool) -> InlineKeyboardButton:
        label = text if alone else f"{text} · {names[channel]}"
        return button(label, Doubt(id=number, broadcast=broadcast, tag=tag(channel), sent=sent))

    place = names.place(channel)
    look = [[InlineKeyboardButton(text=f"{texts.LOOK}: {names[channel]}", url=place)]] if place else []
    words = [word(texts.WAS_SENT, sent=True), word(texts.SEND_AGAIN, sent=False)]
    return [*look, words] if alone else [*look, *([each] for each in words)]


def pages(number: int, broadcast: int, page: int, *, more: bool) -> Rows:
    """Return the buttons that turn the pages of the details."""

    def to(text: str, which: int) -> InlineKeyboardButton:
        return button(text, On(turn=Turn.PAGE, id=number, broadcast=broadcast, page=which))

    return [
        ([to(f"‹ {texts.EARLIER}", page - 1)] if page else []) + ([to(f"{texts.FURTHER} ›", page + 1)] if more else [])
    ]


def ask_now(channel: str) -> Rows:
    """Return the button that tries a held channel."""
    return [[button(texts.CHECK_NOW, Ask(tag=tag(channel)))]]


def late(number: int, schedule: int, at: datetime) -> Rows:
    """Return the buttons for an announcement whose moment went by."""
    return [
        [button(texts.SEND, Late(id=number, schedule=schedule, at=int(at.timestamp())))],
        [button(texts.OPEN, Do(act=Act.OPEN, id=number))],
    ]


# Mailing lists


def list_choice(message_id: int, there: Sequence[tuple[str, str, int]], fresh: str) -> Rows:
    """Return a button for each (key, name, members), one for a new list, and one for "no list at all"."""
    rows = [
        [button(f"{name} · {members}", File(act=FileAct.APPLY, msg=message_id, tag=tag(key)))]
        for key, name, members in there[:_MOST_LISTED]
    ]
    rows += [[button(fresh, File(act=FileAct.NEW, msg=message_id))]] if fresh else []
    return [*rows, *not_a_list(message_id)]


def not_a_list(message_id: int, *, again: bool = False) -> Rows:
    """Return the buttons of a file that gave no list."""
    read = [button(lists.READ_AGAIN, File(act=FileAct.READ, msg=message_id))]
    return [read if again else [], [button(texts.NO_LIST, File(act=FileAct.POST, msg=message_id))]]


# Moments and repeats


def proposals(number: int, revision: int, moments: Sequence[tuple[str, datetime]]) -> Rows:
    """Return a button for each (label, moment), and the way back."""
    return [
        *([button(label, At(id=number, rev=revision, at=int(moment.timestamp())))] for label, moment in moments),
        *back_to_card(number),
    ]


def confirm_moment(number: int, revision: int, moment: datetime) -> Rows:
    """Return the buttons under a moment that was read back."""
    sure = At(id=number, rev=revision, at=int(moment.timestamp()), sure=True)
    return [
        [button(texts.PLAN, sure)],
        [button(texts.OTHER_TIME, Do(act=Act.PLAN, id=number, rev=revision))],
        *back_to_card(number),
    ]


def rhythms(number: int, revision: int, steps: Sequence[tuple[str, Rhythm]], per_row: int) -> Rows:
    """Return a button for each (label, step), and the way back."""
    every = [button(label, step) for label, step in steps]
    rows = [every[start : start + per_row] for start in range(0, len(every), per_row)]
    return [*rows, [button(f"‹ {texts.BACK}", Do(act=Act.REPEAT, id=number, rev=revision))]]


def units(number: int, revision: int) -> Rows:
    """Return how often an announcement may be repeated."""
    return [
        [button(label, Rhythm(id=number, rev=revision, unit=unit, day=day))]
        for label, unit, day in (
            (texts.EVERY_DAY, "d", "any"),
            (texts.EVERY_WEEK, "w", ""),
            (texts.EVERY_MONTH, "m", ""),
        )
    ] + back_to_card(number)


def confirm_repeat(number: int, revision: int, tag_: str) -> Rows:
    """Return the buttons under a repeat that was read back."""
    return [
        [button(texts.REPEAT, Every(id=number, rev=revision, tag=tag_))],
        [button(texts.OTHER_REPEAT, Do(act=Act.REPEAT, id=number, rev=revision))],
        *back_to_card(number),
    ]


def planned(number: int, revision: int, *, repeats: bool, editable: bool, last: int | None) -> Rows:
    """Return the buttons of an announcement that is planned. `last` is its latest broadcast."""

    def do(text: str, act: Act) -> InlineKeyboardButton:
        return button(text, Do(act=act, id=number, rev=revision))

    change = do(texts.OTHER_REPEAT, Act.REPEAT) if repeats else do(texts.OTHER_TIME, Act.PLAN)
    report = [button(texts.LAST_REPORT, On(turn=Turn.SHOW, id=number, broadcast=last))] if last is not None else []
    return [
        [change],
        [do(texts.PREVIEW, Act.PREVIEW)] + ([do(texts.EDIT, Act.EDIT)] if editable else []),
        report,
        [do(texts.DROP, Act.DROP)],
    ]


def schedules(plans: Sequence[Schedule]) -> Rows:
    """Return the buttons of each schedule: open, pause or resume, remove."""
    rows: Rows = []
    for plan in plans[:_MOST_LISTED]:
        active = plan.state is ScheduleState.ACTIVE
        turn = Planned(act=PlanAct.PAUSE if active else PlanAct.RESUME, id=plan.id)
        rows.append(
            [
                button(f"№{plan.announcement_id}", Do(act=Act.OPEN, id=plan.announcement_id)),
                button(texts.PAUSE if active else texts.RESUME, turn),
                button(texts.REMOVE, Planned(act=PlanAct.ASK, id=plan.id)),
            ]
        )
    return rows


def confirm_removal(schedule_id: int) -> Rows:
    """Return the buttons that ask whether a schedule is really to go."""
    return [
        [button(texts.REMOVE, Planned(act=PlanAct.REMOVE, id=schedule_id))],
        [button(f"‹ {texts.BACK}", Planned(act=PlanAct.LIST, id=schedule_id))],
    ]
