"""Personal words: found, replaced and left out so that a reader sees nothing of it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Entity, Post, Problem, ProblemCode, Recipient
from channels.markup import normalised, utf16_length
from channels.markup.personal import called, impersonal, marked, mended, problems, split_at_words, unmarked
from channels.telegram.rendering import render as render_telegram
from channels.vk.rendering import render as render_vk

BOTH = frozenset({"name", "organisation"})


# Left out


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Здравствуйте, {{name}}!", "Здравствуйте!"),
        ("Уважаемый {{name}}, приглашаем вас.", "Уважаемый, приглашаем вас."),
        ("{{name}}, приглашаем вас.", "Приглашаем вас."),
        ("{{name}} — наш гость", "Наш гость"),
        ("Добрый день! {{name}}, ждём вас.", "Добрый день! Ждём вас."),
        ("Добрый день.\n{{name}}, ждём вас.", "Добрый день.\nЖдём вас."),
        ("Ждём вас. {{name}}.", "Ждём вас."),
        ("Сбор для {{organisation}} в 10:00", "Сбор для в 10:00"),
        ("Ваша организация ({{organisation}}) приглашена", "Ваша организация приглашена"),
        ("Профком «{{organisation}}» приглашён", "Профком приглашён"),
        ("Коллеги, {{name}}, здравствуйте", "Коллеги, здравствуйте"),
        ("Сбор — {{name}} — завтра", "Сбор — завтра"),
        ("Кому: {{name}}\nКуда: {{organisation}}", "Кому: \nКуда: "),
        ("Исправление: {{name}}, ждём", "Исправление: Ждём"),
        ("{{name}} {{organisation}}, ждём вас", "Ждём вас"),
        ("Здравствуйте, {{name}}, {{organisation}}!", "Здравствуйте!"),
        ("{{name}}", ""),
        ("{{name}}{{organisation}}", ""),
        ("Уважаемый\u00a0{{name}}!", "Уважаемый!"),
        ("№{{name}}х", "№х"),
        ("Без слов", "Без слов"),
    ],
)
def test_what_is_left_out_takes_its_punctuation_along(text: str, left: str) -> None:
    assert mended(text, BOTH) == left
    post = impersonal(Post(text))
    assert post.text == left


def test_only_what_is_lacking_is_left_out() -> None:
    text = "{{organisation}} {{name}}, ждём вас. {{name|Коллеги}}!"
    assert mended(text, {"name"}) == "{{organisation}}, ждём вас. {{name|Коллеги}}!"
    assert mended(text, {"organisation"}) == "{{name}}, ждём вас. {{name|Коллеги}}!"
    assert mended(text, ()) == text


@pytest.mark.parametrize(
    ("html", "left"),
    [
        ("<p>Здравствуйте, <b>{{name}}</b>!</p>", "<p>Здравствуйте<b></b>!</p>"),
        ("<p><b>Здравствуйте,</b> {{name}}!</p>", "<p><b>Здравствуйте</b>!</p>"),
        ("<p><b>{{name}}</b>, ждём <i>вас</i></p>", "<p><b></b>Ждём <i>вас</i></p>"),
        ("<p><b>{{name}}, ж</b>дём</p>", "<p><b>Ж</b>дём</p>"),
        ("<h1>Конец</h1>{{name}}, ждём", "<h1>Конец</h1>Ждём"),
        ("<p>Конец<br>\n{{name}}, ждём</p>", "<p>Конец<br>\nЖдём</p>"),
        ("<p>A &amp; B, {{name}}!</p>", "<p>A &amp; B!</p>"),
        ("<p>Для {{name}}</p>\n<p>вас</p>", "<p>Для</p>\n<p>вас</p>"),
        ('<a href="https://x/?a=1&amp;b=2">x</a> {{name}}.', '<a href="https://x/?a=1&amp;b=2">x</a>.'),
        ("<p>{{name|A &amp; B}} и {{name}}</p>", "<p>{{name|A &amp; B}} и</p>"),
    ],
)
def test_in_html_no_tag_is_touched(html: str, left: str) -> None:
    assert mended(html, BOTH, is_html=True) == left


@given(st.lists(st.sampled_from(["{{name}}", "{{name|вы}}", "{{organisation}}", *"аБ ,.!?—\n<&«»()"]), max_size=25))
def test_nothing_else_is_ever_left_out(pieces: list[str]) -> None:
    text = "".join(pieces)
    left = mended(text, BOTH)
    letters = re.sub(r"\{\{\w+\}\}", "", text)
    assert "{{name}}" not in left
    assert "{{organisation}}" not in left
    assert left.count("{{name|вы}}") == text.count("{{name|вы}}")
    assert re.sub(r"[\W_]", "", left).casefold() == re.sub(r"[\W_]", "", letters).casefold()
    assert left.count("\n") == text.count("\n")


# Found


def test_words_are_found_however_they_are_written() -> None:
    text = "a {{ Name | дорогие\n коллеги }} b {{имя}}{{организация|}} {{foo}} {{}} {name} {{name"
    start, words = split_at_words(text)
    assert start == "a "
    assert [(word.written, word.field, word.spare, after) for word, after in words] == [
        ("{{Name|дорогие коллеги}}", "name", "дорогие коллеги", " b "),
        ("{{имя}}", "name", None, ""),
        ("{{организация|}}", "organisation", "", " {{foo}} {{}} {name} {{name"),
    ]


def test_what_a_recipient_is_called_is_one_line_without_tricks() -> None:
    assert called(Recipient("a@b.ru", name=" Иван\r\nПетрович\u202e ", organisation=" \t")) == {"name": "Иван Петрович"}


# Formatting


def covered(post: Post) -> list[str]:
    units = post.text.encode("utf-16-le")
    return [units[2 * e.offset : 2 * (e.offset + e.length)].decode("utf-16-le") for e in post.entities]


def test_formatting_stays_on_what_it_was_on() -> None:
    text = "🎉 Привет, {{name|друг}}! Читайте https://x.ru/{{name|a}} и {{name|ещё}}"
    place = {part: utf16_length(text.partition(part)[0]) for part in ("Привет", "{{name|д", "Чит", "ht")}
    entities = (
        Entity("bold", place["Привет"], 6),
        Entity("italic", place["{{name|д"] + 3, 4),
        Entity("underline", place["Чит"], 6),
        Entity("url", place["ht"], len("https://x.ru/{{name|a}}")),
        Entity("email", place["{{name|д"] + 2, 3),
    )
    post = impersonal(Post(text, entities=entities))
    assert post.text == "🎉 Привет, друг! Читайте https://x.ru/a и ещё"
    assert covered(post) == ["Привет", "друг", "Читайт", "https://x.ru/"]


def test_marks_are_put_in_and_taken_out_again() -> None:
    taken = chr(0x10F000)
    post = Post(
        f"{taken} {{{{ name|вы }}}}, {{{{name|вы}}}} и {{{{organisation}}}}", "Для {{name|вы}}", (Entity("bold", 3, 6),)
    )
    shown, words = marked(post)
    assert len(shown.text) == len(f"{taken} x, x и x")
    assert taken not in words
    assert unmarked(shown.text, words) == f"{taken} {{{{name|вы}}}}, {{{{name|вы}}}} и {{{{organisation}}}}"
    assert unmarked(shown.title, words) == "Для {{name|вы}}"
    assert unmarked(covered(shown)[0], words) == "{{name|вы}}"
    assert normalised(shown.text)[0] == shown.text


@given(st.text("{}|name имя\n🎉", max_size=60))
def test_without_known_words_nothing_changes(text: str) -> None:
    post = Post(text, entities=(Entity("bold", 0, 5),))
    if not split_at_words(text)[1]:
        assert impersonal(post).text == marked(post)[0].text == mended(text, BOTH) == text


# What the editor is told


def told(text: str, *, is_personal: bool) -> list[tuple[ProblemCode, bool, dict[str, int | str]]]:
    return [(one.code, one.certain, dict(one.values)) for one in problems(Post(text), is_personal=is_personal)]


def test_in_a_letter_an_unknown_word_is_surely_a_mistake_and_a_bare_one_a_doubt() -> None:
    assert told("{{foo}}, {{name}}, {{name|вы}}", is_personal=True) == [
        (ProblemCode.UNKNOWN_WORD, True, {"word": "{{foo}}", "known": "{{organisation}}, {{name}}"}),
        (ProblemCode.SPARE_WORD_MISSING, False, {"words": "{{name}}"}),
    ]
    assert told("{{name|вы}} {{organisation|}}", is_personal=True) == []
    assert told("Обычный текст {x}", is_personal=True) == []


def test_elsewhere_all_read_the_same_and_the_editor_knows() -> None:
    assert told("{{foo}} {{name}}, {{name|вы}}", is_personal=False) == [
        (ProblemCode.UNKNOWN_WORD, False, {"word": "{{foo}}", "known": "{{organisation}}, {{name}}"}),
        (ProblemCode.NOT_PERSONAL, False, {"spared": "{{name|вы}}", "bare": "{{name}}"}),
    ]
    assert problems(Post("x", "{{name}}"), is_personal=False) == []


def test_telegram_and_vk_show_the_spare_word() -> None:
    post = Post("Здравствуйте, {{name|коллеги}}! {{organisation}}, ждём вас.", entities=(Entity("bold", 14, 16),))
    doubt = Problem(
        ProblemCode.NOT_PERSONAL, certain=False, values={"spared": "{{name|коллеги}}", "bare": "{{organisation}}"}
    )
    for rendering in (render_telegram(post), render_vk(post, pictures=True)):
        assert rendering.parts[0].text == "Здравствуйте, коллеги! Ждём вас."
        assert rendering.problems == (doubt,)
    [part] = render_telegram(post).parts
    assert part.entities == (Entity("bold", 14, 7),)
