"""Pictures travel no wider than a screen needs, upright, and without a word about where they were taken."""

import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from channels.contract import Attachment, AttachmentKind
from channels.email.pictures import WIDEST, fitted, likely_bytes, logo

RED, BLUE = (220, 30, 30), (30, 30, 220)
ORIENTATION, ARTIST, GPS = 0x0112, 0x013B, 0x8825  # Source: EXIF 2.32, 4.6


def saved(picture: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    out = BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def halves(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(BLUE, (width // 2, 0, width, height))
    return picture.convert(mode)


def noise(width: int, height: int) -> Image.Image:
    return Image.effect_noise((width, height), 120).convert("RGB")


def opened(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


def exif(orientation: int) -> Image.Exif:
    written = Image.Exif()
    written[ORIENTATION] = orientation
    written[ARTIST] = "Anna"
    written.get_ifd(GPS)[1] = "N"
    return written


@pytest.mark.parametrize(("width", "height", "expected"), [(4000, 3000, 900), (1201, 800, 799), (3000, 10, 4)])
def test_a_wide_picture_is_scaled_to_1200_pixels(width: int, height: int, expected: int) -> None:
    made = fitted(saved(halves(width, height)))
    assert made is not None
    assert (made.width, made.height) == (WIDEST, expected)
    assert opened(made.content).size == (WIDEST, expected)


def test_a_large_photograph_becomes_light() -> None:
    content = saved(noise(2400, 1800), quality=95)
    made = fitted(content)
    assert made is not None
    assert len(content) > 2_000_000
    assert len(made.content) < 700_000


@pytest.mark.parametrize(
    ("orientation", "size", "top"),
    [(1, (400, 200), RED), (3, (400, 200), BLUE), (6, (200, 400), RED), (8, (200, 400), BLUE)],
)
def test_a_picture_stands_as_the_camera_was_held(orientation: int, size: tuple[int, int], top: object) -> None:
    made = fitted(saved(halves(400, 200), exif=exif(orientation)))
    assert made is not None
    picture = opened(made.content)
    assert picture.size == size
    seen = picture.convert("RGB").getpixel((10, 10))
    assert isinstance(seen, tuple)
    assert max(abs(one - other) for one, other in zip(seen, top, strict=True)) < 12  # type: ignore[call-overload]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_nothing_is_told_about_camera_author_and_place(form: str) -> None:
    made = fitted(saved(halves(300, 200), form, exif=exif(1)))
    assert made is not None
    picture = opened(made.content)
    assert dict(picture.getexif()) == {}
    assert not {"exif", "xmp", "comment", "icc_profile"} & set(picture.info)
    assert b"Anna" not in made.content


def test_what_a_png_tells_behind_the_picture_is_left_behind() -> None:
    content = saved(halves(300, 200), "PNG")
    end = content.index(b"IEND") - 4
    told = b"tEXtAuthor\0Anna"
    chunk = struct.pack(">I", len(told) - 4) + told + struct.pack(">I", zlib.crc32(told))
    made = fitted(content[:end] + chunk + content[end:])
    assert made is not None
    assert b"Anna" not in made.content


def test_a_comment_in_a_jpeg_is_left_behind() -> None:
    made = fitted(saved(halves(300, 200), comment=b"typed by Anna"))
    assert made is not None
    assert b"Anna" not in made.content


def test_a_second_picture_behind_the_first_is_left_behind() -> None:
    """What phones write: a JPEG with another one in it, which Pillow opens as something that moves."""
    content = saved(halves(300, 200), "MPO", save_all=True, append_images=[halves(60, 40)])
    made = fitted(content)
    assert made is not None
    assert opened(made.content).format == "JPEG"


def test_a_picture_that_is_fit_already_travels_as_it_is() -> None:
    assert fitted(saved(halves(1200, 800))) is None
    assert fitted(saved(halves(1200, 800), "PNG")) is None
    assert fitted(saved(halves(1200, 800, "P"), "PNG")) is None


def test_colours_of_another_space_become_srgb() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made = fitted(saved(halves(300, 200), icc_profile=lab))
    assert made is not None
    assert "icc_profile" not in opened(made.content).info


@pytest.mark.parametrize("mode", ["CMYK", "L", "1", "P", "LA", "RGBA", "I;16"])
def test_every_kind_of_pixel_can_be_shown(mode: str) -> None:
    source = Image.new("I;16", (1300, 20)) if mode == "I;16" else halves(1300, 20, mode)
    made = fitted(saved(source, "JPEG" if mode == "CMYK" else "PNG"))
    assert made is not None
    assert opened(made.content).mode in {"RGB", "L", "RGBA", "P"}


def test_webp_becomes_what_outlook_knows() -> None:
    made = fitted(saved(noise(400, 300), "WEBP"))
    assert made is not None
    assert (made.mime_type, opened(made.content).format) == ("image/jpeg", "JPEG")


def test_what_shines_through_still_does() -> None:
    clear = Image.new("RGBA", (1300, 200), (*RED, 0))
    made = fitted(saved(clear, "PNG"))
    assert made is not None
    assert made.mime_type == "image/png"
    assert opened(made.content).convert("RGBA").getchannel("A").getextrema() == (0, 0)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_what_moves_goes_on_moving(form: str) -> None:
    frames = [halves(1300, 20), halves(1300, 20).transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    assert fitted(saved(frames[0], form, save_all=True, append_images=frames[1:])) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xd8\xff\xe0", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, saved(noise(1300, 900))[:9000]],
    ids=["empty", "jpeg head", "gif head", "png of zeros", "cut jpeg"],
)
def test_what_cannot_be_read_is_left_alone(content: bytes) -> None:
    assert fitted(content) is None
    assert logo(content) is None


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow tells of broken EXIF
@given(form=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF"]), data=st.data())
def test_no_broken_picture_breaks_anything(form: str, data: st.DataObject) -> None:
    content = bytearray(saved(halves(60, 40), form, exif=exif(6)))
    for _ in range(data.draw(st.integers(1, 12))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    for make in (fitted, logo):
        made = make(bytes(content))
        assert made is None or opened(made.content).size == (made.width, made.height)


def test_a_picture_that_would_fill_the_memory_is_left_alone() -> None:
    assert fitted(saved(Image.new("1", (7_000, 6_000)), "PNG")) is None


def test_a_tall_picture_of_noise_stays_within_reason() -> None:
    made = fitted(saved(noise(1300, 2600), quality=95))
    assert made is not None
    assert len(made.content) < 1_300_000


def test_the_weight_of_a_letter_is_foreseen_without_the_bytes() -> None:
    photo = Attachment(AttachmentKind.PHOTO, "a.jpg", "image/jpeg", 9_000_000, digest="ab" * 32)
    gif = Attachment(AttachmentKind.ANIMATION, "a.gif", "image/gif", 9_000_000, digest="ab" * 32)
    assert likely_bytes(photo) == 700_000
    assert likely_bytes(gif) == 9_000_000


# The logo


@pytest.mark.parametrize(("size", "expected"), [((960, 960), (96, 96)), ((4000, 400), (480, 48)), ((40, 20), (40, 20))])
def test_a_logo_fits_beside_the_name(size: tuple[int, int], expected: tuple[int, int]) -> None:
    made = logo(saved(halves(*size), "PNG"))
    assert made is not None
    assert (made.width, made.height) == expected


def test_a_logo_that_shines_through_gets_white_behind_it() -> None:
    """A mail program may put it on black."""
    made = logo(saved(Image.new("RGBA", (300, 300), (0, 0, 0, 0)), "PNG"))
    assert made is not None
    assert (made.width, made.height) == (96, 96)
    assert opened(made.content).convert("RGB").getcolors() == [(96 * 96, (255, 255, 255))]
