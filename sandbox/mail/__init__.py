"""A mail server that keeps every letter, objects to broken ones, and misbehaves on demand."""

from sandbox.mail.letters import StoredLetter, broken_rules
from sandbox.mail.server import MailStandIn

__all__ = ["MailStandIn", "StoredLetter", "broken_rules"]
