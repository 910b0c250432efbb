"""Draws the states of a delivery for docs/states.md: `python -m tests.support.drawing` puts the present ones in.

The steps come from `delivery.model`; beside each stands who takes it, and a step that nobody is known to take, or a
word about a step that is not allowed, is an error.
"""

from collections.abc import Mapping
from pathlib import Path

from delivery.model import TRANSITIONS, DeliveryState

PAGE = Path(__file__).parents[2] / "docs" / "states.md"
BEGIN, END = "```mermaid\n", "```\n"

_D = DeliveryState
CAUSES: Mapping[tuple[DeliveryState, DeliveryState], str] = {
    (_D.QUEUED, _D.SENDING): "worker: claim",
    (_D.QUEUED, _D.CANCELLED): "housekeeping: its broadcast was cancelled",
    (_D.QUEUED, _D.FAILED): "worker: the part before it did not come",
    (_D.QUEUED, _D.UNCONFIRMED): "housekeeping: cancelled while it waited to be repeated",
    (_D.SENDING, _D.SENT): "channel: receipt",
    (_D.SENDING, _D.FAILED): "channel: refused, or clock: too late",
    (_D.SENDING, _D.UNCONFIRMED): "channel: no answer, or rescue: the worker died after it began",
    (_D.SENDING, _D.QUEUED): "channel: not now, or rescue: never begun, or worker: given back, or one key shows once",
    (_D.SENDING, _D.CANCELLED): "worker: cancelled after the claim, before it began",
    (_D.FAILED, _D.QUEUED): "person: send again, or the part before it is there after all",
    (_D.UNCONFIRMED, _D.SENT): "person or look: it is there, or channel: late receipt",
    (_D.UNCONFIRMED, _D.FAILED): "person: it is not there, or channel: late refusal",
    (_D.UNCONFIRMED, _D.QUEUED): "person: send again, or look: it is not there, or channel: late 'not now'",
    (_D.SENT, _D.RETURNED): "mailbox: the letter came back",
    (_D.UNCONFIRMED, _D.RETURNED): "mailbox: the letter came back",
    (_D.RETURNED, _D.QUEUED): "person: send again",
}
"""Who takes each step."""


def drawn() -> str:
    """Return the states and steps as a Mermaid diagram. Raises ValueError when steps and causes differ."""
    steps = [(before, after) for before in DeliveryState for after in DeliveryState if after in TRANSITIONS[before]]
    if differing := set(steps) ^ set(CAUSES):
        raise ValueError(f"steps without a cause, or causes without a step: {sorted(differing)}")
    lines = ["stateDiagram-v2", "    [*] --> queued: release"]
    lines += [f"    {before} --> {after}: {CAUSES[before, after]}" for before, after in steps]
    lines += [f"    {state} --> [*]" for state in DeliveryState if not TRANSITIONS[state]]
    return "\n".join(lines) + "\n"


def parted(page: str) -> tuple[str, str, str]:
    """Return what stands before the diagram, the diagram, and what stands behind it."""
    before, _, rest = page.partition(BEGIN)
    diagram, _, behind = rest.partition(END)
    return before, diagram, behind


if __name__ == "__main__":
    head, _, tail = parted(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(head + BEGIN + drawn() + END + tail, encoding="utf-8")
