"""What becomes of a post on a wall: one part, plain text, pictures and at most one file. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from channels.contract import Attachment, AttachmentKind, Entity, Part, Post, Problem, ProblemCode, Rendering
from channels.markup import personal, prepared, vk_text

TEXT_LENGTH = 15_000
"""In characters. VK documents none; 15,895 is reported for its web form, and a publisher that works keeps to this."""

PICTURES = 10
FILES = 1
"""How many pictures and videos, and how many documents, a post may carry. Source: dev.vk.com, wall.post."""

PICTURE_SIZE = 50 * 2**20
PICTURE_SIDES = 14_000
PICTURE_RATIO = 20
"""In bytes; width plus height in pixels; long side to short side. Source: dev.vk.com, "Загрузка фотографий"."""

FILE_SIZE = 200 * 2**20
"""In bytes. Source: dev.vk.com, docs.getWallUploadServer."""

PICTURE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif"})
REFUSED_TYPES = frozenset({"audio/mpeg", "audio/mp3", "application/x-msdownload", "application/x-dosexec"})
REFUSED_SUFFIXES = (
    *(".mp3", ".exe", ".msi", ".bat", ".cmd", ".com", ".scr", ".dll", ".pif", ".apk", ".jar", ".sh", ".js", ".vbs"),
    *(".ps1", ".app", ".dmg", ".deb", ".rpm"),
)
"""MP3 and executables. Source: dev.vk.com, docs.getWallUploadServer; the list of executables is ours."""

_HIDING = frozenset({"spoiler", "strikethrough"})
_PICTURES = frozenset({AttachmentKind.PHOTO, AttachmentKind.VIDEO})


def render(post: Post, *, pictures: bool) -> Rendering:
    """Show a post as the wall will. `pictures` says whether there is a token that may upload pictures and videos.

    Without one, a picture is a file like any other, and a real document goes before it: it says more than a picture
    that readers must open first. What can't go is left out and named; only a post that VK would refuse is blocked.
    """
    doubts = personal.problems(post, is_personal=False)
    post = prepared(personal.impersonal(post))
    text = vk_text(post.text, post.entities)
    attachments, problems = _attachments(post.attachments, pictures=pictures)
    if not text.strip() and not attachments:
        problems.append(Problem(ProblemCode.EMPTY, certain=True))
    over = len(text) - TEXT_LENGTH
    if over > 0:
        values = {"length": len(text), "limit": TEXT_LENGTH, "over": over}
        problems.append(Problem(ProblemCode.TEXT_TOO_LONG, certain=True, values=values))
    if _loses_meaning(post.entities):
        problems.append(Problem(ProblemCode.FORMATTING_LOST, certain=False))
    return Rendering((Part(text=text, attachments=attachments),), (*problems, *doubts))


def _attachments(given: Sequence[Attachment], *, pictures: bool) -> tuple[tuple[Attachment, ...], list[Problem]]:
    """Choose what goes, each attachment with the kind that readers will see."""
    problems: list[Problem] = []
    shown: list[Attachment] = []
    files: list[Attachment] = []
    for attachment in given:
        problem = _refusal(attachment)
        if problem is not None:
            problems.append(problem)
        elif pictures and _is_picture(attachment):
            shown.append(replace(attachment, kind=_seen_as(attachment)))
        else:
            files.append(attachment)
    files.sort(key=_seen_as_picture)
    problems += _overflow(shown, PICTURES, ProblemCode.TOO_MANY_ATTACHMENTS)
    problems += _overflow(files, FILES, ProblemCode.ONE_FILE_ONLY)
    as_files = [file for file in files[:FILES] if _seen_as_picture(file)]
    if as_files:
        unfit = sum(not _is_picture(file) for file in as_files)
        problems.append(_problem(ProblemCode.PICTURE_AS_FILE, count=len(as_files), unfit=unfit))
    documents = [replace(attachment, kind=AttachmentKind.DOCUMENT) for attachment in files[:FILES]]
    return (*shown[:PICTURES], *documents), problems


def _refusal(attachment: Attachment) -> Problem | None:
    if attachment.digest is None:
        return _problem(ProblemCode.FILE_OUT_OF_REACH, name=attachment.name, size=attachment.size)
    if attachment.mime_type in REFUSED_TYPES or attachment.name.lower().endswith(REFUSED_SUFFIXES):
        return _problem(ProblemCode.FILE_TYPE_REFUSED, name=attachment.name)
    if attachment.size > FILE_SIZE:
        return _problem(ProblemCode.FILE_TOO_LARGE, name=attachment.name, size=attachment.size, limit=FILE_SIZE)
    return None


def _overflow(chosen: Sequence[Attachment], limit: int, code: ProblemCode) -> Iterator[Problem]:
    if len(chosen) > limit:
        limits = {"limit": limit} if code is ProblemCode.TOO_MANY_ATTACHMENTS else {}
        yield _problem(code, count=len(chosen), **limits)
    for attachment in chosen[limit:]:
        yield _problem(ProblemCode.ATTACHMENT_LEFT_OUT, name=attachment.name)


def _seen_as(attachment: Attachment) -> AttachmentKind:
    """Return what readers should see: a GIF moves only as a document, any other animation is a video."""
    if attachment.kind is not AttachmentKind.ANIMATION:
        return attachment.kind
    return AttachmentKind.DOCUMENT if attachment.mime_type == "image/gif" else AttachmentKind.VIDEO


def _seen_as_picture(attachment: Attachment) -> bool:
    return _seen_as(attachment) in _PICTURES


def _is_picture(attachment: Attachment) -> bool:
    """Tell whether VK can show it as a picture or a video; if not, it may still go as a file."""
    if _seen_as(attachment) is not AttachmentKind.PHOTO:
        return _seen_as(attachment) is AttachmentKind.VIDEO
    sides = (attachment.width or 1, attachment.height or 1)
    return (
        attachment.mime_type in PICTURE_TYPES
        and attachment.size <= PICTURE_SIZE
        and sum(sides) <= PICTURE_SIDES
        and max(sides) <= PICTURE_RATIO * min(sides)
    )


def _loses_meaning(entities: Sequence[Entity]) -> bool:
    """Bold and italics may go; what was hidden or struck out may not lose that silently."""
    return any(entity.type in _HIDING for entity in entities)


def _problem(code: ProblemCode, **values: int | str) -> Problem:
    return Problem(code, certain=False, values=values)
