"""Files of a command line become attachments of the right kind."""

import struct
from pathlib import Path

import pytest

from bot.commands.composing import compose, read_text
from bot.commands.frame import Failure
from bot.commands.pictures import Picture, look
from channels.contract import Attachment, AttachmentKind
from tests.support.pictures import png

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(9) + b"\xff\xff\xc2\x00\x11\x08" + struct.pack(">HH", 600, 800)
WEBP = b"RIFF\x00\x00\x00\x00WEBP"


def vp8x(width: int, height: int) -> bytes:
    return WEBP + b"VP8X" + bytes(8) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def vp8l(width: int, height: int) -> bytes:
    return WEBP + b"VP8L" + bytes(4) + b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(9)


def vp8(width: int, height: int) -> bytes:
    return WEBP + b"VP8 " + bytes(7) + b"\x9d\x01\x2a" + struct.pack("<HH", width, height)


@pytest.mark.parametrize(
    ("content", "picture"),
    [
        (png(640, 480), Picture("image/png", 640, 480)),
        (JPEG + bytes(10), Picture("image/jpeg", 800, 600)),
        (vp8x(1000, 20), Picture("image/webp", 1000, 20)),
        (vp8l(16_384, 1), Picture("image/webp", 16_384, 1)),
        (vp8(320, 200), Picture("image/webp", 320, 200)),
        (b"\x89PNG\r\n\x1a\n", Picture("image/png")),
        (b"\xff\xd8\xff\xe0\xff\xff", Picture("image/jpeg")),
        (b"\xff\xd8\xff", Picture("image/jpeg")),
        (WEBP, Picture("image/webp")),
        (b"GIF89a" + bytes(20), None),
        (b"", None),
        (b"%PDF-1.7", None),
    ],
)
def test_a_picture_tells_its_type_and_size(content: bytes, picture: Picture | None) -> None:
    assert look(content) == picture


async def attached(folder: Path, name: str, content: bytes) -> Attachment:
    path = folder / name
    path.write_bytes(content)
    composed = await compose(("", ()), "", [path])
    assert composed.files == [content]
    return composed.post.attachments[0]


@pytest.mark.parametrize(
    ("name", "content", "kind", "mime_type"),
    [
        ("a.jpg", JPEG + bytes(10), AttachmentKind.PHOTO, "image/jpeg"),
        ("a.txt", png(), AttachmentKind.PHOTO, "image/png"),
        ("a.jpg", b"no picture at all", AttachmentKind.DOCUMENT, "image/jpeg"),
        ("wide.png", png(4000, 10), AttachmentKind.DOCUMENT, "image/png"),
        ("huge.png", png() + bytes(10 * 1024 * 1024), AttachmentKind.DOCUMENT, "image/png"),
        ("A.MP4", b"....ftyp", AttachmentKind.VIDEO, "video/mp4"),
        ("a.mp3", b"ID3", AttachmentKind.AUDIO, "audio/mpeg"),
        ("a.docx", b"PK", AttachmentKind.DOCUMENT, None),
        ("a.неведомое", b"?", AttachmentKind.DOCUMENT, "application/octet-stream"),
    ],
)
async def test_the_kind_follows_from_content_and_name(
    tmp_path: Path, name: str, content: bytes, kind: AttachmentKind, mime_type: str | None
) -> None:
    found = await attached(tmp_path, name, content)
    assert found.kind is kind
    assert mime_type is None or found.mime_type == mime_type
    assert found.size == len(content)


async def test_a_name_is_one_line_in_composed_letters(tmp_path: Path) -> None:
    found = await attached(tmp_path, "Пи\u0438\u0306\r\nX.pdf", b"%PDF")
    assert found.name == "Пий X.pdf"


async def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"«a.pdf» пустой"):
        await attached(tmp_path, "a.pdf", b"")


async def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="не читается"):
        await compose(("x", ()), "", [tmp_path])


def test_a_text_that_is_a_whole_archive_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "book.txt"
    file.write_bytes(b"x" * (5 * 1024 * 1024))
    with pytest.raises(Failure, match="слишком велик"):
        read_text(None, str(file), "plain")
