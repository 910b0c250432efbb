"""Settings: every way to say them wrong, and what people read then."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.config import (
    ConfigCode,
    ConfigError,
    ConfigProblem,
    load,
)
from bot.config.problems import FileCause, TomlCause, TomlType
from bot.texts.config import CAUSES, SENTENCES, TOML_CAUSES, TYPES, report, sentence
from channels.registry import SETTINGS
from tests.support.settings import MAIL, TOKEN, WALL, complaint, loaded

# What is refused: the text, the environment, the code, the key, and what the Russian sentence must name

PORT = {"RUPOR_WEB__PORT": "http"}
RETURNS = f"{MAIL}[channels.mail.returns]\nhost = 'imap.x.ru'\nusername = 'press'\npassword = 'secret'\n"
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
    (f"{MAIL}colour = 'red'", {}, ConfigCode.BAD_COLOUR, "channels.mail.colour", ["#c8102e"]),
    (f"{MAIL}logo = 'config.toml'", {}, ConfigCode.BAD_LOGO, "channels.mail.logo", ["config.toml", "PNG или JPEG"]),
    (
        f"{MAIL}templates = 'letter'",
        {},
        ConfigCode.BAD_TEMPLATES,
        "channels.mail.templates",
        ["letter: такой папки нет", "Проверьте путь"],
    ),
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
    (
        "[database]\nlisten_url = 'sqlite+aiosqlite:///rupor.db'",
        {},
        ConfigCode.BAD_DATABASE_URL,
        "database.listen_url",
        ["мимо пулера", "postgresql+asyncpg://"],
    ),
    (MAIL.replace("press@", "press"), {}, ConfigCode.BAD_ADDRESS, "channels.mail.sender", ["press@example.org"]),
    (f"{MAIL}returns = 'x'", {}, ConfigCode.WRONG_TYPE, "channels.mail.returns", ["[channels.mail.returns]"]),
    (f"{RETURNS}fodler = 'x'", {}, ConfigCode.UNKNOWN_KEY, "channels.mail.returns.fodler", ["«folder»"]),
    (f"{RETURNS}port = 0", {}, ConfigCode.OUT_OF_RANGE, "channels.mail.returns.port", ["от 1 до 65535"]),
    (
        f"{RETURNS}return_path = 'press@x.ru'",
        {},
        ConfigCode.BAD_RETURN_PATH,
        "channels.mail.returns.return_path",
        ["звёздочкой", "press+*@example.org"],
    ),
    (
        f"{RETURNS}return_path = 'press+*@x.ru'",
        {},
        ConfigCode.MISSING_SECRET,
        "channels.mail.returns.secret",
        ["secret_file"],
    ),
    (f"{RETURNS}secret = 'short'", {}, ConfigCode.TOO_SHORT, "channels.mail.returns.secret", ["16"]),
    (f"{MAIL}dkim_key = 'x'", {}, ConfigCode.BAD_SIGNING_KEY, "channels.mail.dkim_key", ["BEGIN PRIVATE KEY"]),
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
    tmp_path: Path, text: str, environ: dict[str, str], code: ConfigCode, where: str, words: list[str]
) -> None:
    error = complaint(tmp_path, text, environ)
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


def test_tells_all_problems_at_once(tmp_path: Path) -> None:
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
    error = complaint(tmp_path, text, {"RUPOR_CHANNELS__MAIL__PORT": "x"})
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
    assert str(tmp_path / "config.toml") in text
    assert len(text.splitlines()) == 12


# Files and the lack of them


def test_says_what_to_do_without_any_settings() -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {"PATH": "/bin", "RUPOR_LOG_FORMAT": "json"}, SETTINGS)
    assert caught.value.problems == (ConfigProblem(ConfigCode.NO_CONFIG),)
    russian = report(caught.value)
    assert "config.example.toml" in russian
    assert "config.example.toml" in russian


def test_says_that_a_named_file_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "absent.toml", {"RUPOR_WEB__PORT": "1"}, SETTINGS)
    assert [problem.code for problem in caught.value.problems] == [ConfigCode.FILE_UNREADABLE]
    assert "absent.toml нет" in report(caught.value)
    assert "--config" in report(caught.value)


def test_says_that_a_file_is_not_in_utf8(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
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
def test_names_the_line_that_is_not_toml(tmp_path: Path, text: str, line: int, cause: TomlCause, words: str) -> None:
    error = complaint(tmp_path, text)
    assert [problem.code for problem in error.problems] == [ConfigCode.BAD_TOML]
    assert error.problems[0].values["line"] == line
    assert error.problems[0].values["cause"] == cause
    assert words in report(error)


def test_an_unreadable_secret_is_complained_of_once(tmp_path: Path) -> None:
    error = complaint(
        tmp_path, f'[bot]\ntoken_file = "absent"\n{WALL.replace("token =", "token_file =")}', need_bot=True
    )
    assert [problem.where for problem in error.problems] == ["channels.vk.community_token_file", "bot.token_file"][::-1]


def test_the_bot_is_asked_for_its_token_only_where_it_is_needed(tmp_path: Path) -> None:
    assert loaded(tmp_path, MAIL).bot.token == SecretStr("")
    assert [problem.where for problem in complaint(tmp_path, MAIL, need_bot=True).problems] == ["bot.token"]
