"""Finds the addresses in bounces that follow no standard: flufl.bounce knows two decades of them.

It tells addresses and whether a server goes on trying, but neither codes nor words; `meaning.said_in` reads those.
"""

import logging
from email.message import Message
from email.utils import getaddresses

from flufl.bounce import all_failures

from channels.email.returns.reports import address_of

__all__ = ["failed_addresses"]

# It logs what its detectors stumble over, with the letter in it.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)


def failed_addresses(message: Message, named: str) -> tuple[bool, list[str]]:
    """Tell whether a server goes on trying, and to which addresses it does not.

    `named` is what Exim writes in X-Failed-Recipients. Raises whatever a detector stumbles over.
    """
    by_exim = [address for _name, each in getaddresses([named]) if (address := address_of(each))]
    if by_exim:
        return False, by_exim
    waiting, failed = all_failures(message)
    found = sorted({address for each in failed if (address := address_of(each.decode("utf-8", "replace")))})
    return bool(waiting), found
