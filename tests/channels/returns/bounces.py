"""Bounces, complaints and other automatic letters as servers write them: their shapes, with our own words in them.

Each is made around a letter of ours, so that a test can say which one it brings back.
"""

from base64 import b64encode
from email.header import Header
from textwrap import dedent

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
DOMAIN = "prof.example"
TO = "ivanov@zavod.example"
SENT_AT = "Mon, 30 Nov 2026 09:00:00 +0300"


def letter(to: str = TO, key: str = KEY, *, return_path: str = "press@prof.example") -> str:
    """The headers of our letter, as a server gives them back."""
    return (
        f"Return-Path: <{return_path}>\n"
        "Received: from relay.prof.example (relay.prof.example [192.0.2.10])\n"
        "\tby mx.zavod.example with ESMTPS id 4Xy; Mon, 30 Nov 2026 09:00:01 +0300\n"
        f"Message-ID: <{key}@{DOMAIN}>\n"
        f"Date: {SENT_AT}\n"
        f"To: {to}\n"
        "From: =?utf-8?b?0J/RgNC10YHRgS3RgdC70YPQttCx0LA=?= <press@prof.example>\n"
        "Subject: =?utf-8?b?0JfQsNGB0LXQtNCw0L3QuNC1INC/0YDQtdC30LjQtNC40YPQvNCw?=\n"
        "Auto-Submitted: auto-generated\n"
        "MIME-Version: 1.0\n"
    )


def report(
    status: str,
    *,
    sender: str = "MAILER-DAEMON@mx.zavod.example (Mail Delivery System)",
    subject: str = "Undelivered Mail Returned to Sender",
    text: str = "I'm sorry to have to inform you that your message could not\nbe delivered.\n",
    text_head: str = "Content-Type: text/plain; charset=us-ascii\n",
    original: str | None = None,
    original_type: str = "text/rfc822-headers",
    status_type: str = "message/delivery-status",
    to: str = "press@prof.example",
    more: str = "",
) -> bytes:
    """A report in the shape of RFC 3464. `status` holds the groups of fields, a blank line between them."""
    returned = letter() if original is None else original
    parts = [f"{text_head}\n{text}", f"Content-Type: {status_type}\n\n{dedent(status).strip()}\n"]
    if returned:
        parts.append(f"Content-Type: {original_type}\n\n{returned}\n")
    body = "".join(f"--BOUND\n{part}\n" for part in parts)
    return (
        f"Return-Path: <>\nFrom: {sender}\nTo: {to}\nSubject: {subject}\nMessage-ID: <20261130.1@mx.zavod.example>\n"
        f"Date: Mon, 30 Nov 2026 09:00:05 +0300\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n{more}"
        f'Content-Type: multipart/report; report-type=delivery-status;\n\tboundary="BOUND"\n\n{body}--BOUND--\n'
    ).encode()


def plain(text: str, *, sender: str, subject: str = "failure notice", more: str = "") -> bytes:
    """A bounce that is nothing but a text."""
    return (
        f"Return-Path: <>\nFrom: {sender}\nTo: press@prof.example\nSubject: {subject}\n"
        "Date: Mon, 30 Nov 2026 09:00:05 +0300\n"
        f"Message-ID: <20261130.2@mx.zavod.example>\n{more}\n{text}"
    ).encode()


def in_base64(text: str) -> tuple[str, str]:
    """Return the head and the body of a text part in Russian."""
    head = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n"
    return head, b64encode(text.encode()).decode() + "\n"


# Postfix

POSTFIX_UNKNOWN = report(
    f"""\
    Reporting-MTA: dns; relay.prof.example
    X-Postfix-Queue-ID: 4Xy7Zb1
    X-Postfix-Sender: rfc822; press@prof.example
    Arrival-Date: Mon, 30 Nov 2026 09:00:00 +0300 (MSK)

    Final-Recipient: rfc822; {TO}
    Original-Recipient: rfc822;{TO}
    Action: failed
    Status: 5.1.1
    Remote-MTA: dns; mx.zavod.example
    Diagnostic-Code: smtp; 550 5.1.1 <{TO}>: Recipient address rejected:
        User unknown in local recipient table
    """
)
POSTFIX_EXPIRED = report(
    f"""\
    Reporting-MTA: dns; relay.prof.example

    Final-Recipient: rfc822; {TO}
    Original-Recipient: rfc822;{TO}
    Action: failed
    Status: 4.4.1
    Diagnostic-Code: X-Postfix; connect to mx.zavod.example[198.51.100.7]:25:
        Connection timed out
    """
)
POSTFIX_DELAYED = report(
    f"""\
    Reporting-MTA: dns; relay.prof.example

    Final-Recipient: rfc822; {TO}
    Action: delayed
    Status: 4.4.1
    Diagnostic-Code: X-Postfix; connect to mx.zavod.example[198.51.100.7]:25: Connection refused
    Will-Retry-Until: Sat, 5 Dec 2026 09:00:00 +0300 (MSK)
    """,
    subject="Delayed Mail (still being retried)",
)
POSTFIX_NO_DOMAIN = report(
    f"""\
    Reporting-MTA: dns; relay.prof.example

    Final-Recipient: rfc822; {TO}
    Action: failed
    Status: 5.4.4
    Diagnostic-Code: X-Postfix; Host or domain name not found. Name service error
        for name=zavod.example type=A: Host not found
    """
)
POSTFIX_GREYLISTED_FOR_EVER = report(
    f"""\
    Reporting-MTA: dns; relay.prof.example

    Final-Recipient: rfc822; {TO}
    Action: failed
    Status: 4.7.1
    Diagnostic-Code: smtp; 450 4.7.1 <{TO}>: Recipient address rejected: Greylisted
    """
)
POSTFIX_SENDER_UNKNOWN = report(
    f"""\
    Reporting-MTA: dns; relay.prof.example

    Final-Recipient: rfc822; {TO}
    Action: failed
    Status: 5.1.8
    Diagnostic-Code: smtp; 550 5.1.8 <press@prof.example>: Sender address rejected: Domain not found
    """
)

# Exchange

EXCHANGE_ONLINE_UNKNOWN = report(
    f"""\
    Reporting-MTA: dns;AM0PR01.eurprd01.prod.exchangelabs.example

    Final-Recipient: rfc822;{TO}
    Action: failed
    Status: 5.1.10
    Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup
    """,
    sender="Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@zavod.example>",
    subject="Undeliverable: announcement",
    text_head="Content-Type: text/html; charset=utf-8\n",
    text="<html><body>Your message couldn't be delivered.</body></html>\n",
    original_type="message/rfc822",
)
EXCHANGE_ACCESS_DENIED = report(
    f"""\
    Reporting-MTA: dns; relay.prof.example

    Final-Recipient: rfc822; {TO}
    Action: failed
    Status: 5.4.1
    Diagnostic-Code: smtp; 550 5.4.1 Recipient address rejected: Access denied. [AM0EUR02.example]
    """
)
_HEAD, _BODY = in_base64("Не удалось доставить сообщение следующим получателям:\nПочтовый ящик переполнен.\n")
EXCHANGE_RUSSIAN_FULL = report(
    f"""\
    Reporting-MTA: dns;mail.zavod.example

    Final-recipient: RFC822; {TO}
    Action: failed
    Status: 5.2.2
    Diagnostic-Code: smtp;554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException
    X-Display-Name: =?utf-8?b?0JjQstCw0L3QvtCyINCY0LLQsNC9?=
    """,
    sender=f"{Header('Система доставки', 'utf-8').encode()} <postmaster@zavod.example>",
    subject=Header("Не удается доставить: Заседание президиума", "utf-8").encode(),
    text_head=_HEAD,
    text=_BODY,
    original_type="message/rfc822",
)
EXCHANGE_TOO_LARGE = report(
    f"""\
    Reporting-MTA: dns;mail.zavod.example

    Final-recipient: RFC822; {TO}
    Action: failed
    Status: 5.2.3
    Diagnostic-Code: smtp;550 5.2.3 RESOLVER.RST.SendSizeLimit.Org; message size exceeds fixed maximum size
    """,
    sender="postmaster@zavod.example",
)

# Mail.ru, Yandex, Gmail

MAILRU_UNKNOWN = plain(
    dedent(
        f"""\
        This message was created automatically by mail delivery software.

        A message that you sent could not be delivered to one or more of its
        recipients. This is a permanent error. The following address(es) failed:

          {TO}
            SMTP error from remote mail server after RCPT TO:<{TO}>:
            host mxs.mail.example [198.51.100.20]: 550 Message was not accepted -- invalid mailbox.
            Local mailbox {TO} is unavailable: user not found

        ------ This is a copy of the message, including all the headers. ------

        """
    )
    + letter(),
    sender="Mail Delivery System <mailer-daemon@corp.mail.example>",
    subject="Mail delivery failed: returning message to sender",
    more=f"X-Failed-Recipients: {TO}\nAuto-Submitted: auto-replied\n",
)
MAILRU_DISABLED = report(
    f"""\
    Reporting-MTA: dns; relay.prof.example

    Final-Recipient: rfc822; {TO}
    Action: failed
    Status: 5.0.0
    Diagnostic-Code: smtp; 550 Message was not accepted -- invalid mailbox.
        Local mailbox {TO} is unavailable: account is disabled
    """
)
_HEAD, _BODY = in_base64("Это письмо отправлено почтовым сервером. К сожалению, мы не смогли доставить ваше письмо.\n")
YANDEX_UNKNOWN = report(
    f"""\
    Reporting-MTA: dns; forward100.mail.yandex.example
    Arrival-Date: Mon, 30 Nov 2026 09:00:00 +0300 (MSK)

    Final-Recipient: rfc822; {TO}
    Original-Recipient: rfc822;{TO}
    Action: failed
    Status: 5.7.1
    Remote-MTA: dns; mx.yandex.example
    Diagnostic-Code: smtp; 550 5.7.1 No such user!
    """,
    sender="mailer-daemon@yandex.example",
    subject=Header("Недоставленное сообщение", "utf-8").encode(),
    text_head=_HEAD,
    text=_BODY,
    original_type="message/rfc822",
)
YANDEX_SPAM = report(
    f"""\
    Reporting-MTA: dns; relay.prof.example

    Final-Recipient: rfc822; {TO}
    Action: failed
    Status: 5.7.1
    Diagnostic-Code: smtp; 554 5.7.1 [1] Message rejected under suspicion of SPAM; https://ya.example/1IrBc
    """
)
GMAIL_UNKNOWN = report(
    f"""\
    Reporting-MTA: dns; googlemail.example
    Arrival-Date: Sun, 29 Nov 2026 22:00:01 -0800 (PST)
    X-Original-Message-ID: <{KEY}@{DOMAIN}>

    Final-Recipient: rfc822; {TO}
    Action: failed
    Status: 5.1.1
    Remote-MTA: dns; gmail-smtp-in.l.google.example. (192.0.2.26, the server for the domain.)
    Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try
     550-5.1.1 double-checking the recipient's email address for typos or
     550 5.1.1 unnecessary spaces. NoSuchUser 4fb4d7f45d1cf-5ea si12 - gsmtp
    """,
    sender="Mail Delivery Subsystem <mailer-daemon@googlemail.example>",
    subject="Delivery Status Notification (Failure)",
    more=f"X-Failed-Recipients: {TO}\n",
    original_type="message/rfc822",
)
GMAIL_FULL = report(
    f"""\
    Reporting-MTA: dns; relay.prof.example

    Final-Recipient: rfc822; {TO}
    Action: failed
    Status: 4.2.2
    Diagnostic-Code: smtp; 452-4.2.2 The recipient's inbox is out of storage space. Please direct the
        recipient to the help page
    """
)
GMAIL_UNAUTHENTICATED = report(
    f"""\
    Reporting-MTA: dns; relay.prof.example

    Final-Recipient: rfc822; {TO}
    Action: failed
    Status: 5.7.26
    Diagnostic-Code: smtp; 550-5.7.26 Your email has been blocked because the sender is unauthenticated.
     550-5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM.
    """
)
OUR_HOST_BLOCKED = report(
    f"""\
    Reporting-MTA: dns; relay.prof.example

    Final-Recipient: rfc822; {TO}
    Action: failed
    Status: 5.0.0
    Diagnostic-Code: smtp; 554 Service unavailable; Client host [192.0.2.10] blocked using zen.spamhaus.example
    """
)

# Without a standard: qmail, Exim, old Exchange

QMAIL_UNKNOWN = plain(
    dedent(
        f"""\
        Hi. This is the qmail-send program at mx.zavod.example.
        I'm afraid I wasn't able to deliver your message to the following addresses.
        This is a permanent error; I've given up. Sorry it didn't work out.

        <{TO}>:
        Sorry, no mailbox here by that name. (#5.1.1)

        --- Below this line is a copy of the message.

        """
    )
    + letter(),
    sender="MAILER-DAEMON@mx.zavod.example",
)
QMAIL_REMOTE_FULL = plain(
    dedent(
        f"""\
        Hi. This is the qmail-send program at relay.prof.example.
        I'm afraid I wasn't able to deliver your message to the following addresses.
        This is a permanent error; I've given up. Sorry it didn't work out.

        <{TO}>:
        198.51.100.7 failed after I sent the message.
        Remote host said: 552 5.2.2 Mailbox size limit exceeded, user is over quota

        --- Below this line is a copy of the message.

        """
    )
    + letter(),
    sender="MAILER-DAEMON@relay.prof.example",
)
EXIM_RETRY_TIMEOUT = plain(
    dedent(
        f"""\
        This message was created automatically by mail delivery software.

        A message that you sent could not be delivered to one or more of its
        recipients. This is a permanent error. The following address(es) failed:

          {TO}
            host mx.zavod.example [198.51.100.7]
            SMTP error from remote mail server after RCPT TO:<{TO}>:
            451 4.3.0 Temporary lookup failure: retry timeout exceeded

        ------ This is a copy of the message, including all the headers. ------

        """
    )
    + letter(),
    sender="Mail Delivery System <Mailer-Daemon@relay.prof.example>",
    more=f"X-Failed-Recipients: {TO}\nAuto-Submitted: auto-replied\n",
)
OLD_EXCHANGE = plain(
    dedent(
        f"""\
        Your message

          To:      {TO}
          Subject: announcement
          Sent:    Mon, 30 Nov 2026 09:00:00 +0300

        did not reach the following recipient(s):

        {TO} on Mon, 30 Nov 2026 09:00:04 +0300
            The recipient name is not recognized
            The MTS-ID of the original message is: c=ru;a= ;p=zavod
            MSEXCH:IMS:Zavod:MAIN:EXCH 0 (000C05A6) Unknown Recipient
        """
    ),
    sender="System Administrator <postmaster@zavod.example>",
    subject="Undeliverable: announcement",
)

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


def complaint(fields: str, original: str) -> bytes:
    """A complaint in the shape of RFC 5965."""
    return (
        "Return-Path: <>\nFrom: fbl@mail.example\nTo: press@prof.example\nSubject: FW: announcement\n"
        "MIME-Version: 1.0\n"
        "Date: Mon, 30 Nov 2026 10:00:00 +0300\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="ARF"\n\n'
        "--ARF\nContent-Type: text/plain; charset=us-ascii\n\nThis is an email abuse report.\n\n"
        f"--ARF\nContent-Type: message/feedback-report\n\n{dedent(fields).strip()}\n\n"
        f"--ARF\nContent-Type: message/rfc822\n\n{original}\ntext\n--ARF--\n"
    ).encode()


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


def automatic(text: str, subject: str = "Re: announcement", more: str = "") -> bytes:
    return (
        f"From: ivanov@zavod.example\nTo: press@prof.example\nSubject: {subject}\n"
        "Date: Mon, 30 Nov 2026 09:00:07 +0300\n"
        f"{more}Content-Type: text/plain; charset=utf-8\n\n{text}\n"
    ).encode()


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
