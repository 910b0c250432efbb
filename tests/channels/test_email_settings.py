"""What config.toml may say about a relay."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from channels.email import Settings
from tests.support.letters import some_settings

CONTRACT = {
    "kind": "email",
    "host": "smtp.example.org",
    "port": 587,
    "tls": "starttls",
    "ca_file": "",
    "username": "",
    "password": "",
    "sender": "Пресс-служба <press@example.org>",
    "connections": 10,
    "per_minute": 0,
    "per_hour": 0,
    "per_day": 0,
    "per_connection": 0,
    "unconfirmed": "ask",
}


def test_every_key_of_the_contract_has_the_default_that_stands_there() -> None:
    assert Settings.model_validate(CONTRACT) == Settings(host="smtp.example.org", sender=CONTRACT["sender"])


def test_takes_the_sender_apart() -> None:
    settings = some_settings(sender="Пресс-служба <press@профсоюз.рф>")
    assert settings.sender_name == "Пресс-служба"
    assert settings.sender_address == "press@xn--g1anacfhu6f.xn--p1ai"
    assert settings.sender_domain == "xn--g1anacfhu6f.xn--p1ai"


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("sender", "Пресс-служба", "rupor.bad_address"),
        ("sender", "", "string_too_short"),
        ("host", "", "string_too_short"),
        ("host", "a b", "string_pattern_mismatch"),
        ("port", 0, "greater_than_equal"),
        ("tls", "ssl", "literal_error"),
        ("unconfirmed", "never", "literal_error"),
        ("connections", 0, "greater_than_equal"),
        ("per_day", -1, "greater_than_equal"),
        ("per_second", -1, "greater_than_equal"),
        ("per_domain", -1, "greater_than_equal"),
        ("list_domain", "no domain", "rupor.bad_address"),
        ("pasword", "x", "extra_forbidden"),
    ],
)
def test_refuses_what_could_not_work(key: str, value: object, kind: str) -> None:
    with pytest.raises(ValidationError) as caught:
        some_settings(**{key: value})
    [error] = caught.value.errors()
    assert (error["loc"], error["type"]) == ((key,), kind)


def test_a_certificate_file_is_optional() -> None:
    assert some_settings(ca_file="").ca_file is None
    assert some_settings(ca_file="own.pem").ca_file == Path("own.pem")


def test_nothing_printed_holds_the_password() -> None:
    settings = some_settings(password="geheim123")
    assert "geheim123" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    with pytest.raises(ValidationError) as caught:
        some_settings(password="geheim123", port="x")
    assert "geheim123" not in str(caught.value)
