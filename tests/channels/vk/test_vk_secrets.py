"""No token is ever told, whatever goes wrong."""

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from sandbox.faults import Fault, Kind
from sandbox.vk import VkStandIn
from tests.channels.vk.wall import COMMUNITY_TOKEN, SERVICE_TOKEN, USER_TOKEN, Opener, Shelf, failure, shipment


def tokens_in(text: str) -> list[str]:
    return [token for token in (COMMUNITY_TOKEN, USER_TOKEN, SERVICE_TOKEN) if token in text]


def told(error: BaseException) -> Iterator[str]:
    """Everything that a diligent crash report would hold: the chain, its attributes, and our frames' locals."""
    current: BaseException | None = error
    while current is not None:
        yield f"{current!r} {current} {vars(current)} {current.args}"
        trace = traceback.TracebackException.from_exception(current, capture_locals=True)
        for frame in trace.stack:
            if "channels" in Path(frame.filename).parts and "tests" not in Path(frame.filename).parts:
                yield f"{frame.name} {frame.locals}"
        current = current.__cause__ or current.__context__


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        *(("wall.post", Fault(kind)) for kind in Kind if kind is not Kind.DELAYS),
        ("wall.post", Fault(Kind.REFUSES, code=14)),
        ("wall.post", Fault(Kind.REFUSES, code=100, text=f"wrong access_token {COMMUNITY_TOKEN} given")),
        ("upload.photo", Fault(Kind.BAD_GATEWAY)),
        ("photos.saveWallPhoto", Fault(Kind.REFUSES, code=5, text=f"bad {USER_TOKEN}")),
        ("photos.saveWallPhoto", Fault(Kind.DROPS_AFTER_REQUEST)),
    ],
)
async def test_no_token_is_ever_told(
    vk: VkStandIn, opened: Opener, shelf: Shelf, caplog: pytest.LogCaptureFixture, call: str, fault: Fault
) -> None:
    caplog.set_level(logging.DEBUG)
    channel = await opened(vk.url, user_token=SecretStr(USER_TOKEN), service_token=SecretStr(SERVICE_TOKEN))
    vk.faults.add(call, fault)
    error = await failure(channel, shipment("а", shelf.picture()))
    assert [tokens_in(words) for words in told(error) if tokens_in(words)] == []
    assert [record for record in caplog.records if record.name.startswith("urllib3")] != []
    assert [
        tokens_in(f"{record.getMessage()} {record.args}") for record in caplog.records if tokens_in(str(vars(record)))
    ] == []
    assert tokens_in(f"{channel!r} {channel} {vars(channel)}") == []
