"""Files on their way to a wall post. Every step may be repeated: what is uploaded twice is an object nobody sees."""

from pathlib import PurePath
from typing import Any

from channels.contract import Attachment, Reason, Rejected
from channels.vk.client import DETAIL_LENGTH, Client, NoAnswer

TITLE_LENGTH = 128
"""Longest title of a document. Source: VK's JSON schema, docs.edit."""


async def photo(client: Client, group_id: int, attachment: Attachment, content: bytes) -> str:
    """Upload a picture with a person's token and return its name for a post. Raises Failure and Rejected."""
    server = await client.call("photos.getWallUploadServer", group_id=group_id)
    answer = await client.upload(_url(server), "photo", _file_name(attachment), content, attachment.mime_type)
    if answer.get("photo", "[]") in ("", "[]"):
        raise _refused(attachment, answer)
    saved = await client.call(
        "photos.saveWallPhoto",
        group_id=group_id,
        photo=answer["photo"],
        server=_text(answer, "server"),
        hash=_text(answer, "hash"),
    )
    return _name("photo", saved[0] if isinstance(saved, list) and saved else saved, group_id)


async def document(client: Client, group_id: int, attachment: Attachment, content: bytes) -> str:
    """Upload a file under its real name and return its name for a post. Raises Failure and Rejected."""
    server = await client.call("docs.getWallUploadServer", group_id=group_id)
    answer = await client.upload(_url(server), "file", _file_name(attachment), content, attachment.mime_type)
    if not answer.get("file"):
        raise _refused(attachment, answer)
    saved = await client.call("docs.save", file=answer["file"], title=title(attachment.name))
    return _name("doc", saved.get("doc") if isinstance(saved, dict) else saved, group_id)


async def video(client: Client, group_id: int, attachment: Attachment, content: bytes) -> str:
    """Upload a video with a person's token and return its name for a post. Raises Failure and Rejected."""
    place = await client.call("video.save", group_id=group_id, name=PurePath(attachment.name).stem)
    answer = await client.upload(_url(place), "video_file", _file_name(attachment), content, attachment.mime_type)
    if "error" in answer:
        raise _refused(attachment, answer)
    return _name("video", {**place, "id": place.get("video_id")}, group_id)


def title(name: str) -> str:
    """Shorten a file's name to what VK takes as a title, keeping its extension."""
    suffix = PurePath(name).suffix[:16]
    return name if len(name) <= TITLE_LENGTH else name[: TITLE_LENGTH - len(suffix)] + suffix


def _file_name(attachment: Attachment) -> str:
    # Readers see the title. The name in the upload only has to tell the type, and to survive every upload server.
    return "file" + "".join(sign for sign in PurePath(attachment.name).suffix[:16] if sign.isascii())


def _url(answer: Any) -> str:
    if not isinstance(answer, dict) or not isinstance(answer.get("upload_url"), str):
        raise NoAnswer("upload: VK named no address to upload to")
    return str(answer["upload_url"])


def _text(answer: dict[str, Any], key: str) -> str:
    return str(answer.get(key, ""))


def _name(kind: str, saved: Any, group_id: int) -> str:
    if (
        not isinstance(saved, dict)
        or not isinstance(saved.get("id"), int)
        or not isinstance(saved.get("owner_id"), int)
    ):
        raise NoAnswer(f"upload: VK saved a {kind} and named no id")
    name = f"{kind}{saved['owner_id']}_{saved['id']}"
    access_key = saved.get("access_key")
    return f"{name}_{access_key}" if access_key and saved["owner_id"] != -group_id else name


def _refused(attachment: Attachment, answer: dict[str, Any]) -> Rejected:
    words = str(answer.get("error_descr") or answer.get("error") or "no reason given")
    detail = f"upload: VK does not take {attachment.name}: {words}"
    return Rejected(detail[:DETAIL_LENGTH], Reason.FILE_REFUSED)
