"""What arrives in a mailbox for returns is understood: bounces of many makes, complaints, absences, and people."""

import time
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Reason
from channels.email.marks import Marks
from channels.email.returns.reading import read
from channels.returns import Return, ReturnKind, Sort
from tests.channels.returns import bounces, making, others
from tests.channels.returns.making import DOMAIN, KEY, TO

HARD, SOFT, REFUSED = ReturnKind.HARD, ReturnKind.SOFT, ReturnKind.REFUSED
MARKS = Marks("press+*@prof.example", "a secret of sixteen")

SENDER = MARKS.sender(31, KEY).decode()


def sample(name: str) -> bytes:
    found = getattr(bounces, name, None) or getattr(others, name)
    assert isinstance(found, bytes)
    return found


def only(octets: bytes) -> Return:
    reading = read(octets, DOMAIN)
    assert reading.sort is Sort.BOUNCE
    (one,) = reading.returns
    return one


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("POSTFIX_UNKNOWN", HARD, Reason.NO_SUCH_MAILBOX),
        ("POSTFIX_EXPIRED", SOFT, Reason.TOO_LATE),
        ("POSTFIX_NO_DOMAIN", HARD, Reason.NO_SUCH_MAILBOX),
        ("POSTFIX_GREYLISTED_FOR_EVER", SOFT, Reason.TOO_LATE),
        ("POSTFIX_SENDER_UNKNOWN", REFUSED, Reason.SENDER_REFUSED),
        ("EXCHANGE_ONLINE_UNKNOWN", HARD, Reason.NO_SUCH_MAILBOX),
        ("EXCHANGE_ACCESS_DENIED", HARD, Reason.NO_SUCH_MAILBOX),
        ("EXCHANGE_RUSSIAN_FULL", SOFT, Reason.MAILBOX_FULL),
        ("EXCHANGE_TOO_LARGE", REFUSED, Reason.LETTER_TOO_LARGE),
        ("MAILRU_UNKNOWN", HARD, Reason.NO_SUCH_MAILBOX),
        ("MAILRU_DISABLED", HARD, Reason.NO_SUCH_MAILBOX),
        ("YANDEX_UNKNOWN", HARD, Reason.NO_SUCH_MAILBOX),
        ("YANDEX_SPAM", REFUSED, Reason.REFUSED_AS_SPAM),
        ("GMAIL_UNKNOWN", HARD, Reason.NO_SUCH_MAILBOX),
        ("GMAIL_FULL", SOFT, Reason.MAILBOX_FULL),
        ("GMAIL_UNAUTHENTICATED", REFUSED, Reason.REFUSED_AS_SPAM),
        ("OUR_HOST_BLOCKED", REFUSED, Reason.REFUSED_AS_SPAM),
        ("QMAIL_UNKNOWN", HARD, Reason.NO_SUCH_MAILBOX),
        ("QMAIL_REMOTE_FULL", SOFT, Reason.MAILBOX_FULL),
        ("EXIM_RETRY_TIMEOUT", SOFT, Reason.TOO_LATE),
        ("STATUS_IN_BASE64", HARD, Reason.NO_SUCH_MAILBOX),
    ],
)
def test_a_bounce_says_whom_it_is_about_and_why(name: str, kind: ReturnKind, reason: Reason) -> None:
    one = only(sample(name))
    assert (one.kind, one.reason) == (kind, reason)
    assert (one.about, one.key, one.to) == (TO, KEY, TO)
    assert one.written_at == datetime(2026, 11, 30, 9, 0, tzinfo=timezone(timedelta(hours=3)))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("POSTFIX_UNKNOWN", f"550 5.1.1 <{TO}>: Recipient address rejected: User unknown in local recipient table"),
        ("POSTFIX_EXPIRED", "connect to mx.zavod.example[198.51.100.7]:25: Connection timed out"),
        ("QMAIL_UNKNOWN", "Sorry, no mailbox here by that name. (#5.1.1)"),
        ("YANDEX_UNKNOWN", "550 5.7.1 No such user!"),
        ("STATUS_IN_BASE64", "5.1.1"),
    ],
)  # fmt: skip
def test_the_servers_own_words_are_kept_on_one_line(name: str, said: str) -> None:
    assert only(sample(name)).detail == said


def test_a_bounce_without_our_letter_tells_the_address_and_no_more() -> None:
    one = only(bounces.OLD_EXCHANGE)
    assert (one.about, one.key, one.to, one.mark) == (TO, "", "", "")
    assert one.kind is SOFT  # nobody said a code, so nobody is taken off for it


# Addresses beyond ASCII


def test_a_cyrillic_domain_is_one_address_however_it_is_written() -> None:
    one = only(others.CYRILLIC_DOMAIN)
    assert (one.about, one.to) == (others.PUNYCODE_TO, others.PUNYCODE_TO)


def test_a_status_in_utf8_is_read() -> None:
    one = only(others.GLOBAL_STATUS)
    assert (one.kind, one.reason) == (HARD, Reason.NO_SUCH_MAILBOX)
    assert (one.about, one.key) == (others.UTF8_TO, KEY)
    assert one.detail == "550 5.1.1 Пользователь не найден"


def test_letters_written_as_numbers_are_letters_again() -> None:
    assert only(others.GLOBAL_IN_ASCII).about == "иванов@xn--n1aeec.example"


# Several recipients


def test_only_who_was_not_reached_is_told_of() -> None:
    assert only(others.PASSED_ON).about == "petrov@elsewhere.example"
    assert only(others.PASSED_ON).to == TO


def test_each_recipient_has_a_fate_of_its_own() -> None:
    reading = read(others.TWO_FATES, DOMAIN)
    told = [(one.about, one.kind) for one in reading.returns]
    assert told == [("a@zavod.example", HARD), ("c@zavod.example", SOFT)]


# Which letter it was


def test_the_mark_is_found_in_the_address_that_the_bounce_came_to() -> None:
    one = only(
        making.report("Final-Recipient: rfc822; a@x.example\nAction: failed\nStatus: 5.1.1", to=SENDER, original="")
    )
    assert MARKS.genuine(one.mark, KEY)


@pytest.mark.parametrize("name", ["Delivered-To", "X-Original-To", "Envelope-To"])
def test_the_mark_is_found_where_a_mailbox_notes_it(name: str) -> None:
    status = "Final-Recipient: rfc822; a@x.example\nAction: failed\nStatus: 5.1.1"
    one = only(making.report(status, more=f"{name}: <{SENDER.upper()}>\n", original=""))
    assert MARKS.genuine(one.mark, KEY)


def test_the_mark_is_found_in_the_letter_that_came_back() -> None:
    status = "Final-Recipient: rfc822; a@x.example\nAction: failed\nStatus: 5.1.1"
    one = only(making.report(status, original=making.letter(return_path=SENDER)))
    assert MARKS.genuine(one.mark, KEY)


def test_a_message_id_of_another_domain_is_not_ours() -> None:
    original = making.letter().replace(f"@{DOMAIN}>", "@elsewhere.example>")
    one = only(making.report("Final-Recipient: rfc822; a@x.example\nAction: failed\nStatus: 5.1.1", original=original))
    assert one.key == ""


# Complaints


def test_a_complaint_names_the_letter() -> None:
    reading = read(others.MAILRU_COMPLAINT, DOMAIN)
    assert reading.sort is Sort.COMPLAINT
    (one,) = reading.returns
    assert (one.kind, one.about, one.key, one.to) == (ReturnKind.COMPLAINT, TO, KEY, TO)
    assert one.detail == "abuse Mail.Ru-FBL/1.0"


def test_a_complaint_without_addresses_is_known_by_its_mark() -> None:
    marked = making.complaint(
        f"Feedback-Type: abuse\nUser-Agent: Yandex-FBL/1.0\nOriginal-Mail-From: <{SENDER}>", making.letter("redacted")
    )
    (one,) = read(marked, DOMAIN).returns
    assert MARKS.genuine(one.mark, KEY)
    assert (one.about, one.to) == ("", "")
    (one,) = read(others.YANDEX_COMPLAINT, DOMAIN).returns
    assert (one.mark, one.key) == ("", KEY)


# What is no return


@pytest.mark.parametrize(
    ("name", "sort"),
    [
        ("POSTFIX_DELAYED", Sort.DELAY),
        ("DELIVERED", Sort.OTHER),
        ("NOT_SPAM", Sort.OTHER),
        ("VACATION", Sort.AUTOMATIC),
        ("VACATION_THAT_QUOTES", Sort.AUTOMATIC),
        ("OLD_VACATION", Sort.AUTOMATIC),
        ("READ_RECEIPT", Sort.AUTOMATIC),
        ("PERSON", Sort.OTHER),
        ("PERSON_WHO_ASKS", Sort.OTHER),
        ("FORWARDED_BOUNCE", Sort.OTHER),
    ],
)
def test_nothing_comes_back_by_what_is_no_return(name: str, sort: Sort) -> None:
    reading = read(sample(name), DOMAIN)
    assert (reading.sort, reading.returns) == (sort, ())


def test_a_note_of_absence_to_a_marked_address_is_no_bounce() -> None:
    away = others.VACATION.replace(b"To: press@prof.example", b"To: " + SENDER.encode())
    assert read(away, DOMAIN).sort is Sort.AUTOMATIC


# Whatever comes


def test_the_beginning_of_a_huge_bounce_is_enough() -> None:
    status = f"Final-Recipient: rfc822; {TO}\nAction: failed\nStatus: 5.1.1"
    whole = making.report(status, original=making.letter() + "\n" + "A" * 76 * 400_000, original_type="message/rfc822")
    one = only(whole[: 64 * 1024])
    assert (one.about, one.key) == (TO, KEY)


LONG = 200_000


@pytest.mark.parametrize("filling", ["a", "a@", "<", "account ", "> ", ";", "550 ", "\n \n", "message-id: ", "5.1.1"])
def test_nobody_can_keep_the_reader_busy(filling: str) -> None:
    """A strange letter must take no longer than a plain one: some pattern would else try every place in it twice."""
    long = filling * (LONG // len(filling))
    said = f"Final-Recipient: rfc822; {TO}\nAction: failed\nDiagnostic-Code: smtp; 550 {long.replace(chr(10), ' ')}"
    named = f"Final-Recipient: rfc822; {long.replace(chr(10), ' ')}\nAction: failed\nStatus: 5.1.1"
    texts = [making.plain(long, sender=f"MAILER-DAEMON@x.example\nX-Failed-Recipients: {TO}")]
    texts.append(making.plain("x", sender=f"MAILER-DAEMON@x.example\nX-Failed-Recipients: {long}"))
    texts += [making.report(said), making.report(named), making.report(said, original=long)]
    for octets in texts:
        began = time.process_time()
        read(octets, DOMAIN)
        assert time.process_time() - began < 3


@given(st.binary(max_size=400))
def test_no_octets_are_too_strange(octets: bytes) -> None:
    assert read(octets, DOMAIN).returns == ()


SAMPLES = [value for name, value in sorted((vars(bounces) | vars(others)).items()) if isinstance(value, bytes)]


@given(st.sampled_from(SAMPLES), st.data())
def test_a_mangled_bounce_is_read_or_left_alone(octets: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(octets)))
    until = data.draw(st.integers(at, min(len(octets), at + 200)))
    noise = data.draw(st.binary(max_size=30))
    reading = read(octets[:at] + noise + octets[until:], DOMAIN)
    assert all(len(one.detail) <= 500 and one.detail.isprintable() for one in reading.returns)
