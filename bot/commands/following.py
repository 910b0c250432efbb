"""What `edit` and `recall` began in each channel, and what is left for a person to do there."""

from collections.abc import Callable, Sequence

from bot.commands import byhand
from bot.commands.frame import Answer, ExitCode, Invocation
from bot.texts.cli import byhand as texts
from delivery import report
from delivery.corrections import Followed
from delivery.desk import Desk

__all__ = ["answer"]

Say = Callable[[str, str, Sequence[str]], str]


async def answer(invocation: Invocation, desk: Desk, announcement: int, followed: Followed, *, recall: bool) -> Answer:
    """Tell channel by channel. Exit code 3 when readers keep something that should not be there."""
    async with desk.database.reading() as tx:
        found = await report.of(tx, announcement, troubles=0)
    out = byhand.places(found) if found else {}
    kinds = byhand.kinds(invocation.settings())
    by_hand: Say = texts.recall if recall else texts.edit
    lines = [texts.recalled(announcement) if recall else texts.corrected(announcement, followed.revision)]
    document = {}
    for trace in followed.traces:
        key, lists = trace.channel, _has_lists(desk, trace.channel)
        done = key not in followed.untouched
        document[key] = {"done": done, "out": trace.out, "to_come": trace.to_come, "links": list(out.get(key, ()))}
        if trace.out and done:
            lines.append(texts.begun(key, trace.out, recall=recall, letters=lists))
        elif trace.out:
            lines.append(by_hand(key, kinds.get(key, ""), out.get(key, ())))
        if trace.to_come and not recall:
            lines.append(texts.comes_new(key, trace.to_come))
    if any(_has_lists(desk, key) for key in followed.untouched):
        lines.append(texts.letters_keep(announcement, recall=recall))
    if followed.broadcasts:
        lines.append(texts.watch(announcement))
    whole = {"announcement": announcement, "revision": followed.revision, "broadcasts": list(followed.broadcasts)}
    code = ExitCode.INCOMPLETE if followed.untouched else ExitCode.DONE
    return Answer("\n".join(lines), whole | {"channels": document}, code)


def _has_lists(desk: Desk, channel: str) -> bool:
    return channel in desk.channels and desk.channels[channel].address is None
