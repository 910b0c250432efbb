"""A folder with the federation's own letter is looked through at the start, and every complaint says what to mend."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from bot.config import ConfigCode
from bot.texts.config import report
from bot.texts.templates import FAULTS, PLACES
from channels.contract import Post
from channels.email.brand import Colours, Ground
from channels.email.gallery import Shown
from channels.email.inspection import Fault, FaultCode, TemplatesError, inspect
from channels.email.letter import finish, list_words, stationery
from channels.email.rendering import LIST_BEGINS, render
from channels.email.templates import EnclosedFile, LetterWords, Mark
from sandbox.mail import StoredLetter
from tests.support.announcements import ANNOUNCEMENTS, sample
from tests.support.letters import NOW, some_settings
from tests.support.settings import MAIL, complaint, loaded

PICTURES = '{% for each in pictures %}<img src="cid:{{ each.cid }}">{% endfor %}'
PLAIN = f"<html><body>{PICTURES}{{{{ body }}}}{{{{ reason }}}}</body></html>"
OWN = """<!DOCTYPE html><html><head><style>.text { color: #123456; }</style></head><body>
<h1>{{ organisation }}</h1><div class="text">{{ body }}</div>
{% for picture in pictures %}<img src="cid:{{ picture.cid }}" alt="{{ picture.number }}">{% endfor %}
{{ reason }}</body></html>"""

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Write:
    """Write a folder of templates: the text of each file by its name."""

    def write(files: Mapping[str, str]) -> Path:
        made = tmp_path / "letter"
        made.mkdir(exist_ok=True)
        for name, content in files.items():
            (made / name).write_text(content, encoding="utf-8")
        return made

    return write


def faults(folder: Path) -> list[Fault]:
    with pytest.raises(TemplatesError) as caught:
        inspect(folder)
    return list(caught.value.faults)


# What is right


@pytest.mark.parametrize("name", ANNOUNCEMENTS)
def test_a_letter_of_ones_own_carries_every_announcement(folder: Write, name: str) -> None:
    settings = some_settings(templates=str(folder({"letter.html": OWN})), organisation="Федерация")
    one = sample(name)
    [part] = render(one.post, settings).parts
    assert '<div class="text" style="color: #123456;">' in part.html
    words = list_words("news", "Новости", "mail", settings, with_link=True)
    paper = stationery(part, one.files, settings)
    letter = finish(paper, words, "a@example.org", "1", "https://example.org/u/x", NOW, settings)
    received = StoredLetter(1, "", "", letter.head + letter.tail)
    assert "https://example.org/u/x" in received.bare_html
    assert "«Новости»" in received.bare_html
    assert received.text.startswith(part.text[:20])


def test_a_text_of_ones_own_is_used_when_it_is_there(folder: Write) -> None:
    files = {"letter.html": PLAIN, "letter.txt": "Пресс-служба сообщает: {{ text }} <>"}
    [part] = render(Post("Сбор & «сбор»"), some_settings(templates=str(folder(files)))).parts
    assert part.text == "Пресс-служба сообщает: Сбор & «сбор» <>"


def test_our_letter_can_be_taken_and_one_block_of_it_changed(folder: Write) -> None:
    files = {
        "letter.html": '{% extends "rupor/letter.html.jinja" %}\n'
        '{% block header %}{% include "head.html" %}{% endblock %}',
        "head.html": "<tr><td>Мы — {{ organisation }}</td></tr>",
    }
    settings = some_settings(templates=str(folder(files)), organisation="Федерация <b>")
    [part] = render(Post("Сбор", "Митинг"), settings).parts
    assert "<td>Мы — Федерация &lt;b&gt;</td>" in part.html
    assert part.html.count(LIST_BEGINS) == 1


def test_a_mended_folder_is_read_anew(folder: Write) -> None:
    settings = some_settings(templates=str(folder({"letter.html": PLAIN})))
    assert "новое" not in render(Post("x"), settings).parts[0].html
    folder({"letter.html": PLAIN.replace("</body>", "новое</body>")})
    assert "новое" not in render(Post("x"), settings).parts[0].html
    settings = some_settings(templates=str(folder({})))
    assert "новое" in render(Post("x"), settings).parts[0].html


# What is wrong


BROKEN: list[tuple[str, Fault]] = [
    ("{{ body }}\n{{ titel }}{{ reason }}", Fault(FaultCode.UNKNOWN_NAME, "letter.html", 2, "titel", "title")),
    ("{{ body }}{{ reason }}\n\n{{ xyzzy }}", Fault(FaultCode.UNKNOWN_NAME, "letter.html", 3, "xyzzy")),
    ("{{ body }}{{ reason }}{% if title %}", Fault(FaultCode.NOT_CLOSED, "letter.html", 1, "if")),
    ("{{ body }}{{ reason }}\n{% endif %}", Fault(FaultCode.UNKNOWN_TAG, "letter.html", 2, "endif")),
    ("{{ body }}\n{{ title | upperr }}{{ reason }}", Fault(FaultCode.UNKNOWN_FILTER, "letter.html", 2, "upperr")),
    ("{{ body }}", Fault(FaultCode.PLACE_MISSING, "letter.html", 0, "reason")),
    ("{{ reason }}", Fault(FaultCode.PLACE_MISSING, "letter.html", 0, "body")),
    ("{{ body }}{{ reason }}{{ reason }}", Fault(FaultCode.PLACE_MISSING, "letter.html", 0, "reason")),
    (
        '{{ body }}{{ reason }}\n{% include "foot.html" %}',
        Fault(FaultCode.NO_FILE, "letter.html", 2, "foot.html"),
    ),
    (
        "{{ body }}{{ reason }}\n{% for each in pictures %}{{ each.widht }}{% endfor %}",
        Fault(FaultCode.UNKNOWN_NAME, "letter.html", 2, "widht", "width"),
    ),
    (
        '{{ body }}{{ reason }}<img src="head.png">',
        Fault(FaultCode.PICTURE_OUTSIDE, "letter.html", 0, "head.png"),
    ),
    ("{{ body }}{{ reason }}\n{{ 1 / 0 }}", Fault(FaultCode.TROUBLE, "letter.html", 2, "division by zero")),
]


@pytest.mark.parametrize(("html", "fault"), BROKEN, ids=[fault.code.value for _, fault in BROKEN])
def test_a_broken_template_is_told_with_its_line(folder: Write, html: str, fault: Fault) -> None:
    assert faults(folder({"letter.html": PICTURES + html})) == [fault]


@pytest.mark.parametrize("shown", ["", "{% if top %}<img src='cid:{{ top.cid }}'>{% endif %}"])
def test_a_letter_that_does_not_show_every_picture_is_told(folder: Write, shown: str) -> None:
    found = faults(folder({"letter.html": shown + "{{ body }}{{ reason }}"}))
    assert found == [Fault(FaultCode.PLACE_MISSING, "letter.html", word="pictures")]


def test_signs_that_do_not_match_are_told(folder: Write) -> None:
    [fault] = faults(folder({"letter.html": "{{ body }}\n{{ reason }\n"}))
    assert (fault.code, fault.line) == (FaultCode.SYNTAX, 2)


def test_everything_is_told_at_once(folder: Write) -> None:
    found = faults(folder({"letter.html": "{{ a1 }}\n{{ a2 }}", "letter.txt": "{{ a3 }}"}))
    assert [(each.file, each.line, each.word) for each in found] == [
        ("letter.html", 1, "a1"), ("letter.html", 2, "a2"), ("letter.txt", 1, "a3"),
    ]  # fmt: skip


def test_what_a_template_includes_is_looked_through_too(folder: Write) -> None:
    found = faults(folder({"letter.html": PLAIN + '{% include "foot.html" %}', "foot.html": "\n{{ fotter }}"}))
    assert [(each.file, each.line, each.word) for each in found] == [("foot.html", 2, "fotter")]


def test_a_letter_that_only_fails_when_there_is_little_to_say_is_told(folder: Write) -> None:
    [fault] = faults(folder({"letter.html": PLAIN + "\n{{ top.width }}"}))
    assert (fault.line, fault.word) == (2, "width")


def test_a_folder_without_a_letter_and_no_folder_at_all_are_told(folder: Write, tmp_path: Path) -> None:
    assert faults(folder({"letter.txt": "x"})) == [Fault(FaultCode.NO_FILE, "letter.html", word="letter.html")]
    assert [each.code for each in faults(tmp_path / "nowhere")] == [FaultCode.NO_FOLDER]


def test_another_encoding_is_told(folder: Write) -> None:
    made = folder({"letter.html": PLAIN, "letter.txt": ""})
    (made / "letter.txt").write_bytes("Привет".encode("cp1251"))
    assert faults(made) == [Fault(FaultCode.NOT_UTF8, "letter.txt")]


def test_a_template_can_reach_nothing_but_what_it_is_given(folder: Write) -> None:
    found = faults(folder({"letter.html": "{{ ''.__class__.__mro__ }}{{ body }}{{ reason }}"}))
    assert [each.code for each in found] == [FaultCode.TROUBLE]


def test_the_guide_names_everything_that_a_template_may_say() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "letter.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([\w.]+)`", guide[guide.index("| имя |") :]))
    for kind in (LetterWords, Shown, EnclosedFile, Ground):
        assert {each.name for each in fields(kind)} <= told
    assert {f"logo.{each.name}" for each in fields(Mark)} | {f"colours.{each.name}" for each in fields(Colours)} <= told


# In words


def test_every_fault_has_its_sentence() -> None:
    assert FAULTS.keys() | {FaultCode.PLACE_MISSING} == set(FaultCode)
    assert PLACES.keys() == {"body", "reason", "pictures"}


@pytest.mark.parametrize(("html", "fault"), BROKEN, ids=[fault.code.value for _, fault in BROKEN])
def test_the_administrator_reads_what_to_mend(folder: Write, tmp_path: Path, html: str, fault: Fault) -> None:
    folder({"letter.html": PICTURES + html})
    error = complaint(tmp_path, f'{MAIL}templates = "letter"\n')
    assert [(each.code, each.where) for each in error.problems] == [
        (ConfigCode.BAD_TEMPLATES, "channels.mail.templates")
    ]
    said = report(error)
    assert "letter.html" in said
    assert fault.word.partition(" ")[0] in said
    assert f"строка {fault.line}" in said or not fault.line
    assert fault.nearest in said
    assert not {"{{{{", "{word}", "{hint}"} & set(said.split())


def test_several_faults_are_read_line_by_line(folder: Write, tmp_path: Path) -> None:
    folder({"letter.html": "{{ titel }}\n{{ fotter }}"})
    said = report(complaint(tmp_path, f'{MAIL}templates = "letter"\n')).splitlines()
    assert said[-2].strip().startswith("letter.html, строка 1: имени «titel» в письме нет.")
    assert said[-1].strip().startswith("letter.html, строка 2: имени «fotter» в письме нет.")


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ('colour = "red"', ConfigCode.BAD_COLOUR, "#c8102e"),
        ('link_colour = "#fff"', ConfigCode.BAD_COLOUR, "шесть знаков"),
        ('logo = "no.png"', ConfigCode.FILE_UNREADABLE, "no.png нет"),
        ('logo = "."', ConfigCode.FILE_UNREADABLE, "папка"),
        ('logo = "config.toml"', ConfigCode.BAD_LOGO, "PNG или JPEG"),
        ('templates = "nowhere"', ConfigCode.BAD_TEMPLATES, "такой папки нет"),
    ],
)
def test_a_key_about_the_look_that_cannot_be_used_is_told(
    tmp_path: Path, line: str, code: ConfigCode, words: str
) -> None:
    error = complaint(tmp_path, f"{MAIL}{line}\n")
    assert [each.code for each in error.problems] == [code]
    assert words in report(error)


def test_a_logo_that_is_too_large_is_told_with_the_limit(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"x" * 1_048_577)
    assert "хватит 1\u00a0МБ" in report(complaint(tmp_path, f'{MAIL}logo = "logo.png"\n'))


def test_empty_keys_mean_the_usual_letter(tmp_path: Path) -> None:
    settings = loaded(tmp_path, f'{MAIL}logo = ""\ntemplates = ""\n').channels["mail"]
    assert settings.model_dump()["logo"] is None
    assert settings.model_dump()["templates"] is None
