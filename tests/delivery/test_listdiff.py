"""What tells a list from a new file of it."""

from dataclasses import replace

import pytest

from delivery.listdiff import Changes, compare
from delivery.member import Consent, Member

ANNA = Member("anna@example.org", "anna@example.org", "Анна Ильина", "ППО «Завод»", ("завод",))
BORIS = Member("boris@example.org", "boris@example.org", "Борис Лапин", "ППО «Школа»", ())


def changes(old: list[Member], new: list[Member]) -> Changes:
    addresses = {one.address for one in new}
    return compare({one.address: one for one in old if one.address in addresses}, new, size=len(old))


def test_changes_tell_new_from_changed_from_gone() -> None:
    renamed = replace(BORIS, organisation="ППО «Лицей»")
    vera = Member("vera@example.org", "vera@example.org")
    gleb = Member("gleb@example.org", "gleb@example.org")
    found = changes([ANNA, BORIS, gleb], [vera, renamed, ANNA])
    assert found.added == (vera,)
    assert [(update.before, update.after) for update in found.updated] == [(BORIS, renamed)]
    assert (found.unchanged, found.missing) == (1, 1)


def test_a_file_of_bare_addresses_takes_nothing_away() -> None:
    assert changes([ANNA], [Member("anna@example.org", "Anna@example.org")]) == Changes((), (), 1)


def test_a_name_that_a_file_adds_leaves_the_rest() -> None:
    found = changes([ANNA], [Member("anna@example.org", "anna@example.org", "Анна Петровна")])
    assert found.updated[0].after == replace(ANNA, name="Анна Петровна")


@pytest.mark.parametrize(
    ("said", "after"),
    [(None, ("завод",)), ((), ()), (("молодёжь",), ("молодёжь",))],
    ids=["nothing", "none", "another"],
)
def test_tags_are_replaced_only_where_the_file_speaks_of_them(
    said: tuple[str, ...] | None, after: tuple[str, ...]
) -> None:
    found = changes([ANNA], [replace(ANNA, tags=said)])
    assert [one.after.tags for one in found.updated] == ([] if after == ANNA.tags else [after])


def test_another_word_about_consent_brings_its_own_source_and_date() -> None:
    agreed = replace(ANNA, consent=Consent.YES, consent_source="анкета", consent_on="2024-05-01")
    found = changes([agreed], [replace(ANNA, consent=Consent.NO)])
    assert found.updated[0].after == replace(ANNA, consent=Consent.NO)


def test_the_same_word_about_consent_keeps_source_and_date() -> None:
    agreed = replace(ANNA, consent=Consent.YES, consent_source="анкета", consent_on="2024-05-01")
    assert changes([agreed], [replace(ANNA, consent=Consent.YES)]) == Changes((), (), 1)


def test_two_sets_of_changes_have_two_digests() -> None:
    seen = [
        changes([ANNA], [ANNA]),
        changes([ANNA, BORIS], [ANNA]),
        changes([ANNA], [ANNA, BORIS]),
        changes([ANNA], [replace(ANNA, name="А")]),
        changes([ANNA], [replace(ANNA, name="Б")]),
    ]
    assert len({one.digest for one in seen}) == len(seen)
    assert changes([ANNA], [BORIS]).digest == changes([ANNA], [BORIS]).digest
