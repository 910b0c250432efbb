"""What an administrator may say about a community."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from channels.vk import Settings
from tests.channels.vk.wall import COMMUNITY_TOKEN, GROUP, USER_TOKEN


def test_settings_never_show_a_token() -> None:
    settings = Settings(group_id=GROUP, community_token=SecretStr(COMMUNITY_TOKEN), user_token=SecretStr(USER_TOKEN))
    assert COMMUNITY_TOKEN not in repr(settings)
    assert USER_TOKEN not in str(settings)


@pytest.mark.parametrize(
    "wrong",
    [{"group_id": 0}, {"community_token": ""}, {"api_base": "api.vk.ru"}, {"token": "a"}, {"read_timeout": 0}],
)
def test_settings_refuse_what_cannot_work(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"group_id": GROUP, "community_token": COMMUNITY_TOKEN} | wrong)
    assert COMMUNITY_TOKEN not in str(caught.value)
