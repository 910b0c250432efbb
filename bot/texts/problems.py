"""What a channel will not take, or will show otherwise than expected, in words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot.texts.measures import listed, number, signs, size
from bot.texts.plurals import counted
from channels.contract import Problem, ProblemCode

__all__ = ["PROBLEMS", "problem", "problems"]

_PICTURE = "photo_"  # what the bot calls pictures, which have no names in Telegram

_LONE_PICTURE = {ProblemCode.ONE_FILE_ONLY, ProblemCode.PICTURE_AS_FILE}


def _is_photo(name: object) -> bool:
    return str(name).startswith(_PICTURE)


def _called(name: object) -> str:
    return "фото" if _is_photo(name) else f"«{name}»"


def _too_long(certain: bool, of: Mapping[str, Any]) -> str:
    if certain:
        over, length, limit = signs(of["over"]), number(of["length"]), number(of["limit"])
        return f"Текст длиннее на {over}: {length}, а помещается {limit}."
    return f"Текст длинный: почта может показать первые {signs(of['limit'])}, а остальное — по нажатию."


def _caption_apart(_certain: bool, of: Mapping[str, Any]) -> str:
    limit, length = signs(of["limit"]), number(of["length"])
    return f"Под фото помещается {limit} из {length}: сначала выйдут вложения, за ними весь текст."


def _album_split(_certain: bool, of: Mapping[str, Any]) -> str:
    albums = counted(of["albums"], "альбом", "альбома", "альбомов")
    return f"Вложений {of['count']}, а вместе помещается {of['limit']}: будет {albums}."


# What may share an album, in the accusative.
_KINDS = {
    "photo": "фото",
    "video": "видео",
    "photo+video": "фото с видео",
    "animation": "GIF",
    "document": "файлы",
    "audio": "музыку",
}


def _mixed(_certain: bool, of: Mapping[str, Any]) -> str:
    *others, last = [_KINDS.get(kind, "файлы") for kind in str(of["kinds"]).split(",")]
    together = f"{listed(others)} и {last}"
    return f"{together[0].upper()}{together[1:]} нельзя соединить в один альбом: они выйдут отдельными сообщениями."


def _too_large(_certain: bool, of: Mapping[str, Any]) -> str:
    what = "Фото слишком большое" if _is_photo(of["name"]) else f"Файл «{of['name']}» слишком большой"
    return f"{what}: {size(of['size'])}, а можно до {size(of['limit'])}."


def _out_of_reach(certain: bool, of: Mapping[str, Any]) -> str:
    how_large = f" ({size(of['size'])})" if of.get("size") else ""
    what = "Фото" if _is_photo(of["name"]) else f"Файл «{of['name']}»"
    words = f"{what}{how_large} боту не скачать: Telegram отдаёт ботам не больше 20\u00a0МБ."
    return f"{words} Отправить сюда это нельзя." if certain else f"{words} Сюда это не попадёт, дайте в тексте ссылку."


def _picture_as_file(_certain: bool, of: Mapping[str, Any]) -> str:
    what = "Картинка выйдет файлом" if of["count"] == 1 else "Картинки выйдут файлами"
    if of.get("unfit"):
        return f"{what}, а не в посте: такой размер или вид ВКонтакте картинкой не показывает."
    return f"{what}, а не в посте: нет ключа пользователя."


def _one_file(_certain: bool, of: Mapping[str, Any]) -> str:
    return f"Из {counted(of['count'], 'файла', 'файлов', 'файлов')} приложится только один."


def _refused(certain: bool, of: Mapping[str, Any]) -> str:
    words = f"Файлы такого вида, как «{of['name']}», здесь не принимают."
    return words if certain else f"{words} Он может не выйти."


def _unknown_word(_certain: bool, of: Mapping[str, Any]) -> str:
    return f"Слова {of['word']} нет: читатели увидят его как есть. Есть такие: {of['known']}. Исправьте или уберите."


def _spare_missing(_certain: bool, of: Mapping[str, Any]) -> str:
    example = str(of["words"]).partition(",")[0].replace("}}", "|коллеги}}")
    return (
        f"У кого в списке это не указано, тот прочтёт письмо без этих слов: {of['words']}. "
        f"Запасное слово пишут после черты: {example}."
    )


def _not_personal(_certain: bool, of: Mapping[str, Any]) -> str:
    said = ["Свои слова каждому подставляются только в письмах."]
    if of["spared"]:
        said.append(f"Здесь все прочтут запасные: {of['spared']}.")
    if of["bare"]:
        said.append(f"Здесь не будет ничего вместо {of['bare']}: добавьте запасное слово после черты.")
    return " ".join(said)


PROBLEMS: Mapping[ProblemCode, Callable[[bool, Mapping[str, Any]], str]] = {
    ProblemCode.EMPTY: lambda _certain, _of: "Нечего отправлять: нет ни текста, ни вложений.",
    ProblemCode.TEXT_TOO_LONG: _too_long,
    ProblemCode.SPLIT_IN_PARTS: lambda _certain, of: (
        f"Текст длинный: выйдет {counted(of['parts'], 'сообщением', 'сообщениями', 'сообщениями')} подряд."
    ),
    ProblemCode.CAPTION_APART: _caption_apart,
    ProblemCode.RICH_MESSAGE: lambda _certain, _of: (
        "Выйдет одной большой публикацией: сначала фото, под ними весь текст. Кто давно не обновлял Telegram, увидит "
        "вместо неё просьбу обновиться."
    ),
    ProblemCode.TEXT_FIRST: lambda _certain, _of: (
        "Сначала выйдет текст, вложения — ответом за ним: так настроил администратор."
    ),
    ProblemCode.TOO_MANY_ATTACHMENTS: lambda _certain, of: (
        f"Вложений {of['count']}, а помещается {of['limit']}: остальные не попадут."
    ),
    ProblemCode.ALBUM_SPLIT: _album_split,
    ProblemCode.ALBUM_MIXES_KINDS: _mixed,
    ProblemCode.FILE_TOO_LARGE: _too_large,
    ProblemCode.FILE_TYPE_REFUSED: _refused,
    ProblemCode.FILE_OUT_OF_REACH: _out_of_reach,
    ProblemCode.PICTURE_AS_FILE: _picture_as_file,
    ProblemCode.ATTACHMENT_LEFT_OUT: lambda _certain, of: f"Не попадёт: {_called(of['name'])}.",
    ProblemCode.ONE_FILE_ONLY: _one_file,
    ProblemCode.FORMATTING_LOST: lambda _certain, _of: (
        "Скрытый и зачёркнутый текст, особые эмодзи здесь не показываются: останется обычный текст."
    ),
    ProblemCode.LETTER_TOO_LARGE: lambda _certain, of: (
        f"Письмо слишком большое: {size(of['size'])}, а можно до {size(of['limit'])}. Уберите или уменьшите вложения."
    ),
    ProblemCode.UNKNOWN_WORD: _unknown_word,
    ProblemCode.SPARE_WORD_MISSING: _spare_missing,
    ProblemCode.NOT_PERSONAL: _not_personal,
}


def problems(every: Sequence[Problem]) -> list[tuple[bool, str]]:
    """Say them all, each with whether it is certain; what belongs together goes into one sentence."""
    every, lone_picture = _lone_picture(every)
    left_out = [str(one.values["name"]) for one in every if one.code is ProblemCode.ATTACHMENT_LEFT_OUT]
    said = [
        (one.certain, problem(one))
        for one in every
        if one.code is not ProblemCode.ATTACHMENT_LEFT_OUT or len(left_out) == 1
    ]
    if len(left_out) > 1:
        said.append((False, _left_out(left_out)))
    return [*lone_picture, *said]


def _lone_picture(every: Sequence[Problem]) -> tuple[Sequence[Problem], list[tuple[bool, str]]]:
    """Take out what says that of several pictures one goes, as a file: the count, the kind, and the pictures left."""
    said = {one.code: one.values for one in every if one.code in _LONE_PICTURE}
    left_out = [one.values["name"] for one in every if one.code is ProblemCode.ATTACHMENT_LEFT_OUT]
    if set(said) != _LONE_PICTURE or not all(map(_is_photo, left_out)):
        return every, []
    count = said[ProblemCode.ONE_FILE_ONLY]["count"]
    words = f"Сюда попадёт одна картинка из {count}, и та выйдет файлом: нет ключа пользователя."
    rest = [one for one in every if one.code not in _LONE_PICTURE]
    return [one for one in rest if one.code is not ProblemCode.ATTACHMENT_LEFT_OUT], [(False, words)]


def _left_out(names: Sequence[str]) -> str:
    files = [f"«{name}»" for name in names if not _is_photo(name)]
    pictures = len(names) - len(files)
    words = [counted(pictures, "фото", "фото", "фото")] if pictures else []
    return f"Не попадут: {listed([*words, *files], most=4)}."


def problem(one: Problem) -> str:
    """Say one problem as a sentence."""
    return PROBLEMS[one.code](one.certain, one.values)
