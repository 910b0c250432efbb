"""A stand-in for VKontakte: its API, its upload servers, its walls, on one loopback port."""

from sandbox.vk.server import Call, VkStandIn
from sandbox.vk.things import Community, Media, Token, WallPost
from sandbox.vk.world import COMMUNITY_RIGHTS, GuidRepeat, VkError, VkWorld

__all__ = [
    "COMMUNITY_RIGHTS",
    "Call",
    "Community",
    "GuidRepeat",
    "Media",
    "Token",
    "VkError",
    "VkStandIn",
    "VkWorld",
    "WallPost",
]
