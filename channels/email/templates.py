"""The two templates of a letter, ours or the federation's own, and every name that they may use."""

from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import css_inline
from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from channels.email.brand import DAY, NIGHT, Colours, Ground
from channels.email.gallery import Shown

__all__ = ["HTML", "OURS", "TEXT", "EnclosedFile", "LetterWords", "Mark", "Templates", "load", "piece"]

OURS = "rupor"
"""Under this name a folder of the federation's own finds our templates."""

HTML, TEXT = "letter.html", "letter.txt"
_HERE = Path(__file__).parent
_ENDING = ".jinja"
_KEPT = ' data-css-inline="keep"'  # a word to the inliner, which nobody else needs

_inliner = css_inline.CSSInliner(load_remote_stylesheets=False)


@dataclass(frozen=True, slots=True)
class Mark:
    """The federation's logo in a letter; width and height are CSS pixels."""

    cid: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class EnclosedFile:
    """A file that is enclosed: its name, what kind it is in a few letters (PDF), and its size in words."""

    name: str
    kind: str
    size: str


@dataclass(frozen=True, slots=True)
class LetterWords:
    """What a template may say. Nothing is None or missing but `logo`; what there is none of is empty.

    `title` is the editor's and may be empty, `subject` never is. `body` and `reason` are HTML; `reason` says why the
    letter came and how to stop it, and must stand in the HTML once. `text` is the plain version of `body`. `top` is
    the picture above the text, `rows` are those below it, `pictures` all of them.
    """

    subject: str
    title: str
    preheader: str
    organisation: str
    sender: str
    logo: Mark | None
    colours: Colours
    body: Markup
    text: str
    pictures: tuple[Shown, ...]
    top: Shown | None
    rows: tuple[tuple[Shown, ...], ...]
    files: tuple[EnclosedFile, ...]
    footer_lines: tuple[str, ...]
    reason: Markup
    day: Ground = DAY
    night: Ground = NIGHT


@dataclass(frozen=True, slots=True)
class Templates:
    """Where templates are found, and which two of them make a letter. Made by `load`."""

    environment: Environment
    html_name: str
    text_name: str

    def html(self, words: LetterWords) -> str:
        """Fill in the HTML, and move its style sheet into the elements, for programs that drop `<style>`.

        Takes about a millisecond for 10 KB; a broadcast does it once.
        """
        filled = self.environment.get_template(self.html_name).render(_by_name(words))
        return _inliner.inline(filled).replace(_KEPT, "")

    def text(self, words: LetterWords) -> str:
        """Fill in the plain text."""
        return self.environment.get_template(self.text_name).render(_by_name(words))


@lru_cache(maxsize=8)
def load(folder: Path | None = None) -> Templates:
    """Return our templates, or those of a folder that is known to be sound. Files changed later are not seen.

    A folder holds `letter.html`, and may hold `letter.txt` and whatever the two include. It may include and extend
    ours, as `rupor/letter.html.jinja`.
    """
    if folder is None:
        return Templates(_environment(_OUR_OWN), _ours(HTML), _ours(TEXT))
    environment = _environment(ChoiceLoader([_OUR_OWN, FileSystemLoader(folder)]))
    return Templates(environment, HTML, TEXT if (folder / TEXT).is_file() else _ours(TEXT))


def piece(name: str, **words: str) -> str:
    """Fill in one of our own smaller templates."""
    return load().environment.get_template(_ours(name)).render(words)


_OUR_OWN = PrefixLoader({OURS: FileSystemLoader(_HERE)})


def _ours(name: str) -> str:
    return f"{OURS}/{name}{_ENDING}"


def _environment(loader: BaseLoader) -> Environment:
    return ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=lambda name: name is None or name.removesuffix(_ENDING).endswith(".html"),
        undefined=StrictUndefined,
        auto_reload=False,  # what was looked through at the start is what is sent
    )


def _by_name(words: LetterWords) -> dict[str, object]:
    return {each.name: getattr(words, each.name) for each in fields(words)}
