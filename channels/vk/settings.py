"""What an administrator may say about a VK community in config.toml."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

__all__ = ["Settings"]


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise PydanticCustomError("rupor.bad_url", "bad_url")
    return url.rstrip("/")


Seconds = Annotated[float, Field(gt=0, le=600)]


class Settings(BaseModel):
    """One `[channels.…]` section of kind "vk".

    `group_id` is the community's number, `community_token` its key with the rights "wall" and "docs". `service_token`
    (of any application of one's own) may read the wall; `user_token`, of an administrator, may upload pictures and
    videos and change what stands. `vk_id_file` stands for a `user_token` of VK ID, which must be renewed every hour:
    what that needs is kept there. `link` says where the first link is shown besides the text. `connect_timeout`,
    `read_timeout` and `upload_timeout` are in seconds. After `stale_hours` a delivery is given up: news that late helps
    nobody.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)

    kind: Literal["vk"] = "vk"
    group_id: int = Field(gt=0)
    community_token: Annotated[SecretStr, Field(min_length=1)]
    service_token: SecretStr = SecretStr("")
    user_token: SecretStr = SecretStr("")
    vk_id_file: Annotated[Path | None, BeforeValidator(lambda path: path or None)] = None
    vk_id_base: Annotated[str, AfterValidator(_http_url)] = "https://id.vk.com"
    link: Literal["text", "card", "source"] = "text"
    api_base: Annotated[str, AfterValidator(_http_url)] = "https://api.vk.ru"
    connect_timeout: Seconds = 5
    read_timeout: Seconds = 20
    upload_timeout: Seconds = 120
    stale_hours: float = Field(default=2, gt=0)
