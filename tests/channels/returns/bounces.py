"""Bounces as servers write them: their shapes, with our own words in them. Each brings back the letter of `making`."""

from email.header import Header
from textwrap import dedent

from tests.channels.returns.making import DOMAIN, KEY, TO, in_base64, letter, plain, report

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
