"""The files that the stand-in keeps, by file_id.

A file_id is stable and names one file as one type: a photo can't be sent as a document by its id.
Source: Bot API, "Sending files".
"""

import base64
import hashlib
import struct
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sandbox.telegram.answers import ApiError, bad_request

__all__ = ["DOWNLOAD_LIMIT", "KINDS", "PHOTO_LIMIT", "UPLOAD_LIMIT", "FileStore", "StoredFile", "picture_size"]

DOWNLOAD_LIMIT = 20 * 1024 * 1024  # bytes
PHOTO_LIMIT = 10 * 1024 * 1024
UPLOAD_LIMIT = 50 * 1024 * 1024

# The first letters of a real file_id tell its type as well.
KINDS = {
    "photo": "AgACAgIAAx", "video": "BAACAgIAAx", "animation": "CgACAgIAAx", "audio": "CQACAgIAAx",
    "document": "BQACAgIAAx", "voice": "AwACAgIAAx", "sticker": "CAACAgIAAx", "video_note": "DQACAgIAAx",
}  # fmt: skip
_FOLDERS = {"photo": "photos", "video": "videos", "audio": "music", "voice": "voice", "sticker": "stickers"}
_THUMBNAIL = 90  # pixels, longer side
_FULL, _SMALL = "eQAD", "cwAD"  # how the ids of the two sizes of a photo end


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file as one type. `file_path` is where it can be fetched below /file/bot<token>/."""

    file_id: str
    file_unique_id: str
    kind: str
    name: str
    mime_type: str
    file_path: str
    data: bytes = field(repr=False)
    width: int = 0
    height: int = 0
    duration: int = 0


class FileStore:
    """Everything that was ever uploaded, by the bot or by a person."""

    def __init__(self) -> None:
        self._files: dict[str, StoredFile] = {}

    def add(
        self, kind: str, name: str, mime_type: str, data: bytes, *, width: int = 0, height: int = 0, duration: int = 0
    ) -> StoredFile:
        """Keep a file; the same bytes under the same name and type get the same id."""
        if kind == "photo":
            width, height = (width, height) if width and height else picture_size(data) or (1280, 960)
        digest = hashlib.sha256(f"{kind}\0{name}\0".encode() + data).digest()
        file_id = KINDS[kind] + base64.urlsafe_b64encode(digest).decode().rstrip("=") + _FULL
        folder = _FOLDERS.get(kind, "documents")
        suffix = name.rpartition(".")[2] if "." in name else "bin"
        stored = StoredFile(
            file_id=file_id,
            file_unique_id=base64.urlsafe_b64encode(digest[:10]).decode().rstrip("="),
            kind=kind,
            name=name,
            mime_type=mime_type or "application/octet-stream",
            file_path=f"{folder}/file_{digest[:6].hex()}.{suffix}",
            data=data,
            width=width,
            height=height,
            duration=duration,
        )
        self._files[file_id] = stored
        return stored

    def get(self, file_id: str) -> StoredFile:
        """Return the file of that id. Raises ApiError in Telegram's words when there is none."""
        if file_id in self._files:
            return self._files[file_id]
        if file_id.endswith(_SMALL) and (full := self._files.get(file_id.removesuffix(_SMALL) + _FULL)):
            return _small(full)
        if not file_id.startswith(tuple(KINDS.values())):
            raise bad_request("wrong file identifier/HTTP URL specified")
        raise bad_request("wrong remote file identifier specified: can't unserialize it")

    def as_kind(self, file_id: str, kind: str) -> StoredFile:
        """Return the file for sending as `kind`. Raises ApiError when its id is of another type."""
        stored = self.get(file_id)
        if stored.kind != kind:
            raise bad_request(f"can't use file of type {_title(stored.kind)} as {_title(kind)}")
        return stored

    def at_path(self, path: str) -> StoredFile | None:
        """Return the file that lies at a download path."""
        return next((stored for stored in self._files.values() if stored.file_path == path), None)

    def forget(self, file_id: str) -> None:
        """Let an id become worthless, as those of a replaced bot do."""
        self._files.pop(file_id, None)

    def dump(self) -> list[dict[str, Any]]:
        """Return everything as JSON-able data; bytes in base64."""
        return [{**asdict(item), "data": base64.b64encode(item.data).decode()} for item in self._files.values()]

    def restore(self, dumped: list[dict[str, Any]]) -> None:
        """Take back what `dump` gave."""
        self._files = {
            item["file_id"]: StoredFile(**{**item, "data": base64.b64decode(item["data"])}) for item in dumped
        }


def message_field(stored: StoredFile) -> Any:
    """Return what a message carries under the name of the file's kind, such as `photo` or `document`."""
    if stored.kind == "photo":
        return _sizes(stored)
    common = {"file_id": stored.file_id, "file_unique_id": stored.file_unique_id, "file_size": len(stored.data)}
    named = {"file_name": stored.name, "mime_type": stored.mime_type}
    shape = {"width": stored.width or 320, "height": stored.height or 180}
    length = {"duration": stored.duration or 1}
    extra: dict[str, dict[str, Any]] = {
        "document": named,
        "audio": named | length,
        "voice": {"mime_type": stored.mime_type} | length,
        "video": named | shape | length,
        "animation": named | shape | length,
        "sticker": {
            "type": "regular",
            "width": 512,
            "height": 512,
            "is_animated": False,
            "is_video": False,
            "emoji": "👍",
        },
    }
    return common | extra[stored.kind]


def _sizes(stored: StoredFile) -> list[dict[str, Any]]:
    small = _small(stored)
    return [_size(small), _size(stored)] if small.width < stored.width else [_size(stored)]


def _size(stored: StoredFile) -> dict[str, Any]:
    return {
        "file_id": stored.file_id,
        "file_unique_id": stored.file_unique_id,
        "file_size": len(stored.data),
        "width": stored.width,
        "height": stored.height,
    }


def _small(full: StoredFile) -> StoredFile:
    """Return the photo's thumbnail. The stand-in can't scale pictures, so the bytes stay the same."""
    scale = min(1.0, _THUMBNAIL / max(full.width, full.height))
    return replace(
        full,
        file_id=full.file_id.removesuffix(_FULL).removesuffix(_SMALL) + _SMALL,
        file_unique_id=f"s{full.file_unique_id[1:]}",
        width=max(1, round(full.width * scale)),
        height=max(1, round(full.height * scale)),
    )


def check_upload(kind: str, data: bytes) -> tuple[int, int]:
    """Hold an uploaded file against Telegram's limits and return its width and height in pixels (0 when it has none).

    Raises ApiError: 413 over 50 MB; 400 for a photo over 10 MB, of impossible shape, or that is no picture.
    """
    if len(data) > UPLOAD_LIMIT:
        raise ApiError(413, "Request Entity Too Large")
    if not data:
        raise bad_request("file must be non-empty")
    if kind != "photo":
        return 0, 0
    if len(data) > PHOTO_LIMIT:
        raise bad_request(
            f"file of size {len(data)} bytes is too big for a photo; the maximum size is {PHOTO_LIMIT} bytes"
        )
    size = picture_size(data)
    if size is None:
        raise bad_request("IMAGE_PROCESS_FAILED")
    width, height = size
    if width + height > 10_000 or max(size) > 20 * min(size):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return width, height


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Read width and height from the head of a PNG, GIF, WebP, BMP or JPEG file; None when it is none of them."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        return struct.unpack(">II", data[16:24])
    if data[:6] in {b"GIF87a", b"GIF89a"} and len(data) >= 10:
        return struct.unpack("<HH", data[6:10])
    if data[:2] == b"BM" and len(data) >= 26:
        width, height = struct.unpack("<ii", data[18:26])
        return width, abs(height)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp_size(data)
    return _jpeg_size(data) if data[:2] == b"\xff\xd8" else None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    if data[12:16] == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if data[12:16] == b"VP8 " and len(data) >= 30:
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if data[12:16] == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        if marker == 0xFF:  # a fill byte
            at += 1
        else:
            at += 2 if 0xD0 <= marker <= 0xD8 else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _title(kind: str) -> str:
    return {"video_note": "VideoNote", "voice": "VoiceNote"}.get(kind, kind.title())
