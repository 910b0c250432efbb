"""Pictures as a letter carries them: no wider than a screen needs, upright, and silent about where they were taken.

Everything here takes time (some 50 ms for each megapixel that is decoded): call it in a thread. Pillow lets go of the
interpreter while it works.
"""

import contextlib
import struct
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageCms, ImageOps

from channels.contract import Attachment

__all__ = ["WIDEST", "Made", "fitted", "likely_bytes", "logo"]

WIDEST = 1200
"""Pixels: twice the 600 of a letter, for sharp screens."""

_MOST_PIXELS = 40_000_000  # four bytes each while it is worked on; Telegram takes photographs of 25
_LARGEST = 700_000  # bytes of one prepared picture; a photograph of 1200 × 900 has some 250,000
_QUALITIES = (86, 78, 68, 55, 40)
_LOGO_HEIGHT, _LOGO_WIDTH = 96, 480  # pixels; a letter shows half of that
_WHITE = (255, 255, 255)
_OPAQUE = 255
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
_PHOTOGRAPHS = frozenset({"JPEG", "MPO"})  # the second is a JPEG with a smaller one, or a depth map, behind it
# What Pillow raises for files that are broken; thousands of them were tried.
_UNREADABLE = (ArithmeticError, EOFError, LookupError, OSError, SyntaxError, TypeError, ValueError, struct.error)
_SHOWN_EVERYWHERE = frozenset({"RGB", "L", "P", "RGBA", "LA", "1"})
# What travels in a picture beside the picture: EXIF, XMP, comments, notes of editors.
_SILENT = frozenset({
    "jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "gamma", "srgb", "adobe", "adobe_transform",
    "progressive", "progression", "transparency", "interlace", "background",
})  # fmt: skip

# The module's own guard warns, for all of the program; what is too large is told by its header here.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True, slots=True)
class Made:
    """A picture that was made here. Sizes are pixels."""

    content: bytes
    mime_type: str
    width: int
    height: int


def likely_bytes(picture: Attachment) -> int:
    """How many bytes a picture will have once it is prepared, as far as that can be told without them."""
    return picture.size if picture.mime_type == "image/gif" else min(picture.size, _LARGEST)


def fitted(content: bytes) -> Made | None:
    """Make a picture fit, or return None where there is nothing to do, and for what moves or can't be read.

    It becomes a JPEG, or a PNG where that is smaller or lets something shine through: Outlook for Windows knows no
    WebP.
    """
    with contextlib.suppress(*_UNREADABLE), Image.open(BytesIO(content), formats=_FORMATS) as picture:
        if not (_moves(picture) or _too_many_pixels(picture) or _travels_as_it_is(picture, len(content))):
            return _encoded(_upright(picture), lossless=picture.format not in _PHOTOGRAPHS)
    return None


def logo(content: bytes) -> Made | None:
    """Make a logo of a picture: at most 48 px high and 240 px wide on the screen, on white; None if it is none."""
    with contextlib.suppress(*_UNREADABLE), Image.open(BytesIO(content), formats=_FORMATS) as picture:
        if not _too_many_pixels(picture):
            return _plated(_upright(picture, widest=None))
    return None


def _moves(picture: Image.Image) -> bool:
    return picture.format not in _PHOTOGRAPHS and bool(getattr(picture, "is_animated", False))


def _too_many_pixels(picture: Image.Image) -> bool:
    return picture.width * picture.height > _MOST_PIXELS


def _travels_as_it_is(picture: Image.Image, size: int) -> bool:
    if picture.format not in {"JPEG", "PNG"} or picture.mode not in _SHOWN_EVERYWHERE:
        return False
    if picture.width > WIDEST or size > _LARGEST:
        return False
    if picture.format == "PNG":
        picture.load()  # what a PNG tells may stand behind the picture
    return set(picture.info) <= _SILENT


def _upright(picture: Image.Image, widest: int | None = WIDEST) -> Image.Image:
    """Turn as the camera was held, scale, and bring to the colours that every program assumes: sRGB."""
    if widest is not None and min(picture.size) > 2 * widest:
        part = 2 * widest / min(picture.size)  # a JPEG can be decoded at a half or a quarter at once
        picture.draft(None, (int(picture.width * part), int(picture.height * part)))
    profile = picture.info.get("icc_profile")
    upright = ImageOps.exif_transpose(picture)
    shines_through = upright.has_transparency_data
    if profile and upright.mode in {"RGB", "CMYK", "L"} and not shines_through:
        upright = _in_srgb(upright, profile)
    upright = upright.convert("RGBA" if shines_through else "L" if upright.mode in {"L", "1"} else "RGB")
    if widest is not None and upright.width > widest:
        height = max(1, round(upright.height * widest / upright.width))
        upright = upright.resize((widest, height), Image.Resampling.LANCZOS)
    return upright


def _in_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture
    return converted or picture


def _encoded(picture: Image.Image, *, lossless: bool) -> Made:
    """`lossless`: it was no photograph to begin with, so a PNG may do better."""
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema()[0] == _OPAQUE:
        picture = picture.convert("RGB")
    as_png = _saved(picture, "PNG", optimize=True) if lossless or picture.mode == "RGBA" else None
    if picture.mode == "RGBA":
        if as_png is not None and len(as_png) <= _LARGEST:
            return _made(picture, as_png, "image/png")
        picture = _on_white(picture)
    as_jpeg = b""
    for quality in _QUALITIES:
        as_jpeg = _saved(picture, "JPEG", quality=quality, optimize=True, progressive=True)
        if len(as_jpeg) <= _LARGEST:
            break
    if as_png is not None and len(as_png) <= len(as_jpeg):
        return _made(picture, as_png, "image/png")
    return _made(picture, as_jpeg, "image/jpeg")


def _made(picture: Image.Image, content: bytes, mime_type: str) -> Made:
    return Made(content, mime_type, picture.width, picture.height)


def _saved(picture: Image.Image, form: str, **options: object) -> bytes:
    bare = picture.copy()
    bare.info.clear()  # a comment or a profile would be written along
    out = BytesIO()
    bare.save(out, form, **options)
    return out.getvalue()


def _on_white(picture: Image.Image) -> Image.Image:
    white = Image.new("RGB", picture.size, _WHITE)
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def _plated(picture: Image.Image) -> Made:
    see_through = picture.mode == "RGBA" and picture.getchannel("A").getextrema()[0] != _OPAQUE
    flat = _on_white(picture) if picture.mode == "RGBA" else picture.convert("RGB")
    margin = 8 if see_through else 0
    part = min((_LOGO_HEIGHT - 2 * margin) / flat.height, (_LOGO_WIDTH - 2 * margin) / flat.width, 1)
    size = max(1, round(flat.width * part)), max(1, round(flat.height * part))
    flat = flat.resize(size, Image.Resampling.LANCZOS) if part < 1 else flat
    if margin:
        flat = ImageOps.expand(flat, border=margin, fill=_WHITE)
    return _made(flat, _saved(flat, "PNG", optimize=True), "image/png")
