"""Calls are held against the published description: nothing unknown, nothing missing, nothing of a wrong type."""

import json
from typing import Any

import pytest

from sandbox.spec import Upload, bot_api

FILE = Upload("a.jpg", "image/jpeg", b"x")


def check(method: str, /, uploads: dict[str, Upload] | None = None, **given: Any) -> tuple[str, ...]:
    return bot_api().check(method, given, uploads or {}).violations


def test_takes_parameters_as_text_and_gives_plain_values() -> None:
    checked = bot_api().check(
        "sendMessage",
        {
            "chat_id": "-1001",
            "text": "5",
            "disable_notification": "true",
            "entities": '[{"type": "bold", "offset": 0, "length": 1}]',
        },
        {},
    )
    assert checked.violations == ()
    assert checked.values == {
        "chat_id": -1001,
        "text": "5",
        "disable_notification": True,
        "entities": [{"type": "bold", "offset": 0, "length": 1}],
    }


def test_knows_methods_in_any_case() -> None:
    assert bot_api().method("SENDMESSAGE") == "sendMessage"
    assert bot_api().method("sendMassage") is None


def test_a_chat_may_be_a_name() -> None:
    assert bot_api().check("getChat", {"chat_id": "@prof"}, {}).values == {"chat_id": "@prof"}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"text": "a"}, "sendMessage: chat_id is required"),
        ({"chat_id": "1", "text": ""}, "sendMessage: text is required"),
        ({"chat_id": "1", "text": "a", "silent": "true"}, "sendMessage: unknown parameter 'silent'"),
        ({"chat_id": "1", "text": "a", "protect_content": "maybe"}, "protect_content: 'maybe' is not Boolean"),
        ({"chat_id": "1", "text": "a", "message_thread_id": "x"}, "message_thread_id: 'x' is not Integer"),
        ({"chat_id": "1", "text": "a", "entities": "[{"}, "entities: can't parse JSON"),
        ({"chat_id": "1", "text": "a", "entities": "{}"}, "entities: is not an array"),
        ({"chat_id": "1", "text": "a", "entities": '[{"type": "bold", "offset": 0}]'}, "length is required"),
        (
            {"chat_id": "1", "text": "a", "entities": '[{"type": "bold", "offset": "0", "length": 1}]'},
            "offset: '0' is not Integer",
        ),
        ({"chat_id": "1", "text": "a", "reply_parameters": '{"id": 1}'}, "unknown parameter 'id'"),
        ({"chat_id": "1", "text": "a", "reply_parameters": "[1]"}, "is not ReplyParameters"),
        ({"chat_id": "1", "text": "a", "reply_markup": '{"buttons": []}'}, "reply_markup: none of"),
    ],
)
def test_names_what_is_wrong(given: dict[str, Any], complaint: str) -> None:
    [violation] = check("sendMessage", **given)
    assert complaint in violation


def test_looks_into_nested_arrays() -> None:
    keyboard = {"inline_keyboard": [[{"text": "a", "callback_data": "a"}], [{"callback_data": "b"}]]}
    assert check("sendMessage", chat_id="1", text="a", reply_markup=json.dumps(keyboard)) != ()
    keyboard["inline_keyboard"][1][0]["text"] = "b"
    assert check("sendMessage", chat_id="1", text="a", reply_markup=json.dumps(keyboard)) == ()


def test_an_item_of_an_album_is_held_against_its_own_type() -> None:
    media = [{"type": "photo", "media": "attach://one"}, {"type": "photo", "media": "id", "duration": 5}]
    [violation] = check("sendMediaGroup", {"one": FILE}, chat_id="1", media=json.dumps(media))
    assert violation == "sendMediaGroup.media[1](InputMediaPhoto): unknown parameter 'duration'"


def test_an_unknown_kind_of_media_fits_nothing() -> None:
    media = [{"type": "poem", "media": "id"}, {"type": "photo", "media": "id"}]
    [violation] = check("sendMediaGroup", chat_id="1", media=json.dumps(media))
    assert "media[0]: none of" in violation


def test_a_reaction_is_told_by_its_type() -> None:
    assert check("setMessageReaction", chat_id="1", message_id="1", reaction='[{"type": "emoji", "emoji": "👍"}]') == ()
    [violation] = check("setMessageReaction", chat_id="1", message_id="1", reaction='[{"type": "emoji"}]')
    assert violation.endswith("emoji is required")


def test_a_file_comes_under_its_own_name_or_attached() -> None:
    assert bot_api().check("sendPhoto", {"chat_id": "1"}, {"photo": FILE}).values["photo"] is FILE
    attached = bot_api().check("sendPhoto", {"chat_id": "1", "photo": "attach://f"}, {"f": FILE})
    assert (attached.values["photo"], attached.violations) == (FILE, ())


def test_an_attached_file_must_be_there_and_none_may_be_left_over() -> None:
    [missing] = check("sendPhoto", chat_id="1", photo="attach://f")
    assert "'f' is not in the request" in missing
    [unused] = check("sendPhoto", {"g": FILE}, chat_id="1", photo="id")
    assert unused == "sendPhoto: file 'g' is not used"


def test_answers_can_be_looked_at_too() -> None:
    user = {"id": 1, "is_bot": False, "first_name": "Анна"}
    assert bot_api().look("User", user) == ()
    assert bot_api().look("Array of User", [user, {"id": 1}]) != ()
