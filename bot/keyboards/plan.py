"""The buttons for moments, repeats and schedules."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton

from bot.keyboards.base import Rows, button
from bot.keyboards.board import On, Turn
from bot.keyboards.card import Act, Do, back_to_card
from bot.texts import bot as texts
from delivery.model import Schedule, ScheduleState

_MOST_LISTED = 30


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
        [change] + ([do(texts.TARGETS, Act.TARGETS)] if editable else []),
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
