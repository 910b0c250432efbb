"""Logs: one line for each event, in UTC, without secrets."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import structlog

from bot.logs import LOUD_LIBRARIES, Form, Redactor, form_for, set_up

SECRETS = ["hunter2", "hunter2-and-more", "abc"]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    levels = {name: logging.getLogger(name).level for name in ("root", *LOUD_LIBRARIES)}
    before = logging.root.handlers[:]
    yield io.StringIO()
    logging.root.handlers = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_are_for_people_on_a_terminal_and_for_programs_elsewhere() -> None:
    assert form_for(Terminal(), {}) is Form.TEXT
    assert form_for(io.StringIO(), {}) is Form.JSON
    assert form_for(Terminal(), {"RUPOR_LOG_FORMAT": "JSON"}) is Form.JSON
    assert form_for(io.StringIO(), {"RUPOR_LOG_FORMAT": "text"}) is Form.TEXT
    assert form_for(io.StringIO(), {"RUPOR_LOG_FORMAT": "xml"}) is Form.JSON


def test_an_event_is_one_json_line_with_its_time_in_utc(log: io.StringIO) -> None:
    set_up(log, Form.JSON)
    structlog.get_logger("delivery.worker").info("sent", delivery=7, detail="два\nслова")
    line = json.loads(log.getvalue())
    assert log.getvalue().count("\n") == 1
    assert line.keys() == {"event", "delivery", "detail", "level", "logger", "timestamp"}
    assert (line["event"], line["level"], line["logger"]) == ("sent", "info", "delivery.worker")
    assert datetime.fromisoformat(line["timestamp"]).utcoffset() == timedelta(0)


@pytest.mark.parametrize("form", list(Form))
def test_a_line_end_in_a_value_begins_no_new_line(log: io.StringIO, form: Form) -> None:
    set_up(log, form)
    structlog.get_logger().info("refused", detail="550 no\n2026-01-01 forged")
    logging.getLogger("library").warning("first\nsecond")
    assert log.getvalue().count("\n") == 2


def test_the_standard_library_goes_the_same_way(log: io.StringIO) -> None:
    set_up(log, Form.JSON)
    logging.getLogger("some.library").warning("took %s s", 5)
    line = json.loads(log.getvalue())
    assert (line["event"], line["logger"], line["level"]) == ("took 5 s", "some.library", "warning")


def test_warnings_are_lines_too(log: io.StringIO) -> None:
    set_up(log, Form.JSON)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        set_up(log, Form.JSON)
        warnings.warn("old way", stacklevel=1)
    assert "old way" in json.loads(log.getvalue())["event"]


def test_libraries_speak_up_only_when_something_is_wrong(log: io.StringIO) -> None:
    set_up(log, Form.JSON)
    for name in LOUD_LIBRARIES.keys() - {"urllib3"}:
        logging.getLogger(f"{name}.part").info("chatter")
    assert log.getvalue() == ""
    for name in LOUD_LIBRARIES:
        logging.getLogger(f"{name}.part").warning("trouble")
    assert log.getvalue().count("\n") == len(LOUD_LIBRARIES)


def test_below_the_level_nothing_is_written(log: io.StringIO) -> None:
    set_up(log, Form.JSON, level=logging.WARNING)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert json.loads(log.getvalue())["event"] == "loud"


def test_setting_up_again_replaces_the_first(log: io.StringIO) -> None:
    set_up(log, Form.JSON)
    logger = structlog.get_logger()
    logger.info("before", word="hunter2")
    set_up(log, Form.JSON, secrets=SECRETS)
    logger.info("after", word="hunter2")
    words = [json.loads(line)["word"] for line in log.getvalue().splitlines()]
    assert words == ["hunter2", "***"]


def blurt() -> None:
    raise ValueError("told hunter2 to https://api.telegram.org/bot42:AbC-d_e/sendMessage")


@pytest.mark.parametrize("form", list(Form))
def test_no_secret_reaches_a_line(log: io.StringIO, form: Form) -> None:
    set_up(log, form, secrets=SECRETS)
    try:
        blurt()
    except ValueError:
        structlog.get_logger().exception("failed hunter2", nested={"hunter2": ["hunter2", ("x", b"hunter2")]})
        logging.getLogger("library").exception("gave %s away", "hunter2")
    said = log.getvalue()
    assert said.count("Traceback") == 2
    assert "ValueError" in said
    assert "hunter2" not in said
    assert "AbC" not in said


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("POST /bot123456:AAF-x_y/getMe", "POST /bot***/getMe"),
        ("POST /bot123456%3AAAF-x_y/getMe", "POST /bot***/getMe"),
        ("key 123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0.", "key ***."),
        ("at 12:30, 10:45:00", "at 12:30, 10:45:00"),
        ("?access_token=vk1.a.Xy_-9&v=5.199", "?access_token=***&v=5.199"),
        ("token vk1.a.Xy_-9 expired", "token *** expired"),
        ("postgresql+asyncpg://rupor:word@db/base", "postgresql+asyncpg://rupor:***@db/base"),
        ("socks5://me:word@proxy:1080 refused", "socks5://me:***@proxy:1080 refused"),
        ("http://proxy:1080/a@b", "http://proxy:1080/a@b"),
        ("hunter2-and-more and hunter2", "*** and ***"),
        ("abc is too short to hide", "abc is too short to hide"),
    ],
)
def test_whatever_looks_like_a_secret_is_taken_out(said: str, left: str) -> None:
    assert Redactor(SECRETS).text(said) == left


def test_numbers_stay_numbers() -> None:
    event = {"event": "sent", "delivery": 7, "seconds": 0.5, "ok": True, "link": None}
    assert Redactor(SECRETS)(None, "info", dict(event)) == event
