"""One small language of misbehaviour for every stand-in.

A fault waits in a queue under the name of a call ("sendMessage", "wall.post", "RCPT", …; "*" for any) and happens as
often as `times` says. Each names the moment: before the stand-in acts, or after it acted and before it answers.
"""

from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum


class Kind(StrEnum):
    """What goes wrong."""

    MAKES_WAIT = "makes_wait"  # a polite "later": 429 with retry_after, VK error 6, SMTP 451
    REFUSES = "refuses"  # a clear "never"; `code` and `text` say which
    HANGS = "hangs"  # acts as usual, then never answers (or before acting, with `before=True`)
    DROPS_BEFORE = "drops_before"  # cuts the line without acting
    DROPS_AFTER_REQUEST = "drops_after_request"  # acts, then cuts the line instead of answering
    BAD_GATEWAY = "bad_gateway"  # acts, then answers like a broken proxy: 502 and a page of HTML
    HALF_ANSWER = "half_answer"  # acts, then answers with the first half of its JSON
    DELAYS = "delays"  # waits `seconds`, then behaves
    LOSES_RIGHTS = "loses_rights"  # token revoked, key deleted, login refused


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of misbehaviour. `times` counts down per use; 0 means until it is cleared.

    `match`, when set, limits the fault to calls whose chat, wall or mailbox contains it.
    """

    kind: Kind
    times: int = 1
    code: int = 0
    text: str = ""
    seconds: float = 0
    before: bool = False
    match: str = ""


class Faults:
    """The faults in waiting of one stand-in."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Fault]] = {}

    def add(self, call: str, fault: Fault) -> None:
        """Let the next `fault.times` uses of `call` misbehave."""
        self._waiting.setdefault(call, deque()).append(fault)

    def clear(self, call: str | None = None) -> None:
        """Behave again: in one call, or in all."""
        if call is None:
            self._waiting.clear()
        else:
            self._waiting.pop(call, None)

    def take(self, call: str, target: str = "") -> Fault | None:
        """Return what should go wrong with this use of `call`, counting it down."""
        for name in (call, "*"):
            queue = self._waiting.get(name, deque())
            for index, fault in enumerate(queue):
                if fault.match and fault.match not in target:
                    continue
                if fault.times == 1:
                    del queue[index]
                elif fault.times > 1:
                    queue[index] = replace(fault, times=fault.times - 1)
                return fault
        return None

    def listing(self) -> list[tuple[str, Fault]]:
        """Everything in waiting, for the page."""
        return [(call, fault) for call, queue in self._waiting.items() for fault in queue]
