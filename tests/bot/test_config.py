"""Settings: what may be said, and where it may stand."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.config import BotSettings, find, load, secrets_of
from bot.texts.config import report
from channels import email, telegram, vk
from channels.registry import SETTINGS
from tests.support.settings import MAIL, TOKEN, WALL, complaint, loaded

# What is accepted


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "")
    assert settings.timezone == ZoneInfo("Europe/Moscow")
    assert settings.web.port == 8090
    assert settings.bot == BotSettings()
    assert settings.channels == {}


def test_every_section_of_the_contract_is_understood(tmp_path: Path) -> None:
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
    settings = loaded(tmp_path, text)
    assert settings.timezone == ZoneInfo("Asia/Yekaterinburg")
    assert settings.bot.api_base == "http://127.0.0.1:8081"
    assert (settings.bot.admins, settings.bot.editors, settings.bot.approvers) == ((1,), (2,), (3,))
    assert settings.bot.proxies[0].get_secret_value() == "socks5://me:word@proxy:1080"
    assert settings.bot.grace_seconds == 0
    assert settings.delivery.lease_seconds == 5
    assert settings.web.public_url == "https://rupor.example.org"
    assert [type(channel) for channel in settings.channels.values()] == [telegram.Settings, vk.Settings, email.Settings]


def test_without_a_secret_nobody_can_guess_the_signature(tmp_path: Path) -> None:
    """Links are made only with a public address, which demands a secret; signatures are looked at all the same."""
    drawn = [loaded(tmp_path, "").web.secret.get_secret_value() for _ in range(2)]
    assert min(len(each) for each in drawn) >= 32
    assert drawn[0] != drawn[1]


def test_settings_never_change(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "")
    with pytest.raises(ValueError, match="frozen"):
        settings.web.port = 1  # type: ignore[misc]


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_bytes(b"\xef\xbb\xbf[web]\nport = 1\n")
    assert load(config, {}, SETTINGS).web.port == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:8090", "http://localhost", "http://[::1]:1"])
def test_this_machine_needs_no_https(tmp_path: Path, url: str) -> None:
    assert loaded(tmp_path, f'[web]\npublic_url = "{url}"\nsecret = "0123456789abcdef"').web.public_url == url


SQLITE, POSTGRES, DIRECT = "sqlite+aiosqlite:////r.db", "postgresql+asyncpg://a@pool/b", "postgresql+asyncpg://a@db/b"


@pytest.mark.parametrize(
    ("url", "pooler", "listen_url", "heard_at"),
    [
        (SQLITE, "false", "", None),
        (SQLITE, "false", DIRECT, None),
        (POSTGRES, "false", "", POSTGRES),
        (POSTGRES, "true", "", None),
        (POSTGRES, "true", DIRECT, DIRECT),
    ],
)
def test_a_word_of_work_is_heard_where_no_pooler_stands(
    tmp_path: Path, url: str, pooler: str, listen_url: str, heard_at: str | None
) -> None:
    (tmp_path / "direct").write_text(listen_url)
    text = f'[database]\nurl = "{url}"\npooler = {pooler}\nlisten_url_file = "direct"'
    found = loaded(tmp_path, text).database.listening_at()
    assert (found and found.get_secret_value()) == heard_at


def test_a_file_of_sqlite_beside_the_settings_leaves_the_other_keys_as_they_are(tmp_path: Path) -> None:
    settings = loaded(tmp_path, f'[database]\npooler = true\nlisten_url = "{DIRECT}"')
    assert settings.database.pooler is True
    assert settings.database.listen_url.get_secret_value() == DIRECT


# Where values come from


def test_relative_paths_start_at_the_config_file(tmp_path: Path) -> None:
    (tmp_path / "word.txt").write_text("s3cret\n")
    settings = loaded(tmp_path, f'{MAIL}ca_file = "ca.pem"\npassword_file = "word.txt"')
    mail = settings.channels["mail"]
    assert isinstance(mail, email.Settings)
    assert mail.ca_file == tmp_path / "ca.pem"
    assert mail.password.get_secret_value() == "s3cret"
    assert settings.database.url.get_secret_value() == f"sqlite+aiosqlite:///{tmp_path}/rupor.db"


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    url = "sqlite+aiosqlite:////var/lib/rupor/rupor.db"
    assert loaded(tmp_path, f'[database]\nurl = "{url}"').database.url.get_secret_value() == url


def test_a_list_of_secrets_has_one_on_each_line_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "proxies").write_text("socks5://a:b@one:1\n\nhttp://two:2\n")
    proxies = loaded(tmp_path, '[bot]\nproxies_file = "proxies"').bot.proxies
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


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    environ = {"RUPOR_WEB__PORT": "2", "RUPOR_CHANNELS__PRESS_WALL__COMMUNITY_TOKEN": "from the environment"}
    text = '[web]\nport = 1\n[channels.Press-Wall]\nkind = "vk"\ngroup_id = 5\ncommunity_token_file = "not there"'
    settings = loaded(tmp_path, text, environ)
    assert settings.web.port == 2
    wall = settings.channels["Press-Wall"]
    assert isinstance(wall, vk.Settings)
    assert wall.community_token.get_secret_value() == "from the environment"


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[web]\nport = 1", {"RUPOR_WEB__PORT": ""}).web.port == 1


def test_the_variable_may_name_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    settings = loaded(tmp_path, '[bot]\ntoken = "1:old"', {"RUPOR_BOT__TOKEN_FILE": "token"})
    assert settings.bot.token.get_secret_value() == TOKEN


def test_finds_the_file_by_option_then_variable_then_habit(tmp_path: Path) -> None:
    environ = {"RUPOR_CONFIG": "from-variable.toml"}
    assert find(Path("from-option.toml"), environ, tmp_path) == tmp_path / "from-option.toml"
    assert find(None, environ, tmp_path) == tmp_path / "from-variable.toml"
    assert find(None, {}, tmp_path) is None
    (tmp_path / "config.toml").touch()
    assert find(None, {}, tmp_path) == tmp_path / "config.toml"


# Secrets stay secret


def test_no_secret_shows_in_reprs_and_errors(tmp_path: Path) -> None:
    hidden = ["hunter2", "hunter3", "wall-key", "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0", "signing-secret-0"]
    text = f"""
        [database]
        url = "postgresql+asyncpg://rupor:hunter2@db/base"
        listen_url = "postgresql+asyncpg://rupor:hunter3@db/base"
        [bot]
        token = "{TOKEN}"
        proxies = ["socks5://me:hunter2@proxy:1"]
        [web]
        secret = "signing-secret-0"
        {WALL}
        {MAIL}
        password = "hunter2"
    """
    settings = loaded(tmp_path, text)
    assert [word for word in hidden if word in f"{settings!r} {settings} {settings.model_dump()}"] == []
    assert secrets_of(settings) == {"hunter2", "hunter3", "wall-key", TOKEN, "signing-secret-0"}


def test_no_secret_shows_in_complaints(tmp_path: Path) -> None:
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
    error = complaint(tmp_path, text)
    said = f"{error!r} {error} {error.problems!r} {report(error)} {error.__cause__} {error.__context__}"
    assert len(error.problems) == 7
    assert "hunter2" not in said


def test_a_broken_file_is_not_quoted(tmp_path: Path) -> None:
    error = complaint(tmp_path, '[bot]\ntoken = "hunter2" hunter2\n')
    assert "hunter2" not in f"{error!r} {report(error)}"
