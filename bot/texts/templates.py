"""What is wrong with a folder of letter templates, and how to mend it."""

from collections.abc import Mapping

__all__ = ["FAULTS", "faults"]

FAULTS: Mapping[str, str] = {
    "no_folder": "такой папки нет. Проверьте путь: он отсчитывается от папки файла настроек.",
    "no_file": "файла «{word}» в папке нет. Проверьте имя или положите его туда.",
    "not_utf8": "файл не в кодировке UTF-8. Сохраните его заново, выбрав UTF-8.",
    "syntax": "запись не по правилам шаблонов ({word}). Проверьте, парные ли скобки: {{{{ … }}}}, {{% … %}}.",
    "unknown_tag": "«{{% {word} %}}» здесь не к месту. Проверьте, нет ли опечатки и открыт ли этот блок.",
    "unknown_filter": "фильтра «{word}» нет. Исправьте имя или уберите его.",
    "not_closed": "блок «{{% {word} %}}» не закрыт. Допишите {{% end{word} %}}.",
    "unknown_name": "имени «{word}» в письме нет. {hint}",
    "picture_outside": "картинки «{word}» в письме не будет: с шаблоном она не отправляется. Логотип вставляет ключ "
    "logo, а другой картинке нужен полный адрес https://….",
    "trouble": "письмо не складывается ({word}). Проверьте это место шаблона.",
}
PLACES: Mapping[str, str] = {
    "body": "нет места для текста объявления. Вставьте {{ body }}, один раз.",
    "reason": "нет места для слов о том, почему письмо пришло и как отписаться. Вставьте {{ reason }}, один раз.",
    "pictures": "не все картинки показаны. Вставьте {% for picture in pictures %}"
    '<img src="cid:{{ picture.cid }}" width="{{ picture.width }}" alt="Фотография">{% endfor %}.',
}


def faults(packed: str) -> str:
    """Say them all, each on a line of its own; `packed` is as `ConfigCode.BAD_TEMPLATES` describes it."""
    said = [_fault(*line.split("\t")) for line in packed.split("\n")]
    return said[0] if len(said) == 1 else "".join(f"\n      {each}" for each in said)


def _fault(code: str, file: str, line: str, word: str, nearest: str) -> str:
    place = f"{file}, строка {line}" if line != "0" else file
    if code == "place_missing":
        return f"{place}: {PLACES[word]}"
    hint = f"Возможно, имелось в виду «{nearest}»." if nearest else "Все имена — в docs/letter.md."
    return f"{place}: {FAULTS[code].format(word=word, hint=hint)}"
