"""The settings themselves: one frozen model for each section, with the rule for each key beside it.

Validators refuse with a ConfigCode; bot.config.complaints makes problems of what they and pydantic say.
"""

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from secrets import token_urlsafe
from typing import Annotated
from urllib.parse import SplitResult, unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, SerializeAsAny
from pydantic_core import PydanticCustomError

from bot.config.problems import ConfigCode

__all__ = ["BotSettings", "Database", "DeliverySettings", "Settings", "Web", "secrets_of"]

SQLITE = "sqlite+aiosqlite"
POSTGRES = "postgresql+asyncpg"
PROXY_SCHEMES = ("http", "socks5", "socks4")  # what python-socks understands
SHORTEST_SECRET = 16
OURS = "rupor."  # begins the type of every error of ours, so that none is taken for one of pydantic's


def _refuse(code: ConfigCode, **values: str | int) -> PydanticCustomError:
    return PydanticCustomError(OURS + code, code.value, values)


def _split(url: str, code: ConfigCode) -> SplitResult:
    """Take a URL apart. Raises `code` when it has a bad port, no host, or blanks inside."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what validates it
    except ValueError:
        raise _refuse(code) from None
    if not parts.hostname or re.search(r"\s", url):
        raise _refuse(code)
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _http_url(url: str) -> str:
    if _split(url, ConfigCode.BAD_URL).scheme not in {"http", "https"}:
        raise _refuse(ConfigCode.BAD_URL)
    return url.rstrip("/")


def _public_url(url: str) -> str:
    """Let pass an https address, an empty one, and plain http to this very machine (sandbox, tests)."""
    if not url:
        return url
    parts = _split(_http_url(url), ConfigCode.BAD_URL)
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise _refuse(ConfigCode.NOT_HTTPS)
    return url.rstrip("/")


def _secret(check: Callable[[str], None]) -> AfterValidator:
    def validate(value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            check(value.get_secret_value())
        return value

    return AfterValidator(validate)


def _bot_token(token: str) -> None:
    if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", token):
        raise _refuse(ConfigCode.BAD_TOKEN)


def _webhook_secret(secret: str) -> None:
    """Source: Bot API, setWebhook, secret_token."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
        raise _refuse(ConfigCode.BAD_WEBHOOK_SECRET)


def _signing_secret(secret: str) -> None:
    if len(secret) < SHORTEST_SECRET:
        raise _refuse(ConfigCode.TOO_SHORT, least=SHORTEST_SECRET)


def _proxy(url: str) -> None:
    parts = _split(url, ConfigCode.BAD_PROXY)
    if parts.scheme not in PROXY_SCHEMES or parts.port is None:
        raise _refuse(ConfigCode.BAD_PROXY)


def _database_url(url: str) -> None:
    scheme, _, rest = url.partition("://")
    if scheme == POSTGRES and _database_name(url):
        return
    if scheme == SQLITE and len(rest) > 1 and rest.startswith("/"):
        return
    beginnings = {"postgres": f"{POSTGRES}://", "sqlite": f"{SQLITE}:///"}
    family = next((each for each in beginnings if scheme.startswith(each)), "")
    raise _refuse(ConfigCode.BAD_DATABASE_URL, nearest=beginnings.get(family, ""))


def _postgres_url(url: str) -> None:
    if url.partition("://")[0] != POSTGRES or not _database_name(url):
        raise _refuse(ConfigCode.BAD_DATABASE_URL, nearest=f"{POSTGRES}://")


def _database_name(url: str) -> str:
    try:
        return urlsplit(url).path.strip("/")
    except ValueError:
        return ""


HttpUrl = Annotated[str, AfterValidator(_http_url)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
UserId = Annotated[int, Field(gt=0)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    """A part of config.toml that never changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Database(Section):
    """Where everything is remembered. A URL may hold a password, so it is a secret as a whole.

    `pooler`: `url` leads to one that gives a connection for a transaction only. No word of new work comes through it;
    `listen_url` may lead past it.
    """

    url: Annotated[SecretStr, _secret(_database_url)] = SecretStr(f"{SQLITE}:///rupor.db")
    pooler: bool = False
    listen_url: Annotated[SecretStr, _secret(_postgres_url)] = SecretStr("")

    def within(self, folder: Path) -> "Database":
        """The same database, a relative path of SQLite's taken from this folder."""
        head, separator, path = self.url.get_secret_value().partition(f"{SQLITE}:///")
        if head or not separator or path.startswith((":memory:", "file:")):
            return self
        return self.model_copy(update={"url": SecretStr(f"{separator}{folder / path}")})

    def listening_at(self) -> SecretStr | None:
        """The address at which a word of new work is heard; None where there is none, and only polls find it."""
        if self.url.get_secret_value().startswith(SQLITE):
            return None
        if self.listen_url.get_secret_value():
            return self.listen_url
        return None if self.pooler else self.url


class BotSettings(Section):
    """The bot's own account and who may write to it. `grace_seconds`: how long «Отменить» stops what was just sent."""

    token: Annotated[SecretStr, _secret(_bot_token)] = SecretStr("")
    api_base: HttpUrl = "https://api.telegram.org"
    admins: tuple[UserId, ...] = ()
    editors: tuple[UserId, ...] = ()
    approvers: tuple[UserId, ...] = ()
    proxies: tuple[Annotated[SecretStr, _secret(_proxy)], ...] = ()
    webhook_url: PublicUrl = ""
    webhook_secret: Annotated[SecretStr, _secret(_webhook_secret)] = SecretStr("")
    grace_seconds: Annotated[int, Field(ge=0, le=600)] = 10


class DeliverySettings(Section):
    """How delivery works. A worker silent for `lease_seconds` is taken for dead, and another takes over its work."""

    lease_seconds: Annotated[int, Field(ge=1, le=3600)] = 60


class Web(Section):
    """The pages. Port 0 takes any free one. `secret` signs the links of letters and reports.

    Without a public address there are no links, but the pages still look at signatures; so `sealed` draws a secret
    where none was given, lest everybody know that it is empty.
    """

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Port = 8090
    public_url: PublicUrl = ""
    secret: Annotated[SecretStr, _secret(_signing_secret)] = SecretStr("")

    def sealed(self) -> "Web":
        """The same pages with a secret: the given one, or one that lives as long as this process."""
        return self if self.secret.get_secret_value() else self.model_copy(update={"secret": _drawn()})


def _drawn() -> SecretStr:
    return SecretStr(token_urlsafe(32))


class General(Section):
    """The keys above the first section."""

    timezone: ZoneInfo = ZoneInfo("Europe/Moscow")


class Settings(General):
    """Everything the service is told. A channel's settings are an instance of its kind's own model."""

    database: Database
    bot: BotSettings
    delivery: DeliverySettings
    web: Web
    channels: dict[str, SerializeAsAny[BaseModel]]


def secrets_of(settings: BaseModel) -> frozenset[str]:
    """Every word that must not appear in a log: secret values, and the passwords inside secret URLs."""
    return frozenset(_hidden(settings))


def _hidden(value: object) -> Iterator[str]:
    match value:
        case SecretStr():
            secret = value.get_secret_value()
            yield from _passwords(secret) if "://" in secret else filter(None, [secret])
        case BaseModel():
            for name in type(value).model_fields:
                yield from _hidden(getattr(value, name))
        case dict():
            for each in value.values():
                yield from _hidden(each)
        case tuple() | list() | frozenset():
            for each in value:
                yield from _hidden(each)


def _passwords(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        password = url
    yield from filter(None, {password, unquote(password)})
