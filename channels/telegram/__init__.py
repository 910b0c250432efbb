"""The way out to a Telegram channel, supergroup or chat, as a bot.

`rendering` decides which messages a post becomes, `messages` turns one of them into a call, `line` carries the call
over proxies, `receipts` reads the proof out of the answer, `failures` says what a refusal means, `looking` finds out
whether a doubtful post is there, `health` asks whether sending would work, `channel` joins them.
"""

from channels.telegram.settings import Settings

__all__ = ["Settings"]
