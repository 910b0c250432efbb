"""Logs: one line for each event, on standard error, times in UTC, and no secret in any of them."""

import logging
import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["Form", "Redactor", "form_for", "set_up"]

FORMAT_VARIABLE = "RUPOR_LOG_FORMAT"
HIDDEN = "***"
SHORTEST_HIDDEN = 4  # a shorter secret would black out half of every line

LOUD_LIBRARIES: Mapping[str, int] = {
    "aiogram": logging.WARNING,
    "aiohttp": logging.WARNING,
    "aiosqlite": logging.WARNING,
    "alembic": logging.WARNING,
    "apscheduler": logging.WARNING,
    "asyncio": logging.WARNING,
    "sqlalchemy": logging.WARNING,
    "urllib3": logging.INFO,  # its DEBUG prints addresses with everything in them
    "vk_api": logging.WARNING,
}


class Form(StrEnum):
    """How a line looks: key=value for people, JSON for programs."""

    TEXT = "text"
    JSON = "json"


def form_for(stream: TextIO, environ: Mapping[str, str]) -> Form:
    """What RUPOR_LOG_FORMAT says (text or json); without it text on a terminal, JSON elsewhere."""
    asked = environ.get(FORMAT_VARIABLE, "").lower()
    if asked in frozenset(Form):
        return Form(asked)
    return Form.TEXT if stream.isatty() else Form.JSON


def set_up(stream: TextIO, form: Form, *, level: int = logging.INFO, secrets: Collection[str] = ()) -> None:
    """Send everything that structlog and the standard library log to `stream`. Call it again when secrets are known."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = _Lines(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.StackInfoRenderer(),
                structlog.processors.format_exc_info,
                Redactor(secrets),
                _one_line,
                _renderer(form, colors=stream.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [each for each in root.handlers if not isinstance(each, _Lines)] + [handler]
    root.setLevel(level)
    for name, least in LOUD_LIBRARIES.items():
        logging.getLogger(name).setLevel(max(least, level))
    logging.captureWarnings(capture=True)


class _Lines(logging.StreamHandler[TextIO]):
    """Our handler, to be known again when it is replaced."""


def _one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {**event, "event": str(event.get("event", "")).strip().replace("\n", "\\n")}


def _renderer(form: Form, *, colors: bool) -> Processor:
    match form:
        case Form.JSON:
            return structlog.processors.JSONRenderer(ensure_ascii=False)
        case Form.TEXT:
            return structlog.dev.ConsoleRenderer(
                colors=colors,
                pad_event_to=0,
                repr_native_str=True,  # a line end in a provider's answer must not begin a new line here
                exception_formatter=structlog.dev.plain_traceback,
            )


LOOKS_SECRET: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(bot)[0-9]+(?::|%3A)[A-Za-z0-9_-]+", re.IGNORECASE), rf"\1{HIDDEN}"),  # …/bot42:KEY/sendMessage
    (re.compile(r"\b[0-9]{5,}:[A-Za-z0-9_-]{30,}"), HIDDEN),  # a bot's key by itself
    (re.compile(r"\bvk1\.a\.[A-Za-z0-9_-]+"), HIDDEN),
    (re.compile(r"((?:access_token|password)=)[^&\s\"']+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(://[^\s/:@]*:)[^\s/@]+(@)"), rf"\1{HIDDEN}\2"),  # scheme://name:password@host
)


class Redactor:
    """A processor that takes the given words, and whatever looks like a token, out of every string of an event."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        longest_first = sorted((each for each in secrets if len(each) >= SHORTEST_HIDDEN), key=len, reverse=True)
        words = "|".join(map(re.escape, longest_first))
        known = ((re.compile(words), HIDDEN),) if words else ()
        self._rules = known + LOOKS_SECRET

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Answer the same event with its secrets replaced by "***"."""
        return {key: self._clean(value) for key, value in event.items()}

    def text(self, text: str) -> str:
        """The text without its secrets."""
        for pattern, replacement in self._rules:
            text = pattern.sub(replacement, text)
        return text

    def _clean(self, value: Any) -> Any:
        match value:
            case None | bool() | int() | float():
                return value
            case Mapping():
                return {self.text(str(key)): self._clean(each) for key, each in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._clean(each) for each in value]
            case _:
                return self.text(str(value))
