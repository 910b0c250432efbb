"""The one link that VK is told of apart, and communities beside each other."""

import pytest
from pydantic import SecretStr

from channels.contract import Entity, Post, Recipient, Rejected, Shipment, Surroundings, TelegramAccess
from channels.vk import Settings
from channels.vk.channel import VkChannel, connect
from channels.vk.linking import outward_link
from sandbox.vk import VkStandIn
from tests.channels.vk.wall import COMMUNITY_TOKEN, GROUP, USER_TOKEN, Opener, Shelf, calls, send

TEXT = "Программа: https://smolprof.ru/news/12, вход свободный. Подробнее — https://fnpr.ru/"


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("Собрание в среду", None),
        (TEXT, "https://smolprof.ru/news/12"),
        ("Программа (https://smolprof.ru/a_(b)).", "https://smolprof.ru/a_(b)"),
        ("Наша группа https://vk.com/club1 и сайт http://smolprof.ru/", "http://smolprof.ru/"),
        ("Видео https://m.vk.ru/video-1_2", None),
        ("Пишите на press@smolprof.ru, наш сайт smolprof.ru", None),
        ("Карта https://maps.example.org/?ll=32.04,54.78", "https://maps.example.org/?ll=32.04%2C54.78"),
        ("HTTPS://SMOLPROF.RU/A", "HTTPS://SMOLPROF.RU/A"),
        ("http://[", None),
    ],
)
def test_the_first_link_that_leads_out_of_vk(text: str, link: str | None) -> None:
    assert outward_link(text) == link


async def opened_with(opened: Opener, vk: VkStandIn, link: str) -> VkChannel:
    return await opened(vk.url, link=link, user_token=SecretStr(USER_TOKEN))


async def test_a_link_stays_in_the_text_unless_asked_for(vk: VkStandIn, full: VkChannel) -> None:
    await send(full, Post(TEXT))
    assert calls(vk, "wall.post")[0].keys() & {"attachments", "copyright"} == set()


async def test_a_link_is_named_as_the_source(vk: VkStandIn, opened: Opener) -> None:
    channel = await opened_with(opened, vk, "source")
    await send(channel, Post(TEXT))
    (post,) = vk.posts(GROUP)
    assert (post.text, post.source, post.attachments) == (TEXT, "https://smolprof.ru/news/12", ())
    assert vk.violations == []


async def test_a_link_is_attached_behind_the_pictures(vk: VkStandIn, opened: Opener, shelf: Shelf) -> None:
    channel = await opened_with(opened, vk, "card")
    await send(channel, Post(TEXT, attachments=(shelf.picture(), shelf.document())))
    (post,) = vk.posts(GROUP)
    assert post.attachments[2:] == ("https://smolprof.ru/news/12",)
    assert vk.violations == []


async def test_a_link_behind_words_counts_too(vk: VkStandIn, opened: Opener) -> None:
    channel = await opened_with(opened, vk, "source")
    await send(channel, Post("Вот программа", entities=(Entity("text_link", 4, 9, url="https://smolprof.ru/news/12"),)))
    assert vk.posts(GROUP)[0].source == "https://smolprof.ru/news/12"


@pytest.mark.parametrize("link", ["card", "source"])
async def test_a_correction_changes_the_link_as_well(vk: VkStandIn, opened: Opener, shelf: Shelf, link: str) -> None:
    channel = await opened_with(opened, vk, link)
    picture = shelf.picture()
    there = await send(channel, Post(TEXT, attachments=(picture,)))
    for text, expected in (("Вот так: https://fnpr.ru/a", "https://fnpr.ru/a"), ("Без ссылки", None)):
        (part,) = channel.render(Post(text, attachments=(picture,))).parts
        there = await channel.correct(Shipment(part, Recipient(f"club{GROUP}"), text), there)
        (post,) = vk.posts(GROUP)
        shown = post.source if link == "source" else "".join(post.attachments[1:])
        assert (shown or None, post.attachments[0][:5]) == (expected, "photo")


# Communities beside each other


async def test_two_communities_are_two_channels_that_never_mix(vk: VkStandIn, shelf: Shelf, channel: VkChannel) -> None:
    vk.add_community(202, "Профсоюз учителей")
    vk.add_community_token("key of the teachers", 202)
    settings = Settings(group_id=202, community_token=SecretStr("key of the teachers"), api_base=vk.url)
    teachers = await connect("vk_teachers", settings, Surroundings(media=shelf, telegram=TelegramAccess("0:t")))
    post = Post("Собрание в среду", attachments=(shelf.document(),))
    for each in (channel, teachers):
        (part,) = each.render(post).parts
        receipt = await each.send(Shipment(part, Recipient(each.address), "the same key"))
        assert receipt.link == f"https://vk.com/wall-{each.address.removeprefix('club')}_1"
        with pytest.raises(Rejected):
            await each.send(Shipment(part, Recipient("club303"), "the same key"))
    assert [len(vk.posts(group)) for group in (GROUP, 202)] == [1, 1]
    assert vk.posts(202)[0].attachments[0].startswith("doc-202_")
    assert vk.violations == []
    await teachers.close()


async def test_the_key_of_one_community_does_not_open_the_other(vk: VkStandIn, opened: Opener) -> None:
    vk.add_community(202, "Профсоюз учителей")
    mistaken = await opened(vk.url, group_id=202)
    assert mistaken.address == "club202"
    found = await mistaken.check()
    assert [(one.fatal, one.detail) for one in found if one.fatal] == [
        (True, f"community_token belongs to club{GROUP}")
    ]
    assert COMMUNITY_TOKEN not in str(found)
