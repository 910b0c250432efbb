"""Words in a text that each recipient reads differently: `{{name}}`, `{{organisation|ваша организация}}`.

What stands behind the bar is the spare, for whoever has no such word. Without one the word is left out, with the
punctuation around it mended. Letters fill the words in; where everybody reads the same, the spare takes their place.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape
from itertools import accumulate
from typing import NamedTuple

from channels.contract import Entity, Post, Problem, ProblemCode, Recipient
from channels.markup.links import LINKS
from channels.markup.units import Span, offsets, spans_of

__all__ = [
    "Word",
    "Words",
    "called",
    "impersonal",
    "marked",
    "mended",
    "problems",
    "split_at_words",
    "unmarked",
]

FIELDS: Mapping[str, str] = {
    "name": "name",
    "имя": "name",
    "organisation": "organisation",
    "organization": "organisation",
    "организация": "organisation",
}
"""What a word may be called, and the field of a Recipient that it stands for."""

_SHOWN = ("{{organisation}}", "{{name}}")
_WORD = re.compile(r"\{\{([^{}]*)\}\}")
# For private use only, so nobody's text has them; and should one have them, others are taken.
_MARKS = range(0x10F000, 0x10FFFE)

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+")
_BLANKS = " \t\u00a0"
_ENDS = frozenset(".!?…")
_OPENINGS = _ENDS | set("\n:")
_DASHES = frozenset("—–-")
_JOINTS = _DASHES | set(",;:")
_AFTER = frozenset(".,;:!?…)]»”“\n")
_PAIRS = frozenset({"«»", "„“", "“”", "()", "[]", '""'})
_CELL = re.compile(r"<[^>]*>|&#?\w{1,31};|.", re.DOTALL)
_BETWEEN_LETTERS = re.compile(r"</?(?:a|b|code|em|i|s|span|strong|u)\b", re.IGNORECASE)


class Word(NamedTuple):
    """One personal word. `field` is empty for an unknown one; `spare` is None where there is no bar."""

    written: str
    field: str
    spare: str | None


Words = Mapping[str, str]
"""The words of a text by the signs that stand for them."""


class _Edit(NamedTuple):
    """`text[start:end]` becomes `put`."""

    start: int
    end: int
    put: str


def _word(match: re.Match[str]) -> Word:
    called_so, bar, spare = (" ".join(each.split()) for each in match[1].partition("|"))
    return Word(f"{{{{{called_so}{bar}{spare}}}}}", FIELDS.get(called_so.casefold(), ""), spare if bar else None)


def _known(text: str) -> list[tuple[re.Match[str], Word]]:
    if "{{" not in text:
        return []
    found = [(match, _word(match)) for match in _WORD.finditer(text)]
    return [(match, word) for match, word in found if word.field]


def split_at_words(text: str) -> tuple[str, list[tuple[Word, str]]]:
    """Return what stands before the first known word, then each word with what follows it."""
    found = _known(text)
    edges = [*(match.start() for match, _word_ in found), len(text)]
    rest = [(word, text[match.end() : edge]) for (match, word), edge in zip(found, edges[1:], strict=True)]
    return text[: edges[0]], rest


def called(recipient: Recipient) -> dict[str, str]:
    """Return what the words become for this recipient, in plain text; fields that are empty are left out."""
    values = {"name": recipient.name, "organisation": recipient.organisation}
    plain = {field: " ".join(_UNPRINTABLE.sub(" ", value).split()) for field, value in values.items()}
    return {field: value for field, value in plain.items() if value}


# What an editor is told


def problems(post: Post, *, is_personal: bool) -> list[Problem]:
    """Say what an editor should know of the words of a post. `is_personal`: this channel can fill them in.

    There, a word that nobody knows is certainly a mistake: a thousand people would read it as it stands.
    """
    text = f"{post.title}\n{post.text}" if is_personal else post.text  # the title stands nowhere else
    if "{{" not in text:
        return []
    words = list(dict.fromkeys(map(_word, _WORD.finditer(text))))
    found = [_unknown(word, certain=is_personal) for word in words if not word.field]
    bare = ", ".join(word.written for word in words if word.field and word.spare is None)
    spared = ", ".join(word.written for word in words if word.field and word.spare is not None)
    if is_personal and bare:
        found.append(Problem(ProblemCode.SPARE_WORD_MISSING, certain=False, values={"words": bare}))
    if not is_personal and (bare or spared):
        found.append(Problem(ProblemCode.NOT_PERSONAL, certain=False, values={"spared": spared, "bare": bare}))
    return found


def _unknown(word: Word, *, certain: bool) -> Problem:
    values = {"word": word.written, "known": ", ".join(_SHOWN)}
    return Problem(ProblemCode.UNKNOWN_WORD, certain=certain, values=values)


# Where everybody reads the same


def impersonal(post: Post) -> Post:
    """Return the post with the spare in place of each word, and without the words that have none."""
    if "{{" not in post.title + post.text:
        return post
    text, entities = _rewritten(post.text, post.entities, _as_for_everybody(post.text))
    return replace(post, title=_applied(post.title, _as_for_everybody(post.title)), text=text, entities=entities)


def _as_for_everybody(text: str) -> list[_Edit]:
    return _edits(text, lambda word: word.spare or None)


# Where each reads his own


def marked(post: Post) -> tuple[Post, Words]:
    """Put one sign in place of each known word, so that nothing is cut, linked or formatted inside it.

    Also returns the word that each sign stands for, tidily written.
    """
    both = f"{post.title}\n{post.text}"
    if "{{" not in both:
        return post, {}
    written = list(dict.fromkeys(word.written for _match, word in _known(both)))
    free = (chr(code) for code in _MARKS if chr(code) not in both)
    signs = dict(zip(written, free, strict=False))
    text, entities = _rewritten(post.text, post.entities, _swaps(post.text, signs))
    shown = replace(post, title=_applied(post.title, _swaps(post.title, signs)), text=text, entities=entities)
    return shown, {sign: word for word, sign in signs.items()}


def _swaps(text: str, signs: Mapping[str, str]) -> list[_Edit]:
    return [_Edit(*match.span(), signs[word.written]) for match, word in _known(text) if word.written in signs]


def unmarked(text: str, words: Words, *, is_html: bool = False) -> str:
    """Put the words back."""
    for sign, word in words.items():
        text = text.replace(sign, escape(word) if is_html else word)
    return text


def mended(text: str, lacking: Collection[str], *, is_html: bool = False) -> str:
    """Leave out the words without a spare that stand for one of the `lacking` fields.

    In HTML no tag is touched; those that begin or end a line count as line ends.
    """
    cells = [match.span() for match in _CELL.finditer(text)] if is_html else []
    seen = "".join(_seen(text[start:end]) for start, end in cells) if is_html else text
    places = [cell for cell in cells if _seen(text[slice(*cell)])]

    def value(word: Word) -> str | None:
        return None if word.field in lacking and not word.spare else word.written

    edits = [edit for edit in _edits(seen, value) if not _WORD.fullmatch(edit.put)]
    if not is_html:
        return _applied(text, edits)
    return _applied(text, [one for edit in edits for one in _among_tags(places[edit.start : edit.end], edit.put)])


def _seen(cell: str) -> str:
    """Return the one sign that a reader sees for a piece of HTML; nothing for a tag inside a line."""
    if cell.startswith("<") and len(cell) > 1:
        return "" if _BETWEEN_LETTERS.match(cell) else "\n"
    return "&" if len(cell) > 1 else cell


def _among_tags(places: Sequence[tuple[int, int]], put: str) -> list[_Edit]:
    return [_Edit(start, end, put if (start, end) == places[-1] else "") for start, end in places]


# Changing a text


def _edits(text: str, value: Callable[[Word], str | None]) -> list[_Edit]:
    """Replace each known word by its value; one without a value takes the punctuation around it along."""
    edits: list[_Edit] = []
    for match, word in _known(text):
        put = value(word)
        edits.append(_Edit(*match.span(), put) if put is not None else _gap(text, edits, *match.span()))
    return edits


def _gap(text: str, earlier: Sequence[_Edit], start: int, end: int) -> _Edit:
    """Cut out `text[start:end]` and what would look lost without it, but nothing that an earlier edit has changed."""
    border = earlier[-1].end if earlier else 0
    while start > border and text[start - 1 : start] + text[end : end + 1] in _PAIRS:
        start, end = start - 1, end + 1
    before = border + len(text[border:start].rstrip(_BLANKS))
    after = _past(text, end, _BLANKS)
    last, following = _applied(text[:before], earlier)[-1:], text[after : after + 1]
    if not last or last in _OPENINGS:
        if following and following in _ENDS:
            return _Edit(before, after + 1, "")
        return _at_the_start(text, start, after)
    if not following or following in _AFTER or (last in _JOINTS and following in _JOINTS):
        if last in _JOINTS and before > border:
            kept = text[border : before - 1]
            before = border + len(kept if following in _DASHES else kept.rstrip(_BLANKS))
        return _Edit(before, after, "")
    return _Edit(before if after > end else start, end, "")


def _at_the_start(text: str, start: int, after: int) -> _Edit:
    """Let the sentence begin with the next word."""
    if text[after : after + 1] in _JOINTS:
        after = _past(text, after + 1, _BLANKS)
    following = text[after : after + 1]
    return _Edit(start, after + 1, following.upper()) if following.islower() else _Edit(start, after, "")


def _past(text: str, start: int, signs: str) -> int:
    while start < len(text) and text[start] in signs:
        start += 1
    return start


def _applied(text: str, edits: Iterable[_Edit]) -> str:
    out, at = [], 0
    for edit in edits:
        out += [text[at : edit.start], edit.put]
        at = edit.end
    return "".join([*out, text[at:]])


def _rewritten(text: str, entities: Iterable[Entity], edits: Sequence[_Edit]) -> tuple[str, tuple[Entity, ...]]:
    """Apply the edits and move the entities along. One that begins or ends inside an edit covers all of it."""
    lengths = [1] * len(text)
    for edit in edits:
        lengths[edit.start : edit.end] = [len(edit.put), *[0] * (edit.end - edit.start - 1)]
    places = list(accumulate(lengths, initial=0))
    starts, ends = places.copy(), places
    for edit in edits:
        for inside in range(edit.start + 1, edit.end):
            starts[inside] = starts[edit.start]
    changed = _applied(text, edits)
    units = offsets(changed)
    moved = [
        Span(starts[span.start], ends[span.end], span.entity)
        for span in (_shortened(span, edits) for span in spans_of(text, entities))
    ]
    return changed, tuple(
        replace(span.entity, offset=units[span.start], length=units[span.end] - units[span.start])
        for span in moved
        if span.start < span.end
    )


def _shortened(span: Span, edits: Iterable[_Edit]) -> Span:
    """Let an address that was found in the text end where a word begins: the word is no part of it."""
    if span.entity.type not in LINKS or span.entity.type == "text_link":
        return span
    return span._replace(end=min([span.end, *(edit.start for edit in edits if edit.end > span.start)]))
