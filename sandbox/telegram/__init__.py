"""A stand-in for Telegram: the Bot API on one side, people with their apps on the other.

    async with TelegramStandIn() as telegram:
        telegram.add_person(1, "Анна")
        telegram.add_channel(-1001000000001, "Профсоюзы", "prof")
        Bot(telegram.token, AiohttpSession(api=TelegramAPIServer.from_base(telegram.url)))

A call is read (`reading`), held against the published description (`sandbox.spec`) and carried out (`sending`,
`editing`, `asking`) on what Telegram remembers (`world`); `person` is the other side; `server` joins them.
"""

from sandbox.telegram.answers import ApiError
from sandbox.telegram.person import AlbumItem
from sandbox.telegram.server import Call, TelegramStandIn

__all__ = ["AlbumItem", "ApiError", "Call", "TelegramStandIn"]
