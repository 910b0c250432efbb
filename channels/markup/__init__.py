"""One marked-up text, and what becomes of it in every channel.

The model is Telegram's: a plain text and a flat list of entities that say which stretch of it is bold, a link, a
quotation. Offsets and lengths count UTF-16 code units, as the Bot API does. Nothing here is markup until the very
last step, so nothing has to be escaped, re-parsed or cut in the middle of a tag. All functions are pure and accept
entities in any order, nested or crossing; what points outside the text is clipped to it.
"""

from channels.markup.splitting import split
from channels.markup.units import utf16_length

__all__ = ["split", "utf16_length"]
