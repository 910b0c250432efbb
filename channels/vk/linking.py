"""The one link of a text that VK may be told of apart: as a card below the post, or as its source. Pure.

A card needs a picture on the page; a post takes one link, more are an error. Source: dev.vk.com, wall.post.
"""

import re
from urllib.parse import urlsplit

from channels.markup.links import found_links

__all__ = ["outward_link"]

_OWN_HOSTS = re.compile(r"(?:.+\.)?vk\.(?:com|ru|me|cc)", re.IGNORECASE)


def outward_link(text: str) -> str | None:
    """Return the first web address that leads out of VK and says so itself (`https://…`), None where there is none.

    Commas are encoded: in a list of attachments they part one from the next.
    """
    for span in found_links(text, ()):
        address = text[span.start : span.end]
        host = _host(address)
        if host and not _OWN_HOSTS.fullmatch(host):
            return address.replace(",", "%2C")
    return None


def _host(address: str) -> str:
    """Return the host of a web address that begins with its scheme, otherwise nothing."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in {"http", "https"} else ""
