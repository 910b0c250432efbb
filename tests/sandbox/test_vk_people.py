"""The VK stand-in and people: tokens of VK ID that end, their rights, and what they may change on a wall."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from sandbox.faults import Fault, Kind
from sandbox.vk import VkStandIn
from tests.support.clock import Clock

GROUP = 101
Json = dict[str, Any]
Ask = Callable[..., Awaitable[Json]]
FORM = {
    "grant_type": "refresh_token",
    "refresh_token": "first",
    "client_id": "52",
    "device_id": "device",
    "state": "s" * 32,
}


@pytest.fixture
async def vk(clock: Clock) -> AsyncIterator[VkStandIn]:
    async with VkStandIn(now=clock) as vk:
        vk.add_community(GROUP, "Профсоюз")
        vk.add_community_token("community", GROUP)
        vk.add_user_token("admin", 7, administers=[GROUP])
        vk.add_service_token("service")
        vk.add_vk_id("first", 7, client_id="52", device_id="device", administers=[GROUP])
        yield vk


@pytest.fixture
async def ask(vk: VkStandIn) -> AsyncIterator[Ask]:
    async with aiohttp.ClientSession() as http:

        async def ask(method: str, token: str = "community", **values: str | int) -> Json:
            form = {"access_token": token, "v": "5.199"} | {name: str(value) for name, value in values.items()}
            async with http.post(f"{vk.url}/method/{method}", data=form) as answer:
                return Json(await answer.json())

        yield ask


async def exchanged(vk: VkStandIn, **changes: str) -> tuple[int, Json]:
    async with aiohttp.ClientSession() as http, http.post(f"{vk.url}/oauth2/auth", data=FORM | changes) as answer:
        return answer.status, Json(await answer.json())


def code(answer: Json) -> int:
    return int(answer["error"]["error_code"])


async def test_a_post_may_be_told_to_become_too_old_to_be_edited(vk: VkStandIn, ask: Ask, clock: Clock) -> None:
    vk.world.editable_for = timedelta(days=1)
    await ask("wall.post", owner_id=-GROUP, message="а")
    clock.advance(days=1)
    assert (await ask("wall.edit", "admin", owner_id=-GROUP, post_id=1, message="б"))["response"] == {"post_id": 1}
    clock.advance(seconds=1)
    refused = await ask("wall.edit", "admin", owner_id=-GROUP, post_id=1, message="в")
    assert (code(refused), refused["error"]["error_msg"]) == (15, "Access denied: edit time expired")
    assert vk.posts(GROUP)[0].text == "б"


async def test_a_source_is_shown_beside_the_post(vk: VkStandIn, ask: Ask) -> None:
    await ask("wall.post", owner_id=-GROUP, message="а", copyright="https://example.org/a")
    (shown,) = (await ask("wall.getById", "service", posts=f"-{GROUP}_1"))["response"]["items"]
    assert shown["copyright"]["link"] == "https://example.org/a"


async def test_a_persons_token_knows_its_rights(vk: VkStandIn, ask: Ask) -> None:
    vk.add_user_token("photos only", 8, rights=["photos", "wall"])
    assert (await ask("account.getAppPermissions", "photos only"))["response"] == 4 | 8192
    assert code(await ask("account.getAppPermissions", "service")) == 28


# VK ID


async def test_a_pair_is_exchanged_for_another_that_works(vk: VkStandIn, ask: Ask) -> None:
    status, answer = await exchanged(vk)
    assert (status, answer["expires_in"], answer["state"]) == (200, 3600, FORM["state"])
    done = await ask("wall.delete", answer["access_token"], owner_id=-GROUP, post_id=1)
    assert code(done) == 104
    assert vk.violations == []


async def test_a_pair_is_good_for_one_exchange_and_the_next_ends_the_one_before(vk: VkStandIn, ask: Ask) -> None:
    _status, first = await exchanged(vk)
    assert (await exchanged(vk))[0] == 401
    _status, second = await exchanged(vk, refresh_token=first["refresh_token"])
    assert code(await ask("users.get", first["access_token"])) == 5
    assert "response" in await ask("users.get", second["access_token"])


async def test_a_token_ends_after_an_hour(vk: VkStandIn, ask: Ask, clock: Clock) -> None:
    _status, answer = await exchanged(vk)
    clock.advance(minutes=59)
    assert "response" in await ask("users.get", answer["access_token"])
    clock.advance(minutes=1)
    assert code(await ask("users.get", answer["access_token"])) == 5


@pytest.mark.parametrize("change", [{"device_id": "another"}, {"client_id": "53"}, {"refresh_token": "made up"}])
async def test_a_pair_belongs_to_one_application_on_one_device(vk: VkStandIn, change: dict[str, str]) -> None:
    status, answer = await exchanged(vk, **change)
    assert (status, answer["error"]) == (401, "invalid_grant")
    assert (await exchanged(vk))[0] == 200, "a wrong guess costs nothing"


@pytest.mark.parametrize("change", [{"state": "short"}, {"device_id": ""}, {"grant_type": "authorization_code"}])
async def test_a_form_that_vk_id_would_not_take_is_told_on(vk: VkStandIn, change: dict[str, str]) -> None:
    status, answer = await exchanged(vk, **change)
    assert (status, answer["error"]) == (400, "invalid_request")
    assert len(vk.violations) == 1


async def test_what_is_taken_back_opens_nothing(vk: VkStandIn, ask: Ask) -> None:
    _status, answer = await exchanged(vk)
    vk.identity.revoke()
    assert code(await ask("users.get", answer["access_token"])) == 5
    assert (await exchanged(vk, refresh_token=answer["refresh_token"]))[0] == 401


async def test_no_token_is_kept_in_the_list_of_calls(vk: VkStandIn) -> None:
    await exchanged(vk)
    (call,) = vk.calls
    assert "first" not in str(call)


async def test_faults_happen_here_too(vk: VkStandIn) -> None:
    vk.faults.add("oauth2/auth", Fault(Kind.REFUSES, text="slow_down"))
    assert (await exchanged(vk))[1]["error"] == "slow_down"
    vk.faults.add("oauth2/auth", Fault(Kind.DROPS_AFTER_REQUEST))
    with pytest.raises(aiohttp.ClientError):
        await exchanged(vk)
    assert (await exchanged(vk))[0] == 401, "the exchange had happened"


async def test_the_end_of_a_token_survives_a_restart(vk: VkStandIn, ask: Ask, clock: Clock) -> None:
    _status, answer = await exchanged(vk)
    vk.restore(vk.dump())
    assert "response" in await ask("users.get", answer["access_token"])
    clock.advance(hours=1)
    assert code(await ask("users.get", answer["access_token"])) == 5
