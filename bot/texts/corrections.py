"""A mistake is out: what the new text changes, what will happen in each channel, and what a person must do there."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from markupsafe import Markup

from bot.texts.channels import Names
from bot.texts.measures import clipped, number
from bot.texts.plurals import counted
from delivery.store.followups import Trace

__all__ = [
    "CORRECT",
    "CORRECT_AND_WRITE",
    "KEEP",
    "KEPT",
    "NOTHING_OUT",
    "NOT_WITHOUT_CONSENT",
    "RECALL_AND_WRITE",
    "SAME_TEXT",
    "WITHDRAW",
    "ask",
    "begun",
    "correction",
    "marked",
    "recall",
]

CORRECT = "Исправить"
CORRECT_AND_WRITE = "Исправить и написать письмом"
WITHDRAW = "Отозвать сейчас"
RECALL_AND_WRITE = "Отозвать и написать письмом"
KEEP = "Оставить как есть"
KEPT = "Оставлено как есть."
SAME_TEXT = "Это тот же текст, что уже вышел. Пришлите исправленный."
NOTHING_OUT = "Это объявление ещё нигде не вышло или уже отозвано: исправлять нечего."
NOT_WITHOUT_CONSENT = "Исправлять и отзывать вышедшее может тот, кто отправляет без согласования."

_TITLE = 120
_SHOWN = 1000
_NEAR = 8  # so many words stay around a change
_COMPARABLE = 40_000  # pairs of words
_LIMIT = 3000

_FIX_BY_HAND: Mapping[str, str] = {
    "telegram": "исправить может администратор канала: откройте пост и выберите «Изменить»",
    "vk": "исправить сам Рупор не может, нужен ключ пользователя. Откройте запись и выберите «Редактировать»",
}
_REMOVE_BY_HAND: Mapping[str, str] = {
    "telegram": "удалить может администратор канала: откройте пост и выберите «Удалить»",
    "vk": "удалить сам Рупор не может, нужен ключ пользователя. Откройте запись и выберите «Удалить запись»",
}
_ELSEWHERE = "сделать это можно только в самом канале"


def ask(announcement: int, text: str) -> Markup:
    """Ask for the whole new text, and show the one that is out, to be copied."""
    return Markup(
        "<b>Исправить №{}</b>\nПришлите новый текст целиком, одним сообщением. Сейчас вышло так:\n\n<code>{}</code>"
    ).format(announcement, clipped(text, _LIMIT))


def correction(
    announcement: int, old: str, new: str, traces: Sequence[Trace], able: Mapping[str, bool], names: Names
) -> Markup:
    """Show what changes, and what will happen in each channel. `able` says which can change what stands there."""
    lines = [Markup("<b>Исправить №{}</b>").format(announcement), Markup(), marked(old, new), Markup()]
    for trace in traces:
        name = Markup("<b>{}</b>").format(names[trace.channel])
        if trace.out and names.is_letters(trace.channel):
            lines.append(Markup("{}: {}").format(name, _letters(trace.out)))
        elif trace.out and able.get(trace.channel):
            lines.append(Markup("{}: исправим на месте.").format(name))
        elif trace.out:
            lines.append(Markup("{}: {}.").format(name, _FIX_BY_HAND.get(names.kind(trace.channel), _ELSEWHERE)))
        if trace.to_come:
            lines.append(Markup("{}: ещё не ушло: {}, уйдёт с новым текстом.").format(name, number(trace.to_come)))
    return Markup("\n").join(lines)


def recall(
    announcement: int, title: str, traces: Sequence[Trace], able: Mapping[str, bool], names: Names, *, repeats: bool
) -> Markup:
    """Say what taking it back will do in each channel."""
    heading = Markup("<b>Отозвать №{}</b> · {}").format(announcement, clipped(title, _TITLE))
    lines = [heading, Markup()]
    for trace in traces:
        name = Markup("<b>{}</b>").format(names[trace.channel])
        if trace.out and names.is_letters(trace.channel):
            lines.append(Markup("{}: {}").format(name, _letters(trace.out)))
        elif trace.out and able.get(trace.channel):
            lines.append(Markup("{}: удалим пост. Где удалить уже нельзя, заменим его текст.").format(name))
        elif trace.out:
            lines.append(Markup("{}: {}.").format(name, _REMOVE_BY_HAND.get(names.kind(trace.channel), _ELSEWHERE)))
        if trace.to_come:
            lines.append(Markup("{}: что ещё не ушло ({}), не уйдёт.").format(name, number(trace.to_come)))
    if repeats:
        lines.append(Markup("Запланированные повторы отменятся."))
    return Markup("\n").join(lines)


def _letters(n: int) -> str:
    gone = counted(n, "письмо уже ушло", "письма уже ушли", "писем уже ушло")
    return f"{gone}, вернуть нельзя, но можно написать вслед."


def begun(untouched: Sequence[str], names: Names, *, recall: bool) -> Markup:
    """Answer where nothing is left to watch: all is to come, or nothing can be done by us."""
    done = "Отозвано" if recall else "Исправлено"
    if not untouched:
        return Markup("{}: что ещё не ушло, {}.").format(done, "не уйдёт" if recall else "уйдёт с новым текстом")
    left = ", ".join(names[channel] for channel in untouched)
    return Markup("Вышедшее осталось как было: {}. Это можно сделать только вручную.").format(left)


def marked(old: str, new: str) -> Markup:
    """Show the new text with what is new underlined and what is gone struck through; what stays far off is left out."""
    steps = list(_steps(_words(old), _words(new)))
    pieces: list[Markup] = []
    for place, (gone, come) in enumerate(steps):
        if gone == come:
            pieces.append(Markup.escape(_between(come, first=place == 0, last=place == len(steps) - 1)))
        else:
            pieces += _change("".join(gone), "".join(come))
    return Markup("").join(_within(pieces)).strip()


def _words(text: str) -> list[str]:
    """Cut a text into words, each with the space behind it."""
    return re.findall(r"\S+\s*", text)


def _steps(before: list[str], after: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Go through both texts side by side: what is equal in both, and what stands for what."""
    shortest = min(len(before), len(after))
    head = next((n for n in range(shortest) if before[n] != after[n]), shortest)
    tail = next((n for n in range(shortest - head) if before[-1 - n] != after[-1 - n]), shortest - head)
    yield before[:head], after[:head]
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if len(old) * len(new) > _COMPARABLE:  # comparing takes time that grows with the third power
        yield old, new
    else:
        for _step, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            yield old[a:b], new[c:d]
    yield before[len(before) - tail :], after[len(after) - tail :]


def _change(gone: str, come: str) -> list[Markup]:
    """Strike through what is gone and underline what has come, with the space behind left plain."""
    pieces = [Markup("<s>{}</s>").format(_fitting(gone.rstrip()))] if gone else []
    if gone and come:
        pieces.append(Markup(" "))
    if come:
        pieces.append(Markup("<u>{}</u>").format(_fitting(come.rstrip())))
    text = come or gone
    return [*pieces, Markup.escape(text[len(text.rstrip()) :])]


def _fitting(text: str) -> str:
    return clipped(text, _SHOWN)


def _between(words: Sequence[str], *, first: bool, last: bool) -> str:
    """Shorten what has not changed to its ends, next to what has."""
    if len(words) <= (_NEAR if first or last else 2 * _NEAR):
        return "".join(words)
    head = "" if first else "".join(words[:_NEAR])
    tail = "" if last else "".join(words[-_NEAR:])
    return f"{head.rstrip()}… {tail}" if head and tail else f"{head.rstrip()}…{tail}"


def _within(pieces: Sequence[Markup]) -> Iterator[Markup]:
    """Pass on whole pieces as long as they fit."""
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > _LIMIT:
            yield Markup("…")
            return
        yield piece
