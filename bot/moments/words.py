"""The words that people use for days, months and numbers, as tables, and a text made ready for the grammars."""

import re
from difflib import get_close_matches

from bot.moments.errors import MomentCode, MomentError

__all__ = [
    "MONTH",
    "MONTHS_OF",
    "WEEKDAY",
    "WEEKDAYS",
    "month_of",
    "not_understood",
    "plain",
    "weekday_of",
]

# What we say. Monday and January come first.
WEEKDAYS = ("понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье")
MONTHS_OF = (
    "января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября",
    "декабря",
)  # fmt: skip

# What we understand: any case, usual abbreviations.
_WEEKDAY_FORMS = (
    r"понедельник\w*|пон|пн",
    r"вторник\w*|вт",
    r"сред[аыуеой]\w{0,2}|ср",
    r"четверг\w*|чет|чт",
    r"пятниц\w*|пят|пт",
    r"суббот\w*|суб|сб",
    r"воскресен\w*|вск|вс",
)
_MONTH_FORMS = (
    r"январ\w*|янв",
    r"феврал\w*|февр|фев",
    r"март\w*|мар",
    r"апрел\w*|апр",
    r"ма[йяюе]\w?",
    r"июн\w*",
    r"июл\w*",
    r"август\w*|авг",
    r"сентябр\w*|сент|сен",
    r"октябр\w*|окт",
    r"ноябр\w*|нояб|ноя",
    r"декабр\w*|дек",
)
WEEKDAY = rf"(?:{'|'.join(_WEEKDAY_FORMS)})\b\.?"
MONTH = rf"(?:{'|'.join(_MONTH_FORMS)})\b\.?"

_UNITS = {
    "ноль": 0, "один": 1, "одну": 1, "одна": 1, "два": 2, "две": 2, "три": 3, "четыре": 4, "пять": 5, "шесть": 6,
    "семь": 7, "восемь": 8, "девять": 9, "десять": 10, "одиннадцать": 11, "двенадцать": 12, "тринадцать": 13,
    "четырнадцать": 14, "пятнадцать": 15, "шестнадцать": 16, "семнадцать": 17, "восемнадцать": 18, "девятнадцать": 19,
}  # fmt: skip
_TENS = {"двадцать": 20, "тридцать": 30, "сорок": 40, "пятьдесят": 50}
_ORDINALS = {
    "перв": 1, "втор": 2, "трет": 3, "четверт": 4, "пят": 5, "шест": 6, "седьм": 7, "восьм": 8, "девят": 9, "десят": 10,
    "одиннадцат": 11, "двенадцат": 12, "тринадцат": 13, "четырнадцат": 14, "пятнадцат": 15, "шестнадцат": 16,
    "семнадцат": 17, "восемнадцат": 18, "девятнадцат": 19, "двадцат": 20, "тридцат": 30,
}  # fmt: skip
_ORDINAL = re.compile(rf"({'|'.join(_ORDINALS)})(?:(ого|ьего)|ый|ой|ий|ое|ье|ая|ья|ую|ью)")
_DIGITS_WITH_ENDING = re.compile(r"\b(\d{1,2})-?(?:(го|ого)|ый|ой|ий|й|ое|ая|ую|е|я|ю)\b")
_SPELLED_OUT = (
    (re.compile(r"\bпол-?(?=[а-я]+(?:ого|ьего)\b)"), "половина "),
    (re.compile(r"\bпол ?часа\b"), "30 минут"),
    (re.compile(r"\bполтора часа\b"), "90 минут"),
    (re.compile(r"\bноль ноль\b"), "00"),
    (re.compile(r"\bкажд\w+ утро\b"), "каждый день утром"),
    (re.compile(r"\bкажд\w+ вечер\b"), "каждый день вечером"),
    (re.compile(r"(?<=\d)t(?=\d)"), " "),  # ISO 8601
)
_KNOWN = (
    *WEEKDAYS, *MONTHS_OF, "пятницу", "среду", "субботу", "сегодня", "завтра", "послезавтра", "через", "часа", "часов",
    "минут", "неделю", "месяц", "полдень", "полночь", "утра", "утром", "вечера", "вечером", "днем",
    "ночью", "каждый", "каждую", "ежедневно", "еженедельно",
    "ежемесячно", "ежегодно", "будням", "выходным", "последний", "числа", "понедельникам", "вторникам", "средам",
    "четвергам", "пятницам", "субботам", "воскресеньям",
)  # fmt: skip
_LONGEST = 200


def weekday_of(word: str) -> int:
    """Return 0 for a form of Monday … 6 for one of Sunday."""
    return _index(_WEEKDAY_FORMS, word)


def month_of(word: str) -> int:
    """Return 1 for a form of January … 12 for one of December."""
    return _index(_MONTH_FORMS, word) + 1


def _index(forms: tuple[str, ...], word: str) -> int:
    return next(number for number, form in enumerate(forms) if re.fullmatch(form, word.rstrip(".")))


def plain(text: str) -> str:
    """Lower case, е for ё, single spaces, numbers in digits. Raises MomentError.

    «первого» and «1-го» become «1 числа», which is what the ending says; «первый» and «1-й» become «1».
    """
    if len(text) > _LONGEST:
        raise MomentError(MomentCode.NOT_UNDERSTOOD, {"word": text[:30], "near": ""})
    text = re.sub(r"[‐-―−]", "-", text.casefold().replace("ё", "е"))
    text = " ".join(re.sub(r"[()«»\"„“;!?]", " ", text).replace(",", " , ").split()).strip(" .,")
    for pattern, replacement in _SPELLED_OUT:
        text = pattern.sub(replacement, text)
    text = _DIGITS_WITH_ENDING.sub(lambda match: match[1] + (" числа" if match[2] else ""), text)
    return re.sub(r"числа числ[аоу]\b", "числа", " ".join(_digits(text.split())))


def _digits(words: list[str]) -> list[str]:
    found: list[str] = []
    tens = 0  # of a number whose second word may follow: двадцать | пять
    for word in words:
        ordinal = _ORDINAL.fullmatch(word)
        number = _UNITS.get(word, _ORDINALS[ordinal[1]] if ordinal else 0)
        if tens and 1 <= number <= 9:
            found[-1] = str(tens + number)
        elif number or word in _UNITS:
            found.append(str(number))
        elif word in _TENS:
            found.append(str(_TENS[word]))
        else:
            found.append(word)
        if ordinal and ordinal[2]:
            found.append("числа")
        tens = _TENS.get(word, 0)
    return found


def not_understood(rest: str) -> MomentError:
    """Return the error for a text of which this rest was left over."""
    words = rest.split()
    word = next((word for word in words if not _is_known(word)), next(iter(words), ""))
    near = [] if _is_known(word) else get_close_matches(word, _KNOWN, 1, 0.75)
    return MomentError(MomentCode.NOT_UNDERSTOOD, {"word": word, "near": next(iter(near), "")})


def _is_known(word: str) -> bool:
    return word in _KNOWN or len(word) < 3 or word[0].isdigit() or bool(re.match(r"через|кажд|последн", word))
