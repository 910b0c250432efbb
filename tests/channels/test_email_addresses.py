"""Only addresses that are safe on the wire get there."""

import pytest

from channels.email.addresses import mailbox, on_the_wire


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("a@example.org", "a@example.org"),
        ("first.last+list@mail.example.org", "first.last+list@mail.example.org"),
        ("press@xn--g1anacfhu6f.xn--p1ai", "press@xn--g1anacfhu6f.xn--p1ai"),
        ("press@профсоюз.рф", "press@xn--g1anacfhu6f.xn--p1ai"),
    ],
)
def test_writes_an_address_in_ascii(address: str, wire: str) -> None:
    assert on_the_wire(address) == wire


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "@example.org",
        "a@b",
        "a b@example.org",
        "a@example.org\r\nRCPT TO:<b@example.org>",
        "a@example.org\n",
        "a@example.org> NOTIFY=NEVER",
        "a@example.org\0",
        "a,b@example.org",
        "a@b@example.org",
        "a..b@example.org",
        '"a b"@example.org',
        "иван@example.org",
        "a@профсоюз .рф",
        "x" * 65 + "@example.org",
        "a@" + "x." * 130 + "org",
        "a@exam\u2028ple.org",
    ],
)
def test_refuses_what_no_relay_should_see(address: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        on_the_wire(address)


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("press@example.org", "", "press@example.org"),
        ("<press@example.org>", "", "press@example.org"),
        ("Пресс-служба <press@example.org>", "Пресс-служба", "press@example.org"),
        ('"Пресс, служба" <press@example.org>', "Пресс, служба", "press@example.org"),
        ('"The \\"Press\\"" <press@example.org>', 'The "Press"', "press@example.org"),
        (" ФНПР (Смоленск)  <press@профсоюз.рф> ", "ФНПР (Смоленск)", "press@xn--g1anacfhu6f.xn--p1ai"),
    ],
)
def test_reads_a_sender(text: str, name: str, address: str) -> None:
    assert mailbox(text) == (name, address)


@pytest.mark.parametrize("text", ["", "Пресс-служба", "Пресс <press>", "a <b@example.org> c", "a b@example.org"])
def test_refuses_a_sender_without_one_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        mailbox(text)
