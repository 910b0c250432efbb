"""A text that is too long for its place: a reply to the pictures, or one rich message for everything."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings, strategies

from channels.contract import (
    Attachment,
    AttachmentKind,
    Entity,
    FindingCode,
    Part,
    Post,
    ProblemCode,
    Reason,
    Receipt,
    Rejected,
    Unconfirmed,
)
from channels.markup import utf16_length
from channels.telegram.channel import TelegramChannel
from channels.telegram.rendering import is_rich, render
from channels.telegram.rich import RICH_TEXT, text_blocks, words_of_blocks
from sandbox.faults import Fault, Kind
from tests.channels.telegram_place import (
    ANIMATION,
    AUDIO,
    CHANNEL,
    DOCUMENT,
    GROUP,
    PHOTO,
    VIDEO,
    Place,
    a_place,
    pictures,
    shipment,
    standing,
)

LONG = "\n\n".join(f"Абзац {number}. " + "слово " * 60 for number in range(15)).strip()
WITHDRAWN = Part("Объявление отозвано")


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with a_place() as place:
        yield place


@pytest.fixture
async def channel(place: Place) -> TelegramChannel:
    return await place.open(long_text="rich", service_chat=GROUP)


def some(kind: AttachmentKind, **more: Any) -> Attachment:
    given: dict[str, Any] = {"size": 1000, "telegram_file_id": "id"} | more
    return Attachment(kind, "файл", "a/b", **given)


# What becomes one


def codes(post: Post) -> set[ProblemCode]:
    return {problem.code for problem in render(post, rich=True).problems}


@pytest.mark.parametrize(
    "post",
    [
        Post(LONG),
        Post("я" * 1025, attachments=(some(PHOTO),)),
        Post(LONG, attachments=(some(PHOTO), some(DOCUMENT), some(ANIMATION), some(AUDIO))),
        Post("я" * RICH_TEXT),
    ],
)
def test_what_would_be_several_for_its_length_is_one(post: Post) -> None:
    rendering = render(post, rich=True)
    assert rendering.parts == (Part(post.text, post.entities, post.attachments),)
    assert codes(post) == {ProblemCode.RICH_MESSAGE}
    assert not rendering.blocked
    assert len(render(post).parts) > 1


@pytest.mark.parametrize(
    "post",
    [
        Post(""),
        Post("я" * 4096),
        Post("я" * 1024, attachments=(some(PHOTO),)),
        Post("Подпись", attachments=(some(PHOTO), some(DOCUMENT))),
        Post("я" * (RICH_TEXT + 1)),
        Post(LONG, attachments=(some(PHOTO),) * 51),
        Post("\n\n".join("абв" * 3 for _ in range(500))),
        Post(LONG, attachments=(some(DOCUMENT, size=30_000_000, telegram_file_id=None, digest="d"),) * 2),
    ],
)
def test_what_fits_or_is_too_much_even_so_stays_as_it_was(post: Post) -> None:
    assert render(post, rich=True) == render(post)


def test_files_are_held_against_their_limits_here_too() -> None:
    post = Post(LONG, attachments=(some(VIDEO, telegram_file_id=None),), entities=(Entity("custom_emoji", 0, 2),))
    assert codes(post) == {ProblemCode.RICH_MESSAGE, ProblemCode.FILE_OUT_OF_REACH, ProblemCode.FORMATTING_LOST}
    assert render(post, rich=True).blocked


# How it looks


def plain(block: Any) -> Any:
    return block.model_dump(mode="json", exclude_none=True)


def test_paragraphs_quotations_and_code_are_blocks() -> None:
    text = "Первый\nвторая строка\n \nЦитата\n\nеё конец\nпосле\n\nx = 1\nСвёрнутая"
    entities = (
        Entity("blockquote", text.index("Цитата"), len("Цитата\n\nеё конец")),
        Entity("pre", text.index("x = 1"), 5, language="python"),
        Entity("expandable_blockquote", text.index("Свёрнутая"), 9),
    )
    assert [plain(block) for block in text_blocks(text, entities)] == [
        {"type": "paragraph", "text": "Первый\nвторая строка"},
        {
            "type": "blockquote",
            "blocks": [{"type": "paragraph", "text": "Цитата"}, {"type": "paragraph", "text": "её конец"}],
        },
        {"type": "paragraph", "text": "после"},
        {"type": "pre", "text": "x = 1", "language": "python"},
        {"type": "expandable_blockquote", "text": "Свёрнутая"},
    ]


def test_code_inside_a_quotation_is_a_block_in_it() -> None:
    text = "Цитата\nx = 1\nконец"
    blocks = text_blocks(text, (Entity("blockquote", 0, len(text)), Entity("pre", 7, 5)))
    assert [plain(block) for block in blocks] == [
        {
            "type": "blockquote",
            "blocks": [
                {"type": "paragraph", "text": "Цитата"},
                {"type": "pre", "text": "x = 1"},
                {"type": "paragraph", "text": "конец"},
            ],
        }
    ]


def test_styles_may_nest_and_cross() -> None:
    blocks = text_blocks("😀 абвг", (Entity("bold", 3, 2), Entity("italic", 4, 2), Entity("hashtag", 3, 4)))
    assert [plain(block) for block in blocks] == [
        {
            "type": "paragraph",
            "text": [
                "😀 ",
                {"type": "bold", "text": "а"},
                {"type": "bold", "text": {"type": "italic", "text": "б"}},
                {"type": "italic", "text": "в"},
                "г",
            ],
        }
    ]


@pytest.mark.parametrize(
    ("entity", "rich"),
    [
        (Entity("underline", 0, 3), {"type": "underline", "text": "abc"}),
        (Entity("strikethrough", 0, 3), {"type": "strikethrough", "text": "abc"}),
        (Entity("spoiler", 0, 3), {"type": "spoiler", "text": "abc"}),
        (Entity("code", 0, 3), {"type": "code", "text": "abc"}),
        (Entity("text_link", 0, 3, url="https://a.ru/"), {"type": "url", "text": "abc", "url": "https://a.ru/"}),
        (
            Entity("date_time", 0, 3, unix_time=5, date_time_format="wDT"),
            {"type": "date_time", "text": "abc", "unix_time": 5, "date_time_format": "wDT"},
        ),
        (
            Entity("text_mention", 0, 3, user_id=7),
            {"type": "text_mention", "text": "abc", "user": {"id": 7, "is_bot": False, "first_name": ""}},
        ),
        (Entity("custom_emoji", 0, 3, custom_emoji_id="5"), "abc"),
        (Entity("of_the_future", 0, 3), "abc"),
    ],
)
def test_each_entity_has_its_rich_text(entity: Entity, rich: Any) -> None:
    assert [plain(block) for block in text_blocks("abc", (entity,))] == [{"type": "paragraph", "text": rich}]


TYPES = ("bold", "italic", "code", "pre", "blockquote", "expandable_blockquote", "spoiler", "text_link")
ENTITIES = strategies.lists(
    strategies.builds(
        Entity,
        strategies.sampled_from(TYPES),
        strategies.integers(0, 60),
        strategies.integers(1, 60),
        url=strategies.just("https://a.ru/"),
    ),
    max_size=6,
)


@given(strategies.text(strategies.sampled_from("аб😀 \n."), max_size=60), ENTITIES)
@settings(max_examples=120, deadline=None)
def test_no_word_is_lost_or_doubled(text: str, entities: list[Entity]) -> None:
    [part] = render(Post(text, entities=tuple(entities))).parts or (Part(),)
    blocks = text_blocks(part.text, part.entities)
    assert "".join(words_of_blocks(blocks).split()) == "".join(text.split())
    assert all(words_of_blocks(block).strip() for block in blocks)


# On the wire


async def everything(place: Place, *, known: bool) -> Part:
    kinds = (PHOTO, VIDEO, PHOTO, ANIMATION, DOCUMENT, AUDIO)
    files = [
        await place.known(kind, data) if known else place.keep(kind, data)
        for kind, data in zip(kinds, pictures(), strict=False)
    ]
    return Part(LONG, (Entity("bold", 0, 7),), tuple(files))


@pytest.mark.parametrize("known", [True, False])
async def test_arrives_whole_as_one_message(place: Place, channel: TelegramChannel, known: bool) -> None:
    part = await everything(place, known=known)
    [rendered] = channel.render(Post(part.text, entities=part.entities, attachments=part.attachments)).parts
    receipt = await channel.send(shipment(rendered))
    assert receipt == Receipt(("1",), "https://t.me/smolprof/1")
    [post] = place.posts()
    blocks = post["rich_message"]["blocks"]
    assert [block["type"] for block in blocks[:2]] == ["collage", "animation"]
    assert [block["type"] for block in blocks[0]["blocks"]] == ["photo", "video", "photo"]
    assert [block["type"] for block in blocks[-2:]] == ["document", "audio"]
    assert [block["type"] for block in blocks[2:-2]] == ["paragraph"] * 15
    assert blocks[2]["text"][0] == {"type": "bold", "text": "Абзац 0"}
    drawn = pictures()
    assert place.telegram.file(blocks[0]["blocks"][0]["photo"][-1]["file_id"]).data == next(drawn)


async def test_one_picture_stands_alone_and_manners_are_kept(place: Place) -> None:
    channel = await place.open(long_text="rich", silent=True, protect=True, pin=True)
    await channel.send(shipment(Part(LONG, attachments=(await place.known(PHOTO, next(pictures())),))))
    post = place.posts()[0]
    assert post["rich_message"]["blocks"][0]["type"] == "photo"
    assert post["has_protected_content"] is True
    assert place.telegram.world.chats[CHANNEL].pinned == [1]


async def test_a_worthless_file_id_is_replaced_by_the_file(place: Place, channel: TelegramChannel) -> None:
    photo = replace(place.keep(PHOTO, next(pictures())), telegram_file_id="of another bot")
    part = Part(LONG, attachments=(photo,))
    there = await standing(place, channel, part)
    assert there.external_ids == ("1",)
    assert await channel.correct(shipment(replace(part, text=LONG + " И ещё.")), there) == there
    assert "И ещё." in words_in(place.posts()[0])


def words_in(post: dict[str, Any]) -> str:
    return str(post["rich_message"])


async def test_is_corrected_in_place_also_into_what_is_short_and_back(place: Place, channel: TelegramChannel) -> None:
    part = await everything(place, known=True)
    there = await standing(place, channel, part)
    assert await channel.correct(shipment(replace(part, text=LONG.replace("Абзац 3", "Абзац три"))), there) == there
    assert "Абзац три" in words_in(place.posts()[0])
    assert await channel.correct(shipment(replace(part, text=LONG.replace("Абзац 3", "Абзац три"))), there) == there
    short = Part("Коротко")
    assert await channel.correct(shipment(short), there) == there
    assert (place.posts()[0]["text"], "rich_message" in place.posts()[0]) == ("Коротко", False)
    assert await channel.correct(shipment(part), there) == there
    one = Part("Подпись", attachments=part.attachments[:1])
    assert await channel.correct(shipment(one), there) == there
    assert (place.posts()[0]["caption"], "rich_message" in place.posts()[0]) == ("Подпись", False)
    with pytest.raises(Rejected) as caught:
        await channel.correct(shipment(part), there)
    assert caught.value.reason is Reason.OTHER_SHAPE


async def test_is_withdrawn_and_too_late_marked(place: Place, channel: TelegramChannel) -> None:
    part = await everything(place, known=True)
    first, second = await standing(place, channel, part), await standing(place, channel, part)
    assert await channel.withdraw(shipment(WITHDRAWN), first) == Receipt()
    place.ahead = 49 * 3600
    assert (await channel.withdraw(shipment(WITHDRAWN), second)).external_ids == second.external_ids
    assert [post.get("text") for post in place.posts()] == [WITHDRAWN.text]


async def test_a_doubtful_one_is_found_and_told_from_another(place: Place, channel: TelegramChannel) -> None:
    part = await everything(place, known=True)
    last = await channel.send(shipment(Part("Вчерашнее")))
    since = datetime.now(UTC) - timedelta(seconds=10)
    await channel.send(shipment(replace(part, text=part.text + " Другое.")))
    place.telegram.faults.add("sendRichMessage", Fault(Kind.DROPS_AFTER_REQUEST))
    with pytest.raises(Unconfirmed):
        await channel.send(shipment(part))
    found = await channel.look(shipment(part), since=since, last=last)
    assert found is not None
    assert found.external_ids == ("3",)


# Where the server does not know it


async def test_a_server_that_is_too_old_is_told_beforehand_and_refuses(place: Place, channel: TelegramChannel) -> None:
    assert await channel.check()
    assert place.posts() == []
    old = Fault(Kind.REFUSES, code=404, text="Not Found: method not found", times=2)
    place.telegram.faults.add("sendRichMessage", old)
    found = {finding.code: finding.fatal for finding in await channel.check()}
    assert found[FindingCode.NO_RICH_MESSAGES] is False
    with pytest.raises(Rejected) as caught:
        await channel.send(shipment(Part(LONG)))
    assert caught.value.reason is Reason.SERVER_TOO_OLD
    assert FindingCode.NO_RICH_MESSAGES not in {finding.code for finding in await channel.check()}


async def test_nobody_is_asked_about_it_where_replies_are_wanted(place: Place) -> None:
    await (await place.open()).check()
    assert "sendRichMessage" not in place.called()


def test_a_plain_part_is_never_taken_for_a_rich_one() -> None:
    for part in render(Post(LONG, attachments=(some(PHOTO), some(DOCUMENT)))).parts:
        assert not is_rich(part)
        assert utf16_length(part.text) <= 4096


# Text first


def test_a_text_does_not_wait_for_uploads_where_that_is_wanted() -> None:
    photo, paper = some(PHOTO, telegram_file_id=None, digest="d"), some(DOCUMENT, telegram_file_id=None, digest="e")
    for text in ("Коротко", LONG):
        post = Post(text, attachments=(photo, paper))
        for rich in (True, False):
            rendering = render(post, text_first=True, rich=rich)
            parts = [(bool(part.text), part.attachments) for part in rendering.parts]
            assert parts[-2:] == [(False, (photo,)), (False, (paper,))]
            assert set(parts[:-2]) == {(True, ())}
            found = {problem.code for problem in rendering.problems}
            assert ProblemCode.TEXT_FIRST in found
            assert not found & {ProblemCode.CAPTION_APART, ProblemCode.RICH_MESSAGE}
            assert not rendering.blocked


@pytest.mark.parametrize(
    "post",
    [
        Post("Коротко"),
        Post("Коротко", attachments=(some(PHOTO), some(PHOTO))),
        Post(LONG, attachments=(some(PHOTO),)),
        Post("", attachments=(some(PHOTO, telegram_file_id=None, digest="d"),)),
    ],
)
def test_where_nothing_has_to_wait_nothing_changes(post: Post) -> None:
    assert render(post, text_first=True) == render(post)


async def test_words_are_out_while_their_picture_still_travels(place: Place) -> None:
    channel = await place.open(text_first=True)
    post = Post("Митинг в 10:30", attachments=(place.keep(PHOTO, next(pictures())),))
    words, picture = channel.render(post).parts
    first = await channel.send(shipment(words))
    place.telegram.faults.add("sendPhoto", Fault(Kind.HANGS, before=True))
    with pytest.raises(Unconfirmed):
        await channel.send(shipment(picture, previous=first))
    assert [post["text"] for post in place.posts()] == ["Митинг в 10:30"]
    await channel.send(shipment(picture, previous=first))
    assert place.posts()[-1]["reply_to_message"]["text"] == "Митинг в 10:30"
