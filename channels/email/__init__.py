"""Letters: one to each address of a mailing list, over a mail relay."""

from channels.email.channel import EmailChannel, connect
from channels.email.connection import Timeouts
from channels.email.settings import Settings

__all__ = ["EmailChannel", "Settings", "Timeouts", "connect"]
