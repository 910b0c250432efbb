"""What stands around a preview."""

from collections.abc import Sequence

from markupsafe import Markup

from bot.texts.card import attached
from bot.texts.plurals import counted
from channels.contract import Attachment

LETTER_FILE = "письмо.html"
LETTER_OPEN = "Откройте, чтобы увидеть письмо целиком."


def label(name: str, parts: int) -> Markup:
    """Say of which channel the messages below are."""
    how_many = f" — {counted(parts, 'сообщение', 'сообщения', 'сообщений')}" if parts > 1 else ""
    return Markup("👁 <b>{}</b>{}. Так будет выглядеть:").format(name, how_many)


def subject(title: str) -> Markup:
    """Show a letter's subject."""
    return Markup("<b>Тема:</b> {}").format(title)


def attachments(files: Sequence[Attachment]) -> Markup:
    """Say what is attached where it cannot be shown."""
    return Markup("Вложения: {}").format(attached(files))
