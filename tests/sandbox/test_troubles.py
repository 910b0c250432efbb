"""Each trouble of the page does what its label says, and is over when it is switched off."""

import aiohttp
import pytest

from sandbox import federation
from sandbox.town import Town
from sandbox.troubles import TROUBLES
from tests.sandbox.visiting import MAILBOX, Act, call_telegram, post_on_wall, send_mail, watching


async def test_a_silent_mail_server_takes_letters_again_once_repaired(act: Act, town: Town) -> None:
    await act("trouble", name="mail_silent", on=True)
    assert await send_mail(town, MAILBOX) == "no line"
    await act("repair")
    assert await send_mail(town, MAILBOX) == "taken"


@pytest.mark.parametrize(("name", "code"), [("mailbox_unknown", "550"), ("mailbox_full", "452")])
async def test_one_mailbox_refuses_and_the_others_do_not(act: Act, town: Town, name: str, code: str) -> None:
    await act("trouble", name=name, on=True, address=MAILBOX)
    other = federation.ORGANISATIONS[0].address
    assert [await send_mail(town, address) for address in (MAILBOX, other)] == [code, "taken"]
    await act("trouble", name=name, on=True, address=other)
    assert [await send_mail(town, address) for address in (MAILBOX, other)] == ["taken", code]
    await act("trouble", name=name, on=False)
    assert await send_mail(town, other) == "taken"


async def test_vk_posts_and_then_cuts_the_line(act: Act, town: Town) -> None:
    await act("trouble", name="vk_cuts", on=True)
    assert await post_on_wall(town) == {"dropped": True}
    assert len(town.vk.posts(federation.GROUP_ID)) == 1


async def test_a_revoked_vk_key_works_again_once_repaired(act: Act, town: Town) -> None:
    await act("trouble", name="vk_key_revoked", on=True)
    assert (await post_on_wall(town))["error"]["error_code"] == 5
    await act("trouble", name="vk_key_revoked", on=False)
    assert (await post_on_wall(town))["response"]["post_id"] == 1


async def test_telegram_posts_and_never_answers(act: Act, town: Town) -> None:
    await act("trouble", name="telegram_silent", on=True)
    assert await call_telegram(town) == {"ok": None}
    assert len(town.telegram.channel_posts(federation.CHANNEL_ID)) == 1
    assert (await call_telegram(town, "getChat"))["ok"]  # only posting is in doubt


async def test_telegram_asks_to_wait_once_and_the_switch_turns_itself_off(
    http: aiohttp.ClientSession, act: Act, town: Town
) -> None:
    await act("trouble", name="telegram_wait", on=True)
    async with watching(http) as watcher:
        await watcher.until(lambda topics: "troubles" in topics)
        assert (await call_telegram(town))["parameters"] == {"retry_after": 20}
        await watcher.until(lambda topics: not any(one["on"] for one in topics["troubles"]["switches"]))
    assert (await call_telegram(town))["ok"]


async def test_a_bot_without_rights_gets_them_back_once_repaired(act: Act, town: Town) -> None:
    await act("trouble", name="telegram_rights", on=True)
    assert (await call_telegram(town))["error_code"] == 403
    await act("repair")
    assert (await call_telegram(town))["ok"]


async def test_two_troubles_do_not_undo_each_other(act: Act, town: Town) -> None:
    await act("trouble", name="telegram_silent", on=True)
    await act("trouble", name="telegram_wait", on=True)
    await act("trouble", name="telegram_wait", on=False)
    assert await call_telegram(town) == {"ok": None}


def test_every_trouble_is_named_and_explained() -> None:
    for trouble in TROUBLES.values():
        assert trouble.label
        assert trouble.hint.endswith(".")
