"""Every state, reason and code has its sentence, and every sentence is fit to be read."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from bot.moments import MomentCode, MomentError
from bot.texts import board, bot, findings, lists, moments, news, problems, reasons, states
from bot.texts.card import NOTES, attached
from bot.texts.channels import Names, place
from bot.texts.measures import clipped, listed, number, signs, size
from channels.contract import Attachment, AttachmentKind, Finding, FindingCode, Problem, ProblemCode, Reason
from delivery.listdiff import Changes, Update
from delivery.listfile import ListFileCode, ListFileError
from delivery.listlines import BadLine, BadLineCode
from delivery.member import NO_CONSENT, Consent, Member, SuppressionReason
from delivery.model import (
    AnnouncementState,
    BroadcastState,
    DeliveryState,
    OccurrenceState,
    Outcome,
    ScheduleState,
    Stage,
)

TABLES: list[tuple[type[StrEnum], Mapping[Any, Any]]] = [
    (AnnouncementState, states.ANNOUNCEMENT),
    (Stage, states.STAGE),
    (BroadcastState, states.BROADCAST),
    (DeliveryState, states.DELIVERY),
    (Outcome, states.OUTCOME),
    (ScheduleState, states.SCHEDULE),
    (OccurrenceState, states.OCCURRENCE),
    (OccurrenceState, news._NOT_RELEASED),
    (Reason, reasons.REASONS),
    (ProblemCode, problems.PROBLEMS),
    (FindingCode, findings.FINDINGS),
    (BadLineCode, lists.BAD_LINES),
    (ListFileCode, lists.FILES),
    (Consent, lists.CONSENT),
    (MomentCode, moments.MOMENTS),
]
VALUES: dict[str, int | str] = {
    "length": 5000, "limit": 4096, "over": 904, "parts": 3, "count": 12, "albums": 2, "name": "План.pdf",
    "size": 60_000_000,
    "chat": "@smolprof", "right": "wall", "extra": "тел.", "part": "..", "letters": "о", "expected": 2, "found": 3,
    "format": "pdf", "word": "зватра", "near": "завтра", "moment": "2026-11-23T09:00", "years": 5, "text": "31 июня",
    "first": "2026-11-24T01:00", "second": "2026-11-24T13:00", "date": "2026-12-15", "weekday": 2, "code": "bad",
    "field": "day", "value": "x", "abilities": "post,files,change",
    "words": "имя", "known": "имя, организация", "spared": "имя", "bare": "организация",
    "published": "absent",
    "kinds": "photo+video,document,audio", "record": "v=DKIM1", "domain": "example.com", "sender": "press@example.org",
}  # fmt: skip


@pytest.mark.parametrize(("enum", "table"), TABLES, ids=lambda one: getattr(one, "__name__", ""))
def test_every_member_has_its_sentence(enum: type[StrEnum], table: Mapping[Any, Any]) -> None:
    assert set(table) == set(enum)


def spoken() -> list[tuple[str, str]]:
    """Everything that can be said of codes, with believable values."""
    said = [
        (f"problem {code} {certain}", problems.problem(Problem(code, certain, VALUES)))
        for code in ProblemCode
        for certain in (True, False)
    ]
    said += [(f"finding {code}", findings.finding(Finding(code, values=VALUES))) for code in FindingCode]
    said += [(f"line {code}", lists.bad_line(BadLine(7, "ivan", code, VALUES))) for code in BadLineCode]
    said += [(f"file {code}", lists.file_refused(ListFileError(code, VALUES))) for code in ListFileCode]
    said += [(f"moment {code}", moments.sentence(MomentError(code, VALUES))) for code in MomentCode]
    said += [(f"reason {code}", f"{words.what}. {words.remedy}") for code, words in reasons.REASONS.items()]
    for _enum, table in TABLES:
        said += [(str(key), value) for key, value in table.items() if isinstance(value, str)]
    said += [(name, value) for name, value in vars(bot).items() if name.isupper() and isinstance(value, str)]
    return said


@pytest.mark.parametrize(("name", "sentence"), spoken(), ids=[name for name, _ in spoken()])
def test_a_sentence_is_russian_and_free_of_shouting_and_leftovers(name: str, sentence: str) -> None:
    assert sentence.strip() == sentence
    assert re.search("[а-яё]", sentence.lower())
    assert "!" not in sentence
    assert not re.search(r"[{}]|None|\bnone\b|  ", sentence)


@pytest.mark.parametrize(("code", "words"), reasons.REASONS.items())
def test_a_reason_says_what_happened_and_what_to_do(code: Reason, words: reasons.Why) -> None:
    assert words.what[0].islower() or words.what.startswith(("ВКонтакте", "Рупор"))
    assert not words.what.endswith(".")
    assert words.remedy.endswith(".")


def test_answers_to_buttons_fit_into_telegrams_bubble() -> None:
    answers = [value for name, value in vars(bot).items() if name.isupper() and isinstance(value, str)]
    assert [answer for answer in answers if type(answer) is str and len(answer) > 200] == []


def test_no_sentence_names_the_reader_in_the_plural_of_a_crowd() -> None:
    assert bot.retried(1) == "Снова в очереди: 1\u00a0доставка."
    assert bot.retried(5) == "Снова в очереди: 5\u00a0доставок."


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ({"code": "added", "photo": 1}, "Добавлено ещё 1\u00a0фото."),
        ({"code": "added", "document": 2, "text": 1}, "Добавлено ещё 2\u00a0файла, 1\u00a0текст."),
        ({"code": "file_missing", "names": ["a.pdf"]}, "Не скачалось: a.pdf."),
    ],
)
def test_notes_say_what_has_happened(note: dict[str, Any], said: str) -> None:
    assert NOTES[note["code"]](note).startswith(said)


@pytest.mark.parametrize(("n", "words"), [(4096, "4096"), (10_000, "10\u00a0000"), (1_234_567, "1\u00a0234\u00a0567")])
def test_numbers_are_grouped_from_five_digits_on(n: int, words: str) -> None:
    assert number(n) == words


@pytest.mark.parametrize(
    ("n", "words"),
    [(10, "1\u00a0КБ"), (340 * 1024, "340\u00a0КБ"), (2_600_000, "2,5\u00a0МБ"), (62_914_560, "60\u00a0МБ")],
)
def test_sizes(n: int, words: str) -> None:
    assert size(n) == words


def test_lengths_and_lists() -> None:
    assert signs(50_000) == "50\u00a0000\u00a0знаков"
    assert listed("abc", most=2) == "a, b и ещё 1"
    assert clipped("Заседание президиума", 11) == "Заседание…"


def test_attachments_are_counted_by_kind_and_files_named() -> None:
    files = [
        Attachment(AttachmentKind.PHOTO, "a.jpg", "image/jpeg", 1),
        Attachment(AttachmentKind.PHOTO, "b.jpg", "image/jpeg", 1),
        Attachment(AttachmentKind.DOCUMENT, "План.pdf", "application/pdf", 1),
    ]
    assert attached(files) == "2\u00a0фото, файл «План.pdf»"


def test_channels_are_called_as_people_call_them() -> None:
    names = Names({"tg": "telegram", "vk": "vk", "mail": "email"}, {"tg": "@smolprof", "vk": "club1", "mail": None})
    assert [names["tg"], names["vk"], names["mail"]] == ["Telegram-канал @smolprof", "ВКонтакте", "Письма"]
    assert names.without("mail") == "Без писем"
    assert [names.place(name) for name in ("tg", "vk", "mail")] == [
        "https://t.me/smolprof",
        "https://vk.com/club1",
        None,
    ]


def test_two_channels_of_one_kind_are_told_apart() -> None:
    names = Names({"mail": "email", "press": "email"}, {"mail": None, "press": None})
    assert [names["mail"], names["press"]] == ["Письма «mail»", "Письма «press»"]


def test_an_unknown_kind_goes_by_its_key() -> None:
    assert Names({}, {})["max"] == "«max»"
    assert place("max", "x") is None


def test_what_is_left_out_is_told_in_one_sentence() -> None:
    names = ["photo_a.jpg", "photo_b.jpg", "План.pdf"]
    every = [Problem(ProblemCode.ATTACHMENT_LEFT_OUT, certain=False, values={"name": name}) for name in names]
    assert problems.problems(every) == [(False, "Не попадут: 2\u00a0фото, «План.pdf».")]
    assert problems.problems(every[:1]) == [(False, "Не попадёт: фото.")]
    assert problems.problems(every[2:]) == [(False, "Не попадёт: «План.pdf».")]


def test_an_album_that_becomes_one_file_is_one_warning() -> None:
    codes = {ProblemCode.ONE_FILE_ONLY: {"count": 4}, ProblemCode.PICTURE_AS_FILE: {"count": 1}}
    every = [Problem(code, certain=False, values=values) for code, values in codes.items()]
    every += [
        Problem(ProblemCode.ATTACHMENT_LEFT_OUT, certain=False, values={"name": f"photo_{n}.jpg"}) for n in range(3)
    ]
    [(certain, said)] = problems.problems(every)
    assert (certain, said.startswith("Сюда попадёт одна картинка из 4, и та выйдет файлом")) == (False, True)


@pytest.mark.parametrize(
    ("where", "what"),
    [("@smolprof", "администраторов канала"), ("club123", "Исправьте group_id"), ("press@example.org", "sender")],
)
def test_who_may_not_post_hears_what_to_do_in_that_very_channel(where: str, what: str) -> None:
    assert what in findings.finding(Finding(FindingCode.MAY_NOT_POST, values={"chat": where}))


@pytest.mark.parametrize(
    "reason",
    [
        Reason.BLOCKED,
        Reason.CAPTCHA_NEEDED,
        Reason.LOGIN_REFUSED,
        Reason.NO_RIGHT_TO_POST,
        Reason.NO_SUCH_CHAT,
        Reason.REFUSED,
        Reason.SENDER_REFUSED,
        Reason.TLS_FAILED,
        Reason.TOKEN_REVOKED,
        Reason.WRONG_KIND_OF_TOKEN,
        Reason.CONFIRMATION_NEEDED,
        Reason.TWO_FACTOR_NEEDED,
        Reason.KEY_LACKS_RIGHT,
        Reason.KEY_OF_ANOTHER,
        Reason.WALL_CLOSED,
        Reason.VK_ID_TOKEN,
        Reason.STRIKES,
        Reason.METHOD_OFF,
        Reason.IP_NOT_ALLOWED,
    ],
)
def test_nobody_is_told_to_repeat_what_a_held_channel_sends_by_itself(reason: Reason) -> None:
    assert "повтор" not in reasons.while_held(reason).lower()


def test_one_link_is_a_word_and_several_are_numbers() -> None:
    links = ["https://t.me/smolprof/1", "https://t.me/smolprof/2"]
    assert board._links(links[:1]).striptags() == "— посмотреть"
    assert board._links(links).striptags() == "— посмотреть: 1, 2"


@pytest.mark.parametrize(
    ("n", "said"), [(1, "Не взята 1\u00a0строка"), (2, "Не взяты 2\u00a0строки"), (5, "Не взято 5\u00a0строк")]
)
def test_the_verb_agrees_with_the_number_of_lines(n: int, said: str) -> None:
    assert lists.not_taken(n) == said


def test_a_title_is_cut_between_words() -> None:
    assert clipped("Заседание президиума федерации", 25) == "Заседание президиума…"
    assert clipped("Профсоюзноесобрание", 10) == "Профсоюзн…"


def test_every_reason_to_get_no_letters_has_its_word() -> None:
    assert set(lists.LEFT_OUT) == {*SuppressionReason, NO_CONSENT}
    said = lists.left_out({"unsubscribed": 21, "bounced": 2, "something new": 5})
    assert said.replace("\u00a0", " ") == "21 отписался, 2 не принимают почту, 5 не получают писем"


def _changed(new: int, gone: int, mended: int, *bad: int) -> str:
    one = Member("a@example.org", "a@example.org")
    changes = Changes((one,) * new, (Update(one, one),) * mended, 0, missing=gone)
    return lists.changed(changes, [BadLine(n, "", BadLineCode.NO_AT) for n in bad]).replace("\u00a0", " ")


def test_what_a_file_changes_is_said_in_one_line() -> None:
    assert _changed(12, 3, 2, 7) == "12 новых, 3 исчезли, 2 исправлены, 1 с ошибкой (строка 7)"
    assert _changed(1, 1, 1) == "1 новый, 1 исчез, 1 исправлен"
    assert _changed(0, 21, 0, 2, 4, 6, 8) == "21 исчез, 4 с ошибками (строки 2, 4, 6 и ещё 1)"
    assert _changed(0, 0, 0) == "ничего не изменится"
