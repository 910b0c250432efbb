"""What SpamAssassin finds in our letters by itself: no rule of weight, whatever is announced and however it looks."""

from dataclasses import replace
from pathlib import Path

import pytest

from channels.contract import Post
from channels.email import Settings
from channels.email.correcting import correction_subject
from channels.email.letter import finish, list_words, stationery
from channels.email.rendering import render
from tests.channels.test_email_dkim import signing
from tests.support.announcements import Sample, sample
from tests.support.letters import NOW, some_settings
from tests.support.spamassassin import NoSpamAssassinError, verdicts

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
LINK = "https://lists.example.org/u/AAAAAAAAAAAAAAAAAAAAAA"
OWN = """<!DOCTYPE html><html lang="ru"><head><title>{{ title }}</title><style>.text { color: #123456; }</style></head>
<body><h1>{{ organisation }}</h1><div class="text">{{ body }}</div>
{% for picture in pictures %}<img src="cid:{{ picture.cid }}" alt="">{% endfor %}{{ reason }}</body></html>"""
HARMFUL = 0.5  # points of a single rule; above, it is worth mending
OF_FEW_WORDS = "HTML_IMAGE_ONLY_"  # a picture and little to read: what was announced, and nothing to mend in a letter
SPAM = (
    b"From: x <x@a.example>\r\nTo: a@example.org\r\nSubject: hello\r\nDate: Tue, 24 Nov 2026 09:00:00 +0000\r\n"
    b"Message-ID: <1@a.example>\r\n\r\n"
    b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
)  # what every filter of spam agrees to take for it


def ours(**more: str) -> Settings:
    return some_settings(organisation="Федерация профсоюзов Заречья", footer="тел. 12-34", **more)


def a_letter(one: Sample, settings: Settings, *, corrects: bool = False) -> bytes:
    [part] = render(one.post, settings).parts
    if corrects:
        part = replace(part, title=correction_subject(part.title))
    words = list_words("news", "Новости федерации", "mail", settings, with_link=True)
    answers = "<first@example.org>" if corrects else ""
    paper = stationery(part, one.files, settings)
    letter = finish(paper, words, "a@example.org", KEY, LINK, NOW, settings, answers=answers)
    return letter.head + letter.tail


async def test_no_letter_of_ours_looks_like_spam(tmp_path: Path) -> None:
    (tmp_path / "letter.html").write_text(OWN, encoding="utf-8")
    short = Sample(Post("Сбор в 10:00 у памятника.", "Митинг в субботу"), {})
    pictured = sample("obituary")
    few_words = replace(pictured, post=replace(pictured.post, text="Помним", entities=()))
    letters = {
        "long, with a picture and a paper": a_letter(sample("release"), ours()),
        "short": a_letter(short, ours()),
        "a picture and few words": a_letter(few_words, ours()),
        "a letter of one's own": a_letter(pictured, ours(templates=str(tmp_path))),
        "correction": a_letter(short, ours(), corrects=True),
        "signed": a_letter(pictured, signing()),
        "spam": SPAM,
    }
    try:
        found = dict(zip(letters, await verdicts(list(letters.values())), strict=True))
    except NoSpamAssassinError as error:
        pytest.skip(str(error))
    spam = found.pop("spam")
    assert spam.score > 100  # the judge is awake
    assert spam.rules["GTUBE"] > 100
    for name, verdict in found.items():
        assert verdict.score < 1, (name, verdict)
        weighty = {rule for rule, points in verdict.rules.items() if points >= HARMFUL}
        assert all(rule.startswith(OF_FEW_WORDS) for rule in weighty), (name, verdict)
        assert "MAILING_LIST_MULTI" in verdict.rules, name  # it takes our headers for those of a list
