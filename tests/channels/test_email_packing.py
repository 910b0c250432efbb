"""What a letter carries: pictures made fit, files as they are, and the HTML still calls each by its name."""

from hashlib import sha256
from io import BytesIO

from PIL import Image

from channels.contract import Attachment, AttachmentKind, Post
from channels.email.letter import stationery
from channels.email.packing import packed
from channels.email.rendering import inline_pictures, render
from sandbox.mail import MailStandIn
from tests.support.letters import Files, a_channel, some_settings, some_surroundings, to

SETTINGS = some_settings()


def a_photo(width: int, form: str = "JPEG") -> bytes:
    out = BytesIO()
    Image.effect_noise((width, 300), 60).convert("RGB").save(out, form)
    return out.getvalue()


def attached(content: bytes, name: str, mime: str, kind: AttachmentKind = AttachmentKind.PHOTO) -> Attachment:
    return Attachment(kind, name, mime, len(content), sha256(content).hexdigest())


def test_a_picture_that_had_to_change_keeps_the_name_that_the_html_calls_it_by() -> None:
    content = a_photo(1600, "WEBP")
    photo = attached(content, "Митинг.webp", "image/webp")
    [part] = render(Post("x", attachments=(photo,)), SETTINGS).parts
    carried, files = packed(part, {photo.digest or "": content}, SETTINGS)
    [(cid, picture)] = inline_pictures(carried.attachments, SETTINGS.sender_domain).items()
    assert f'src="cid:{cid}"' in part.html
    assert (picture.name, picture.mime_type, picture.width) == ("Митинг.jpg", "image/jpeg", 1200)
    assert len(files[picture.digest or ""]) == picture.size


def test_the_same_picture_sent_as_a_file_stays_as_it_was() -> None:
    content = a_photo(1600)
    photo = attached(content, "a.jpg", "image/jpeg")
    paper = attached(content, "исходник.jpg", "image/jpeg", AttachmentKind.DOCUMENT)
    [part] = render(Post("x", attachments=(photo, paper)), SETTINGS).parts
    carried, files = packed(part, {photo.digest or "": content}, SETTINGS)
    shown, kept = carried.attachments
    assert files[kept.digest or ""] == content
    assert len(files[shown.digest or ""]) < len(content)


def test_a_picture_that_needs_nothing_or_cannot_be_read_travels_as_it_is() -> None:
    for content in (a_photo(800), b"\xff\xd8\xff\xe0"):
        photo = attached(content, "a.jpg", "image/jpeg")
        [part] = render(Post("x", attachments=(photo,)), SETTINGS).parts
        carried, files = packed(part, {photo.digest or "": content}, SETTINGS)
        assert carried == part
        stationery(carried, files, SETTINGS)


async def test_a_letter_leaves_with_the_picture_made_fit() -> None:
    files = Files()
    content = a_photo(2400)
    photo = files.attach("a.jpg", content, "image/jpeg", AttachmentKind.PHOTO)
    async with MailStandIn() as mail, a_channel(mail, surroundings=some_surroundings(files)) as channel:
        [part] = channel.render(Post("x", attachments=(photo,))).parts
        await channel.send(to("a@example.org", part))
        [letter] = mail.letters("a@example.org")
    picture = Image.open(BytesIO(letter.file("a.jpg")))
    assert picture.width == 1200
    assert "data:image/jpeg" in letter.html
