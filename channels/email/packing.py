"""What a letter carries with it: its pictures made fit for mail, its files as they are, and the federation's logo."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import PurePath

from channels.contract import Attachment, Part
from channels.email.pictures import fitted
from channels.email.rendering import inline_pictures, logo_picture
from channels.email.settings import Settings

__all__ = ["packed"]


def packed(part: Part, files: Mapping[str, bytes], settings: Settings) -> tuple[Part, dict[str, bytes]]:
    """Return a part whose attachments travel, and the bytes of them all by digest.

    A picture that has to change gets another digest; its beginning stays, since the HTML calls the picture by it.
    Takes some 50 ms for each megapixel of a picture: call it in a thread. Raises KeyError for a missing file.
    """
    travelling = dict(files)
    pictures = inline_pictures(part.attachments, settings.sender_domain).values()
    changed = {picture: _fitting(picture, travelling) for picture in dict.fromkeys(pictures)}
    attachments = tuple(changed.get(each, each) for each in part.attachments)
    if (logo := settings.brand_logo) is not None:
        attachments = (*attachments, logo_picture(logo))
        travelling[logo.digest] = logo.content
    return replace(part, attachments=attachments), travelling


def _fitting(picture: Attachment, files: dict[str, bytes]) -> Attachment:
    """Return the picture as it travels, its bytes put among the files. What can't be read stays as it is."""
    digest = picture.digest or ""
    made = fitted(files[digest])
    if made is None:
        return picture
    fitting = digest[:16] + sha256(made.content).hexdigest()[16:]
    files[fitting] = made.content
    return replace(
        picture,
        name=_renamed(picture.name, made.mime_type) if made.mime_type != picture.mime_type else picture.name,
        mime_type=made.mime_type,
        size=len(made.content),
        digest=fitting,
        width=made.width,
        height=made.height,
    )


def _renamed(name: str, mime_type: str) -> str:
    """Let the ending of a name say what the file has become."""
    return f"{PurePath(name).stem}{'.png' if mime_type == 'image/png' else '.jpg'}"
