"""One marked-up text, and what becomes of it in every channel.

The model is Telegram's: a plain text and a flat list of entities that say which stretch of it is bold, a link, a
quotation. Offsets and lengths count UTF-16 code units, as the Bot API does. Nothing here is markup until the very
last step, so nothing has to be escaped, re-parsed or cut in the middle of a tag. All functions are pure and accept
entities in any order, nested or crossing; what points outside the text is clipped to it.
"""

from channels.markup.cleaning import normalised
from channels.markup.html_in import from_html
from channels.markup.letter import letter_html
from channels.markup.markdown_in import from_markdown
from channels.markup.plain import letter_text, vk_text
from channels.markup.preparing import can_be_typeset, prepared
from channels.markup.splitting import split
from channels.markup.tags import MarkupError, MarkupFault
from channels.markup.typography import typeset
from channels.markup.units import utf16_length

__all__ = [
    "MarkupError",
    "MarkupFault",
    "can_be_typeset",
    "from_html",
    "from_markdown",
    "letter_html",
    "letter_text",
    "normalised",
    "prepared",
    "split",
    "typeset",
    "utf16_length",
    "vk_text",
]
