"""Makes bounces, complaints and other automatic letters as servers write them, around a letter of ours."""

from base64 import b64encode
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


def automatic(text: str, subject: str = "Re: announcement", more: str = "") -> bytes:
    return (
        f"From: ivanov@zavod.example\nTo: press@prof.example\nSubject: {subject}\n"
        "Date: Mon, 30 Nov 2026 09:00:07 +0300\n"
        f"{more}Content-Type: text/plain; charset=utf-8\n\n{text}\n"
    ).encode()
