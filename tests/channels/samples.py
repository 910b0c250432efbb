"""One announcement for each kind of entity, and for each way in which entities meet.

Texts and places only: what becomes of them stands in `snapshots/` and in docs/markup.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from channels.contract import Entity

__all__ = ["MEETINGS", "TYPES", "Sample"]


@dataclass(frozen=True)
class Sample:
    """A text, its entities, and why they look as they do."""

    text: str
    entities: tuple[Entity, ...]
    why: str


def _one(text: str, part: str, type_: str, why: str, **rest: object) -> Sample:
    """Mark the only occurrence of a part. Emoji stand behind it, so units are code points."""
    assert text.count(part) == 1
    return Sample(text, (_at(text, part, type_, **rest),), why)


def _at(text: str, part: str, type_: str, **rest: object) -> Entity:
    return Entity(type_, text.index(part), len(part.encode("utf-16-le")) // 2, **rest)  # type: ignore[arg-type]


_A, _B = "https://fnpr.ru/otchet", "https://fnpr.ru/prikaz"
_QUESTION = 'https://fnpr.ru/?a=1&b="2"'
_SAID = "Председатель сказал:\nМы добились своего.\nСпасибо всем.\nСобрание закрыто."
_PROGRAMME = "Программа:\n\n10:00 — открытие\n\n12:00 — награждение"

TYPES: Mapping[str, Sample] = {
    "mention": _one(
        "Пишите @smolprof.",
        "@smolprof",
        "mention",
        "the same name on VK is somebody else, so the address is spelled out there",
    ),
    "hashtag": _one(
        "Читайте #профсоюз", "#профсоюз", "hashtag", "VK makes hashtags of its own; in a letter it is text"
    ),
    "cashtag": _one("Курс $USD", "$USD", "cashtag", "text; only Telegram searches for it"),
    "bot_command": _one("Нажмите /start", "/start", "bot_command", "text; only a chat with a bot knows commands"),
    "url": _one(
        "Сайт fnpr.ru/news.", "fnpr.ru/news", "url", "the sites and mail programs make links of it; letters help"
    ),
    "email": _one("Почта press@fnpr.ru.", "press@fnpr.ru", "email", "a mailto link in letters"),
    "phone_number": _one(
        "Звоните +7 (4812) 38-00-00",
        "+7 (4812) 38-00-00",
        "phone_number",
        "a tel link in letters: one touch on a phone",
    ),
    "bold": _one("Очень важно", "важно", "bold", "VK has no typefaces"),
    "italic": _one("Очень важно", "важно", "italic", "VK has no typefaces"),
    "underline": _one("Очень важно", "важно", "underline", "VK has no typefaces"),
    "strikethrough": _one(
        "Начало в 10:00 11:00",
        "10:00",
        "strikethrough",
        "what does not hold must not read as if it did: the editor is warned for VK, the plain letter has its signs",
    ),
    "spoiler": _one(
        "Победил Иванов",
        "Иванов",
        "spoiler",
        "nothing hides outside Telegram: the editor is warned, a letter underlines",
    ),
    "blockquote": _one(
        _SAID,
        "Мы добились своего.\nСпасибо всем.",
        "blockquote",
        "on VK blank lines set it apart; in plain letters `> `",
    ),
    "expandable_blockquote": _one(
        _PROGRAMME,
        "10:00 — открытие\n\n12:00 — награждение",
        "expandable_blockquote",
        "nothing folds outside Telegram: it is shown in full",
    ),
    "code": _one("Наберите a < b.ru тут", "a < b.ru", "code", "nothing inside is taken for a link"),
    "pre": _one(
        "Код:\nif a:\n    b", "if a:\n    b", "pre", "spaces are kept; the language is for Telegram", language="python"
    ),
    "text_link": _one(
        "Читайте тут, да",
        "тут",
        "text_link",
        "where words cannot be links, the address stands behind them",
        url=_QUESTION,
    ),
    "text_mention": _one(
        "Спросите Анну",
        "Анну",
        "text_mention",
        "a person without a public name: outside Telegram the name is all",
        user_id=42,
    ),
    "custom_emoji": _one(
        "Ура 👍",
        "👍",
        "custom_emoji",
        "a bot may not use them in a channel: the ordinary emoji stays, and the editor is warned",
        custom_emoji_id="5368324170671202286",
    ),
    "date_time": _one(
        "Ждём завтра в 9:00",
        "завтра в 9:00",
        "date_time",
        "Telegram shows the reader's own time; elsewhere the words stay, so they should say it all",
        unix_time=1796112000,
        date_time_format="wDT",
    ),
}
"""Every type of the Bot API."""

_NESTED = "Жирный курсив тут"
_ACROSS = "Прочтите отчёт целиком"
_LAW = "Статья 370\nТекст статьи"

MEETINGS: Mapping[str, Sample] = {
    "nested": Sample(
        _NESTED,
        (Entity("bold", 0, 17), Entity("italic", 7, 10), Entity("text_link", 14, 3, url=_A)),
        "styles and links nest freely",
    ),
    "crossing": Sample("абвгдежз", (Entity("bold", 0, 5), Entity("italic", 3, 5)), "tags are closed and opened anew"),
    "inner listed first": Sample("абвгд", (Entity("italic", 0, 2), Entity("bold", 0, 5)), "the order does not matter"),
    "the same twice": Sample("раз", (Entity("bold", 0, 3), Entity("bold", 0, 3)), "once is enough"),
    "neighbours": Sample(
        "Очень важно", (Entity("bold", 0, 6), Entity("bold", 6, 5)), "a style is one as far as it reaches"
    ),
    "link across bold": Sample(
        _ACROSS,
        (_at(_ACROSS, "Прочтите отчёт", "bold"), _at(_ACROSS, "отчёт целиком", "text_link", url=_A)),
        "both stay",
    ),
    "crossing links": Sample(
        _ACROSS,
        (_at(_ACROSS, "Прочтите отчёт", "text_link", url=_A), _at(_ACROSS, "отчёт целиком", "text_link", url=_B)),
        "the first keeps what both want, the second the rest (Telegram would drop the second)",
    ),
    "link on code": Sample(
        "Приказ № 5", (Entity("code", 0, 10), Entity("text_link", 0, 6, url=_B)), "the link wins, code keeps the rest"
    ),
    "bold over code": Sample(
        "до код после", (Entity("bold", 0, 12), Entity("code", 3, 3)), "there is no style in code"
    ),
    "bold on a date": Sample(
        "Ждём завтра",
        (Entity("bold", 0, 11), _at("Ждём завтра", "завтра", "date_time", unix_time=1796112000, date_time_format="D")),
        "Telegram has no style in dates, so nobody has",
    ),
    "link over the edge of a quotation": Sample(
        _LAW,
        (Entity("text_link", 0, len(_LAW), url=_A), _at(_LAW, "Текст статьи", "blockquote")),
        "cut at the edge (Telegram would drop the link)",
    ),
    "bold over paragraphs": Sample("раз\n\nдва", (Entity("bold", 0, 8),), "each paragraph is bold by itself"),
    "quotations side by side": Sample(
        "раз\nдва", (Entity("blockquote", 0, 4), Entity("blockquote", 4, 3)), "they stay two"
    ),
    "quotations that cross": Sample(
        "раздва", (Entity("blockquote", 0, 4), Entity("expandable_blockquote", 2, 4)), "the first stays, as in Telegram"
    ),
    "code in a block of code": Sample("раз", (Entity("pre", 0, 3), Entity("code", 0, 3)), "the block stays"),
    "a block of code in a quotation": Sample(
        "раз\nдва", (Entity("blockquote", 0, 7), Entity("pre", 4, 3)), "the only two blocks that nest"
    ),
    "struck out and linked": Sample(
        "Сбор у входа",
        (_at("Сбор у входа", "у входа", "strikethrough"), _at("Сбор у входа", "входа", "text_link", url=_A)),
        "the address stands behind the signs",
    ),
    "behind a family": Sample("👩‍👩‍👧‍👦 да", (Entity("bold", 12, 2),), "places count UTF-16 units"),
    "beyond the end": Sample("раз", (Entity("bold", 2, 9), Entity("italic", 7, 1)), "clipped to the text"),
    "on blanks": Sample("раз   два", (Entity("underline", 3, 3), Entity("text_link", 3, 3, url=_A)), "nothing to see"),
}
"""Entities that stand in one another, cross, or point nowhere."""
