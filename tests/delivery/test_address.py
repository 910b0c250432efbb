"""One address: from what a person typed to what goes on the envelope."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.address import Address, AddressCode, AddressError, check_address


def test_what_goes_on_the_envelope_is_ascii_and_lower_case_and_people_see_their_own_spelling() -> None:
    address = check_address(" Press@Профсоюз.РФ ")
    assert (address.ascii, str(address)) == ("press@xn--g1anacfhu6f.xn--p1ai", "Press@профсоюз.рф")


@pytest.mark.parametrize("spelling", ["Press@профсоюз.рф", "PRESS@XN--G1ANACFHU6F.XN--P1AI", "press@ПРОФСОЮЗ\u3002рф"])
def test_spellings_of_one_mailbox_are_equal(spelling: str) -> None:
    assert check_address(spelling) == check_address("press@профсоюз.рф")
    assert len({check_address(spelling), check_address("press@профсоюз.рф")}) == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", AddressCode.NO_AT),
        ("a b@example.org", AddressCode.EXTRA_TEXT),
        ("a@example.org\r\nBcc: b@example.org", AddressCode.EXTRA_TEXT),
        ("a\r\n@example.org", AddressCode.EXTRA_TEXT),
        ('"a b"@example.org', AddressCode.EXTRA_TEXT),
        ('"a"@example.org', AddressCode.BAD_LOCAL),
        ("a\x00@example.org", AddressCode.BAD_LOCAL),
        ("a@[192.168.1.1]", AddressCode.BAD_DOMAIN),
        ("a@example.org>", AddressCode.BAD_DOMAIN),
        ("a@example_x.org", AddressCode.BAD_DOMAIN),
        ("a@xn--zzzz.org", AddressCode.BAD_DOMAIN),
        ("press@прoфсоюз.рф", AddressCode.MIXED_LETTERS),
        ("a" * 2000, AddressCode.TOO_LONG),
    ],
)
def test_says_why_a_text_is_no_address(text: str, code: AddressCode) -> None:
    with pytest.raises(AddressError) as caught:
        check_address(text)
    assert caught.value.code is code


@given(st.text(max_size=30) | st.from_regex(r"[a-zа-я.+-]{1,9}@[a-zа-я.-]{1,9}\.(ru|рф)", fullmatch=True))
def test_what_is_accepted_is_safe_to_put_on_a_wire(text: str) -> None:
    try:
        address = check_address(text)
    except AddressError:
        return
    assert isinstance(address, Address)
    assert address.ascii.isascii()
    assert all("!" <= sign <= "~" for sign in address.ascii)
    assert not set('<>()[],;:\\" ') & set(address.ascii)
    assert check_address(address.ascii) == check_address(address.shown) == address
