"""What becomes of each kind of entity in each channel, drawn for people to look at.

`python -m tests.channels.appearances` writes the present look into `snapshots/` and into the tables of
`docs/markup.md`. Look at what has changed before you commit it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from channels.contract import Attachment, AttachmentKind, Entity, Post, Rendering
from channels.markup import letter_html, letter_text, normalised
from channels.markup.units import spans_of
from channels.telegram.rendering import render as render_for_telegram
from channels.vk.rendering import render as render_for_vk
from tests.channels.samples import MEETINGS, TYPES, Sample

FOLDER = Path(__file__).parent / "snapshots"
PAGE = Path(__file__).parents[2] / "docs" / "markup.md"

_PICTURE = Attachment(AttachmentKind.PHOTO, "x.jpg", "image/jpeg", 1000, telegram_file_id="x")
_INVISIBLE = {"\u200b": "⟨U+200B⟩", "\u00a0": "⟨nbsp⟩"}


@dataclass(frozen=True)
class Look:
    """One sample in every channel."""

    telegram_text: str
    telegram_caption: str
    vk: str
    letter_html: str
    letter_text: str


def look(sample: Sample) -> Look:
    """Return how a sample looks."""
    text, entities = normalised(sample.text, sample.entities)
    return Look(
        _drawn_rendering(render_for_telegram(Post(sample.text, entities=sample.entities))),
        _drawn_rendering(render_for_telegram(Post(sample.text, entities=sample.entities, attachments=(_PICTURE,)))),
        _drawn_rendering(render_for_vk(Post(sample.text, entities=sample.entities), pictures=True)),
        unstyled(letter_html(text, entities)),
        letter_text(text, entities),
    )


def unstyled(html: str) -> str:
    """Leave out the inline styles: test_markup_writing.py has them."""
    return re.sub(r' style="[^"]*"', "", html)


# Drawing


def drawn(text: str, entities: Iterable[Entity]) -> str:
    """Write a text with its entities marked below each line."""
    entities = tuple(entities)
    lines, place = [], 0
    for line in text.split("\n"):
        units = _units(line)
        lines.append(_shown(line))
        for entity in entities:
            start, end = entity.offset - place, entity.offset + entity.length - place
            columns = [column for column, unit in enumerate(units[:-1]) if start <= unit < end]
            if columns:
                left, right = len(_shown(line[: columns[0]])), len(_shown(line[: columns[-1] + 1]))
                lines.append(" " * left + "~" * (right - left) + " " + _named(entity))
        place += units[-1] + 1
    return "\n".join(lines)


def _units(line: str) -> list[int]:
    return [len(line[:index].encode("utf-16-le")) // 2 for index in range(len(line) + 1)]


def _named(entity: Entity) -> str:
    rest = {
        "url": entity.url,
        "language": entity.language,
        "emoji": entity.custom_emoji_id,
        "user": entity.user_id,
        "unix": entity.unix_time,
        "format": entity.date_time_format,
    }
    return " ".join([entity.type, *(f"{name}={value}" for name, value in rest.items() if value is not None)])


def _shown(text: str) -> str:
    for sign, name in _INVISIBLE.items():
        text = text.replace(sign, name)
    return text


def _drawn_rendering(rendering: Rendering) -> str:
    parts = [drawn(part.text, part.entities) for part in rendering.parts]
    return "\n".join([*parts, *(f"! {problem.code}" for problem in rendering.problems)])


def snapshot(sample: Sample) -> str:
    """Return the page of a sample."""
    its = look(sample)
    sections = {
        "source": drawn(sample.text, sample.entities),
        "telegram, text": its.telegram_text,
        "telegram, caption": its.telegram_caption,
        "vk": its.vk,
        "letter, html": _shown(its.letter_html),
        "letter, text": _shown(its.letter_text),
    }
    return "\n\n".join(f"== {name}\n{body}" for name, body in sections.items()) + "\n"


def snapshots() -> Mapping[str, str]:
    """Return every page by the name of its file."""
    pages = {f"{name}.txt": snapshot(sample) for name, sample in TYPES.items()}
    return pages | {f"{name.replace(' ', '-')}.txt": snapshot(sample) for name, sample in MEETINGS.items()}


# The page for people


def tables() -> Mapping[str, str]:
    """Return the tables of docs/markup.md by their names."""
    return {"types": _table(TYPES), "meetings": _table(MEETINGS)}


def _table(samples: Mapping[str, Sample]) -> str:
    head = ["entity", "in the source", "Telegram", "VK", "letter", "its plain text", "why"]
    rows = [_row(name, sample) for name, sample in samples.items()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def _row(name: str, sample: Sample) -> list[str]:
    its = look(sample)
    rendering = render_for_telegram(Post(sample.text, entities=sample.entities))
    return [
        name,
        _cell(_marked(sample.text, sample.entities)),
        _cell(_marked(rendering.parts[0].text, rendering.parts[0].entities)),
        _cell(its.vk.partition("\n! ")[0]) + (" (with a warning)" if "\n! " in its.vk else ""),
        _cell(its.letter_html),
        _cell(its.letter_text),
        sample.why,
    ]


def _marked(text: str, entities: Iterable[Entity]) -> str:
    """Write a text with ⟨type⟩ and ⟨/type⟩ around what is formatted, outer ones outside."""
    before, behind = [""] * len(text), [""] * len(text)
    for start, end, entity in sorted(spans_of(text, entities), key=lambda span: (span.end - span.start, -span.start)):
        before[start] = f"⟨{entity.type}⟩{before[start]}"
        behind[end - 1] += f"⟨/{entity.type}⟩"
    return "".join(chain.from_iterable(zip(before, text, behind, strict=True)))


def _cell(text: str) -> str:
    return "<br>".join(f"`{_shown(line)}`" if line else "" for line in text.replace("|", "\\|").split("\n"))


def parted(page: str) -> Iterator[tuple[str, str]]:
    """Return (name, table) of each table between its marks in a page."""
    for match in re.finditer(r"<!-- (\w+) -->\n(.*?)\n<!-- /\1 -->", page, re.DOTALL):
        yield match[1], match[2]


def written(page: str) -> str:
    """Return a page with the present tables in it."""
    for name, table in parted(page):
        page = page.replace(f"<!-- {name} -->\n{table}\n", f"<!-- {name} -->\n{tables()[name]}\n")
    return page


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for stale in FOLDER.glob("*.txt"):
        stale.unlink()
    for name, body in snapshots().items():
        (FOLDER / name).write_text(body, encoding="utf-8")
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
