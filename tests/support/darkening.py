"""How mail programs darken a letter, as far as it is known from what they show.

`everything` is Gmail on iPhones and Outlook for Windows, `light_grounds_and_dark_words` is Outlook.com and Gmail on
Android.
"""

from colorsys import hls_to_rgb, rgb_to_hls

from channels.email.brand import contrast

__all__ = ["everything", "light_grounds_and_dark_words"]


def turned_over(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    hue, lightness, saturation = rgb_to_hls(red, green, blue)
    return "#" + "".join(f"{round(255 * part):02x}" for part in hls_to_rgb(hue, 1 - lightness, saturation))


def everything(colour: str, _is_ground: bool) -> str:
    """Turn every colour over in its lightness."""
    return turned_over(colour)


def light_grounds_and_dark_words(colour: str, is_ground: bool) -> str:
    """Turn over only what is light behind, or dark in front."""
    luminance = contrast(colour, "#000000") * 0.05 - 0.05
    return turned_over(colour) if (luminance > 0.5) is is_ground else colour
