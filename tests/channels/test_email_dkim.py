"""Signed letters are good in the eyes of dkimpy, which was written by others, and a key that can't sign is refused."""

import json
import logging
from base64 import b64decode
from functools import cache, partial
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from bot.config import ConfigCode
from bot.config.problems import KeyCause
from bot.texts.config import KEY_CAUSES, sentence
from channels.contract import Attachment, AttachmentKind, Part, Post, Receipt
from channels.email import Settings
from channels.email.letter import Letter, finish, list_words, stationery
from channels.email.personal import render_for_each
from sandbox.mail import MailStandIn
from tests.support.letters import NOW, Files, a_channel, a_part, some_settings, some_surroundings, to
from tests.support.settings import MAIL, complaint, loaded

LINK = "https://lists.example.org/u/AAAAAAAAAAAAAAAAAAAAAA"
PHOTO = Attachment(AttachmentKind.PHOTO, "Митинг.jpg", "image/jpeg", 4, digest="a1", width=1280)
PAPER = Attachment(
    AttachmentKind.DOCUMENT, "Постановление президиума  №15, с приложением и списком.pdf", "application/pdf", 9, "b2"
)
FILES = {"a1": b"\xff\xd8\xff\xe0" * 999, "b2": b"%PDF-1.7\n\n\n \n\n"}


def pem(key: Any, encryption: KeySerializationEncryption | None = None) -> str:
    octets: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    return octets.decode()


@cache
def rsa_key(bits: int = 2048) -> str:
    return pem(rsa.generate_private_key(65537, bits))


@cache
def ed25519_key() -> str:
    return pem(ed25519.Ed25519PrivateKey.generate())


@cache
def signing(**more: str) -> Settings:
    both = {"dkim_key": SecretStr(rsa_key()), "dkim_ed25519_key": SecretStr(ed25519_key())}
    return some_settings(organisation="Федерация", footer="тел. 12-34", **(both | more))


def a_letter(post: Post, chosen: Settings | None = None, answers: str = "") -> bytes:
    chosen = chosen or signing()
    [part] = render_for_each(post, chosen).parts
    return raw(finished(part, chosen, answers=answers))


def finished(part: Part, chosen: Settings, **more: Any) -> Letter:
    words = list_words("news", "Новости федерации", "mail", chosen, with_link=True)
    return finish(stationery(part, FILES, chosen), words, "a@example.org", "9.31", LINK, NOW, chosen, **more)


def raw(letter: Letter) -> bytes:
    return letter.head + letter.tail


def dns(chosen: Settings, name: bytes, timeout: int = 5) -> bytes | None:
    records = dict(signer.record for signer in chosen.signers)
    found = records.get(name.decode().rstrip("."))
    return found.encode() if found else None


def verdicts(letter: bytes, chosen: Settings | None = None) -> list[bool]:
    """What dkimpy says of each signature."""
    count = letter.partition(b"\r\n\r\n")[0].count(b"DKIM-Signature:")
    return [_is_good(letter, index, chosen or signing()) for index in range(count)]


def _is_good(letter: bytes, index: int, chosen: Settings) -> bool:
    try:
        return bool(dkim.DKIM(letter).verify(idx=index, dnsfunc=partial(dns, chosen)))
    except dkim.ValidationError:
        return False


# What others say of our signatures


@pytest.mark.parametrize(
    "post",
    [
        Post("Сбор в 10:00", "Митинг"),
        Post("Plain ASCII", "Short"),
        Post("x", "Очень длинная тема, которую приходится писать в несколько строк, потому что она не помещается"),
        Post("x", "Plain, but far too long for the seventy-eight octets that a line of a header may have at most"),
        Post("x", "  Пробелы    внутри \t и вокруг  "),
        Post("Строка без конца " * 500, "Длинная строка"),
        Post("Текст и пустые строки\n\n\n   \n\n", "Пустые строки"),
        Post(".\n..\nточка в начале\n -- \n", "Точки"),
        Post("", "Только файлы", attachments=(PHOTO, PAPER)),
        Post("Картинка", "Картинка", attachments=(PHOTO,)),
        Post("Файл", "Файл", attachments=(PAPER, PAPER)),
        Post("Уважаемый {{name}}!", "Для {{organisation|вас}}"),
    ],
)
def test_both_signatures_are_good(post: Post) -> None:
    assert verdicts(a_letter(post)) == [True, True]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(title=st.text(max_size=150), text=st.text(max_size=600), name=st.text(min_size=1, max_size=90))
def test_whatever_an_editor_writes_is_signed_well(title: str, text: str, name: str) -> None:
    file = Attachment(AttachmentKind.DOCUMENT, name, "application/pdf", 9, "b2")
    letter = a_letter(Post(text, title, attachments=(file,)))
    assert _is_good(letter, 1, signing())  # Ed25519: the quicker one to check


def test_bodies_are_signed_as_they_stand_because_relaxing_them_changes_nothing() -> None:
    body = a_letter(Post("Текст  с пробелами \n\n", "x", attachments=(PAPER, PHOTO))).partition(b"\r\n\r\n")[2]
    assert dkim.canonicalization.Relaxed.canonicalize_body(body) == body


def test_a_letter_in_a_thread_is_signed_with_its_thread() -> None:
    letter = a_letter(Post("x", "Исправление: x"), answers="<9.30@example.org>")
    assert b"\r\nIn-Reply-To: <9.30@example.org>\r\nReferences: <9.30@example.org>\r\n" in letter
    assert verdicts(letter) == [True, True]
    assert verdicts(letter.replace(b"In-Reply-To: <9.30@", b"In-Reply-To: <9.31@")) == [False, False]


FIELDS = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "List-Id"]
FIELDS += ["List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID", "Auto-Submitted"]


@pytest.mark.parametrize("name", FIELDS)
def test_nobody_can_change_what_matters(name: str) -> None:
    letter = a_letter(Post("x", "Тема"))
    start = letter.index(f"\r\n{name}: ".encode()) + len(name) + 4
    assert verdicts(letter[:start] + b"x" + letter[start:]) == [False, False]


@pytest.mark.parametrize("name", [*FIELDS[:7], "Cc", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post"])
def test_nobody_can_add_what_a_mail_program_would_show(name: str) -> None:
    letter = a_letter(Post("x", "Тема"))
    assert verdicts(f"{name}: x@example.com\r\n".encode() + letter) == [False, False]


def test_what_servers_on_the_way_add_or_fold_anew_does_no_harm() -> None:
    letter = a_letter(Post("x", "Очень длинная тема, которую приходится писать в несколько строк"))
    travelled = b"Received: from a by b;\r\n Tue, 24 Nov 2026 09:00:00 +0000\r\nX-Spam: no\r\n" + letter
    travelled = travelled.replace(b"?=\r\n =?", b"?=  \r\n\t=?").replace(b"Message-ID:", b"Message-Id:") + b"\r\n\r\n"
    assert verdicts(travelled) == [True, True]


def test_a_changed_body_is_noticed_down_to_the_last_octet_of_a_file() -> None:
    letter = a_letter(Post("x", "Тема", attachments=(PAPER,)))
    lines = letter.split(b"\r\n")
    assert b64decode(lines[-3]) == FILES["b2"]
    lines[-3] = lines[-3][:-2] + b"A="
    assert verdicts(b"\r\n".join(lines)) == [False, False]


def test_each_letter_of_a_broadcast_has_its_own_good_signature() -> None:
    chosen = signing()
    [part] = render_for_each(
        Post("Здравствуйте, {{name}}!", "{{name|Коллеги}}, митинг", attachments=(PAPER,)), chosen
    ).parts
    paper = stationery(part, FILES, chosen)
    words = list_words("news", "Новости", "mail", chosen, with_link=True)
    letters = [
        raw(finish(paper, words, f"{n}@example.org", f"9.{n}", f"{LINK}{n}", NOW, chosen, called=called))
        for n, called in enumerate([{"name": "Анна"}, {}, {"name": "Пётр " * 30}])
    ]
    assert [verdicts(letter) for letter in letters] == [[True, True]] * 3
    assert len({letter.partition(b"\r\nMessage-ID")[0] for letter in letters}) == 3


@pytest.mark.parametrize("key", ["dkim_key", "dkim_ed25519_key"])
def test_one_key_makes_one_signature(key: str) -> None:
    pems = {"dkim_key": rsa_key(), "dkim_ed25519_key": ed25519_key()}
    chosen = some_settings(**{key: SecretStr(pems[key])}, dkim_selector="k1", dkim_domain="профсоюз.рф")
    letter = a_letter(Post("x", "Тема"), chosen)
    assert verdicts(letter, chosen) == [True]
    assert b" d=xn--g1anacfhu6f.xn--p1ai; s=" in letter


def test_without_a_key_nothing_is_signed_and_nothing_loaded() -> None:
    chosen = some_settings()
    [part] = render_for_each(Post("x", "Тема"), chosen).parts
    letter = raw(finished(part, chosen))
    assert chosen.signers == ()
    assert b"DKIM-Signature" not in letter
    signed = a_letter(Post("x", "Тема"), some_settings(dkim_key=SecretStr(rsa_key())))
    assert signed.endswith(b"\r\n" + letter)


async def test_signed_letters_are_good_when_they_arrive() -> None:
    files = Files()
    large = files.attach("Отчёт.pdf", b"%PDF" * 100_000, "application/pdf")
    keys: dict[str, Any] = {"dkim_key": SecretStr(rsa_key()), "dkim_ed25519_key": SecretStr(ed25519_key())}
    around = some_surroundings(files, lambda _address, _list_key: LINK)
    async with MailStandIn() as mail, a_channel(mail, surroundings=around, **keys) as channel:
        await channel.send(to("a@example.org", a_part("Сбор в 10:00", "Митинг", large)))
        await channel.correct(to("a@example.org", a_part("Сбор в 11:00", "Митинг"), key="k2"), Receipt(("<1@x.ru>",)))
        letters = mail.letters("a@example.org")
        assert mail.violations == []
    assert [verdicts(letter.raw) for letter in letters] == [[True, True]] * 2


# The key


def refusal(key: str, value: str) -> dict[str, Any]:
    with pytest.raises(ValidationError) as caught:
        some_settings(**{key: SecretStr(value)})
    [error] = caught.value.errors()
    assert error["type"] == "rupor.bad_signing_key"
    assert value.splitlines()[-2 if value.count("\n") > 1 else 0][:40] not in f"{caught.value!r}{caught.value}"
    return dict(error["ctx"])


def test_a_key_that_cannot_sign_is_refused_with_the_cause() -> None:
    own = rsa.generate_private_key(65537, 1024)
    public = own.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    locked = pem(own, BestAvailableEncryption(b"secret"))
    cut = rsa_key()[:800] + "\n-----END PRIVATE KEY-----\n"
    causes = [refusal("dkim_key", value) for value in ("no key at all", public, locked, cut, pem(own), ed25519_key())]
    assert [each["cause"] for each in causes] == [
        *("unreadable", "unreadable", "encrypted", "unreadable", "length", "kind")
    ]
    assert causes[4]["bits"] == 1024
    assert refusal("dkim_key", pem(ec.generate_private_key(ec.SECP256R1())))["cause"] == "kind"
    assert refusal("dkim_ed25519_key", rsa_key())["cause"] == "kind"


def test_a_key_longer_than_receivers_must_check_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.email.dkim_keys.LONGEST", 2047)  # a key above 4096 takes seconds to make
    assert refusal("dkim_key", rsa_key()) == {"cause": "length", "bits": 2048, "algorithm": "rsa"}


@pytest.mark.parametrize(
    ("key", "content", "words"),
    [
        ("dkim_key", "x", ["BEGIN PRIVATE KEY", "openssl genrsa -out dkim.pem 2048"]),
        ("dkim_key", "short", ["в ключе 1024 бит", "от 2048 до 4096", "openssl genrsa"]),
        ("dkim_ed25519_key", "short", ["другого вида", "openssl genpkey -algorithm ed25519"]),
    ],
)
def test_the_complaint_at_the_start_says_what_to_do(tmp_path: Path, key: str, content: str, words: list[str]) -> None:
    (tmp_path / "dkim.pem").write_text(rsa_key(1024) if content == "short" else content)
    [problem] = complaint(tmp_path, f'{MAIL}{key}_file = "dkim.pem"').problems
    assert (problem.code, problem.where) == (ConfigCode.BAD_SIGNING_KEY, f"channels.mail.{key}")
    assert [word for word in words if word not in sentence(problem)] == []


def test_every_cause_has_its_words() -> None:
    assert set(KEY_CAUSES) == set(KeyCause)


def test_a_key_from_a_file_signs_and_is_seen_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "dkim.pem").write_text(rsa_key())
    settings = loaded(tmp_path, f'{MAIL}dkim_key_file = "dkim.pem"\ndkim_selector = "k2.press"')
    channel = settings.channels["mail"]
    assert isinstance(channel, Settings)
    [signer] = channel.signers
    assert signer.record[0] == "k2.press._domainkey.example.org"
    caplog.set_level(logging.DEBUG)
    logging.getLogger(__name__).info("%r %r", channel, signer)
    shown = f"{settings!r}{channel} {signer} {channel.model_dump()} {json.dumps(channel.model_dump(mode='json'))}"
    assert [line for line in rsa_key().splitlines() if line in shown + caplog.text] == []


@pytest.mark.parametrize("selector", ["", "a b", "a..b", ".a", "ключ", "a;b", "a\nb"])
def test_a_selector_is_a_name_in_the_dns(selector: str) -> None:
    with pytest.raises(ValidationError):
        some_settings(dkim_selector=selector)
