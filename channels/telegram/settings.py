"""What an administrator may say about a Telegram channel in config.toml."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Settings"]

ChatName = Annotated[str, Field(pattern=r"^(@[A-Za-z]\w{3,31}|-?\d+)$")]


class Settings(BaseModel):
    """One `[channels.…]` section of kind "telegram".

    `chat_id` is the number or the public @name; `topic` the number of a forum's topic, 0 for none; `service_chat` a
    chat of the bot's own, where a doubtful post may be looked at. `silent` posts without a sound, `protect` forbids
    forwarding and saving, `pin` pins the first message of each announcement. `long_text` says what becomes of a text
    that is too long for its place: a "reply" to the pictures, or one "rich" message. With `text_first` a text does not
    wait for files that must be uploaded. After `stale_hours` a delivery is given up: news that late helps nobody.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    kind: Literal["telegram"] = "telegram"
    chat_id: int | ChatName
    topic: int = Field(default=0, ge=0)
    service_chat: int | ChatName | Literal[""] = ""
    silent: bool = False
    protect: bool = False
    pin: bool = False
    long_text: Literal["reply", "rich"] = "reply"
    text_first: bool = False
    stale_hours: float = Field(default=2, gt=0)
