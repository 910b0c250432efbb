"""The config.toml that makes the service live in a town."""

import json
from pathlib import Path

from sandbox import federation
from sandbox.town import USER_KEY, VK_KEY, VK_SERVICE_KEY, Town

__all__ = ["config_toml", "is_ours"]

HEADING = "# Настройки песочницы."
GRACE_SECONDS = 3
LINK_SECRET = "the-links-of-the-sandbox-are-no-secret"  # noqa: S105 - they lead nowhere but here


def config_toml(town: Town, database: Path) -> str:
    """Return the text of the configuration. Every path in it is absolute, so that a copy works anywhere."""
    return f"""\
{HEADING} Скопируйте, и рядом с ней заработает командная строка:
#   rupor --config ЭТОТ_ФАЙЛ status
# Ключи и адреса здесь ненастоящие: вместо Telegram, ВКонтакте и почты — заместители на этой машине.
timezone = "Europe/Moscow"

[database]
url = {_text(f"sqlite+aiosqlite:///{database.absolute().as_posix()}")}

[bot]
token = {_text(town.telegram.token)}
api_base = {_text(town.telegram.url)}
admins = {list(federation.ADMINS)}
editors = {list(federation.EDITORS)}
grace_seconds = {GRACE_SECONDS}

[web]
host = "127.0.0.1"
port = {town.web_port}
public_url = "http://127.0.0.1:{town.web_port}"
secret = {_text(LINK_SECRET)}

[channels.tg]
kind = "telegram"
chat_id = {_text(f"@{federation.CHANNEL_NAME}")}

[channels.vk]
kind = "vk"
group_id = {federation.GROUP_ID}
community_token = {_text(VK_KEY)}
service_token = {_text(VK_SERVICE_KEY)}
user_token = {_text(USER_KEY)}
api_base = {_text(town.vk.url)}

[channels.mail]
kind = "email"
host = "127.0.0.1"
port = {town.mail.port}
tls = "none"
sender = {_text(federation.SENDER)}
organisation = {_text(federation.NAME)}
footer = {_text(federation.FOOTER)}
"""


def is_ours(text: str) -> bool:
    """Tell whether this is a configuration that the sandbox wrote, and may write anew."""
    return text.startswith(HEADING)


def _text(value: str) -> str:
    """Write a basic string of TOML; its escapes are those of JSON (TOML 1.0, "String")."""
    return json.dumps(value, ensure_ascii=False)
