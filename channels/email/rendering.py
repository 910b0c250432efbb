"""From a post to the letter that everybody on every list will see. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from channels.contract import Attachment, AttachmentKind, Part, Post, Problem, ProblemCode, Rendering
from channels.email.settings import Settings
from channels.markup import letter_html, letter_text, normalised

__all__ = ["LIST_BEGINS", "LIST_ENDS", "inline_pictures", "reason_html", "reason_text", "render"]

LIST_BEGINS = "<!--list-->"
LIST_ENDS = "<!--/list-->"

_LONGEST_SUBJECT = 78
_LONGEST_PREHEADER = 140
_PICTURE_WIDTH = 536  # 600 px less the margins
# Gmail cuts the HTML of a letter there and hides the rest behind a link.
_CLIPPED_FROM = 102_000
# base64 in lines of 76 with CRLF: 78 octets carry 57 (RFC 2045 §6.8). Headers and both texts take the allowance.
_BASE64_LINE = 57
_ALLOWANCE = 8_000

# What Gmail refuses inside a letter, whoever sends it. Source: support.google.com/mail/answer/6590.
_REFUSED_TYPES = frozenset({
    "ade", "adp", "apk", "appx", "appxbundle", "bat", "cab", "chm", "cmd", "com", "cpl", "diagcab", "diagcfg",
    "diagpkg", "dll", "dmg", "ex", "ex_", "exe", "hta", "img", "ins", "iso", "isp", "jar", "jnlp", "js", "jse", "lib",
    "lnk", "mde", "mjs", "msc", "msi", "msix", "msixbundle", "msp", "mst", "nsh", "pif", "ps1", "scr", "sct", "shb",
    "sys", "vb", "vbe", "vbs", "vhd", "vxd", "wsc", "wsf", "wsh", "xll",
})  # fmt: skip
_INLINE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=select_autoescape(("html.jinja",)),
    undefined=StrictUndefined,
)


@dataclass(frozen=True, slots=True)
class _Picture:
    cid: str
    number: int
    width: int


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    size: str


def render(post: Post, settings: Settings) -> Rendering:
    """Make the one part that a letter is. `Part.html` shows the pictures by the cids of `inline_pictures`."""
    body, entities = normalised(post.text, post.entities)
    post = replace(post, text=body, entities=entities, title=" ".join(post.title.split()))
    carried = tuple(attachment for attachment in post.attachments if attachment.digest is not None)
    subject = _subject(post, settings)
    pictures = inline_pictures(carried, settings.sender_domain)
    alone = len(pictures) == 1
    words = {
        "subject": subject,
        "title": post.title,
        "preheader": _preheader(post.text, subject),
        "organisation": settings.organisation or settings.sender_name,
        "footer_lines": [line for line in settings.footer.splitlines() if line.strip()],
        "sender": settings.sender_address,
        "files": [_File(each.name, _readable_size(each.size)) for each in carried if not _is_inline(each)],
    }
    html = _templates.get_template("letter.html.jinja").render(
        words,
        body=Markup(letter_html(post.text, post.entities)),  # noqa: S704 - it escapes whatever the editor wrote
        pictures=[
            _Picture(cid, 0 if alone else number, min(picture.width or _PICTURE_WIDTH, _PICTURE_WIDTH))
            for number, (cid, picture) in enumerate(pictures.items(), 1)
        ],
        list_name="",
        unsubscribe="",
    )
    text = _templates.get_template("letter.txt.jinja").render(words, text=letter_text(post.text, post.entities))
    part = Part(text=text, attachments=carried, title=subject, html=html)
    return Rendering((part,), tuple(_problems(post, part, settings)))


def inline_pictures(attachments: Sequence[Attachment], domain: str) -> dict[str, Attachment]:
    """Return the pictures that stand inside the text, by the cid that the HTML calls them (RFC 2392)."""
    pictures = filter(_is_inline, attachments)
    return {f"p{number}.{(each.digest or '')[:16]}@{domain}": each for number, each in enumerate(pictures, 1)}


def reason_html(list_name: str, unsubscribe: str, sender: str) -> str:
    """Say in HTML why the letter came; `unsubscribe` is an https address or empty."""
    template = _templates.get_template("reason.html.jinja")
    return template.render(list_name=list_name, unsubscribe=unsubscribe, sender=sender)


def reason_text(list_name: str, unsubscribe: str) -> str:
    """The same for the plain text."""
    return _templates.get_template("reason.txt.jinja").render(list_name=list_name, unsubscribe=unsubscribe)


def _is_inline(attachment: Attachment) -> bool:
    looks = attachment.kind in (AttachmentKind.PHOTO, AttachmentKind.ANIMATION)
    return looks and attachment.mime_type in _INLINE_TYPES


def _subject(post: Post, settings: Settings) -> str:
    lines = [post.title, *post.text.splitlines(), settings.organisation, settings.sender_name, settings.sender_address]
    first = next(line for line in (" ".join(line.split()) for line in lines) if line)
    return first if post.title else _shortened(first, _LONGEST_SUBJECT)


def _preheader(text: str, subject: str) -> str:
    """Begin where the subject ends: lists of letters show one after the other."""
    words = " ".join(text.split())
    rest = words.removeprefix(subject.removesuffix("…")).lstrip(" .!?…,;:—–")
    return _shortened(rest, _LONGEST_PREHEADER)


def _shortened(text: str, longest: int) -> str:
    """Cut at the end of a sentence if that leaves a good half, else of a word, and show that it was cut."""
    if len(text) <= longest:
        return text
    sentence = max((match.end() for match in re.finditer(r"[.!?…](?=\s)", text[: longest + 1])), default=0)
    if sentence > longest // 3:
        return text[:sentence].rstrip(".")
    cut = text[: longest - 1]
    if not text[longest - 1].isspace() and " " in cut[longest // 2 :]:
        cut = cut.rpartition(" ")[0]
    return cut.rstrip(" ,.;:—–-(«") + "…"


def _readable_size(size: int) -> str:
    if size < 1024 * 1024:
        return f"{max(1, round(size / 1024))} КБ"
    return f"{size / 1024 / 1024:.1f} МБ".replace(".", ",")


def _problems(post: Post, part: Part, settings: Settings) -> Iterator[Problem]:
    if not (post.text or post.title or part.attachments):
        yield Problem(ProblemCode.EMPTY, certain=True)
    for attachment in post.attachments:
        if attachment.digest is None:
            values: dict[str, int | str] = {"name": attachment.name, "size": attachment.size}
            yield Problem(ProblemCode.FILE_OUT_OF_REACH, certain=False, values=values)
        elif PurePath(attachment.name.lower().rstrip(". ")).suffix[1:] in _REFUSED_TYPES:
            yield Problem(ProblemCode.FILE_TYPE_REFUSED, certain=True, values={"name": attachment.name})
    size = _size_on_the_wire(part)
    if size > settings.largest_letter:
        values = {"size": size, "limit": settings.largest_letter}
        yield Problem(ProblemCode.LETTER_TOO_LARGE, certain=True, values=values)
    html_size = len(part.html.encode())
    if html_size > _CLIPPED_FROM:
        length = len(post.text)
        limit = length * _CLIPPED_FROM // html_size
        values = {"length": length, "limit": limit, "over": length - limit}
        yield Problem(ProblemCode.TEXT_TOO_LONG, certain=False, values=values)


def _size_on_the_wire(part: Part) -> int:
    contents = [len(part.text.encode()), len(part.html.encode()), *(each.size for each in part.attachments)]
    return _ALLOWANCE + sum(-(-size // _BASE64_LINE) * 78 + 300 for size in contents)
