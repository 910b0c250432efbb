"""Personal words in a letter: each recipient reads his own, and the quick way writes what the plain one would."""

import re
from typing import Any

from bs4 import BeautifulSoup
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.contract import Attachment, AttachmentKind, Entity, Part, Post, ProblemCode
from channels.email.letter import Letter, finish, list_words, stationery
from channels.email.personal import render_for_each
from channels.markup.personal import mended, split_at_words
from sandbox.mail import MailStandIn, StoredLetter, broken_rules
from tests.support.letters import NOW, a_channel, some_settings, some_surroundings, to

SETTINGS = some_settings(organisation="Федерация", footer="тел. 12-34")
LINK = "https://lists.example.org/u/AAAAAAAAAAAAAAAAAAAAAA"
PAPER = Attachment(AttachmentKind.DOCUMENT, "План.pdf", "application/pdf", 5, "b2")
GREETING = Post(
    "Здравствуйте, {{name|коллеги}}! Приглашаем {{organisation}} на митинг.\n\nС уважением, пресс-служба",
    "{{name}}, приглашаем на митинг",
    (Entity("bold", 0, 30),),
    (PAPER,),
)


def a_part(post: Post) -> Part:
    [part] = render_for_each(post, SETTINGS).parts
    return part


def a_letter(part: Part, called: dict[str, str], **more: Any) -> Letter:
    words = list_words("news", "Новости", "mail", SETTINGS, with_link=True)
    paper = stationery(part, {"b2": b"%PDF-"}, SETTINGS)
    return finish(paper, words, "a@example.org", "9.31", LINK, NOW, SETTINGS, called=called, **more)


def read(letter: Letter) -> StoredLetter:
    assert broken_rules(letter.head + letter.tail, ["a@example.org"], eight_bit=False) == []
    return StoredLetter(1, "", "", letter.head + letter.tail)


def words_of(html: str) -> str:
    return " ".join(BeautifulSoup(html, "html.parser").get_text(" ").split())


def test_everybody_reads_his_own_words() -> None:
    part = a_part(GREETING)
    letter = read(a_letter(part, {"name": "Анна Ивановна", "organisation": "Профком «Кристалл»"}))
    assert letter.subject == "Анна Ивановна, приглашаем на митинг"
    assert letter.text.startswith(
        "Здравствуйте, Анна Ивановна! Приглашаем Профком «Кристалл» на митинг.\n\nС уважением, пресс-служба"
    )
    assert "<b>Здравствуйте, Анна Ивановна</b>!" in letter.html
    assert "Приглашаем Профком «Кристалл» на митинг." in words_of(letter.html)
    assert "{{" not in letter.html + letter.text


def test_who_has_no_word_reads_the_spare_one_or_a_mended_sentence() -> None:
    letter = read(a_letter(a_part(GREETING), {}))
    assert letter.subject == "Приглашаем на митинг"
    assert letter.text.startswith("Здравствуйте, коллеги! Приглашаем на митинг.\n")
    assert "Здравствуйте, коллеги! Приглашаем на митинг." in words_of(letter.html)
    letter = read(a_letter(a_part(GREETING), {"organisation": "Профком"}))
    assert letter.subject == "Приглашаем на митинг"
    assert letter.text.startswith("Здравствуйте, коллеги! Приглашаем Профком на митинг.\n")


EVIL = '<script>alert(1)</script> & "x" {{organisation}} <!--list--> {{name}}'


def test_a_name_is_only_a_name() -> None:
    letter = read(a_letter(a_part(GREETING), {"name": EVIL, "organisation": "O'Нил & <b>"}))
    assert letter.subject == f"{EVIL}, приглашаем на митинг"
    assert letter.text.startswith(f"Здравствуйте, {EVIL}! Приглашаем O'Нил & <b> на митинг.")
    assert "<script" not in letter.html
    assert words_of(letter.html).count(f"Здравствуйте, {EVIL}!") >= 1
    assert "Приглашаем O'Нил & <b> на митинг." in words_of(letter.html)
    assert f'href="{LINK}"' in letter.html


def test_a_spare_word_may_hold_what_html_knows() -> None:
    letter = read(a_letter(a_part(Post('Для {{name|A & <B> "C"}}.', "{{name|A & B}}")), {}))
    assert letter.subject == "A & B"
    assert letter.text.startswith('Для A & <B> "C".')
    assert 'Для A & <B> "C".' in words_of(letter.html)


def test_no_header_comes_out_of_a_name() -> None:
    usual = a_letter(a_part(GREETING), {"name": "x"}).head.partition(b"\r\n\r\n")[0].count(b"\r\n")
    evil = a_letter(a_part(GREETING), {"name": "x\r\nBcc: b@example.org"}).head.partition(b"\r\n\r\n")[0]
    assert evil.count(b"\r\n") == usual


# A word is whole everywhere


def test_no_cut_no_link_and_no_tag_gets_into_a_word() -> None:
    long = "Слово " * 12
    post = Post(
        f"{long}{{{{name|example.org и другие коллеги}}}} ещё\n\nhttps://x.ru/{{{{name|a}}}}",
        entities=(Entity("bold", 0, len(long) + 4), Entity("italic", len(long) + 6, 40)),
    )
    part = a_part(post)
    assert part.html.count("{{name|example.org и другие коллеги}}") == part.html.count("{{name|e")
    letter = read(a_letter(part, {"name": "Анна"}))
    assert "{{" not in letter.html + letter.text + letter.subject
    assert "}}" not in letter.text + letter.subject
    assert 'href="https://example.org' not in letter.html


def test_the_preview_shows_the_words_as_they_were_written() -> None:
    part = a_part(Post("Здравствуйте, {{ name | коллеги }}!"))
    assert part.text.startswith("Здравствуйте, {{name|коллеги}}!")
    assert part.title == "Здравствуйте, {{name|коллеги}}!"


def test_the_preview_tells_what_is_doubtful() -> None:
    rendering = render_for_each(Post("{{nane}}, {{name}}"), SETTINGS)
    assert [(each.code, each.certain) for each in rendering.problems] == [
        (ProblemCode.UNKNOWN_WORD, True),
        (ProblemCode.SPARE_WORD_MISSING, False),
    ]
    assert rendering == render_for_each(Post("{{nane}}, {{name}}"), SETTINGS)


# The quick way and the plain one


def plainly(part: Part, called: dict[str, str]) -> Letter:
    """Write the words into the part itself, as if it had been meant for this recipient alone."""
    lacking = frozenset({"name", "organisation"}) - called.keys()

    def filled(text: str, *, is_html: bool = False) -> str:
        start, words = split_at_words(mended(text, lacking, is_html=is_html))
        shown = {key: re.sub("[&<>\"']", lambda s: f"&#{ord(s[0])};", v) if is_html else v for key, v in called.items()}
        return start + "".join(f"{shown.get(word.field, word.spare or '')}{after}" for word, after in words)

    own = Part(filled(part.text), (), part.attachments, filled(part.title), filled(part.html, is_html=True))
    return a_letter(own, {})


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=70).filter(
    lambda text: text == " ".join(text.split()) and "{{" not in text and "\u202e" not in text
)
PIECES = [
    "{{name}}",
    "{{name|вы}}",
    "{{organisation}}",
    "{{имя|A & B}}",
    "Здравствуйте, ",
    "! ",
    "\n\n",
    "é" * 40,
    "<&>",
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    title=st.lists(st.sampled_from(PIECES[:6]), max_size=4).map("".join),
    called=st.fixed_dictionaries({}, optional={"name": NAMES, "organisation": NAMES}),
)
def test_the_quick_way_writes_what_the_plain_way_writes(text: str, title: str, called: dict[str, str]) -> None:
    part = a_part(Post(text, title, attachments=(PAPER,)))
    quick, plain = read(a_letter(part, called)), read(plainly(part, called))
    assert quick.subject == plain.subject
    assert quick.text == plain.text
    assert BeautifulSoup(quick.html, "html.parser") == BeautifulSoup(plain.html, "html.parser")


def test_a_letter_without_personal_words_takes_the_way_it_always_took() -> None:
    paper = stationery(a_part(Post("Здравствуйте, {{коллеги}}!", "x")), {}, SETTINGS)
    assert not paper.personal
    assert list(paper.versions) == [frozenset()]
    assert paper.versions[frozenset()].text.rest.gaps == ()


# Over the line


async def test_each_recipient_of_a_list_gets_a_letter_of_his_own() -> None:
    part = a_part(Post("Здравствуйте, {{name}}! Ждём {{organisation|вас}}.", "Для {{organisation}}"))
    around = some_surroundings(link=lambda _address, _list_key: LINK)
    async with MailStandIn() as mail, a_channel(mail, surroundings=around) as channel:
        await channel.send(to("a@example.org", part, name="Анна", organisation="Профком"))
        await channel.send(to("b@example.org", part))
        [first], [second] = mail.letters("a@example.org"), mail.letters("b@example.org")
        assert mail.violations == []
    assert (first.subject, first.text.split("\n")[0]) == ("Для Профком", "Здравствуйте, Анна! Ждём Профком.")
    assert (second.subject, second.text.split("\n")[0]) == ("Для", "Здравствуйте! Ждём вас.")
