"""The federation's colours and logo, whatever they are, can be seen by day and by night."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from channels.email.brand import DAY, NIGHT, SHAPE, TEXT, LogoError, LogoFault, colours, contrast, is_colour, read_logo
from channels.email.packing import packed
from channels.email.rendering import inline_pictures, render
from tests.support.announcements import sample
from tests.support.darkening import everything, light_grounds_and_dark_words
from tests.support.letters import some_settings

ANY_COLOUR = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06X}")


def a_logo(folder: Path, name: str = "logo.png", size: tuple[int, int] = (200, 100)) -> Path:
    path = folder / name
    Image.new("RGB", size, (200, 16, 46)).save(path)
    return path


def test_contrast_is_counted_as_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#c8102e", "#c8102e") == 1


@given(band=ANY_COLOUR, link=ANY_COLOUR)
def test_any_colours_can_be_seen(band: str, link: str) -> None:
    made = colours(band, link)
    assert made.band == band.lower()
    assert contrast(made.band_at_night, NIGHT.card) >= SHAPE
    for ground in (DAY.card, DAY.block):
        assert contrast(made.link, ground) >= TEXT
    for ground in (NIGHT.card, NIGHT.block):
        assert contrast(made.link_at_night, ground) >= TEXT


@given(link=ANY_COLOUR)
def test_any_link_can_be_seen_where_a_program_turns_colours_over(link: str) -> None:
    made = colours("#c8102e", link)
    for turn in (everything, light_grounds_and_dark_words):
        for ground in (DAY.card, DAY.block):
            assert contrast(turn(made.link, False), turn(ground, True)) >= TEXT


def test_a_colour_that_can_be_seen_stays_what_it_is() -> None:
    made = colours("#C8102E", "#1D6FC0")
    assert (made.band, made.link) == ("#c8102e", "#1d6fc0")


def test_the_words_of_every_letter_stand_out_from_their_ground() -> None:
    for ground in (DAY, NIGHT):
        for behind in (ground.card, ground.block):
            assert contrast(ground.words, behind) >= 7
            assert contrast(ground.quiet, behind) >= TEXT


@pytest.mark.parametrize("text", ["", "red", "#fff", "#12345g", "#1234567", " #123456", "#123456;x"])
def test_only_a_full_colour_is_a_colour(text: str) -> None:
    assert not is_colour(text)
    with pytest.raises(ValidationError) as caught:
        some_settings(colour=text)
    assert [error["type"] for error in caught.value.errors()] == ["rupor.bad_colour"]


# The logo


def test_a_logo_is_read_once_and_shown_at_half_its_pixels(tmp_path: Path) -> None:
    logo = read_logo(a_logo(tmp_path))
    assert (logo.mime_type, logo.width, logo.height) == ("image/png", 96, 48)
    assert read_logo(tmp_path / "logo.png") is logo


def test_a_logo_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    before = read_logo(a_logo(tmp_path))
    assert read_logo(a_logo(tmp_path, size=(400, 400))).digest != before.digest


def test_a_file_that_is_no_logo_is_told(tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_text("<svg/>", encoding="utf-8")
    with pytest.raises(LogoError) as caught:
        read_logo(tmp_path / "logo.svg")
    assert caught.value.fault is LogoFault.NOT_A_PICTURE
    (tmp_path / "logo.bmp").write_bytes(b"x" * 1_048_577)
    with pytest.raises(LogoError) as caught:
        read_logo(tmp_path / "logo.bmp")
    assert (caught.value.fault, caught.value.values) == (LogoFault.TOO_LARGE, {"limit": 1_048_576})


def test_the_logo_travels_behind_the_pictures_under_the_name_that_the_letter_calls_it_by(tmp_path: Path) -> None:
    settings = some_settings(logo=str(a_logo(tmp_path)))
    one = sample("congratulation")
    [part] = render(one.post, settings).parts
    assert part.attachments == one.post.attachments
    carried, files = packed(part, one.files, settings)
    pictures = inline_pictures(carried.attachments, settings.sender_domain)
    assert len(pictures) == 9
    *photos, (cid, logo) = pictures.items()
    assert part.html.index(f'<img class="logo" src="cid:{cid}"') < part.html.index("<h1")
    assert f'src="cid:{photos[-1][0]}"' in part.html
    assert settings.brand_logo is not None
    assert files[logo.digest or ""] == settings.brand_logo.content


def test_rendering_reads_no_file(tmp_path: Path) -> None:
    settings = some_settings(logo=str(a_logo(tmp_path)))
    (tmp_path / "logo.png").unlink()
    assert 'class="logo"' in render(sample("urgent").post, settings).parts[0].html
