"""From a post to the letter that everybody on every list will see. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath

from markupsafe import Markup

from channels.contract import Attachment, AttachmentKind, Part, Post, Problem, ProblemCode, Rendering
from channels.email import brand, templates
from channels.email.gallery import arranged
from channels.email.pictures import likely_bytes
from channels.email.settings import Settings
from channels.email.templates import EnclosedFile, LetterWords, Mark
from channels.markup import letter_html, letter_text, prepared

__all__ = ["LIST_BEGINS", "LIST_ENDS", "inline_pictures", "logo_picture", "reason_html", "reason_text", "render"]

LIST_BEGINS = "<!--list-->"
LIST_ENDS = "<!--/list-->"

_LONGEST_SUBJECT = 78
_LONGEST_PREHEADER = 140
_LONGEST_KIND = 4  # PDF, DOCX; what is longer tells a reader nothing
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

# «им. Гагарина», «А. С. Пушкин», «тыс. рублей» do not end a sentence.
_SENTENCE_END = re.compile(r"(?:[!?…]|(?:[^\W\d_]{3}|\d|[»”\")\]])\.)[»”\")\]]*(?=\s+[^\sa-zа-яё])")
# What `letter_html` gives every link. The signs around it make it something that no editor's text turns into.
_USUAL_LINK = '" style="color:#1d6fc0">'


def render(post: Post, settings: Settings) -> Rendering:
    """Make the one part that a letter is. `Part.html` shows the pictures by the cids of `inline_pictures`.

    Not among the part's attachments is the federation's logo (`logo_picture`), since no editor attached it.
    """
    post = prepared(post)
    post = replace(post, title=" ".join(post.title.split()))
    carried = tuple(attachment for attachment in post.attachments if attachment.digest is not None)
    words = _words(post, carried, settings)
    chosen = templates.load(settings.templates)
    part = Part(text=chosen.text(words), attachments=carried, title=words.subject, html=chosen.html(words))
    return Rendering((part,), tuple(_problems(post, part, settings)))


def _words(post: Post, carried: Sequence[Attachment], settings: Settings) -> LetterWords:
    subject = _subject(post, settings)
    pictures = inline_pictures(carried, settings.sender_domain)
    rows = arranged(pictures)
    logo = settings.brand_logo
    cids = list(inline_pictures((*carried, logo_picture(logo)), settings.sender_domain)) if logo else []
    colours = brand.colours(settings.colour, settings.link_colour)
    reason = LIST_BEGINS + reason_html("", "", settings.sender_address) + LIST_ENDS
    return LetterWords(
        subject=subject,
        title=post.title,
        preheader=_preheader(post.text, subject),
        organisation=settings.organisation or settings.sender_name,
        sender=settings.sender_address,
        logo=Mark(cids[-1], logo.width, logo.height) if logo else None,
        colours=colours,
        body=_body(post, colours),
        text=letter_text(post.text, post.entities),
        pictures=tuple(shown for row in rows for shown in row),
        top=rows[0][0] if rows else None,
        rows=rows[1:],
        files=tuple(_enclosed(each) for each in carried if not _is_inline(each)),
        footer_lines=tuple(line for line in settings.footer.splitlines() if line.strip()),
        reason=Markup(reason),  # noqa: S704 - our own template
    )


def _body(post: Post, colours: brand.Colours) -> Markup:
    html = letter_html(post.text, post.entities)  # it escapes whatever the editor wrote
    return Markup(html.replace(_USUAL_LINK, _USUAL_LINK.replace("#1d6fc0", colours.link)))  # noqa: S704


def inline_pictures(attachments: Sequence[Attachment], domain: str) -> dict[str, Attachment]:
    """Return the pictures that stand inside the text, by the cid that the HTML calls them (RFC 2392)."""
    pictures = filter(_is_inline, attachments)
    return {f"p{number}.{(each.digest or '')[:16]}@{domain}": each for number, each in enumerate(pictures, 1)}


def logo_picture(logo: brand.Logo) -> Attachment:
    """Return the logo as the last of the pictures of every letter."""
    return Attachment(
        AttachmentKind.PHOTO,
        "logo.png",
        logo.mime_type,
        len(logo.content),
        digest=logo.digest,
        width=logo.width,
        height=logo.height,
    )


def reason_html(list_name: str, unsubscribe: str, sender: str) -> str:
    """Say in HTML why the letter came; `unsubscribe` is an https address or empty."""
    return templates.piece("reason.html", list_name=list_name, unsubscribe=unsubscribe, sender=sender)


def reason_text(list_name: str, unsubscribe: str) -> str:
    """The same for the plain text."""
    return templates.piece("reason.txt", list_name=list_name, unsubscribe=unsubscribe)


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
    sentence = max((end.end() for end in _SENTENCE_END.finditer(text, 0, longest + 2)), default=0)
    if sentence > longest // 3:
        return text[:sentence].rstrip(".")
    cut = text[: longest - 1]
    if not text[longest - 1].isspace() and " " in cut[longest // 2 :]:
        cut = cut.rpartition(" ")[0]
    return cut.rstrip(" ,.;:—–-(«") + "…"


def _enclosed(file: Attachment) -> EnclosedFile:
    kind = PurePath(file.name).suffix[1:].upper()
    tells = kind.isascii() and kind.isalnum() and not kind.isdigit() and len(kind) <= _LONGEST_KIND
    return EnclosedFile(file.name, kind if tells else "", _readable_size(file.size))


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
    files = (likely_bytes(each) if _is_inline(each) else each.size for each in part.attachments)
    contents = [len(part.text.encode()), len(part.html.encode()), *files]
    return _ALLOWANCE + sum(-(-size // _BASE64_LINE) * 78 + 300 for size in contents)
