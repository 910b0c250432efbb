"""Letters: one to each address of a mailing list, over a mail relay.

`rendering`, `personal` and `letter` turn a post into a letter, `bodies` its texts into octets, `headers` and
`addresses` keep its outside right, `dkim` and `dkim_keys` sign it (`published` asks whether the DNS knows the key),
`correcting` names one that follows another, `connection` and `pool` carry it over SMTP phase by phase, `answers` says
what a relay's refusal means, `channel` joins them.
"""

from channels.email.settings import Settings

__all__ = ["Settings"]
