"""config.toml, secret files and the environment become frozen settings, or one error that names every problem."""

from bot.config.load import find, load
from bot.config.problems import ConfigCode, ConfigError, ConfigProblem
from bot.config.sections import BotSettings, Database, DeliverySettings, Settings, Web, secrets_of

__all__ = [
    "BotSettings",
    "ConfigCode",
    "ConfigError",
    "ConfigProblem",
    "Database",
    "DeliverySettings",
    "Settings",
    "Web",
    "find",
    "load",
    "secrets_of",
]
