"""The letter that everybody will see, and what its editor is told before."""

from urllib.parse import quote

import pytest
from bs4 import BeautifulSoup

from channels.contract import Attachment, AttachmentKind, Entity, Post, Problem, ProblemCode
from channels.email.rendering import inline_pictures, reason_html, reason_text, render
from tests.support.announcements import sample
from tests.support.letters import some_settings

PHOTO = Attachment(AttachmentKind.PHOTO, "a.jpg", "image/jpeg", 90_000, digest="ab" * 32, width=1280, height=960)
PAPER = Attachment(AttachmentKind.DOCUMENT, "Постановление №15.pdf", "application/pdf", 350_000, digest="cd" * 32)
VIDEO = Attachment(AttachmentKind.VIDEO, "Митинг.mp4", "video/mp4", 60_000_000, telegram_file_id="x")
SETTINGS = some_settings(organisation="Федерация профсоюзов", footer="ул. Ленина, 1\n\nтел. 12-34")


def html_of(post: Post) -> BeautifulSoup:
    [part] = render(post, SETTINGS).parts
    return BeautifulSoup(part.html, "html.parser")


def test_makes_one_part_with_subject_text_html_and_files() -> None:
    rendering = render(Post("Сбор в 10:00", "Митинг", (Entity("bold", 0, 4),), (PHOTO, PAPER)), SETTINGS)
    [part] = rendering.parts
    assert rendering.problems == ()
    assert part.title == "Митинг"
    assert part.text == (
        "Сбор в 10:00\n\nВ письме есть фотография.\n\nПриложено:\n— Постановление №15.pdf, 342 КБ\n\n"
        "-- \nФедерация профсоюзов\nул. Ленина, 1\nтел. 12-34\n"
    )
    assert "<b>Сбор</b> в 10:00" in part.html
    assert part.attachments == (PHOTO, PAPER)


def test_a_rendering_is_the_same_every_time() -> None:
    post = Post("Сбор", "Митинг", attachments=(PHOTO,))
    assert render(post, SETTINGS) == render(post, SETTINGS)


def test_shows_title_organisation_pictures_files_and_footer() -> None:
    page = html_of(Post("Сбор", "Митинг", attachments=(PHOTO, PHOTO, PHOTO, PAPER)))
    assert page.h1 is not None
    assert page.h1.get_text() == "Митинг"
    assert [image["src"] for image in page.find_all("img")] == [
        f"cid:p{number}.abababababababab@example.org" for number in (1, 2, 3)
    ]
    alternatives = [image["alt"] for image in page.find_all("img")]
    assert alternatives == ["Фотография 1 из 3", "Фотография 2 из 3", "Фотография 3 из 3"]
    words = page.get_text(" ", strip=True)
    for expected in ("Федерация профсоюзов", "Постановление №15.pdf 342 КБ", "ул. Ленина, 1", "тел. 12-34"):
        assert expected in words


def test_the_cids_of_the_html_lead_to_the_pictures() -> None:
    assert inline_pictures((PAPER, PHOTO), "example.org") == {"p1.abababababababab@example.org": PHOTO}


def test_a_title_taken_from_the_text_is_not_shown_twice() -> None:
    page = html_of(Post("Митинг в субботу\nСбор в 10:00"))
    assert page.h1 is None
    assert page.get_text().count("Сбор в 10:00") == 2  # once in the preview line of the mailbox


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Митинг в субботу\nСбор в 10:00", "Митинг в субботу"),
        ("\n  Митинг   в\tсубботу  \n", "Митинг в субботу"),
        (
            "Коллеги, в субботу митинг. Сбор в десять часов утра у памятника героям на площади Ленина",
            "Коллеги, в субботу митинг. Сбор в десять часов утра у памятника героям на…",
        ),
        (
            "Президиум федерации принял постановление. Его текст мы приводим ниже полностью, а вы прочтите и ответьте",
            "Президиум федерации принял постановление",
        ),
        ("Ы" * 100, "Ы" * 77 + "…"),
        (
            "На встречу в школе им. Гагарина придут А. С. Иванов и ещё сорок учителей, врачей и строителей области",
            "На встречу в школе им. Гагарина придут А. С. Иванов и ещё сорок учителей…",
        ),
        (
            "Собрано 40 тыс. подписей под обращением «О зарплате». Их передадут в областную думу в четверг утром",
            "Собрано 40 тыс. подписей под обращением «О зарплате»",
        ),
        ("", "Федерация профсоюзов"),
    ],
)
def test_makes_a_subject_of_the_first_line(text: str, subject: str) -> None:
    [part] = render(Post(text, attachments=(PHOTO,)), SETTINGS).parts
    assert part.title == subject


def test_whatever_an_editor_writes_is_only_text() -> None:
    evil = '<script>alert(1)</script> & "x" <!--list-->'
    files = (Attachment(AttachmentKind.DOCUMENT, f"{evil}.pdf", "application/pdf", 10, digest="ee" * 32),)
    [part] = render(Post(f"Текст {evil}", evil, attachments=files), some_settings(organisation=evil, footer=evil)).parts
    assert "<script" not in part.html
    assert part.html.count("<!--list-->") == 1
    assert BeautifulSoup(part.html, "html.parser").get_text().count(evil) == 7


def test_a_usual_letter_stays_far_below_what_gmail_clips() -> None:
    [part] = render(Post("Слово " * 700, "Митинг", attachments=(PHOTO,) * 10), SETTINGS).parts
    assert len(part.html.encode()) < 30_000


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.pdf", "PDF"), ("план.DOCX", "DOCX"), ("a.mp3", "MP3"), ("Отчёт.2026", ""), ("a.torrent", ""), ("список", "")],
)
def test_a_file_shows_its_kind_where_that_tells_something(name: str, kind: str) -> None:
    file = Attachment(AttachmentKind.DOCUMENT, name, "application/octet-stream", 10, digest="ee" * 32)
    shown = html_of(Post("x", attachments=(file,))).select_one("td.kind")
    assert (shown.get_text() if shown else "") == kind


def test_links_have_the_colour_that_was_wished_for() -> None:
    evil = '" style="color:#1d6fc0">'
    [part] = render(Post(f"https://example.org {evil}"), some_settings(link_colour="#006600")).parts
    assert '<a href="https://example.org" style="color:#006600">' in part.html
    assert html_of(Post(f"x {evil}")).select_one("td.text").get_text(strip=True) == f"x {evil}"  # type: ignore[union-attr]


def test_the_plain_text_keeps_links_lists_quotations_and_says_what_is_enclosed() -> None:
    one = sample("legal")
    [part] = render(one.post, SETTINGS).parts
    assert "\n> В целях сохранения рабочих мест" in part.text
    assert "\n1. Есть ли приказ" in part.text
    assert "образец заявления здесь <https://fpz.example/pravo/prostoy>" in part.text
    [part] = render(sample("congratulation").post, SETTINGS).parts
    assert "\n\nФотографий в письме: 8.\n\n-- \n" in part.text


def test_control_characters_do_not_get_into_the_letter() -> None:
    [part] = render(Post("a\x00b\u202ec", "d\x00\r\ne"), SETTINGS).parts
    assert "\x00" not in part.text + part.html.replace(part.title, "")
    assert "\u202e" not in part.text + part.html


# Problems


def problems(*attachments: Attachment, text: str = "x", **settings: int) -> tuple[Problem, ...]:
    return render(Post(text, attachments=attachments), some_settings(**settings)).problems


def test_an_empty_letter_is_certainly_wrong() -> None:
    assert problems(text=" \n") == (Problem(ProblemCode.EMPTY, certain=True),)


def test_a_video_that_could_not_be_fetched_is_left_out_and_said() -> None:
    rendering = render(Post("x", attachments=(VIDEO, PAPER)), SETTINGS)
    values: dict[str, int | str] = {"name": "Митинг.mp4", "size": 60_000_000}
    assert rendering.problems == (Problem(ProblemCode.FILE_OUT_OF_REACH, certain=False, values=values),)
    assert rendering.parts[0].attachments == (PAPER,)


def test_a_lone_file_that_could_not_be_fetched_leaves_an_empty_letter() -> None:
    codes = {problem.code for problem in problems(VIDEO, text="")}
    assert codes == {ProblemCode.FILE_OUT_OF_REACH, ProblemCode.EMPTY}


@pytest.mark.parametrize("name", ["setup.exe", "Список.SCR", "a.pdf.bat", "a.js. ", "устав.docx.lnk"])
def test_programs_are_refused(name: str) -> None:
    file = Attachment(AttachmentKind.DOCUMENT, name, "application/octet-stream", 10, digest="ee" * 32)
    assert problems(file) == (Problem(ProblemCode.FILE_TYPE_REFUSED, certain=True, values={"name": name}),)


def test_a_letter_is_too_large_when_its_base64_is() -> None:
    large = Attachment(AttachmentKind.DOCUMENT, "a.pdf", "application/pdf", 15_000_000, digest="ee" * 32)
    [problem] = problems(large)
    assert (problem.code, problem.certain) == (ProblemCode.LETTER_TOO_LARGE, True)
    assert problem.values["limit"] == 20_000_000
    assert 20_500_000 < int(problem.values["size"]) < 20_600_000
    assert problems(large, largest_letter=21_000_000) == ()


def test_pictures_weigh_what_they_will_once_they_are_made_fit() -> None:
    photo = Attachment(AttachmentKind.PHOTO, "a.jpg", "image/jpeg", 9_000_000, digest="ee" * 32)
    assert problems(*(photo,) * 10) == ()
    assert [problem.code for problem in problems(*(photo,) * 25)] == [ProblemCode.LETTER_TOO_LARGE]


def test_a_text_that_gmail_would_clip_is_a_doubt() -> None:
    [problem] = problems(text="Слово " * 10_000)
    assert (problem.code, problem.certain) == (ProblemCode.TEXT_TOO_LONG, False)
    assert int(problem.values["limit"]) + int(problem.values["over"]) == problem.values["length"] == 59_999


# The words that differ by list


def test_says_why_the_letter_came_and_how_to_stop_it() -> None:
    words = reason_text("Новости", "https://example.org/u/x")
    assert words == (
        "Вы получили это письмо, потому что ваш адрес есть в списке рассылки «Новости».\n"
        "Отписаться: https://example.org/u/x"
    )
    page = BeautifulSoup(reason_html("Новости <b>«Ура»</b>", "https://example.org/u/x", "p@example.org"), "html.parser")
    assert "в списке рассылки «Новости <b>„Ура“</b>»." in page.get_text()
    assert page.a is not None
    assert page.a["href"] == "https://example.org/u/x"


def test_without_a_web_address_one_unsubscribes_by_letter() -> None:
    assert reason_text("", "").endswith("есть в списке рассылки.\nЧтобы отписаться, ответьте на него.")
    subject = quote("Отписаться")
    assert f'href="mailto:p@example.org?subject={subject}"' in reason_html("", "", "p@example.org")


@pytest.mark.parametrize(
    ("post", "begins"),
    [
        (Post(text="Собрание в среду\nАктовый зал, 18:00"), "Актовый зал, 18:00"),
        (Post(text="Актовый зал, 18:00", title="Собрание в среду"), "Актовый зал, 18:00"),
    ],
)
def test_the_line_below_the_subject_does_not_repeat_it(post: Post, begins: str) -> None:
    hidden = html_of(post).select_one("body > div")
    assert hidden is not None
    assert hidden.get_text().startswith(begins)
