"""What tells a mailing list from a new file of it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from delivery.member import Consent, Member

__all__ = ["Changes", "Update", "compare"]


@dataclass(frozen=True, slots=True)
class Update:
    """A member of whom a new file says something else."""

    before: Member
    after: Member


@dataclass(frozen=True, slots=True)
class Changes:
    """What a file would change. `missing` counts who is in the list only; `missing_named` shows the first of them."""

    added: tuple[Member, ...]
    updated: tuple[Update, ...]
    unchanged: int
    missing: int = 0
    missing_named: tuple[Member, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is anything to write, or anybody to take out."""
        return bool(self.added or self.updated or self.missing)

    @property
    def digest(self) -> str:
        """Eight signs that differ between two sets of changes: what was shown is what is applied."""
        seen = sha256(f"{len(self.added)} {self.missing}".encode())
        for member in (*self.added, *(update.after for update in self.updated), *self.missing_named):
            seen.update(repr(member).encode())
        return seen.hexdigest()[:8]


def compare(known: Mapping[str, Member], new: Iterable[Member], *, size: int) -> Changes:
    """Compare members of a list with a file. `known` has those of the list's `size` members that the file has too.

    What the file leaves empty says nothing and changes nothing.
    """
    added: list[Member] = []
    updated: list[Update] = []
    unchanged = 0
    for member in new:
        before = known.get(member.address)
        if before is None:
            added.append(member)
            continue
        after = _brought_up_to_date(before, member)
        if after == before:
            unchanged += 1
        else:
            updated.append(Update(before, after))
    return Changes(tuple(added), tuple(updated), unchanged, missing=size - len(known))


def _brought_up_to_date(before: Member, said: Member) -> Member:
    """Another word about consent brings its own source and date; the same word keeps those there were."""
    another = said.consent not in {Consent.UNKNOWN, before.consent}
    return replace(
        before,
        name=said.name or before.name,
        organisation=said.organisation or before.organisation,
        tags=before.tags if said.tags is None else said.tags,
        consent=said.consent if another else before.consent,
        consent_source=said.consent_source if another else said.consent_source or before.consent_source,
        consent_on=said.consent_on if another else said.consent_on or before.consent_on,
    )
