"""The mailbox is read from a real IMAP server: once, within limits, and without a trace on what is not ours."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from bot.texts.findings import finding as sentence
from channels.contract import FindingCode
from channels.email.returns.health import on_returns
from channels.email.returns.postbox import ImapPostbox, connect
from channels.email.settings import Settings
from channels.registry import postbox
from channels.returns import PostboxCode, PostboxError, ReturnKind, Sort
from tests.channels.returns import bounces, making, others
from tests.support import dovecot
from tests.support.dovecot import PASSWORD, USER, Mailserver, NoDovecotError
from tests.support.waiting import eventually


@pytest.fixture
async def server() -> AsyncIterator[Mailserver]:
    try:
        dovecot.find()
    except NoDovecotError as error:
        pytest.skip(str(error))
    async with dovecot.running() as server:
        yield server


def now() -> datetime:
    return datetime.now(UTC)


def settings(server: Mailserver, **more: Any) -> Settings:
    of_returns = {
        "host": "127.0.0.1",
        "port": server.port,
        "tls": "none",
        "username": USER,
        "password": PASSWORD,
    } | more
    return Settings.model_validate({"host": "x", "sender": f"press@{making.DOMAIN}", "returns": of_returns})


def a_box(server: Mailserver, *, seconds: float = 10, **more: Any) -> ImapPostbox:
    return connect(settings(server, **more), now, step_seconds=seconds)


async def failure(box: ImapPostbox) -> PostboxError:
    with pytest.raises(PostboxError) as caught:
        await box.read(None)
    return caught.value


async def test_an_empty_mailbox_has_a_bookmark_all_the_same(server: Mailserver) -> None:
    batch = await a_box(server).read(None)
    assert (batch.letters, batch.more, batch.upto.uid) == ((), False, 0)
    assert batch.upto.validity > 0


async def test_each_letter_is_read_once_and_untouched(server: Mailserver) -> None:
    box = a_box(server)
    server.arrives(bounces.POSTFIX_UNKNOWN)
    server.arrives(others.PERSON)
    batch = await box.read(None)
    assert [(one.uid, one.sort) for one in batch.letters] == [(1, Sort.BOUNCE), (2, Sort.OTHER)]
    (one,) = batch.letters[0].returns
    assert (one.kind, one.key) == (ReturnKind.HARD, making.KEY)
    assert server.lies_in() == ["", ""]
    server.arrives(others.VACATION)
    later = await box.read(batch.upto)
    assert [(one.uid, one.sort) for one in later.letters] == [(3, Sort.AUTOMATIC)]
    nothing = await box.read(later.upto)
    assert (nothing.letters, nothing.upto) == ((), later.upto)


async def test_what_was_dealt_with_is_marked_and_the_rest_is_not(server: Mailserver) -> None:
    box = a_box(server)
    server.arrives(bounces.POSTFIX_UNKNOWN)
    server.arrives(others.PERSON)
    batch = await box.read(None)
    assert await box.put_away(batch.upto.validity, frozenset({1}))
    assert server.lies_in() == ["S", ""]


async def test_what_was_dealt_with_is_moved_to_a_folder_that_is_made_for_it(server: Mailserver) -> None:
    box = a_box(server, done_folder="Разобрано")
    for octets in (bounces.POSTFIX_UNKNOWN, others.PERSON, bounces.QMAIL_UNKNOWN):
        server.arrives(octets)
    batch = await box.read(None)
    assert await box.put_away(batch.upto.validity, frozenset({1, 3}))
    assert server.lies_in() == [""]
    assert len(server.lies_in("&BCAEMAQ3BD4EMQRABDAEPQQ+-")) == 2
    assert await box.put_away(batch.upto.validity, frozenset({1, 3}))  # they are gone, and that is no trouble


async def test_a_server_that_can_not_move_copies_and_takes_away_only_ours(
    server: Mailserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.email.returns.postbox._abilities", lambda _box: frozenset({"UIDPLUS"}))
    box = a_box(server, done_folder="done")
    server.arrives(bounces.POSTFIX_UNKNOWN)
    server.arrives(others.PERSON)
    batch = await box.read(None)
    await box._within(lambda each: (each.folder.set("INBOX"), each.client.uid("STORE", "2", "+FLAGS", r"(\Deleted)")))
    assert await box.put_away(batch.upto.validity, frozenset({1}))
    assert server.lies_in() == ["T"]  # what a person has marked as deleted stays where it is
    assert len(server.lies_in("done")) == 1


async def test_a_rebuilt_mailbox_is_read_from_its_start_and_nothing_of_it_is_put_away(server: Mailserver) -> None:
    box = a_box(server)
    server.arrives(bounces.POSTFIX_UNKNOWN)
    batch = await box.read(None)
    server.is_rebuilt()
    await asyncio.sleep(1.1)  # a UIDVALIDITY is a moment in seconds
    again = await box.read(batch.upto)
    assert again.upto.validity != batch.upto.validity
    assert [one.digest for one in again.letters] == [one.digest for one in batch.letters]
    assert not await box.put_away(batch.upto.validity, frozenset({1}))
    assert server.lies_in() == [""]


async def test_a_huge_letter_is_not_fetched_as_a_whole(server: Mailserver) -> None:
    status = f"Final-Recipient: rfc822; {making.TO}\nAction: failed\nStatus: 5.1.1"
    original = making.letter() + "\n" + ("A" * 75 + "\n") * 130_000
    server.arrives(making.report(status, original=original, original_type="message/rfc822"))
    fetched: list[int] = []
    box = a_box(server)
    box._take = _noting(box._take, fetched)  # type: ignore[method-assign]
    (taken,) = (await box.read(None)).letters
    assert taken.returns[0].key == making.KEY
    assert fetched[0] <= 256 * 1024


def _noting(take: Any, fetched: list[int]) -> Any:
    def noted(box: Any, uid: int) -> Any:
        ask = box.client.uid

        def asked(*words: str) -> Any:
            answer = ask(*words)
            fetched.extend(len(each[1]) for each in answer[1] if isinstance(each, tuple))
            return answer

        box.client.uid = asked
        return take(box, uid)

    return noted


async def test_many_letters_come_in_batches(server: Mailserver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.email.returns.postbox._AT_ONCE", 2)
    for _ in range(5):
        server.arrives(others.PERSON)
    box, since, sizes = a_box(server), None, []
    while True:
        batch = await box.read(since)
        sizes.append(len(batch.letters))
        since = batch.upto
        if not batch.more:
            break
    assert sizes == [2, 2, 1]


async def test_old_letters_of_a_mailbox_that_was_never_read_are_left_out(server: Mailserver) -> None:
    server.arrives(bounces.POSTFIX_UNKNOWN)
    box = connect(settings(server, days=1), lambda: datetime(2030, 1, 1, tzinfo=UTC))
    assert (await box.read(None)).letters == ()


async def test_a_folder_by_its_russian_name(server: Mailserver) -> None:
    error = await failure(a_box(server, folder="Возвраты"))
    assert error.code is PostboxCode.NO_SUCH_FOLDER


# What may go wrong


async def test_a_wrong_password_is_told_and_not_shown(server: Mailserver) -> None:
    error = await failure(a_box(server, password="wrong-key"))
    assert error.code is PostboxCode.LOGIN_REFUSED
    assert "wrong-key" not in str(error)


async def test_nobody_there(server: Mailserver) -> None:
    box = a_box(server, port=1)
    assert (await failure(box)).code is PostboxCode.NOT_REACHED
    assert "box-key" not in repr(box)


@pytest.mark.parametrize("fault", ["silent", "deaf", "cut"])
async def test_every_step_has_its_time(server: Mailserver, fault: str) -> None:
    server.fault = fault
    started = time.monotonic()
    assert (await failure(a_box(server, seconds=0.3))).code is PostboxCode.NOT_REACHED
    assert time.monotonic() - started < 5
    server.fault = ""
    assert (await a_box(server).read(None)).letters == ()


async def test_a_call_under_way_is_broken_off(server: Mailserver) -> None:
    server.fault = "deaf"
    box = a_box(server, seconds=60)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(failure(box))
        await eventually(lambda: server.logins > 0)
        started = time.monotonic()
        box.break_off()
    assert time.monotonic() - started < 5
    assert task.result().code is PostboxCode.NOT_REACHED
    assert (await failure(box)).code is PostboxCode.NOT_REACHED  # and it stays so


# Asked beforehand


async def test_check_opens_the_mailbox_and_reads_nothing(server: Mailserver) -> None:
    server.arrives(bounces.POSTFIX_UNKNOWN)
    (finding,) = await on_returns(settings(server), now)
    assert (finding.code, finding.fatal, finding.values["name"]) == (FindingCode.RETURNS_READ, False, "127.0.0.1")
    assert server.lies_in() == [""]


@pytest.mark.parametrize(
    ("more", "why", "said"),
    [
        ({"password": "wrong-key"}, PostboxCode.LOGIN_REFUSED, "пароль приложения"),
        ({"port": 1}, PostboxCode.NOT_REACHED, "нет связи с 127.0.0.1"),
        ({"folder": "Возвраты"}, PostboxCode.NO_SUCH_FOLDER, "папки «Возвраты» в нём нет"),
        ({"ca_file": __file__, "tls": "implicit"}, PostboxCode.TLS_FAILED, "сертификат"),
    ],
)
async def test_check_says_why_a_mailbox_does_not_open(
    server: Mailserver, more: dict[str, Any], why: PostboxCode, said: str
) -> None:
    (finding,) = await on_returns(settings(server, **more), now)
    assert (finding.code, finding.fatal, finding.values["why"]) == (FindingCode.RETURNS_NOT_READ, False, why)
    assert said in sentence(finding)
    assert "wrong-key" not in repr(finding)


async def test_check_does_not_wait_for_ever(server: Mailserver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.email.returns.health._WITHIN_SECONDS", 0.3)
    server.fault = "deaf"
    started = time.monotonic()
    (finding,) = await on_returns(settings(server), now)
    assert finding.values["why"] is PostboxCode.NOT_REACHED
    assert time.monotonic() - started < 4


async def test_no_mailbox_no_finding() -> None:
    assert await on_returns(Settings.model_validate({"host": "x", "sender": "press@x.ru"}), now) == []


# Secured lines


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_over_tls_with_an_authority_of_ones_own(server: Mailserver, tls: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with dovecot.running(context, implicit=tls == "implicit") as secured:
        secured.arrives(bounces.POSTFIX_UNKNOWN)
        batch = await a_box(secured, tls=tls, ca_file=str(tmp_path / "ca.pem")).read(None)
        assert len(batch.letters) == 1
        assert (await failure(a_box(secured, tls=tls))).code is PostboxCode.TLS_FAILED


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    of_returns = {"host": "x", "username": "x", "password": "x", "ca_file": str(tmp_path / "ca.pem")}
    named = Settings.model_validate({"host": "x", "sender": "press@x.ru", "returns": of_returns})
    with pytest.raises(PostboxError) as caught:
        postbox(named, now)
    assert caught.value.code is PostboxCode.TLS_FAILED


def test_a_channel_without_the_section_has_no_mailbox() -> None:
    bare = Settings.model_validate({"host": "x", "sender": "press@x.ru"})
    assert postbox(bare, now) is None


async def test_marks_are_of_this_mailbox_alone(server: Mailserver) -> None:
    box = a_box(server, return_path="press+*@prof.example", secret=SecretStr("a secret of sixteen"))
    marks = settings(server, return_path="press+*@prof.example", secret=SecretStr("a secret of sixteen")).returns
    assert marks is not None
    assert marks.marks is not None
    mark = marks.marks.sender(31, making.KEY).decode().removeprefix("press+").partition("@")[0]
    assert box.genuine(mark, making.KEY)
    assert not box.genuine(mark, making.KEY[:-1])
    assert box.number(mark) == 31
    assert not a_box(server).genuine(mark, making.KEY)
