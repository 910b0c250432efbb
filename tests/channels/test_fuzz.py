"""Random posts through every channel to its stand-in: no exception, nothing refused, no call that its API forbids."""

import random
from collections.abc import AsyncIterator

import pytest

from channels.contract import Attachment, AttachmentKind, Entity, Post, Receipt, Shipment
from channels.markup import utf16_length
from tests.channels.harnesses import HARNESSES, Harness
from tests.channels.samples import TYPES
from tests.support.effort import AT_LENGTH, MANY, patient
from tests.support.letters import Files
from tests.support.pictures import png

pytestmark = patient

POSTS = MANY if AT_LENGTH else 60

SIGNS = [
    *(
        "а",
        "Я",
        "ё",
        "слово ",
        "Предложение. ",
        " ",
        " ",
        "\n",
        "\n\n",
        "\t",
        "\u00a0",
        "\r",
        "\u2028",
        "\x00",
        "\u200b",
    ),
    *("👍", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇷🇺", "1️⃣", "é", "г\u0323\u0301", "각", "𝒳", "\udcd0", "<b>", "&amp;", '"', "\\"),
    *(
        "@club1 (x)",
        "[id1|y]",
        "*id1 (z)",
        "fnpr.ru",
        "https://a.ru/?b=1&c=«2»",
        "p@a.ru",
        "#тег",
        "/start",
        ".",
        "\n.\n",
    ),
]
REST = {name: sample.entities[0] for name, sample in TYPES.items()}
URLS = [
    "https://fnpr.ru/otchet",
    "fnpr.ru",
    "javascript:alert(1)",
    "",
    "https://a.ru/\n",
    'https://a.ru/"',
    "tg://user?id=1",
]
KINDS = {
    AttachmentKind.PHOTO: ("фото.png", "image/png"),
    AttachmentKind.VIDEO: ("марш.mp4", "video/mp4"),
    AttachmentKind.ANIMATION: ("кот.mp4", "video/mp4"),
    AttachmentKind.DOCUMENT: ('план "б".pdf', "application/pdf"),
    AttachmentKind.AUDIO: ("гимн.m4a", "audio/mp4"),
}


@pytest.fixture(params=["telegram", "vk", "email"])
async def one(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    async with HARNESSES[request.param]() as harness:
        yield harness


def a_text(dice: random.Random) -> str:
    length = dice.choice([0, 1, 5, 30, 200, 1500]) if dice.random() < 0.9 else 6000
    return "".join(dice.choices(SIGNS, k=dice.randint(0, length)))


def an_entity(dice: random.Random, units: int) -> Entity:
    of = REST[dice.choice(list(REST))]
    start = dice.randint(0, units + 2)
    url = dice.choice(URLS) if of.type == "text_link" else None
    return Entity(
        of.type,
        start,
        dice.randint(0, max(1, units - start)),
        url=url,
        language=of.language,
        custom_emoji_id=of.custom_emoji_id,
        user_id=of.user_id,
        unix_time=of.unix_time,
        date_time_format=of.date_time_format,
    )


def a_post(dice: random.Random, files: Files) -> Post:
    text = a_text(dice)
    entities = tuple(an_entity(dice, utf16_length(text)) for _ in range(dice.randint(0, 8)))
    attachments = tuple(a_file(dice, files) for _ in range(dice.choice([0, 0, 0, 1, 2, 3, 12])))
    return Post(text, title=dice.choice(["", "Тема", a_text(dice)[:200]]), entities=entities, attachments=attachments)


def a_file(dice: random.Random, files: Files) -> Attachment:
    kind = dice.choice(list(AttachmentKind))
    content = png(8, 8, dice.randrange(256)) if kind is AttachmentKind.PHOTO else dice.randbytes(20)
    return files.attach(KINDS[kind][0], content, KINDS[kind][1], kind)


def hurry(one: Harness) -> None:
    """VK counts calls per second; the stand-in does not, and thousands of uploads would take an hour."""
    for name in ("_community", "_user"):
        client = getattr(one.channel, name, None)
        if client is not None:
            client._vk.RPS_DELAY = 0


async def sent(one: Harness, post: Post, key: str) -> int:
    """Send what a post becomes, each part as an answer to the one before. Return how many parts there were."""
    rendering = one.channel.render(post)
    if rendering.blocked:
        return 0
    previous: Receipt | None = None
    for number, part in enumerate(rendering.parts):
        previous = await one.channel.send(Shipment(part, one.recipient, f"{key}{number:04x}", previous=previous))
        assert previous.external_ids
    return len(rendering.parts)


async def test_any_post_goes_out_through_any_channel(one: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files()
    read = files.read
    monkeypatch.setattr(Files, "read", lambda _self, digest: read(digest))
    hurry(one)
    dice = random.Random(20261130)
    parts = 0
    for number in range(POSTS):
        seed = dice.getrandbits(64)
        post = a_post(random.Random(seed), files)
        try:
            parts += await sent(one, post, f"{number:028x}")
        except Exception as error:
            error.add_note(f"post {number}, seed {seed}")
            raise
        assert one.violations() == [], f"post {number}, seed {seed}"
    assert one.public() >= parts  # an album is several messages
    assert parts > POSTS // 2
