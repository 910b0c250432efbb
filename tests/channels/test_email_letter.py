"""A letter on the wire is what its editor wrote, by the standard library's reading, and breaks no rule of the wire."""

import dataclasses
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import default
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Attachment, AttachmentKind, Part, Post
from channels.email.letter import Letter, finish, list_words, message_id, stationery
from channels.email.rendering import render
from channels.email.settings import Settings
from sandbox.mail import StoredLetter, broken_rules
from tests.support.letters import NOW, some_settings

SETTINGS = some_settings(organisation="Федерация", footer="тел. 12-34")
LINK = "https://lists.example.org/a/rather/long/path/that/would/be/folded/u/AAAAAAAAAAAAAAAAAAAAAA?x=1&y=2"
PHOTO = Attachment(AttachmentKind.PHOTO, "Митинг.jpg", "image/jpeg", 4, digest="a1", width=1280)
PAPER = Attachment(
    AttachmentKind.DOCUMENT, "Постановление президиума №15, с приложением.pdf", "application/pdf", 5, "b2"
)
SOUND = Attachment(AttachmentKind.AUDIO, "гимн.mp3", "audio/mpeg", 3, digest="c3")
FILES = {"a1": b"\xff\xd8\xff\xe0", "b2": b"%PDF-", "c3": b"ID3"}


def a_letter(
    post: Post,
    to: str = "a@example.org",
    *,
    key: str = "9.31",
    link: str = LINK,
    list_key: str = "news",
    list_name: str = "Новости федерации",
    settings: Settings = SETTINGS,
) -> Letter:
    [part] = render(post, settings).parts
    paper = stationery(part, FILES, settings)
    words = list_words(list_key, list_name, "mail", settings, with_link=bool(link))
    return finish(paper, words, to, key, link, NOW, settings)


def raw(letter: Letter) -> bytes:
    return letter.head + letter.tail


def read(letter: Letter) -> EmailMessage:
    message = message_from_bytes(raw(letter), policy=default)
    assert isinstance(message, EmailMessage)
    return message


def shape(message: MIMEPart) -> Any:
    parts = list(message.iter_parts())
    return {message.get_content_type(): [shape(part) for part in parts]} if parts else message.get_content_type()


@pytest.mark.parametrize(
    ("attachments", "expected"),
    [
        ((), {"multipart/alternative": ["text/plain", "text/html"]}),
        ((PHOTO,), {"multipart/alternative": ["text/plain", {"multipart/related": ["text/html", "image/jpeg"]}]}),
        (
            (PAPER, SOUND),
            {
                "multipart/mixed": [
                    {"multipart/alternative": ["text/plain", "text/html"]},
                    PAPER.mime_type,
                    "audio/mpeg",
                ]
            },
        ),
        (
            (PAPER, PHOTO, PHOTO),
            {
                "multipart/mixed": [
                    {
                        "multipart/alternative": [
                            "text/plain",
                            {"multipart/related": ["text/html", "image/jpeg", "image/jpeg"]},
                        ]
                    },
                    PAPER.mime_type,
                ]
            },
        ),
    ],
)
def test_has_the_shape_that_mail_programs_expect(attachments: tuple[Attachment, ...], expected: Any) -> None:
    letter = a_letter(Post("Сбор в 10:00", "Митинг", attachments=attachments))
    assert shape(read(letter)) == expected
    assert broken_rules(raw(letter), ["a@example.org"], eight_bit=False) == []


def test_both_texts_come_back_whole_with_their_last_words() -> None:
    post = Post("Сбор в 10:00 у памятника. Ёлки — ок 🎉", "Митинг")
    message = read(a_letter(post))
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == (
        "Сбор в 10:00 у памятника. Ёлки — ок 🎉\n\n-- \nФедерация\nтел. 12-34\n"
        "Вы получили это письмо, потому что ваш адрес есть в списке рассылки «Новости федерации».\n"
        f"Отписаться: {LINK}"
    )
    shown = html.get_content()
    assert shown.startswith("<!DOCTYPE html>")
    assert shown.rstrip().endswith("</html>")
    assert f'href="{LINK.replace("&", "&amp;")}"' in shown
    assert "«Новости федерации»" in shown
    assert "<!--list-->" not in shown


@given(
    text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=400),
    token=st.text("abcXYZ019-_", min_size=1, max_size=40),
)
def test_the_join_of_shared_and_own_text_never_shows(text: str, token: str) -> None:
    link = f"https://example.org/u/{token}"
    part = Part(text=text, title="x", html=f"<p>{'é' * (len(text) % 57)}</p><!--list-->old<!--/list--></html>")
    words = list_words("news", "", "mail", SETTINGS, with_link=True)
    letter = finish(stationery(part, {}, SETTINGS), words, "a@example.org", "1", link, NOW, SETTINGS)
    kept = StoredLetter(1, "", "", raw(letter))
    assert kept.text.startswith(text.replace("\r\n", "\n"))
    assert kept.text.endswith(f"Отписаться: {link}")
    assert kept.bare_html.endswith("</p></html>")
    assert "old" not in kept.bare_html
    assert broken_rules(raw(letter), ["a@example.org"], eight_bit=False) == []


def test_carries_every_header_of_a_bulk_letter() -> None:
    head = raw(a_letter(Post("x", "Митинг в субботу"))).split(b"\r\n\r\n")[0].decode("ascii")
    lines = head.replace("\r\n ", " ").split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    message = read(a_letter(Post("x", "Митинг в субботу")))
    assert message["Subject"] == "Митинг в субботу"
    assert message["From"] == "Пресс-служба <press@example.org>"
    assert fields["To"] == "a@example.org"
    assert fields["Message-ID"] == "<9.31@example.org>"
    assert fields["Date"] == "Tue, 24 Nov 2026 09:00:00 +0000"
    assert fields["List-Unsubscribe"] == f"<{LINK}>, <mailto:press@example.org?subject=unsubscribe>"
    assert f"List-Unsubscribe: <{LINK}>, <mailto:" in head  # on one line
    assert fields["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == "Новости федерации <news.example.org>"
    assert fields["Auto-Submitted"] == "auto-generated"
    assert fields["Precedence"] == "bulk"
    assert len(fields["Feedback-ID"].split(":")) == 4
    assert fields["Feedback-ID"].endswith(":news:announcement:exampleorg")
    assert fields["X-Mailru-Msgtype"] == "announcement"
    assert len(lines) == len(fields)


def test_without_https_there_is_no_one_click() -> None:
    message = read(a_letter(Post("x"), link=""))
    assert message["List-Unsubscribe"] == "<mailto:press@example.org?subject=unsubscribe>"
    assert message["List-Unsubscribe-Post"] is None
    message = read(a_letter(Post("x"), link="http://127.0.0.1:8090/u/x"))
    assert str(message["List-Unsubscribe"]).startswith("<http://127.0.0.1:8090/u/x>, <mailto:")
    assert message["List-Unsubscribe-Post"] is None


def test_pictures_stand_inline_and_files_are_attached_under_their_names() -> None:
    message = read(a_letter(Post("x", attachments=(PHOTO, PAPER))))
    files = {part.get_filename(): part for part in message.walk() if part.get_filename()}
    assert set(files) == {PHOTO.name, PAPER.name}
    assert files[PHOTO.name]["Content-Disposition"].content_disposition == "inline"
    assert files[PHOTO.name]["Content-ID"] == "<p1.a1@example.org>"
    assert files[PHOTO.name].get_content() == FILES["a1"]
    assert files[PAPER.name]["Content-Disposition"].content_disposition == "attachment"
    assert files[PAPER.name].get_content() == FILES["b2"]
    html = message.get_body(("html",))
    assert html is not None
    assert "cid:p1.a1@example.org" in html.get_content()


def test_large_files_survive_to_the_last_byte() -> None:
    content = bytes(range(256)) * 4_001
    files = {"b2": content}
    [part] = render(Post("x", attachments=(PAPER,)), SETTINGS).parts
    words = list_words("news", "", "mail", SETTINGS, with_link=False)
    letter = finish(stationery(part, files, SETTINGS), words, "a@example.org", "1", "", NOW, SETTINGS)
    assert StoredLetter(1, "", "", raw(letter)).file(PAPER.name) == content
    assert letter.size == len(raw(letter))


@pytest.mark.parametrize("mime_type", ["message/rfc822", "multipart/mixed", "a/b; name=x", "a/b\r\nBcc: x", "", "x"])
def test_an_odd_media_type_becomes_a_plain_file(mime_type: str) -> None:
    message = read(a_letter(Post("x", attachments=(dataclasses.replace(PAPER, mime_type=mime_type),))))
    [file] = [part for part in message.walk() if part.get_filename()]
    assert file.get_content_type() == "application/octet-stream"
    assert file.get_content() == FILES["b2"]


def test_a_repeat_has_the_same_message_id_and_another_delivery_another() -> None:
    later = NOW.astimezone(ZoneInfo("Europe/Moscow"))
    one, again = (finish(*_paper(), "a@example.org", "9.31", "", date, SETTINGS) for date in (NOW, later))
    assert one.message_id == again.message_id != a_letter(Post("x"), key="9.32").message_id
    assert read(again)["Date"] == "Tue, 24 Nov 2026 12:00:00 +0300"


def _paper() -> tuple[Any, Any]:
    return stationery(Part("x"), {}, SETTINGS), list_words("news", "", "mail", SETTINGS, with_link=False)


@given(st.text())
def test_any_key_makes_a_message_id(key: str) -> None:
    assert broken_rules(raw(a_letter(Post("x"), key=key)), ["a@example.org"], eight_bit=False) == []
    assert message_id(key, SETTINGS) == message_id(key, SETTINGS)


@given(list_key=st.text(max_size=80), list_name=st.text(max_size=150))
def test_any_list_makes_a_list_id(list_key: str, list_name: str) -> None:
    letter = a_letter(Post("x"), list_key=list_key, list_name=list_name)
    assert broken_rules(raw(letter), ["a@example.org"], eight_bit=False) == []
    assert str(read(letter)["List-Id"]).endswith(".example.org>")


def test_a_list_id_does_not_change_with_the_name_of_the_list() -> None:
    ids = {str(read(a_letter(Post("x"), list_key="Новости", list_name=name))["List-Id"])[-30:] for name in ("a", "b")}
    assert len(ids) == 1


@pytest.mark.parametrize("evil", ["x\r\nBcc: b@example.org", "x\nBcc: b@example.org\n\nbody", "x\0\x7f\u2028y"])
def test_nothing_written_by_people_adds_a_header(evil: str) -> None:
    usual = set(read(a_letter(Post("x", "x"))).keys())
    settings = some_settings(organisation=evil, footer=evil)
    files = (dataclasses.replace(PAPER, name=evil), dataclasses.replace(PHOTO, name=evil))
    letter = a_letter(Post(evil, evil, attachments=files), list_name=evil, list_key=evil, key=evil, settings=settings)
    message = read(letter)
    assert set(message.keys()) == usual
    assert broken_rules(raw(letter), ["a@example.org"], eight_bit=False) == []
    assert {part.get_filename() for part in message.walk() if part.get_filename()} == {" ".join(_words(evil))}


def _words(evil: str) -> list[str]:
    printable = "".join(char if char.isprintable() else " " for char in evil)
    return printable.replace(":", "_").split()


@pytest.mark.parametrize("to", ["a@example.org\r\nBcc: b@example.org", "a@b\0", "ж@example.org"])
def test_no_unchecked_address_gets_into_a_letter(to: str) -> None:
    with pytest.raises(ValueError, match="unsafe value for To"):
        a_letter(Post("x"), to)


@pytest.mark.parametrize("link", ["https://x/>, <mailto:a", "https://x/\r\nX: y", "javascript:x", "https://x/ y"])
def test_no_unchecked_unsubscribe_address_gets_into_a_letter(link: str) -> None:
    with pytest.raises(ValueError, match="unsafe unsubscribe address"):
        a_letter(Post("x"), link=link)


def test_a_missing_file_is_noticed_before_anything_is_sent() -> None:
    with pytest.raises(KeyError):
        stationery(Part("x", attachments=(PAPER,)), {}, SETTINGS)
