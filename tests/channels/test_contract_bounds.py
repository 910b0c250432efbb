"""What no kind may do: reach out while rendering, raise what is no word of ours, tell secrets, wait or run for ever."""

import asyncio
import builtins
import inspect
import io
import logging
import os
import socket
import time
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from channels import contract
from channels.contract import ChannelError, Deferred, Post, Receipt, Shipment, Unconfirmed
from tests.channels.harnesses import HARNESSES, Harness
from tests.channels.test_contract import POSTS

PATIENT = 20  # seconds, ten times as long as the harnesses' channels wait


@pytest.fixture(params=HARNESSES)
async def one(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    async with HARNESSES[request.param]() as harness:
        yield harness


def a_shipment(one: Harness, key: str = "a" * 32) -> Shipment:
    return Shipment(one.channel.render(Post("Заседание президиума перенесено")).parts[0], one.recipient, key)


@pytest.mark.parametrize("post", POSTS.values(), ids=POSTS)
async def test_rendering_reaches_nothing_outside(one: Harness, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("render is pure")

    one.channel.render(Post("Текст", title="Тема"))  # reads, once in its life, what the program itself brings along
    outside = [(builtins, "open"), (io, "open"), (os, "open"), (socket, "socket"), (time, "sleep")]
    with monkeypatch.context() as patch:
        for place, name in outside:
            patch.setattr(place, name, refused)
        one.channel.render(post)


async def test_whatever_is_sent_the_answer_is_a_receipt_or_one_of_our_errors(one: Harness) -> None:
    """None of the files is kept any more, as after a restored backup."""
    answers: list[Receipt | ChannelError] = []
    for number, post in enumerate(POSTS.values()):
        for place, part in enumerate(one.channel.render(post).parts):
            try:
                answers.append(await one.channel.send(Shipment(part, one.recipient, f"{number:016x}{place:016x}")))
            except ChannelError as error:
                answers.append(error)
    assert any(isinstance(answer, Receipt) for answer in answers)
    assert [answer for answer in answers if isinstance(answer, ChannelError) and not answer.detail] == []


@pytest.mark.parametrize("fault", ["bad_gateway", "half_answer"])
async def test_an_answer_of_no_use_is_unconfirmed(one: Harness, fault: str) -> None:
    if fault not in one.faults:
        pytest.skip(f"this kind cannot have {fault}")
    one.faults[fault]()
    with pytest.raises(Unconfirmed):
        await one.channel.send(a_shipment(one))
    assert one.public() == 1


# Waiting for one who says nothing


def falls_silent(one: Harness) -> None:
    if one.fall_silent is None:
        pytest.skip("this kind has no other side")
    one.fall_silent()


async def test_a_check_of_one_who_says_nothing_ends_by_itself(one: Harness) -> None:
    falls_silent(one)
    async with asyncio.timeout(PATIENT):
        assert any(finding.fatal for finding in await one.channel.check())


async def test_a_look_at_one_who_says_nothing_ends_by_itself(one: Harness) -> None:
    if not one.channel.can_look:
        pytest.skip("this kind can't look")
    falls_silent(one)
    async with asyncio.timeout(PATIENT):
        with pytest.raises(Deferred):
            await one.channel.look(a_shipment(one), since=datetime.now(UTC), last=None)


# Leaving


def running_in_channels() -> list[str]:
    """The tasks that run code of a channel; those of the stand-ins go on."""
    begun = [task.get_coro() for task in asyncio.all_tasks()]
    ours = str(Path(contract.__file__).parent)
    return [repr(each) for each in begun if inspect.iscoroutine(each) and each.cr_code.co_filename.startswith(ours)]


@pytest.mark.parametrize("cut_short", [False, True])
async def test_nothing_runs_on_after_closing(one: Harness, cut_short: bool) -> None:
    if cut_short:
        falls_silent(one)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await one.channel.send(a_shipment(one))
    else:
        await one.channel.send(a_shipment(one))
    async with asyncio.timeout(PATIENT):
        await one.channel.close()
    assert running_in_channels() == []


async def test_secrets_are_not_told_where_nobody_answers(one: Harness, caplog: pytest.LogCaptureFixture) -> None:
    if one.switch_off is None:
        pytest.skip("this kind has no other side")
    caplog.set_level(logging.DEBUG)
    shipment = a_shipment(one)
    await one.switch_off()
    told = [repr(finding) for finding in await one.channel.check()]
    with pytest.raises(ChannelError) as caught:
        await one.channel.send(shipment)
    told += [repr(caught.value), *traceback.format_exception(caught.value)]
    if one.channel.can_look:
        with pytest.raises(Deferred) as unseen:
            await one.channel.look(shipment, since=datetime.now(UTC), last=None)
        told += [repr(unseen.value), *traceback.format_exception(unseen.value)]
    assert [line for line in [*told, caplog.text] for secret in one.secrets if secret in line] == []
