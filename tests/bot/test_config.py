"""Settings: everything that may be said, and every way to say it wrong."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, SecretStr

from bot.config import ConfigCode, ConfigError, ConfigProblem, Settings, find, load, secrets_of
from bot.config.problems import FileCause, TomlCause, TomlType
from bot.config.sections import BotSettings, Database, DeliverySettings, General, Web
from bot.texts.config import CAUSES, SENTENCES, TOML_CAUSES, TYPES, report, sentence
from channels import email, telegram, vk
from channels.registry import SETTINGS

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
MAIL = '[channels.mail]\nkind = "email"\nhost = "smtp.example.org"\nsender = "press@example.org"\n'
WALL = '[channels.vk]\nkind = "vk"\ngroup_id = 5\ncommunity_token = "wall-key"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def loaded(config: Path, text: str, environ: Mapping[str, str] | None = None, *, need_bot: bool = False) -> Settings:
    config.write_text(text, encoding="utf-8")
    return load(config, environ or {}, SETTINGS, need_bot=need_bot)


def complaint(
    config: Path, text: str, environ: Mapping[str, str] | None = None, *, need_bot: bool = False
) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        loaded(config, text, environ, need_bot=need_bot)
    return caught.value


# What is accepted


def test_an_empty_file_means_the_defaults(config: Path) -> None:
    settings = loaded(config, "")
    assert settings.timezone == ZoneInfo("Europe/Moscow")
    assert settings.web == Web()
    assert settings.bot == BotSettings()
    assert settings.channels == {}


def test_every_section_of_the_contract_is_understood(config: Path) -> None:
    text = f"""
        timezone = "Asia/Yekaterinburg"
        [database]
        url = "postgresql+asyncpg://rupor:pass@db/base"
        [bot]
        token = "{TOKEN}"
        api_base = "http://127.0.0.1:8081/"
        admins = [1]
        editors = [2]
        approvers = [3]
        proxies = ["socks5://me:word@proxy:1080", "http://proxy:3128"]
        webhook_url = "https://rupor.example.org/telegram/webhook"
        webhook_secret = "abc_DEF-9"
        grace_seconds = 0
        [delivery]
        lease_seconds = 5
        [web]
        host = "0.0.0.0"
        port = 80
        public_url = "https://rupor.example.org/"
        secret = "0123456789abcdef"
        [channels.tg]
        kind = "telegram"
        chat_id = -1001234567890
        {WALL}
        {MAIL}
    """
    settings = loaded(config, text)
    assert settings.timezone == ZoneInfo("Asia/Yekaterinburg")
    assert settings.bot.api_base == "http://127.0.0.1:8081"
    assert (settings.bot.admins, settings.bot.editors, settings.bot.approvers) == ((1,), (2,), (3,))
    assert settings.bot.proxies[0].get_secret_value() == "socks5://me:word@proxy:1080"
    assert settings.bot.grace_seconds == 0
    assert settings.delivery.lease_seconds == 5
    assert settings.web.public_url == "https://rupor.example.org"
    assert [type(channel) for channel in settings.channels.values()] == [telegram.Settings, vk.Settings, email.Settings]


def test_settings_never_change(config: Path) -> None:
    settings = loaded(config, "")
    with pytest.raises(ValueError, match="frozen"):
        settings.web.port = 1  # type: ignore[misc]


def test_a_byte_order_mark_is_no_problem(config: Path) -> None:
    config.write_bytes(b"\xef\xbb\xbf[web]\nport = 1\n")
    assert load(config, {}, SETTINGS).web.port == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:8090", "http://localhost", "http://[::1]:1"])
def test_this_machine_needs_no_https(config: Path, url: str) -> None:
    assert loaded(config, f'[web]\npublic_url = "{url}"\nsecret = "0123456789abcdef"').web.public_url == url


# Where values come from


def test_relative_paths_start_at_the_config_file(config: Path) -> None:
    (config.parent / "word.txt").write_text("s3cret\n")
    settings = loaded(config, f'{MAIL}ca_file = "ca.pem"\npassword_file = "word.txt"')
    mail = settings.channels["mail"]
    assert isinstance(mail, email.Settings)
    assert mail.ca_file == config.parent / "ca.pem"
    assert mail.password.get_secret_value() == "s3cret"
    assert settings.database.url.get_secret_value() == f"sqlite+aiosqlite:///{config.parent}/rupor.db"


def test_an_absolute_path_stays(config: Path) -> None:
    url = "sqlite+aiosqlite:////var/lib/rupor/rupor.db"
    assert loaded(config, f'[database]\nurl = "{url}"').database.url.get_secret_value() == url


def test_a_list_of_secrets_has_one_on_each_line_of_its_file(config: Path) -> None:
    (config.parent / "proxies").write_text("socks5://a:b@one:1\n\nhttp://two:2\n")
    proxies = loaded(config, '[bot]\nproxies_file = "proxies"').bot.proxies
    assert [each.get_secret_value() for each in proxies] == ["socks5://a:b@one:1", "http://two:2"]


def test_the_environment_alone_is_enough() -> None:
    environ = {
        "RUPOR_TIMEZONE": "Europe/Samara",
        "RUPOR_BOT__TOKEN": TOKEN,
        "RUPOR_BOT__ADMINS": "1, 2",
        "RUPOR_BOT__EDITORS": "[3]",
        "RUPOR_WEB__PORT": "0",
        "RUPOR_CHANNELS__TG__KIND": "telegram",
        "RUPOR_CHANNELS__TG__CHAT_ID": "-1001234567890",
        "RUPOR_CHANNELS__TG__SILENT": "True",
        "RUPOR_CHANNELS__MAIL__KIND": "email",
        "RUPOR_CHANNELS__MAIL__HOST": "smtp.example.org",
        "RUPOR_CHANNELS__MAIL__SENDER": "press@example.org",
        "RUPOR_CHANNELS__MAIL__PASSWORD": "12345",
        "PATH": "/bin",
        "RUPOR_LOG_FORMAT": "json",
    }
    settings = load(None, environ, SETTINGS, need_bot=True)
    assert settings.timezone == ZoneInfo("Europe/Samara")
    assert settings.bot.admins == (1, 2)
    assert settings.bot.editors == (3,)
    assert settings.web.port == 0
    tg, mail = settings.channels["tg"], settings.channels["mail"]
    assert isinstance(tg, telegram.Settings)
    assert isinstance(mail, email.Settings)
    assert tg.chat_id == -1001234567890
    assert tg.silent is True
    assert mail.password.get_secret_value() == "12345"


def test_the_environment_goes_before_the_file(config: Path) -> None:
    environ = {"RUPOR_WEB__PORT": "2", "RUPOR_CHANNELS__PRESS_WALL__COMMUNITY_TOKEN": "from the environment"}
    text = '[web]\nport = 1\n[channels.Press-Wall]\nkind = "vk"\ngroup_id = 5\ncommunity_token_file = "not there"'
    settings = loaded(config, text, environ)
    assert settings.web.port == 2
    wall = settings.channels["Press-Wall"]
    assert isinstance(wall, vk.Settings)
    assert wall.community_token.get_secret_value() == "from the environment"


def test_an_empty_variable_counts_as_not_set(config: Path) -> None:
    assert loaded(config, "[web]\nport = 1", {"RUPOR_WEB__PORT": ""}).web.port == 1


def test_the_variable_may_name_a_file(config: Path) -> None:
    (config.parent / "token").write_text(TOKEN)
    settings = loaded(config, '[bot]\ntoken = "1:old"', {"RUPOR_BOT__TOKEN_FILE": "token"})
    assert settings.bot.token.get_secret_value() == TOKEN


def test_finds_the_file_by_option_then_variable_then_habit(tmp_path: Path) -> None:
    environ = {"RUPOR_CONFIG": "from-variable.toml"}
    assert find(Path("from-option.toml"), environ, tmp_path) == tmp_path / "from-option.toml"
    assert find(None, environ, tmp_path) == tmp_path / "from-variable.toml"
    assert find(None, {}, tmp_path) is None
    (tmp_path / "config.toml").touch()
    assert find(None, {}, tmp_path) == tmp_path / "config.toml"


# What is refused: the text, the environment, the code, the key, and what the Russian sentence must name

PORT = {"RUPOR_WEB__PORT": "http"}
CASES: list[tuple[str, dict[str, str], ConfigCode, str, list[str]]] = [
    ("[bot]\ntokne = 'x'", {}, ConfigCode.UNKNOWN_KEY, "bot.tokne", ["«token»"]),
    ("[web]\nqqq = 1", {}, ConfigCode.UNKNOWN_KEY, "web.qqq", ["Удалите", "public_url"]),
    ("timezon = 'x'", {}, ConfigCode.UNKNOWN_KEY, "timezon", ["«timezone»"]),
    (f"{WALL}\ngroupid = 1", {}, ConfigCode.UNKNOWN_KEY, "channels.vk.groupid", ["«group_id»"]),
    ("", {"RUPOR_BOT__TOKNE": "x"}, ConfigCode.UNKNOWN_KEY, "bot.tokne", ["«token»", "RUPOR_BOT__TOKNE"]),
    ("[databse]", {}, ConfigCode.UNKNOWN_SECTION, "databse", ["«database»"]),
    ("", {"RUPOR_BTO__TOKEN": "x"}, ConfigCode.UNKNOWN_SECTION, "bto", ["«bot»", "RUPOR_BTO__TOKEN"]),
    ("[web]\nport = 'http'", {}, ConfigCode.WRONG_TYPE, "web.port", ["целое число", "текст", "port = 123"]),
    ("[web]\nport = '80'", {}, ConfigCode.WRONG_TYPE, "web.port", ["без кавычек"]),
    ("", PORT, ConfigCode.WRONG_TYPE, "web.port", ["целое число", "RUPOR_WEB__PORT", "Исправьте"]),
    ("[web]\nhost = 1", {}, ConfigCode.WRONG_TYPE, "web.host", ["в кавычках", 'host = "…"']),
    ("[web]\nhost = 2026-11-24", {}, ConfigCode.WRONG_TYPE, "web.host", ["текст", "дата", 'host = "…"']),
    ("[bot]\nadmins = 1", {}, ConfigCode.WRONG_TYPE, "bot.admins", ["список", "admins = […]"]),
    ("[bot]\nadmins = [1, 'x']", {}, ConfigCode.WRONG_TYPE, "bot.admins", ["№ 2", "целое число"]),
    ("[bot]\ntoken_file = 1", {}, ConfigCode.WRONG_TYPE, "bot.token_file", ["текст"]),
    ("bot = 1", {}, ConfigCode.WRONG_TYPE, "bot", ["раздел", "[bot]"]),
    ("channels = 1", {}, ConfigCode.WRONG_TYPE, "channels", ["раздел", "[channels]"]),
    ("[channels]\ntg = 'x'", {}, ConfigCode.WRONG_TYPE, "channels.tg", ["раздел", "[channels.tg]"]),
    ("[channels.tg]\nkind = 1", {}, ConfigCode.WRONG_TYPE, "channels.tg.kind", ["текст", "в кавычках"]),
    (
        f"[bot]\ntoken = '{TOKEN}'\n[channels.tg]\nkind = 'telegram'\nchat_id = true",
        {},
        ConfigCode.WRONG_TYPE,
        "channels.tg.chat_id",
        ["целое число или текст"],
    ),
    ("timezone = 3", {}, ConfigCode.WRONG_TYPE, "timezone", ["текст", "в кавычках"]),
    ("[web]\nport = 70000", {}, ConfigCode.OUT_OF_RANGE, "web.port", ["70000", "от 0 до 65535"]),
    ("[bot]\nadmins = [-5]", {}, ConfigCode.OUT_OF_RANGE, "bot.admins", ["№ 1", "от 1"]),
    ("[bot]\ngrace_seconds = -1", {}, ConfigCode.OUT_OF_RANGE, "bot.grace_seconds", ["от 0 до 600"]),
    (f"{MAIL}tls = 'startls'", {}, ConfigCode.NOT_ONE_OF, "channels.mail.tls", ["«starttls»", "implicit"]),
    ("timezone = 'Europe/Moskow'", {}, ConfigCode.UNKNOWN_TIMEZONE, "timezone", ["«Europe/Moscow»"]),
    ("timezone = 'samara'", {}, ConfigCode.UNKNOWN_TIMEZONE, "timezone", ["«Europe/Samara»"]),
    ("timezone = 'МСК'", {}, ConfigCode.UNKNOWN_TIMEZONE, "timezone", ["например, Europe/Moscow"]),
    ("timezone = '../../etc/passwd'", {}, ConfigCode.UNKNOWN_TIMEZONE, "timezone", ["например, Europe/Moscow"]),
    ("[channels.tg]\nkind = 'telegramm'", {}, ConfigCode.UNKNOWN_KIND, "channels.tg.kind", ["«telegram»"]),
    ("[channels.tg]\nkind = 'icq'", {}, ConfigCode.UNKNOWN_KIND, "channels.tg.kind", ["«icq»", "telegram, vk, email"]),
    ("[channels.tg]\nkid = 'vk'", {}, ConfigCode.KIND_MISSING, "channels.tg.kind", ["kind =", "telegram, vk, email"]),
    ("[channels.'a:b']\nkind = 'rehearsal'", {}, ConfigCode.CHANNEL_NAME, "channels.a:b", ["латинских букв"]),
    (
        "[channels.tg]\nkind = 'telegram'\nchat_id = '@smolprof'",
        {},
        ConfigCode.MISSING_SECRET,
        "bot.token",
        ["@BotFather", "token_file", "RUPOR_BOT__TOKEN"],
    ),
    (
        "[channels.vk-1]\nkind = 'vk'\ngroup_id = 1\ncommunity_token = ''",
        {},
        ConfigCode.MISSING_SECRET,
        "channels.vk-1.community_token",
        ["community_token_file", "RUPOR_CHANNELS__VK_1__COMMUNITY_TOKEN"],
    ),
    (
        "[bot]\nwebhook_url = 'https://x.ru/hook'",
        {},
        ConfigCode.MISSING_SECRET,
        "bot.webhook_secret",
        ["webhook_url", "придумайте"],
    ),
    (
        "[web]\npublic_url = 'https://x.ru'",
        {},
        ConfigCode.MISSING_SECRET,
        "web.secret",
        ["public_url", "secret_file", "RUPOR_WEB__SECRET"],
    ),
    (
        "[channels.mail]\nkind = 'email'\nhost = 'smtp.example.org'",
        {},
        ConfigCode.MISSING,
        "channels.mail.sender",
        ["sender =", "RUPOR_CHANNELS__MAIL__SENDER"],
    ),
    (MAIL.replace("smtp.example.org", ""), {}, ConfigCode.MISSING, "channels.mail.host", ["host ="]),
    ("[web]\nhost = ''", {}, ConfigCode.MISSING, "web.host", ["host ="]),
    ("[web]\nsecret = 'short-one'", {}, ConfigCode.TOO_SHORT, "web.secret", ["16\u00a0знаков"]),
    (
        f"[bot]\ntoken = '{TOKEN}'\ntoken_file = 'token'",
        {},
        ConfigCode.GIVEN_TWICE,
        "bot.token_file",
        ["bot.token", "Оставьте"],
    ),
    (
        f"{MAIL}password_file = 'absent'",
        {},
        ConfigCode.FILE_UNREADABLE,
        "channels.mail.password_file",
        ["absent", "нет. Проверьте путь"],
    ),
    ("[bot]\ntoken_file = '.'", {}, ConfigCode.FILE_UNREADABLE, "bot.token_file", ["папка", "имя файла"]),
    ("[bot]\ntoken = 'bot1:A'", {}, ConfigCode.BAD_TOKEN, "bot.token", ["@BotFather", "без слова bot"]),
    ("[bot]\ntoken = '1234 :A'", {}, ConfigCode.BAD_TOKEN, "bot.token", ["без пробелов"]),
    ("[bot]\nproxies = ['ftp://x:1']", {}, ConfigCode.BAD_PROXY, "bot.proxies", ["№ 1", "socks5://"]),
    ("[bot]\nproxies = ['http://x:1', 'socks5://x']", {}, ConfigCode.BAD_PROXY, "bot.proxies", ["№ 2", "порт"]),
    ("[bot]\nproxies = ['socks5://x:99999']", {}, ConfigCode.BAD_PROXY, "bot.proxies", ["порт"]),
    ("[bot]\napi_base = 'api.telegram.org'", {}, ConfigCode.BAD_URL, "bot.api_base", ["https://"]),
    ("[web]\npublic_url = 'https://a b'", {}, ConfigCode.BAD_URL, "web.public_url", ["https://"]),
    (f"{WALL}\napi_base = 'api.vk.ru'", {}, ConfigCode.BAD_URL, "channels.vk.api_base", ["https://"]),
    ("[web]\npublic_url = 'http://rupor.ru'", {}, ConfigCode.NOT_HTTPS, "web.public_url", ["https://", "сертификат"]),
    ("[bot]\nwebhook_url = 'http://x.ru'", {}, ConfigCode.NOT_HTTPS, "bot.webhook_url", ["https://"]),
    ("[bot]\nwebhook_secret = 'с пробелом'", {}, ConfigCode.BAD_WEBHOOK_SECRET, "bot.webhook_secret", ["A–Z"]),
    (
        "[database]\nurl = 'postgres://rupor@db/base'",
        {},
        ConfigCode.BAD_DATABASE_URL,
        "database.url",
        ["Начните адрес так: postgresql+asyncpg://"],
    ),
    ("[database]\nurl = 'rupor.db'", {}, ConfigCode.BAD_DATABASE_URL, "database.url", ["sqlite+aiosqlite:///rupor.db"]),
    ("[database]\nurl = 'postgresql+asyncpg://db'", {}, ConfigCode.BAD_DATABASE_URL, "database.url", ["/база"]),
    (MAIL.replace("press@", "press"), {}, ConfigCode.BAD_ADDRESS, "channels.mail.sender", ["press@example.org"]),
    (
        f"[bot]\ntoken = '{TOKEN}'\n[channels.tg]\nkind = 'telegram'\nchat_id = 'smolprof'",
        {},
        ConfigCode.BAD_VALUE,
        "channels.tg.chat_id",
        ["@имя", "-100"],
    ),
]


@pytest.mark.parametrize(("text", "environ", "code", "where", "words"), CASES)
def test_names_the_key_and_the_remedy(
    config: Path, text: str, environ: dict[str, str], code: ConfigCode, where: str, words: list[str]
) -> None:
    error = complaint(config, text, environ)
    assert [(problem.code, problem.where) for problem in error.problems] == [(code, where)]
    russian = sentence(error.problems[0])
    assert russian.startswith(where)
    assert [word for word in words if word not in russian] == []
    assert re.search(r"[.…]$", russian), russian


def test_every_code_is_met_in_these_tests() -> None:
    elsewhere = {ConfigCode.BAD_TOML, ConfigCode.NO_CONFIG}
    assert {code for _, _, code, _, _ in CASES} | elsewhere == set(ConfigCode)


@pytest.mark.parametrize(
    ("table", "codes"), [(SENTENCES, ConfigCode), (CAUSES, FileCause), (TOML_CAUSES, TomlCause), (TYPES, TomlType)]
)
def test_every_code_has_russian_words(table: Mapping[str, Any], codes: type[ConfigCode]) -> None:
    assert set(table) == set(codes)


def test_tells_all_problems_at_once(config: Path) -> None:
    text = f"""
        timezone = "Moscow/Europe"
        colour = "red"
        [databse]
        [bot]
        tokne = "x"
        admins = ["me"]
        proxies = ["x", "http://fine:1", "y"]
        [web]
        port = -1
        public_url = "https://rupor.example.org"
        [channels.tg]
        kind = "telegram"
        chat_id = 1
        {WALL}
        user_tokn = "x"
        {MAIL}
        tls = 3
    """
    error = complaint(config, text, {"RUPOR_CHANNELS__MAIL__PORT": "x"})
    assert {(problem.where, problem.code.value) for problem in error.problems} == {
        ("colour", "unknown_key"),
        ("databse", "unknown_section"),
        ("timezone", "unknown_timezone"),
        ("bot.tokne", "unknown_key"),
        ("bot.admins", "wrong_type"),
        ("bot.proxies", "bad_proxy"),
        ("web.port", "out_of_range"),
        ("channels.vk.user_tokn", "unknown_key"),
        ("channels.mail.tls", "not_one_of"),
        ("channels.mail.port", "wrong_type"),
    }
    text = report(error)
    assert "11\u00a0ошибок" in text
    assert str(config) in text
    assert len(text.splitlines()) == 12


# Files and the lack of them


def test_says_what_to_do_without_any_settings() -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {"PATH": "/bin", "RUPOR_LOG_FORMAT": "json"}, SETTINGS)
    assert caught.value.problems == (ConfigProblem(ConfigCode.NO_CONFIG),)
    russian = report(caught.value)
    assert "rupor init" in russian
    assert "config.example.toml" in russian


def test_says_that_a_named_file_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "absent.toml", {"RUPOR_WEB__PORT": "1"}, SETTINGS)
    assert [problem.code for problem in caught.value.problems] == [ConfigCode.FILE_UNREADABLE]
    assert "absent.toml нет" in report(caught.value)
    assert "--config" in report(caught.value)


def test_says_that_a_file_is_not_in_utf8(config: Path) -> None:
    config.write_bytes("# настройки\n".encode("cp1251"))
    with pytest.raises(ConfigError) as caught:
        load(config, {}, SETTINGS)
    assert caught.value.problems[0].values["cause"] == FileCause.NOT_UTF8
    assert "UTF-8" in report(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "cause", "words"),
    [
        ("[web]\nport = \n", 2, TomlCause.SYNTAX, "строка 2"),
        ("[web\nport = 1\n", 1, TomlCause.SYNTAX, "строка 1"),
        ('[bot]\ntoken = "123:secret', 0, TomlCause.SYNTAX, "конец файла"),
        ("[web]\nport = 1\nport = 2\n", 3, TomlCause.TWICE, "дважды"),
        ("[web]\n[bot]\n[web]\n", 3, TomlCause.TWICE, "дважды"),
        ("[web]\nport = 1\n[web.port]\n", 3, TomlCause.TWICE, "дважды"),
    ],
)
def test_names_the_line_that_is_not_toml(config: Path, text: str, line: int, cause: TomlCause, words: str) -> None:
    error = complaint(config, text)
    assert [problem.code for problem in error.problems] == [ConfigCode.BAD_TOML]
    assert error.problems[0].values["line"] == line
    assert error.problems[0].values["cause"] == cause
    assert words in report(error)


def test_an_unreadable_secret_is_complained_of_once(config: Path) -> None:
    error = complaint(config, f'[bot]\ntoken_file = "absent"\n{WALL.replace("token =", "token_file =")}', need_bot=True)
    assert [problem.where for problem in error.problems] == ["channels.vk.community_token_file", "bot.token_file"][::-1]


def test_the_bot_is_asked_for_its_token_only_where_it_is_needed(config: Path) -> None:
    assert loaded(config, MAIL).bot.token == SecretStr("")
    assert [problem.where for problem in complaint(config, MAIL, need_bot=True).problems] == ["bot.token"]


# Secrets stay secret


def test_no_secret_shows_in_reprs_and_errors(config: Path) -> None:
    hidden = ["hunter2", "wall-key", "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0", "signing-secret-0"]
    text = f"""
        [database]
        url = "postgresql+asyncpg://rupor:hunter2@db/base"
        [bot]
        token = "{TOKEN}"
        proxies = ["socks5://me:hunter2@proxy:1"]
        [web]
        secret = "signing-secret-0"
        {WALL}
        {MAIL}
        password = "hunter2"
    """
    settings = loaded(config, text)
    assert [word for word in hidden if word in f"{settings!r} {settings} {settings.model_dump()}"] == []
    assert secrets_of(settings) == {"hunter2", "wall-key", TOKEN, "signing-secret-0"}


def test_no_secret_shows_in_complaints(config: Path) -> None:
    text = f"""
        [database]
        url = "mysql://rupor:hunter2@db/base"
        [bot]
        token = "hunter2 {TOKEN}"
        proxies = ["ftp://me:hunter2@proxy:1", "socks5://me:hunter2@proxy"]
        webhook_secret = "hunter2 & co"
        [web]
        secret = "hunter2"
        [channels.vk]
        kind = "vk"
        group_id = 1
        community_token = ["hunter2"]
    """
    error = complaint(config, text)
    said = f"{error!r} {error} {error.problems!r} {report(error)} {error.__cause__} {error.__context__}"
    assert len(error.problems) == 7
    assert "hunter2" not in said


def test_a_broken_file_is_not_quoted(config: Path) -> None:
    error = complaint(config, '[bot]\ntoken = "hunter2" hunter2\n')
    assert "hunter2" not in f"{error!r} {report(error)}"


# The example


def example_with_everything() -> str:
    return re.sub(r"^#(?=\S)", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)


REQUIRED_SECRETS = {"RUPOR_BOT__TOKEN": TOKEN, "RUPOR_CHANNELS__VK__COMMUNITY_TOKEN": "wall-key"}


def test_the_example_loads_once_its_secrets_are_filled_in(config: Path) -> None:
    settings = loaded(config, EXAMPLE.read_text(encoding="utf-8"), REQUIRED_SECRETS, need_bot=True)
    assert set(settings.channels) == {"tg", "vk", "mail"}


def test_the_example_left_as_it_is_names_the_secrets_to_fill_in(config: Path) -> None:
    error = complaint(config, EXAMPLE.read_text(encoding="utf-8"))
    missing = {("channels.vk.community_token", "missing_secret"), ("bot.token", "missing_secret")}
    assert {(problem.where, problem.code.value) for problem in error.problems} == missing


def sections_of(settings: Settings) -> dict[str, BaseModel]:
    named: dict[str, BaseModel] = {each: getattr(settings, each) for each in ("database", "bot", "delivery", "web")}
    return named | {f"channels.{key}": channel for key, channel in settings.channels.items()}


def test_the_example_names_every_key_and_shows_its_true_default(config: Path) -> None:
    settings = loaded(config, example_with_everything(), REQUIRED_SECRETS)
    assert {type(channel) for channel in settings.channels.values()} == set(SETTINGS.values())
    written = set(re.findall(r"^#(\w+) =", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert written >= {"timezone", "url"}
    for where, section in sections_of(settings).items():
        fields = type(section).model_fields
        assert fields.keys() - section.model_fields_set == set(), where
        for key, field in fields.items():
            if key in written and not field.is_required() and (where, key) != ("database", "url"):
                assert getattr(section, key) == field.default, f"{where}.{key}"
    assert Database().within(config.parent) == settings.database


def test_the_guide_for_administrators_explains_every_key() -> None:
    guide = (EXAMPLE.parent / "docs" / "settings.md").read_text(encoding="utf-8")
    chapters = re.split(r"^## ", guide, flags=re.MULTILINE)
    headings: dict[str, type[BaseModel]] = {
        "Общее": General,
        "`[database]`": Database,
        "`[bot]`": BotSettings,
        "`[delivery]`": DeliverySettings,
        "`[web]`": Web,
    }
    headings |= {f'`kind = "{kind}"`': model for kind, model in SETTINGS.items()}
    for heading, model in headings.items():
        chapter = next(each for each in chapters if heading in each.splitlines()[0])
        assert [key for key in model.model_fields if f"`{key}`" not in chapter and key != "kind"] == [], heading


def test_nothing_but_secrets_holds_secret_words() -> None:
    """A key named like a secret must be one, so that it never shows."""
    models: list[type[BaseModel]] = [BotSettings, Web, Database, *SETTINGS.values()]
    for model in models:
        for key, field in model.model_fields.items():
            if re.search(r"token|secret|password", key):
                assert SecretStr in {field.annotation, *get_args(field.annotation)}, key
