"""What a post becomes on a wall, and what its editor is told before."""

from dataclasses import replace
from typing import Any

import pytest

from channels.contract import (
    Attachment,
    AttachmentKind,
    Entity,
    Post,
    ProblemCode,
)
from channels.vk.rendering import render
from channels.vk.uploads import title
from tests.channels.vk.wall import Shelf


def codes(post: Post, *, pictures: bool = False) -> list[ProblemCode]:
    return [problem.code for problem in render(post, pictures=pictures).problems]


def names(post: Post, *, pictures: bool = False) -> list[tuple[AttachmentKind, str]]:
    (part,) = render(post, pictures=pictures).parts
    return [(attachment.kind, attachment.name) for attachment in part.attachments]


def test_a_plain_text_stays_as_it_is() -> None:
    rendering = render(Post("Собрание в среду"), pictures=False)
    assert [part.text for part in rendering.parts] == ["Собрание в среду"]
    assert rendering.problems == ()


def test_what_vk_takes_for_a_mention_is_made_harmless() -> None:
    (part,) = render(Post("Ответ [club1|нас]"), pictures=False).parts
    assert "[club1|" not in part.text


@pytest.mark.parametrize(("length", "blocked"), [(15_000, False), (15_001, True)])
def test_a_text_longer_than_vk_is_known_to_take_is_blocked(length: int, blocked: bool) -> None:
    rendering = render(Post("а" * length), pictures=False)
    assert rendering.blocked is blocked
    assert [dict(problem.values) for problem in rendering.problems] == (
        [{"length": 15_001, "limit": 15_000, "over": 1}] if blocked else []
    )


def test_nothing_at_all_is_blocked() -> None:
    rendering = render(Post("  \n"), pictures=True)
    assert (codes(Post("  \n")), rendering.blocked) == ([ProblemCode.EMPTY], True)


def test_a_post_of_which_nothing_is_left_is_blocked(shelf: Shelf) -> None:
    song = shelf.put("гимн.mp3", AttachmentKind.AUDIO, "audio/mpeg", b"ID3")
    assert codes(Post("", attachments=(song,))) == [ProblemCode.FILE_TYPE_REFUSED, ProblemCode.EMPTY]


def test_struck_out_and_hidden_words_are_mentioned_and_bold_ones_are_not() -> None:
    assert codes(Post("отменено", entities=(Entity("strikethrough", 0, 8),))) == [ProblemCode.FORMATTING_LOST]
    assert codes(Post("отменено", entities=(Entity("bold", 0, 8),))) == []


def test_pictures_go_as_pictures_where_a_person_lends_a_token(shelf: Shelf) -> None:
    post = Post("а", attachments=(shelf.picture("1.png"), shelf.document("a.pdf"), shelf.picture("2.png")))
    assert names(post, pictures=True) == [
        (AttachmentKind.PHOTO, "1.png"),
        (AttachmentKind.PHOTO, "2.png"),
        (AttachmentKind.DOCUMENT, "a.pdf"),
    ]
    assert codes(post, pictures=True) == []


def test_one_picture_goes_as_a_file_where_nobody_does(shelf: Shelf) -> None:
    post = Post("а", attachments=(shelf.picture("1.png"),))
    assert names(post) == [(AttachmentKind.DOCUMENT, "1.png")]
    (problem,) = render(post, pictures=False).problems
    assert (problem.code, problem.certain, dict(problem.values)) == (
        ProblemCode.PICTURE_AS_FILE,
        False,
        {"count": 1, "unfit": 0},
    )


def test_of_several_pictures_the_first_goes_as_a_file_and_the_others_are_named(shelf: Shelf) -> None:
    post = Post("а", attachments=tuple(shelf.picture(f"{number}.png") for number in (1, 2, 3)))
    assert names(post) == [(AttachmentKind.DOCUMENT, "1.png")]
    problems = render(post, pictures=False).problems
    assert [(problem.code, dict(problem.values)) for problem in problems] == [
        (ProblemCode.ONE_FILE_ONLY, {"count": 3}),
        (ProblemCode.ATTACHMENT_LEFT_OUT, {"name": "2.png"}),
        (ProblemCode.ATTACHMENT_LEFT_OUT, {"name": "3.png"}),
        (ProblemCode.PICTURE_AS_FILE, {"count": 1, "unfit": 0}),
    ]
    assert not render(post, pictures=False).blocked


def test_a_document_goes_before_pictures_that_can_only_be_files(shelf: Shelf) -> None:
    post = Post("а", attachments=(shelf.picture("1.png"), shelf.document("приказ.pdf")))
    assert names(post) == [(AttachmentKind.DOCUMENT, "приказ.pdf")]
    assert codes(post) == [ProblemCode.ONE_FILE_ONLY, ProblemCode.ATTACHMENT_LEFT_OUT]


def test_the_eleventh_picture_is_left_out_and_named(shelf: Shelf) -> None:
    post = Post("а", attachments=tuple(shelf.picture(f"{number}.png") for number in range(1, 12)))
    assert len(names(post, pictures=True)) == 10
    problems = render(post, pictures=True).problems
    assert [(problem.code, dict(problem.values)) for problem in problems] == [
        (ProblemCode.TOO_MANY_ATTACHMENTS, {"count": 11, "limit": 10}),
        (ProblemCode.ATTACHMENT_LEFT_OUT, {"name": "11.png"}),
    ]


@pytest.mark.parametrize("name", ["гимн.mp3", "SETUP.EXE", "client.apk"])
def test_mp3_and_programs_are_refused_by_name(shelf: Shelf, name: str) -> None:
    attachment = shelf.put(name, AttachmentKind.DOCUMENT, "application/octet-stream", b"bytes")
    assert codes(Post("а", attachments=(attachment,))) == [ProblemCode.FILE_TYPE_REFUSED]


def test_a_file_that_was_too_large_to_fetch_is_out_of_reach() -> None:
    film = Attachment(AttachmentKind.VIDEO, "film.mp4", "video/mp4", 60_000_000, telegram_file_id="f")
    post = Post("а", attachments=(film,))
    assert names(post, pictures=True) == []
    (problem,) = render(post, pictures=True).problems
    assert (problem.code, problem.certain) == (ProblemCode.FILE_OUT_OF_REACH, False)
    assert problem.values == {"name": "film.mp4", "size": 60_000_000}


def test_a_file_over_200_mb_is_too_large(shelf: Shelf) -> None:
    huge = replace(shelf.document(), size=200 * 2**20 + 1)
    assert codes(Post("а", attachments=(huge,))) == [ProblemCode.FILE_TOO_LARGE]
    assert codes(Post("а", attachments=(replace(huge, size=200 * 2**20),))) == []


@pytest.mark.parametrize(
    "change",
    [
        {"mime_type": "image/webp"},
        {"size": 50 * 2**20 + 1},
        {"width": 7001, "height": 7000},
        {"width": 2100, "height": 100},
    ],
)
def test_a_picture_that_vk_cannot_show_goes_as_a_file(shelf: Shelf, change: dict[str, Any]) -> None:
    post = Post("а", attachments=(replace(shelf.picture("1.png"), **change),))
    assert names(post, pictures=True) == [(AttachmentKind.DOCUMENT, "1.png")]
    for pictures in (True, False):  # no key would make a picture of it
        (problem,) = render(post, pictures=pictures).problems
        assert (problem.code, problem.values) == (ProblemCode.PICTURE_AS_FILE, {"count": 1, "unfit": 1})


def test_a_gif_moves_as_a_file_and_an_animation_of_telegram_as_a_video(shelf: Shelf) -> None:
    gif = shelf.put("a.gif", AttachmentKind.ANIMATION, "image/gif", b"GIF89a")
    film = shelf.put("b.mp4", AttachmentKind.ANIMATION, "video/mp4", b"film")
    post = Post("а", attachments=(gif, film))
    assert names(post, pictures=True) == [(AttachmentKind.VIDEO, "b.mp4"), (AttachmentKind.DOCUMENT, "a.gif")]
    assert codes(post, pictures=True) == []


def test_a_long_name_keeps_its_extension() -> None:
    assert title("приказ.pdf") == "приказ.pdf"
    assert (len(title("п" * 300 + ".pdf")), title("п" * 300 + ".pdf")[-4:]) == (128, ".pdf")
