"""The card of an announcement that has not gone out: what will go where, and what stands in the way."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from markupsafe import Markup

from bot.texts.channels import Names
from bot.texts.lists import left_out
from bot.texts.measures import clipped, listed, signs
from bot.texts.plurals import counted
from bot.texts.problems import problems
from channels.contract import Attachment, AttachmentKind, Rendering
from delivery.audience import Audience, Reach
from delivery.broadcast import Preview
from delivery.model import Stage
from delivery.report import title_of

__all__ = ["approval_request", "attached", "card", "dropped", "lost_target", "way_of"]

_LISTS_NAMED = 6
_FILES_NAMED = 3
_TITLE = 120
_EXCERPT = 700

_ATTACHED = {
    AttachmentKind.PHOTO: ("фото", "фото", "фото"),
    AttachmentKind.VIDEO: ("видео", "видео", "видео"),
    AttachmentKind.ANIMATION: ("анимация", "анимации", "анимаций"),
    AttachmentKind.AUDIO: ("аудиозапись", "аудиозаписи", "аудиозаписей"),
}


def attached(attachments: Sequence[Attachment]) -> str:
    """Say what is attached: 2 фото, 1 видео, файл «План.pdf»."""
    kinds = Counter(one.kind for one in attachments if one.kind in _ATTACHED)
    words = [counted(n, *_ATTACHED[kind]) for kind, n in kinds.items()]
    files = [f"файл «{clipped(one.name, 60)}»" for one in attachments if one.kind not in _ATTACHED]
    if len(files) > _FILES_NAMED:
        files = [counted(len(files), "файл", "файла", "файлов")]
    return listed(words + files)


def card(
    seen: Preview,
    names: Names,
    notes: Sequence[Mapping[str, Any]] = (),
    expected: Mapping[str, str] = MappingProxyType({}),
) -> Markup:
    """Show a draft with everything to know before sending it; `expected` says by channel when its last one leaves."""
    one = seen.announcement
    lines = [_heading(seen, "Одобрено" if one.stage is Stage.APPROVED else "Черновик"), *_content(seen)]
    lines += shown_channels(seen, names, expected)
    if not seen.renderings:
        lines += ["", "Каналы не выбраны. Нажмите «Каналы»."]
    lines += notes_of(notes)
    if seen.blocked:
        lines += ["", "Чтобы отправить, исправьте то, где стоит ⛔, или уберите этот канал."]
    return Markup("\n").join(lines)


def approval_request(seen: Preview, names: Names, author: str, notes: Sequence[Mapping[str, Any]] = ()) -> Markup:
    """Show an announcement that waits for consent."""
    lines = [_heading(seen, "На согласовании"), *_content(seen)]
    lines += [Markup("Автор: {}").format(author)] if author else []
    lines += shown_channels(seen, names)
    lines += ["", "После одобрения отправит автор. Если он изменит текст или каналы, одобрить нужно будет снова."]
    lines += notes_of(notes)
    return Markup("\n").join(lines)


def dropped(number_: int, title: str) -> Markup:
    """Say that a draft was dropped."""
    return Markup("<b>Отменено</b> · №{}\n{}\n\nНичего не отправлено.").format(number_, clipped(title, _TITLE))


def lost_target(number_: int, title: str, target: str) -> Markup:
    """Say that a chosen channel or list is there no more."""
    return Markup(
        "<b>Черновик №{}</b>\n{}\n\n⛔ «{}» больше нет среди каналов и списков. Нажмите «Каналы» и выберите заново."
    ).format(number_, clipped(title, _TITLE), target)


def way_of(reach: Reach, *, letters: bool) -> str:
    """Say whom a channel reaches; empty for a single place."""
    if not letters:
        return ""
    if not reach.count:
        return "никому: в списках нет адресов"
    addresses = counted(reach.count, "адрес", "адреса", "адресов")
    return f"{addresses} ({listed(list(reach.lists.values()), most=_LISTS_NAMED)})" if reach.lists else addresses


def shown_channels(seen: Preview, names: Names, expected: Mapping[str, str] = MappingProxyType({})) -> list[Markup]:
    """Tell of each chosen channel whom it reaches, what will not be as expected, and when its last one leaves."""
    lines: list[Markup] = []
    for channel, rendering in seen.renderings.items():
        lines += [Markup(), *_channel(channel, rendering, seen, names)]
        lines += [Markup.escape(expected[channel])] if channel in expected else []
    return lines


def _heading(seen: Preview, word: str) -> Markup:
    one = seen.announcement
    title = clipped(title_of(one), _TITLE)
    return (
        Markup("<b>{} · №{}</b>\n{}").format(word, one.id, title)
        if title
        else Markup("<b>{} · №{}</b>").format(word, one.id)
    )


def _content(seen: Preview) -> Iterator[str]:
    files = seen.announcement.post.attachments
    if files:
        yield f"Вложения: {attached(files)}"


def _channel(channel: str, rendering: Rendering, seen: Preview, names: Names) -> Iterator[Markup]:
    letters = names.is_letters(channel)
    facts = [way_of(seen.audience.reaches[channel], letters=letters), _length(rendering, seen, letters=letters)]
    yield Markup("<b>{}</b>: {}").format(names[channel], ", ".join(filter(None, facts)))
    for certain, words in problems(rendering.problems):
        yield Markup("{} {}").format("⛔ Так не выйдет." if certain else "⚠️", words)
    if silent := _left_out(seen.audience, channel):
        yield Markup("⚠️ {}").format(silent)


def _length(rendering: Rendering, seen: Preview, *, letters: bool) -> str:
    length = len(seen.announcement.post.text) if letters else sum(len(part.text) for part in rendering.parts)
    return signs(length) if length else "без текста"


def _left_out(audience: Audience, channel: str) -> str:
    """Say how many of each list get no letter, and why. Numbers and no names: who left is not an editor's business."""
    said = [f"«{name}» — {left_out(why)}" for name, why in audience.left_out.get(channel, ())]
    return f"Не получат письма: {'; '.join(said)}." if said else ""


# The last line: what has just happened

_ADDED = {
    "photo": ("фото", "фото", "фото"),
    "video": ("видео", "видео", "видео"),
    "animation": ("анимация", "анимации", "анимаций"),
    "audio": ("аудиозапись", "аудиозаписи", "аудиозаписей"),
    "document": ("файл", "файла", "файлов"),
    "text": ("текст", "текста", "текстов"),
}


def _added(of: Mapping[str, Any]) -> str:
    things = [counted(of[kind], *forms) for kind, forms in _ADDED.items() if of.get(kind)]
    return f"Добавлено ещё {listed(things)}."


NOTES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "added": _added,
    "edited": lambda _of: "Взята ваша правка исходного сообщения.",
    "edit_passed_over": lambda _of: (
        "Правка исходного сообщения не взята: текст этого черновика вы уже исправляли отдельно."
    ),
    "came_late": lambda of: (
        f"Это пришло позже: объявление №{of['number']} уже отправлено, поэтому здесь новый черновик."
    ),
    "file_missing": lambda of: (
        f"Не скачалось: {listed(of['names'])}. В Telegram выйдет, в остальные каналы не попадёт. "
        "Чтобы попало везде, пришлите файл ещё раз."
    ),
    "text_replaced": lambda _of: "Текст заменён.",
    "approved": lambda of: f"Одобрено: {of['by']}.",
    "declined": lambda of: f"Отклонено: {of['by']}. Исправьте и отправьте на согласование снова.",
    "approval_lapsed": lambda _of: "Текст или каналы изменились: прежнее одобрение больше не действует.",
    "left_out": lambda of: f"Убрано из рассылки: {of['name']}.",
}


def notes_of(notes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say what has just happened, a line for each."""
    said = [NOTES[note["code"]](note) for note in notes if note.get("code") in NOTES]
    return ["", *said] if said else []


def excerpt(text: str) -> str:
    """Return the beginning of a long text."""
    return clipped(text, _EXCERPT)
