"""Asking VK whether a broadcast would work, and what the keys allow."""

import pytest
from aiohttp import web
from pydantic import SecretStr

from channels.contract import FindingCode
from channels.vk.channel import VkChannel
from channels.vk.health import Ability
from sandbox.faults import Fault, Kind
from sandbox.vk import VkStandIn
from tests.channels.vk.wall import COMMUNITY_TOKEN, GROUP, SERVICE_TOKEN, USER_TOKEN, Opener, answering


async def test_all_is_well(full: VkChannel) -> None:
    reached, able = await full.check()
    assert (reached.code, reached.values) == (FindingCode.REACHED, {"name": "Профсоюз"})
    assert (able.code, able.values) == (FindingCode.ABLE, {"abilities": "post,files,pictures,change,look"})


async def test_a_check_posts_nothing(vk: VkStandIn, full: VkChannel) -> None:
    await full.check()
    assert vk.posts(GROUP) == []
    assert vk.violations == []


async def found(channel: VkChannel) -> list[tuple[FindingCode, bool]]:
    return [(finding.code, finding.fatal) for finding in await channel.check()]


async def able(channel: VkChannel) -> list[str]:
    return [str(one.values["abilities"]) for one in await channel.check() if one.code is FindingCode.ABLE]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ({}, "post,files"),
        ({"service_token": SERVICE_TOKEN}, "post,files,look"),
        ({"user_token": USER_TOKEN}, "post,files,pictures,change,look"),
    ],
)
async def test_the_keys_that_are_there_say_what_can_be_done(
    vk: VkStandIn, opened: Opener, tokens: dict[str, str], expected: str
) -> None:
    channel = await opened(vk.url, **{name: SecretStr(token) for name, token in tokens.items()})
    assert await able(channel) == [expected]
    assert (channel.can_look, channel.withdraws) == ("look" in expected, "change" in expected)


async def test_rights_that_are_missing_take_abilities_away(vk: VkStandIn, full: VkChannel) -> None:
    vk.add_community_token(COMMUNITY_TOKEN, GROUP, rights=["wall"])
    vk.add_user_token(USER_TOKEN, 7, administers=[GROUP], rights=["photos"])
    vk.revoke(SERVICE_TOKEN)
    assert await able(full) == ["post,pictures"]


async def test_where_nothing_can_be_posted_nothing_is_praised(vk: VkStandIn, full: VkChannel) -> None:
    vk.add_community_token(COMMUNITY_TOKEN, GROUP, rights=["docs"])
    assert await able(full) == []


async def test_a_token_that_cannot_say_what_it_may_is_believed_until_it_is_used(vk: VkStandIn, full: VkChannel) -> None:
    vk.faults.add("account.getAppPermissions", Fault(Kind.BAD_GATEWAY))
    assert Ability.CHANGE in (await able(full))[0].split(",")


async def test_a_token_for_pictures_alone_is_told(vk: VkStandIn, full: VkChannel) -> None:
    vk.add_user_token(USER_TOKEN, 7, administers=[GROUP], rights=["photos"])
    (finding,) = [one for one in await full.check() if one.code is FindingCode.RIGHT_MISSING]
    assert (finding.fatal, finding.values) == (False, {"right": "wall", "token": "user_token"})


async def test_a_service_key_is_not_missed_where_a_person_can_look(vk: VkStandIn, opened: Opener) -> None:
    person = await opened(vk.url, user_token=SecretStr(USER_TOKEN))
    assert await found(person) == [(FindingCode.REACHED, False), (FindingCode.ABLE, False)]
    vk.add_user_token(USER_TOKEN, 7, administers=[GROUP], rights=["photos"])
    assert (FindingCode.NO_SERVICE_TOKEN, False) in await found(person)


async def test_missing_tokens_are_told_and_do_not_matter(channel: VkChannel) -> None:
    assert await found(channel) == [
        (FindingCode.REACHED, False),
        (FindingCode.ABLE, False),
        (FindingCode.NO_SERVICE_TOKEN, False),
        (FindingCode.NO_USER_TOKEN, False),
    ]


@pytest.mark.parametrize(("rights", "missing", "fatal"), [(["wall"], "docs", False), (["docs"], "wall", True)])
async def test_a_missing_right_is_named(
    vk: VkStandIn, full: VkChannel, rights: list[str], missing: str, fatal: bool
) -> None:
    vk.add_community_token(COMMUNITY_TOKEN, GROUP, rights=rights)
    (finding,) = [one for one in await full.check() if one.code is FindingCode.RIGHT_MISSING]
    assert (finding.values, finding.fatal) == ({"right": missing, "token": "community_token"}, fatal)


async def test_a_revoked_key_is_told(vk: VkStandIn, full: VkChannel) -> None:
    vk.revoke(COMMUNITY_TOKEN)
    assert await found(full) == [(FindingCode.TOKEN_REFUSED, True)]


async def test_the_key_of_another_community_is_told(vk: VkStandIn, full: VkChannel) -> None:
    vk.add_community(5, "Другая")
    vk.add_community_token(COMMUNITY_TOKEN, 5)
    (finding,) = await full.check()
    assert (finding.code, finding.fatal) == (FindingCode.MAY_NOT_POST, True)
    assert "club5" in finding.detail


async def test_a_persons_key_in_place_of_the_communitys_is_told(vk: VkStandIn, full: VkChannel) -> None:
    vk.add_user_token(COMMUNITY_TOKEN, 7, administers=[GROUP])
    finding = (await full.check())[0]
    assert (finding.code, finding.fatal) == (FindingCode.TOKEN_UNFIT, True)
    assert finding.values == {"token": "community_token"}


async def test_a_token_of_vk_id_is_of_no_use_for_pictures(vk: VkStandIn, full: VkChannel) -> None:
    vk.add_user_token(USER_TOKEN, 7, administers=[GROUP], from_vk_id=True)
    assert (await found(full))[2:] == [(FindingCode.TOKEN_UNFIT, True)]


async def test_a_person_who_is_no_administrator_cannot_upload(vk: VkStandIn, full: VkChannel) -> None:
    vk.add_user_token(USER_TOKEN, 7)
    assert (await found(full))[2:] == [(FindingCode.RIGHT_MISSING, True)]


async def test_a_service_key_that_is_gone_spoils_nothing(vk: VkStandIn, full: VkChannel) -> None:
    vk.revoke(SERVICE_TOKEN)
    assert (await found(full))[2:] == [(FindingCode.TOKEN_REFUSED, False)]


async def test_a_closed_wall_cannot_be_read_back(vk: VkStandIn, full: VkChannel) -> None:
    vk.world.communities[GROUP].closed = True
    assert (await found(full))[2:] == [(FindingCode.RIGHT_MISSING, False)]


@pytest.mark.parametrize("call", ["groups.getById", "groups.getTokenPermissions"])
async def test_a_check_that_gets_no_answer_says_so(vk: VkStandIn, full: VkChannel, call: str) -> None:
    vk.faults.add(call, Fault(Kind.BAD_GATEWAY))
    assert (await found(full))[0] == (FindingCode.NOT_REACHED, True)


async def test_a_check_survives_nonsense(opened: Opener) -> None:
    async with answering(lambda _request: web.json_response({"response": {"groups": []}})) as (url, _asked):
        assert (await found(await opened(url)))[0] == (FindingCode.NOT_REACHED, True)
