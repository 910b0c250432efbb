"""Bounces that tell something particular, complaints, and what is no return at all."""

from base64 import b64encode

from tests.channels.returns.bounces import POSTFIX_UNKNOWN
from tests.channels.returns.making import DOMAIN, KEY, TO, automatic, complaint, letter, report

# Addresses beyond ASCII

PUNYCODE_TO = "info@xn--h1aahcj2ah.xn--p1ai"
CYRILLIC_DOMAIN = report(
    """\
    Reporting-MTA: dns; relay.prof.example

    Final-Recipient: rfc822; info@XN--H1AAHCJ2AH.xn--p1ai
    Action: failed
    Status: 5.1.1
    Diagnostic-Code: smtp; 550 5.1.1 user unknown
    """,
    original=letter(PUNYCODE_TO),
)
UTF8_TO = "иванов@профсоюз.рф"
GLOBAL_STATUS = report(
    """\
    Reporting-MTA: dns; relay.prof.example

    Final-Recipient: utf-8; иванов@профсоюз.рф
    Action: failed
    Status: 5.1.1
    Diagnostic-Code: smtp; 550 5.1.1 Пользователь не найден
    """,
    status_type="message/global-delivery-status\nContent-Transfer-Encoding: 8bit",
    original=letter(UTF8_TO),
    original_type="message/global-headers",
)
_ESCAPED = "".join(rf"\x{{{ord(char):X}}}" for char in "иванов")
GLOBAL_IN_ASCII = report(
    f"""\
    Reporting-MTA: dns; relay.prof.example

    Final-Recipient: utf-8; {_ESCAPED}@xn--n1aeec.example
    Action: failed
    Status: 5.1.1
    Diagnostic-Code: smtp; 550 5.1.1 user unknown
    """,
)
_STATUS_IN_BASE64 = b64encode(
    f"Reporting-MTA: dns; relay.prof.example\n\nFinal-Recipient: rfc822; {TO}\nAction: failed\nStatus: 5.1.1\n".encode()
).decode()
STATUS_IN_BASE64 = report(_STATUS_IN_BASE64, status_type="message/delivery-status\nContent-Transfer-Encoding: base64")

# Several recipients, and mail that is passed on

PASSED_ON = report(
    f"""\
    Reporting-MTA: dns; mx.zavod.example

    Final-Recipient: rfc822; petrov@elsewhere.example
    Action: failed
    Status: 5.1.1
    Diagnostic-Code: smtp; 550 5.1.1 user unknown

    Final-Recipient: rfc822; {TO}
    Action: relayed
    Status: 2.0.0
    """
)
TWO_FATES = report(
    """\
    Reporting-MTA: dns; mx.zavod.example

    Final-Recipient: rfc822; a@zavod.example
    Action: failed
    Status: 5.1.1

    Final-Recipient: rfc822; b@zavod.example
    Action: delayed
    Status: 4.2.2

    Final-Recipient: rfc822; c@zavod.example
    Action: failed
    Status: 5.2.2
    """
)
DELIVERED = report(
    f"""\
    Reporting-MTA: dns; mx.zavod.example

    Final-Recipient: rfc822; {TO}
    Action: delivered
    Status: 2.0.0
    """,
    subject="Successful Mail Delivery Report",
)

# Complaints


MAILRU_COMPLAINT = complaint(
    f"""\
    Feedback-Type: abuse
    User-Agent: Mail.Ru-FBL/1.0
    Version: 1
    Original-Mail-From: <press@prof.example>
    Original-Rcpt-To: <{TO}>
    Arrival-Date: Mon, 30 Nov 2026 09:00:01 +0300
    Source-IP: 192.0.2.10
    """,
    letter(),
)
YANDEX_COMPLAINT = complaint(
    """\
    Feedback-Type: abuse
    User-Agent: Yandex-FBL/1.0
    Version: 1
    """,
    letter("redacted"),
)
NOT_SPAM = complaint("Feedback-Type: not-spam\nUser-Agent: x\nVersion: 1", letter())

# Not returns


VACATION = automatic("Я в отпуске до 15 декабря.", more="Auto-Submitted: auto-replied (vacation)\nReturn-Path: <>\n")
VACATION_THAT_QUOTES = automatic(
    "I no longer work here. 550 5.1.1 user unknown\nThis mailbox is disabled.", more="Auto-Submitted: auto-replied\n"
)
OLD_VACATION = automatic("Меня нет на месте.", more="Precedence: auto_reply\nX-Autoreply: yes\n")
READ_RECEIPT = (
    b"From: ivanov@zavod.example\nTo: press@prof.example\nSubject: Read: announcement\nMIME-Version: 1.0\n"
    b'Content-Type: multipart/report; report-type=disposition-notification; boundary="M"\n\n'
    b"--M\nContent-Type: text/plain\n\nYour message was read.\n\n"
    b"--M\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; ivanov@zavod.example\n"
    b"Disposition: manual-action/MDN-sent-manually; displayed\n\n--M--\n"
)
PERSON = automatic("Спасибо, придём.", subject="Re: Заседание президиума")
PERSON_WHO_ASKS = automatic(
    "Что это значит?\n\n> <ivanov@zavod.example>: Sorry, no mailbox here by that name. (#5.1.1)\n"
    f"> Message-ID: <{KEY}@{DOMAIN}>\n"
)
FORWARDED_BOUNCE = (
    b"From: anna@prof.example\nTo: press@prof.example\nSubject: Fwd: Undelivered Mail\nMIME-Version: 1.0\n"
    b'Content-Type: multipart/mixed; boundary="F"\n\n--F\nContent-Type: text/plain\n\nwhat is this?\n\n'
    b"--F\nContent-Type: message/rfc822\n\n" + POSTFIX_UNKNOWN + b"\n--F--\n"
)
