"""Reads a call as the Bot API takes it: query string, form, JSON, or multipart with files."""

import json
from typing import Any

from aiohttp import BodyPartReader, web

from sandbox.spec import Upload
from sandbox.telegram.answers import ApiError, bad_request
from sandbox.telegram.files import UPLOAD_LIMIT

__all__ = ["read_call"]

_ROOM_FOR_FIELDS = 1024 * 1024  # bytes of a request beside its file


async def read_call(request: web.Request) -> tuple[dict[str, Any], dict[str, Upload]]:
    """Return the parameters and the files of a call. Raises ApiError 413 when the request is over 50 MB."""
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "multipart/form-data":
        fields, uploads = await _multipart(request)
        return given | fields, uploads
    if request.content_type == "application/json":
        try:
            return given | json.loads(await request.text()), {}
        except ValueError as error:
            raise bad_request("can't parse request JSON object") from error
    return given | {name: str(value) for name, value in (await request.post()).items()}, {}


async def _multipart(request: web.Request) -> tuple[dict[str, Any], dict[str, Upload]]:
    given: dict[str, Any] = {}
    uploads: dict[str, Upload] = {}
    room = UPLOAD_LIMIT + _ROOM_FOR_FIELDS
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise bad_request("can't parse multipart request")
        data = await _read(part, room)
        room -= len(data)
        if part.filename is None:
            given[part.name] = data.decode()
        else:
            mime_type = part.headers.get("Content-Type", "application/octet-stream")
            uploads[part.name] = Upload(part.filename, mime_type, bytes(data))
    if room < 0:
        raise ApiError(413, "Request Entity Too Large")
    return given, uploads


async def _read(part: BodyPartReader, room: int) -> bytearray:
    """Read a part to its end, keeping only one byte more than there is room for.

    The rest must be read, too: a server that answers and hangs up in the middle of an upload is not understood.
    """
    data = bytearray()
    while chunk := await part.read_chunk(1 << 16):
        if len(data) <= room:
            data += chunk
    return data
