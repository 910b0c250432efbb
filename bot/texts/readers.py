"""How readers received what is out, in one answer to a button: at most 200 signs."""

from collections.abc import Mapping, Sequence

from bot.texts.measures import clipped, number
from bot.texts.plurals import plural
from channels.readers import Figures

__all__ = ["FIGURES", "LONGEST", "NOTHING_COUNTED", "figures"]

FIGURES = "Просмотры"
NOTHING_COUNTED = "Постов, у которых есть просмотры, уже нет."
_NOT_NOW = "сейчас не узнать, попробуйте позже"

LONGEST = 200
"""Source: Bot API, answerCallbackQuery."""

_WORDS = {  # as VK's own page says them
    "views": ("просмотр", "просмотра", "просмотров"),
    "likes": ("отметка «Нравится»", "отметки «Нравится»", "отметок «Нравится»"),
    "reposts": ("репост", "репоста", "репостов"),
    "comments": ("комментарий", "комментария", "комментариев"),
}


def figures(by_channel: Mapping[str, Sequence[Figures] | None]) -> str:
    """Say the figures by the name of the channel, posts of one channel together; None: nobody answers there now."""
    lines = []
    for name, counted in by_channel.items():
        if counted is None:
            lines.append(f"{name}: {_NOT_NOW}.")
        elif counted:
            lines.append(f"{name}: {', '.join(_said(counted)) or 'ничего не известно'}.")
    return clipped("\n".join(lines), LONGEST) if lines else NOTHING_COUNTED


def _said(counted: Sequence[Figures]) -> Sequence[str]:
    said = []
    for field, forms in _WORDS.items():
        known = [n for n in (getattr(one, field) for one in counted) if n is not None]
        if known:
            said.append(f"{number(sum(known))}\u00a0{plural(sum(known), *forms)}")
    return said
