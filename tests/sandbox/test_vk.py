"""The VK stand-in: behaves as VK is known to, and tells on calls that VK would not understand."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from sandbox.faults import Fault, Kind
from sandbox.vk import VkStandIn
from tests.support.clock import Clock

GROUP = 101
PNG = b"\x89PNG\r\n\x1a\n picture"

Json = dict[str, Any]
Ask = Callable[..., Awaitable[Json]]


@pytest.fixture
async def vk(clock: Clock) -> AsyncIterator[VkStandIn]:
    async with VkStandIn(now=clock) as vk:
        vk.add_community(GROUP, "Профсоюз", screen_name="smolprof")
        vk.add_community(102, "Закрытая", closed=True)
        vk.add_community_token("community", GROUP)
        vk.add_user_token("admin", 7, administers=[GROUP])
        vk.add_service_token("service")
        yield vk


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


@pytest.fixture
def ask(vk: VkStandIn, http: aiohttp.ClientSession) -> Ask:
    async def ask(method: str, token: str = "community", **values: str | int) -> Json:
        form = {"access_token": token, "v": "5.199"} | {name: str(value) for name, value in values.items()}
        async with http.post(f"{vk.url}/method/{method}", data=form) as answer:
            return Json(await answer.json())

    return ask


def code(answer: Json) -> int:
    return int(answer["error"]["error_code"])


async def test_a_community_key_posts_to_its_wall(vk: VkStandIn, ask: Ask) -> None:
    answer = await ask("wall.post", owner_id=-GROUP, from_group=1, message="Собрание в среду")
    assert answer == {"response": {"post_id": 1}}
    assert [post.text for post in vk.posts(GROUP)] == ["Собрание в среду"]
    assert vk.violations == []


async def test_an_error_echoes_the_call_without_its_token(ask: Ask) -> None:
    answer = await ask("wall.get", owner_id=-GROUP)
    assert {"key": "owner_id", "value": f"-{GROUP}"} in answer["error"]["request_params"]
    assert "community" not in json.dumps(answer["error"]["request_params"])


@pytest.mark.parametrize(
    ("method", "token", "expected"),
    [
        ("wall.get", "community", 27),
        ("wall.getById", "community", 27),
        ("photos.getWallUploadServer", "community", 27),
        ("wall.delete", "community", 27),
        ("wall.post", "service", 28),
        ("groups.getTokenPermissions", "admin", 27),
        ("utils.getServerTime", "nobody's", 5),
        ("utils.getServerTime", "", 5),
        ("photos.getAlbums", "admin", 33),
    ],
)
async def test_each_kind_of_token_opens_its_own_doors(ask: Ask, method: str, token: str, expected: int) -> None:
    needed: dict[str, dict[str, str | int]] = {
        "wall.getById": {"posts": f"-{GROUP}_1"},
        "wall.delete": {"post_id": 1},
    }
    values = needed.get(method, {})
    assert code(await ask(method, token, **values)) == expected


async def test_a_token_of_vk_id_reads_profiles_and_nothing_more(vk: VkStandIn, ask: Ask) -> None:
    vk.add_user_token("vk2", 8, administers=[GROUP], from_vk_id=True)
    assert (await ask("users.get", "vk2"))["response"][0]["id"] == 8
    assert code(await ask("wall.post", "vk2", owner_id=-GROUP, message="a")) == 1051


async def test_a_service_key_reads_public_walls_only(ask: Ask) -> None:
    await ask("wall.post", owner_id=-GROUP, message="a")
    wall = (await ask("wall.get", "service", owner_id=-GROUP))["response"]
    assert [post["text"] for post in wall["items"]] == ["a"]
    assert code(await ask("wall.get", "service", owner_id=-102)) == 15


async def test_a_pinned_post_stands_above_newer_ones(vk: VkStandIn, ask: Ask) -> None:
    for text in "abc":
        await ask("wall.post", owner_id=-GROUP, message=text)
    vk.pin(GROUP, 2)
    wall = (await ask("wall.get", "service", owner_id=-GROUP))["response"]
    assert [(post["text"], post.get("is_pinned", 0)) for post in wall["items"]] == [("b", 1), ("c", 0), ("a", 0)]


async def test_a_key_without_the_right_gets_error_15(vk: VkStandIn, ask: Ask) -> None:
    vk.add_community_token("poor", GROUP, rights=["docs"])
    assert code(await ask("wall.post", "poor", owner_id=-GROUP, message="a")) == 15


async def test_a_strange_wall_is_closed(ask: Ask) -> None:
    assert code(await ask("wall.post", owner_id=-102, message="a")) == 214


async def test_a_revoked_key_gets_error_5(vk: VkStandIn, ask: Ask) -> None:
    vk.revoke("community")
    assert code(await ask("wall.post", owner_id=-GROUP, message="a")) == 5


@pytest.mark.parametrize(
    ("method", "values", "expected", "word"),
    [
        ("wall.Post", {"message": "a"}, 3, "Unknown method"),
        ("wall.post", {"message": "a", "from_group": "True"}, 100, "from_group should be boolean"),
        ("wall.post", {"message": "a", "owner_id": "wall"}, 100, "owner_id should be integer"),
        ("wall.post", {"message": "a", "text": "b"}, 100, "text is not a parameter"),
        ("wall.post", {"message": "a", "primary_attachments_mode": "pile"}, 100, "should be one of"),
        ("wall.post", {"message": "a", "post_id": -1}, 100, "greater or equal to 0"),
        ("docs.save", {}, 100, "file is undefined"),
        ("stats.getPostReach", {"owner_id": 1, "post_ids": ",".join(["1"] * 31)}, 100, "31 items"),
        ("wall.post", {"message": "a", "v": "5.92"}, 8, "version"),
    ],
)
async def test_calls_that_vk_would_not_understand_are_told_on(
    vk: VkStandIn, ask: Ask, method: str, values: dict[str, str | int], expected: int, word: str
) -> None:
    assert code(await ask(method, **values)) == expected
    assert [word in violation for violation in vk.violations] == [True]


async def test_a_list_must_be_one_field(vk: VkStandIn, http: aiohttp.ClientSession) -> None:
    form = [("access_token", "community"), ("v", "5.199"), ("attachments", "doc1_1"), ("attachments", "doc1_2")]
    async with http.post(f"{vk.url}/method/wall.post", data=form) as answer:
        assert code(await answer.json()) == 100
    assert vk.violations != []


async def test_the_version_is_required(vk: VkStandIn, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{vk.url}/method/users.get", data={"access_token": "admin"}) as answer:
        assert code(await answer.json()) == 8


async def test_json_bodies_are_not_read(vk: VkStandIn, http: aiohttp.ClientSession) -> None:
    body = {"access_token": "community", "v": "5.199", "owner_id": -GROUP, "message": "a"}
    async with http.post(f"{vk.url}/method/wall.post", json=body) as answer:
        assert code(await answer.json()) == 8
    assert vk.posts(GROUP) == []


async def test_a_get_is_told_on(vk: VkStandIn, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{vk.url}/method/wall.post") as answer:
        assert code(await answer.json()) == 5
    assert vk.violations == ["wall.post: called by GET"]


async def test_the_token_may_come_as_a_bearer_and_the_form_as_multipart(
    vk: VkStandIn, http: aiohttp.ClientSession
) -> None:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in {"v": "5.199", "owner_id": f"-{GROUP}", "message": "a"}.items():
        form.add_field(name, value)
    async with http.post(
        f"{vk.url}/method/wall.post", data=form, headers={"Authorization": "Bearer community"}
    ) as answer:
        assert await answer.json() == {"response": {"post_id": 1}}


async def test_a_token_in_the_address_is_told_on(vk: VkStandIn, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{vk.url}/method/users.get?access_token=admin&v=5.199") as answer:
        assert "response" in await answer.json()
    assert vk.violations == ["users.get: the token is in the address"]


# guid


async def post_twice(ask: Ask) -> tuple[Json, Json]:
    values = {"owner_id": -GROUP, "message": "a", "guid": "k"}
    return await ask("wall.post", **values), await ask("wall.post", **values)


async def test_one_guid_shows_once(vk: VkStandIn, ask: Ask) -> None:
    first, second = await post_twice(ask)
    assert first == second
    assert len(vk.posts(GROUP)) == 1


async def test_a_repeated_guid_may_be_told_to_fail(vk: VkStandIn, ask: Ask) -> None:
    vk.guid_repeat = "error"
    _, second = await post_twice(ask)
    assert code(second) == 100
    assert len(vk.posts(GROUP)) == 1


async def test_a_repeated_guid_may_be_told_to_count_for_nothing(vk: VkStandIn, ask: Ask) -> None:
    vk.guid_repeat = "new"
    await post_twice(ask)
    assert len(vk.posts(GROUP)) == 2


async def test_a_repeated_guid_may_be_told_to_count_for_the_same_content_only(vk: VkStandIn, ask: Ask) -> None:
    vk.guid_repeat = "exact"
    first, second = await post_twice(ask)
    other = await ask("wall.post", owner_id=-GROUP, message="b", guid="k")
    assert (first, second, other["response"]["post_id"]) == (second, first, 2)


async def test_a_guid_lasts_one_hour(vk: VkStandIn, ask: Ask, clock: Clock) -> None:
    for minutes in (0, 59, 2):
        clock.advance(minutes=minutes)
        await ask("wall.post", owner_id=-GROUP, message="a", guid="k")
    assert len(vk.posts(GROUP)) == 2


# Uploads


async def upload(http: aiohttp.ClientSession, url: str, field: str, name: str, content: bytes) -> Json:
    form = aiohttp.FormData()
    form.add_field(field, content, filename=name, content_type="image/png")
    async with http.post(url, data=form) as answer:
        return Json(await answer.json())


async def saved_photo(ask: Ask, http: aiohttp.ClientSession) -> Json:
    url = (await ask("photos.getWallUploadServer", "admin", group_id=GROUP))["response"]["upload_url"]
    uploaded = await upload(http, url, "photo", "a.png", PNG)
    return Json((await ask("photos.saveWallPhoto", "admin", group_id=GROUP, **uploaded))["response"][0])


async def saved_doc(ask: Ask, http: aiohttp.ClientSession, name: str = "приказ.pdf") -> Json:
    url = (await ask("docs.getWallUploadServer", group_id=GROUP))["response"]["upload_url"]
    uploaded = await upload(http, url, "file", name, b"%PDF")
    return Json((await ask("docs.save", file=uploaded["file"], title=name))["response"]["doc"])


async def test_pictures_and_files_appear_on_the_wall(vk: VkStandIn, ask: Ask, http: aiohttp.ClientSession) -> None:
    photo, doc = await saved_photo(ask, http), await saved_doc(ask, http)
    attachments = f"photo-{GROUP}_{photo['id']},doc-{GROUP}_{doc['id']}"
    await ask("wall.post", owner_id=-GROUP, attachments=attachments)
    post = vk.snapshot()["communities"][0]["posts"][0]
    assert post["docs"][0]["title"] == "приказ.pdf"
    async with http.get(post["photos"][0]) as answer:
        assert await answer.read() == PNG
    assert vk.violations == []


async def test_no_more_than_one_file_and_ten_pictures(ask: Ask, http: aiohttp.ClientSession) -> None:
    photo, doc = await saved_photo(ask, http), await saved_doc(ask, http)
    for kind, saved, count in (("photo", photo, 11), ("doc", doc, 2)):
        attachments = ",".join([f"{kind}-{GROUP}_{saved['id']}"] * count)
        assert code(await ask("wall.post", owner_id=-GROUP, attachments=attachments)) == 100


async def test_what_was_never_uploaded_cannot_be_attached(ask: Ask) -> None:
    assert code(await ask("wall.post", owner_id=-GROUP, attachments=f"photo-{GROUP}_5")) == 100


async def test_a_persons_picture_needs_its_access_key(ask: Ask, http: aiohttp.ClientSession) -> None:
    url = (await ask("photos.getWallUploadServer", "admin"))["response"]["upload_url"]
    uploaded = await upload(http, url, "photo", "a.png", PNG)
    photo = (await ask("photos.saveWallPhoto", "admin", **uploaded))["response"][0]
    name = f"photo7_{photo['id']}"
    assert code(await ask("wall.post", owner_id=-GROUP, attachments=name)) == 100
    keyed = f"{name}_{photo['access_key']}"
    assert "response" in await ask("wall.post", owner_id=-GROUP, attachments=keyed)


async def test_what_is_no_picture_comes_back_empty(ask: Ask, http: aiohttp.ClientSession) -> None:
    url = (await ask("photos.getWallUploadServer", "admin", group_id=GROUP))["response"]["upload_url"]
    uploaded = await upload(http, url, "photo", "a.png", b"text")
    assert uploaded["photo"] == "[]"
    assert code(await ask("photos.saveWallPhoto", "admin", group_id=GROUP, **uploaded)) == 100


@pytest.mark.parametrize("name", ["song.mp3", "SETUP.EXE"])
async def test_some_files_are_refused(ask: Ask, http: aiohttp.ClientSession, name: str) -> None:
    url = (await ask("docs.getWallUploadServer", group_id=GROUP))["response"]["upload_url"]
    assert "error" in await upload(http, url, "file", name, b"bytes")


async def test_a_token_sent_to_the_upload_host_is_told_on(vk: VkStandIn, ask: Ask, http: aiohttp.ClientSession) -> None:
    url = (await ask("docs.getWallUploadServer", group_id=GROUP))["response"]["upload_url"]
    await upload(http, f"{url}?access_token=community", "file", "a.pdf", b"%PDF")
    assert vk.violations == ["upload.doc: the token was sent to the upload host"]


async def test_a_wrong_upload_field_is_told_on(vk: VkStandIn, ask: Ask, http: aiohttp.ClientSession) -> None:
    url = (await ask("docs.getWallUploadServer", group_id=GROUP))["response"]["upload_url"]
    assert "error" in await upload(http, url, "photo", "a.pdf", b"%PDF")
    assert vk.violations == ["upload.doc: no file in the field file"]


# Changing what is there


async def test_an_edit_replaces_the_whole_post(vk: VkStandIn, ask: Ask, http: aiohttp.ClientSession) -> None:
    doc = await saved_doc(ask, http)
    await ask("wall.post", owner_id=-GROUP, message="a", attachments=f"doc-{GROUP}_{doc['id']}")
    await ask("wall.edit", "admin", owner_id=-GROUP, post_id=1, message="b")
    (post,) = vk.posts(GROUP)
    assert (post.text, post.attachments) == ("b", ())
    assert post.edited is not None


async def test_a_deleted_post_is_left_out(vk: VkStandIn, ask: Ask) -> None:
    await ask("wall.post", owner_id=-GROUP, message="a")
    assert await ask("wall.delete", "admin", owner_id=-GROUP, post_id=1) == {"response": 1}
    answer = await ask("wall.getById", "service", posts=f"-{GROUP}_1")
    assert answer == {"response": {"items": []}}
    assert code(await ask("wall.delete", "admin", owner_id=-GROUP, post_id=1)) == 104


async def test_numbers_are_never_given_twice(vk: VkStandIn, ask: Ask) -> None:
    await ask("wall.post", owner_id=-GROUP, message="a")
    await ask("wall.delete", "admin", owner_id=-GROUP, post_id=1)
    assert await ask("wall.post", owner_id=-GROUP, message="a") == {"response": {"post_id": 2}}


async def test_a_key_knows_its_community_and_its_rights(vk: VkStandIn, ask: Ask) -> None:
    group = (await ask("groups.getById"))["response"]["groups"][0]
    assert (group["id"], group["name"]) == (GROUP, "Профсоюз")
    permissions = (await ask("groups.getTokenPermissions"))["response"]
    assert permissions["mask"] == 4 + 8192 + 131072 + 262144


async def test_time_is_the_given_one(ask: Ask, clock: Clock) -> None:
    assert (await ask("utils.getServerTime", "service"))["response"] == int(clock().timestamp())


# Faults


@pytest.mark.parametrize(
    ("fault", "acts"),
    [
        (Fault(Kind.DROPS_BEFORE), False),
        (Fault(Kind.DROPS_AFTER_REQUEST), True),
        (Fault(Kind.DROPS_AFTER_REQUEST, before=True), False),
    ],
)
async def test_cuts_the_line(vk: VkStandIn, ask: Ask, fault: Fault, acts: bool) -> None:
    vk.faults.add("wall.post", fault)
    with pytest.raises(aiohttp.ClientError):
        await ask("wall.post", owner_id=-GROUP, message="a")
    assert len(vk.posts(GROUP)) == acts


async def test_answers_like_a_broken_proxy_after_acting(vk: VkStandIn, ask: Ask) -> None:
    vk.faults.add("wall.post", Fault(Kind.BAD_GATEWAY))
    with pytest.raises(aiohttp.ContentTypeError):
        await ask("wall.post", owner_id=-GROUP, message="a")
    assert len(vk.posts(GROUP)) == 1


async def test_answers_by_half_after_acting(vk: VkStandIn, ask: Ask) -> None:
    vk.faults.add("wall.post", Fault(Kind.HALF_ANSWER))
    with pytest.raises(json.JSONDecodeError):
        await ask("wall.post", owner_id=-GROUP, message="a")
    assert len(vk.posts(GROUP)) == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(Kind.MAKES_WAIT), 6),
        (Fault(Kind.LOSES_RIGHTS), 5),
        (Fault(Kind.REFUSES), 214),
        (Fault(Kind.REFUSES, code=222), 222),
    ],
)
async def test_refuses_without_acting(vk: VkStandIn, ask: Ask, fault: Fault, expected: int) -> None:
    vk.faults.add("wall.post", fault)
    assert code(await ask("wall.post", owner_id=-GROUP, message="a")) == expected
    assert vk.posts(GROUP) == []


async def test_hangs_until_it_is_closed(vk: VkStandIn, http: aiohttp.ClientSession) -> None:
    vk.faults.add("wall.post", Fault(Kind.HANGS))
    form = {"access_token": "community", "v": "5.199", "owner_id": f"-{GROUP}", "message": "a"}
    with pytest.raises(TimeoutError):
        await http.post(f"{vk.url}/method/wall.post", data=form, timeout=aiohttp.ClientTimeout(total=0.1))
    assert len(vk.posts(GROUP)) == 1


async def test_a_fault_may_be_meant_for_one_wall(vk: VkStandIn, ask: Ask) -> None:
    vk.faults.add("wall.post", Fault(Kind.REFUSES, match="-102"))
    assert "response" in await ask("wall.post", owner_id=-GROUP, message="a")
    assert code(await ask("wall.post", owner_id=-102, message="a")) == 214


async def test_a_captcha_names_its_page(vk: VkStandIn, ask: Ask) -> None:
    vk.faults.add("wall.post", Fault(Kind.REFUSES, code=14))
    error = (await ask("wall.post", owner_id=-GROUP, message="a"))["error"]
    assert {"captcha_sid", "captcha_img", "redirect_uri"} < error.keys()


# Kept across restarts


async def test_everything_survives_a_restart(
    vk: VkStandIn, ask: Ask, http: aiohttp.ClientSession, clock: Clock
) -> None:
    doc = await saved_doc(ask, http)
    await ask("wall.post", owner_id=-GROUP, message="a", attachments=f"doc-{GROUP}_{doc['id']}", guid="k")
    dumped = json.loads(json.dumps(vk.dump()))
    async with VkStandIn(now=clock) as other:
        other.restore(dumped)
        assert other.dump() == vk.dump()
        form = {"access_token": "community", "v": "5.199", "owner_id": f"-{GROUP}", "message": "a", "guid": "k"}
        async with http.post(f"{other.url}/method/wall.post", data=form) as answer:
            assert await answer.json() == {"response": {"post_id": 1}}


async def test_says_when_something_changed(vk: VkStandIn, ask: Ask) -> None:
    changes: list[int] = []
    vk.changed = lambda: changes.append(1)
    await ask("wall.post", owner_id=-GROUP, message="a")
    await ask("wall.get", "service", owner_id=-GROUP)
    assert changes == [1]
