"""A folder of the federation's own templates, looked through before the first announcement and not by its readers.

Each template is parsed and compiled, its names are compared with what a letter knows, and letters of every shape are
made on trial.
"""

import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError, UndefinedError, meta, nodes
from markupsafe import Markup

from channels.email.brand import Colours, Ground, colours
from channels.email.gallery import Shown
from channels.email.templates import HTML, OURS, TEXT, EnclosedFile, LetterWords, Mark, Templates, load

__all__ = ["Fault", "FaultCode", "TemplatesError", "inspect"]


class FaultCode(StrEnum):
    """What can be wrong with a folder of templates."""

    NO_FOLDER = "no_folder"
    NO_FILE = "no_file"
    NOT_UTF8 = "not_utf8"
    SYNTAX = "syntax"
    UNKNOWN_TAG = "unknown_tag"
    UNKNOWN_FILTER = "unknown_filter"
    NOT_CLOSED = "not_closed"
    UNKNOWN_NAME = "unknown_name"
    PLACE_MISSING = "place_missing"
    PICTURE_OUTSIDE = "picture_outside"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend: the file, its line (0 where there is none), the name or words that it is about.

    `nearest` is the known name that was probably meant, or empty.
    """

    code: FaultCode
    file: str
    line: int = 0
    word: str = ""
    nearest: str = ""


class TemplatesError(ValueError):
    """The folder can't be used; `faults` holds everything that was found."""

    def __init__(self, faults: Iterator[Fault] | list[Fault]) -> None:
        self.faults = tuple(dict.fromkeys(faults))
        super().__init__("; ".join(f"{each.file}:{each.line}: {each.code} {each.word}" for each in self.faults))


def inspect(folder: Path) -> None:
    """Look a folder through. Raises TemplatesError with everything that is wrong."""
    if not folder.is_dir():
        raise TemplatesError([Fault(FaultCode.NO_FOLDER, str(folder))])
    if not (folder / HTML).is_file():
        raise TemplatesError([Fault(FaultCode.NO_FILE, HTML, word=HTML)])
    load.cache_clear()  # it may have been mended since
    templates = load(folder)
    faults = [*_misread(templates, folder)] or [*_mistried(templates, folder)]
    if faults:
        raise TemplatesError(faults)


# What can be seen by reading


def _misread(templates: Templates, folder: Path) -> Iterator[Fault]:
    waiting, seen = [HTML, *([TEXT] if (folder / TEXT).is_file() else [])], set[str]()
    while waiting:
        name = waiting.pop(0)
        if name in seen or name.startswith(f"{OURS}/"):
            continue
        seen.add(name)
        try:
            tree = templates.environment.parse((folder / name).read_text(encoding="utf-8"), name)
            templates.environment.compile(tree, name)
        except UnicodeDecodeError:
            yield Fault(FaultCode.NOT_UTF8, name)
        except TemplateSyntaxError as error:
            yield _bad_syntax(error, name)
        else:
            yield from _unknown_names(tree, name)
            for line, wanted in _wanted(tree):
                if _is_there(templates, wanted, folder):
                    waiting.append(wanted)
                else:
                    yield Fault(FaultCode.NO_FILE, name, line, wanted)


def _bad_syntax(error: TemplateSyntaxError, name: str) -> Fault:
    """Tell by Jinja's own words what is wrong; the names that it quotes are the template's."""
    words = error.message or ""
    for beginning, code in _SYNTAX.items():
        quoted = re.findall(r"'([^']+)'", words)
        if words.startswith(beginning) and quoted:
            return Fault(code, name, error.lineno, quoted[-1 if code is FaultCode.NOT_CLOSED else 0])
    return Fault(FaultCode.SYNTAX, name, error.lineno, words)


_SYNTAX = {
    "No filter": FaultCode.UNKNOWN_FILTER,
    "No test": FaultCode.UNKNOWN_FILTER,
    "Encountered unknown tag": FaultCode.UNKNOWN_TAG,
    "Unexpected end of template": FaultCode.NOT_CLOSED,
}


def _unknown_names(tree: nodes.Template, file: str) -> Iterator[Fault]:
    unknown = meta.find_undeclared_variables(tree) - set(_names(LetterWords))
    for node in tree.find_all(nodes.Name):
        if node.name in unknown:
            yield Fault(FaultCode.UNKNOWN_NAME, file, node.lineno, node.name, _nearest(node.name, LetterWords))


def _nearest(name: str, *kinds: type) -> str:
    return next(iter(get_close_matches(name, [known for kind in kinds for known in _names(kind)], n=1)), "")


def _names(kind: type) -> list[str]:
    return [each.name for each in fields(kind)]


def _wanted(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """The templates that this one names, with the line where it does."""
    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        template = getattr(node, "template", None)
        if isinstance(template, nodes.Const) and isinstance(template.value, str):
            yield node.lineno, template.value


def _is_there(templates: Templates, wanted: str, folder: Path) -> bool:
    try:
        loader = templates.environment.loader
        return loader is not None and bool(loader.get_source(templates.environment, wanted))
    except TemplateNotFound:
        return False
    except UnicodeDecodeError:  # said where that file is read
        return (folder / wanted).is_file()


# What can be seen by trying


def _mistried(templates: Templates, folder: Path) -> Iterator[Fault]:
    for words in _trials():
        try:
            html = templates.html(words)
            templates.text(words)
        except UndefinedError as error:
            yield _raised(error, folder, FaultCode.UNKNOWN_NAME)
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            yield _raised(error, folder, FaultCode.TROUBLE)
        else:
            yield from _missing_places(html, words)
            yield from _pictures_outside(html)


def _missing_places(html: str, words: LetterWords) -> Iterator[Fault]:
    for place, mark in _PLACES.items():
        if html.count(mark) != 1:
            yield Fault(FaultCode.PLACE_MISSING, HTML, word=place)
    if not all(f"cid:{each.cid}" in html for each in words.pictures):
        yield Fault(FaultCode.PLACE_MISSING, HTML, word="pictures")


def _pictures_outside(html: str) -> Iterator[Fault]:
    """A picture that lies beside the template is not in the letter, and its reader has no such file."""
    for source in re.findall(r'<img\b[^>]*?\ssrc="([^"]*)"', html):
        if not source.startswith(("cid:", "https://")):
            yield Fault(FaultCode.PICTURE_OUTSIDE, HTML, word=source)


def _raised(error: Exception, folder: Path, code: FaultCode) -> Fault:
    """Find the last line of a template of the folder that the error went through; Jinja puts them into the trace."""
    words = str(error)
    quoted = re.findall(r"'([^']+)'", words)
    word, nearest = words, ""
    if code is FaultCode.UNKNOWN_NAME and quoted:
        word = quoted[-1]
        nearest = _nearest(word, Shown, EnclosedFile, Mark, Colours, Ground)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(folder):
            file = Path(frame.filename).relative_to(folder).as_posix()
            return Fault(code, file, frame.lineno or 0, word, nearest)
    return Fault(code, HTML, word=word, nearest=nearest)


_PLACES = {"body": "<!--trial body-->", "reason": "<!--trial reason-->"}


def _trials() -> Iterator[LetterWords]:
    """A letter with everything, and one with nothing but a text."""
    shown = tuple(Shown(f"p{number}@example.org", number, 3, 262, 50) for number in (1, 2, 3))
    full = LetterWords(
        subject="Subject",
        title="Title",
        preheader="First words",
        organisation="Organisation",
        sender="press@example.org",
        logo=Mark("logo@example.org", 48, 48),
        colours=colours("#c8102e", "#1d6fc0"),
        body=Markup(f"{_PLACES['body']}<p>Text</p>"),  # noqa: S704 - all of it is ours
        text="Text",
        pictures=shown,
        top=shown[0],
        rows=(shown[1:],),
        files=(EnclosedFile("a.pdf", "PDF", "1"), EnclosedFile("b.pdf", "PDF", "1")),
        footer_lines=("One", "Two"),
        reason=Markup(f"{_PLACES['reason']}<p>Reason</p>"),  # noqa: S704 - the same
    )
    yield full
    yield replace(full, title="", organisation="", logo=None, pictures=(), top=None, rows=(), files=(), footer_lines=())
