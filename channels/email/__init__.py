"""Letters: one to each address of a mailing list, over a mail relay.

`rendering` and `letter` turn a post into a letter, `headers` and `addresses` keep its outside right, `connection` and
`pool` carry it over SMTP phase by phase, `answers` says what a relay's refusal means, `channel` joins them.
"""

from channels.email.settings import Settings

__all__ = ["Settings"]
