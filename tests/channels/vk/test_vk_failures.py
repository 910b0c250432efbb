"""What each of VK's answers means, and what the lack of one."""

from datetime import timedelta

import pytest

from channels.contract import (
    ChannelClosed,
    ChannelError,
    Deferred,
    Reason,
    Rejected,
    Unconfirmed,
)
from channels.vk.channel import VkChannel
from channels.vk.failures import MEANINGS
from sandbox.faults import Fault, Kind
from sandbox.vk import VkStandIn
from tests.channels.vk.wall import COMMUNITY_TOKEN, calls, failure

# The codes are those of VK's schema, sorted as the class of each says.

MEANINGS_BY_CODE: list[tuple[type[ChannelError], Reason, tuple[int, ...]]] = [
    (Deferred, Reason.LIMIT_REACHED, (6,)),
    (Deferred, Reason.FLOOD_CONTROL, (9,)),
    (Deferred, Reason.QUOTA_REACHED, (29,)),
    (Deferred, Reason.SERVICE_DOWN, (43,)),
    (Deferred, Reason.AD_LIMIT, (219,)),
    (Unconfirmed, Reason.NO_ANSWER, (1, 10, 36)),
    (ChannelClosed, Reason.TOKEN_REVOKED, (5, 1114, 1116, 1117, 3609)),
    (ChannelClosed, Reason.WRONG_KIND_OF_TOKEN, (20, 21, 27, 28)),
    (ChannelClosed, Reason.VK_ID_TOKEN, (1051,)),
    (ChannelClosed, Reason.CAPTCHA_NEEDED, (14, 3300)),
    (ChannelClosed, Reason.CONFIRMATION_NEEDED, (17, 24, 25, 3301, 3302, 3303, 3304, 3305)),
    (ChannelClosed, Reason.TWO_FACTOR_NEEDED, (703,)),
    (ChannelClosed, Reason.KEY_LACKS_RIGHT, (7,)),
    (ChannelClosed, Reason.KEY_OF_ANOTHER, (15, 30, 200, 203)),
    (ChannelClosed, Reason.WALL_CLOSED, (210, 211, 212, 213, 214)),
    (ChannelClosed, Reason.TLS_FAILED, (16,)),
    (ChannelClosed, Reason.BLOCKED, (18, 19, 37, 3610, 3611)),
    (ChannelClosed, Reason.STRIKES, (13000,)),
    (ChannelClosed, Reason.METHOD_OFF, (23,)),
    (ChannelClosed, Reason.IP_NOT_ALLOWED, (42,)),
    (Rejected, Reason.BAD_CONTENT, (100, 104, 113, 114, 118, 121, 129, 150, 225)),
    (Rejected, Reason.NO_SUCH_COMMUNITY, (125,)),
    (Rejected, Reason.REFUSED, (220,)),
    (Rejected, Reason.LINKS_FORBIDDEN, (222,)),
    (Rejected, Reason.AD_LIMIT, (224,)),
    (Rejected, Reason.PROGRAM_ERROR, (3, 4, 8, 11, 12, 13, 101, 9999)),
]
BY_CODE = [(code, expected, reason) for expected, reason, codes in MEANINGS_BY_CODE for code in codes]


def test_every_code_is_in_the_table() -> None:
    assert sorted(MEANINGS) == sorted(code for code, _, _ in BY_CODE)


@pytest.mark.parametrize(("code", "expected", "reason"), BY_CODE)
async def test_each_code_has_its_meaning(
    vk: VkStandIn, channel: VkChannel, code: int, expected: type[ChannelError], reason: Reason
) -> None:
    vk.faults.add("wall.post", Fault(Kind.REFUSES, code=code))
    error = await failure(channel)
    assert (type(error), error.reason) == (expected, reason)
    assert error.detail.startswith(f"wall.post (community_token): [{code}] ")
    assert len(calls(vk, "wall.post")) == 1


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (5, "User authorization failed: user is blocked.", Reason.BLOCKED),
        (5, "User authorization failed: invalid access_token (4).", Reason.TOKEN_REVOKED),
        (
            15,
            "Access denied: no access to call this method. It cannot be called with current scopes.",
            Reason.KEY_LACKS_RIGHT,
        ),
        (15, "Access denied: no access to call this method", Reason.KEY_LACKS_RIGHT),
        (15, "Access denied: this wall available only for community members", Reason.KEY_OF_ANOTHER),
    ],
)
async def test_words_tell_more_than_the_code(
    vk: VkStandIn, channel: VkChannel, code: int, text: str, reason: Reason
) -> None:
    vk.faults.add("wall.post", Fault(Kind.REFUSES, code=code, text=text))
    error = await failure(channel)
    assert (type(error), error.reason) == (ChannelClosed, reason)


@pytest.mark.parametrize(
    "text",
    [
        "Access to adding post denied: you can only add 50 posts a day",
        "Access to adding post denied: can only schedule 25 posts on a day",
        "Access to adding post denied: cannot schedule more than 150 posts",
    ],
)
async def test_a_daily_limit_is_no_lack_of_rights(vk: VkStandIn, channel: VkChannel, text: str) -> None:
    vk.faults.add("wall.post", Fault(Kind.REFUSES, code=214, text=text))
    error = await failure(channel)
    assert isinstance(error, Deferred)
    assert (error.reason, error.retry_after) == (Reason.DAILY_LIMIT, timedelta(hours=1))


async def test_an_unlisted_code_is_a_refusal(vk: VkStandIn, channel: VkChannel) -> None:
    vk.faults.add("wall.post", Fault(Kind.REFUSES, code=4242, text="Something new"))
    error = await failure(channel)
    assert (type(error), error.reason) == (Rejected, Reason.REFUSED)
    assert "Something new" in error.detail


async def test_too_many_requests_are_not_repeated_by_the_library(vk: VkStandIn, channel: VkChannel) -> None:
    vk.faults.add("wall.post", Fault(Kind.MAKES_WAIT, times=0))
    error = await failure(channel)
    assert isinstance(error, Deferred)
    assert (error.counts, error.retry_after) == (False, timedelta(seconds=1))
    assert len(calls(vk, "wall.post")) == 1


async def test_a_deleted_key_closes_the_channel(vk: VkStandIn, channel: VkChannel) -> None:
    vk.revoke(COMMUNITY_TOKEN)
    error = await failure(channel)
    assert (type(error), error.reason) == (ChannelClosed, Reason.TOKEN_REVOKED)


async def test_a_captcha_names_the_page_to_open(vk: VkStandIn, channel: VkChannel) -> None:
    vk.faults.add("wall.post", Fault(Kind.REFUSES, code=14))
    error = await failure(channel)
    assert "https://id.vk.com/not_robot_captcha" in error.detail
