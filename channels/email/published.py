"""What the DNS says of a key that signs letters (RFC 6376 §3.6.2)."""

import re
from collections.abc import Awaitable, Callable, Sequence

from channels.contract import Finding, FindingCode
from channels.email.dkim import Signer
from channels.email.settings import Settings

__all__ = ["LookUp", "LookUpError", "on_signatures", "texts_at"]

_PATIENCE = 5.0  # seconds for one name, all servers and tries together

LookUp = Callable[[str], Awaitable[Sequence[str]]]
"""Returns the TXT records at a name, none where there are none. Raises LookUpError."""


class LookUpError(Exception):
    """The DNS could not be asked."""


async def on_signatures(settings: Settings, look_up: LookUp) -> Sequence[Finding]:
    """Say of each key whether receivers would find it, and whether they would count it (RFC 7489 §3.1.1)."""
    findings = []
    sender = settings.sender_domain.lower()
    for signer in settings.signers:
        findings.append(await _on_key(signer, look_up))
        if not _is_within(signer.domain, sender) and not _is_within(sender, signer.domain):
            values = {"domain": signer.domain, "sender": settings.sender_address}
            findings.append(Finding(FindingCode.SIGNED_FOR_ANOTHER, values=values))
    return findings


def _is_within(domain: str, another: str) -> bool:
    return f".{domain}".endswith(f".{another}")


async def _on_key(signer: Signer, look_up: LookUp) -> Finding:
    name, record = signer.record
    try:
        keys = [_key(text) for text in await look_up(name)]
    except LookUpError as error:
        values = {"name": name, "record": record, "published": "unknown"}
        return Finding(FindingCode.KEY_NOT_PUBLISHED, detail=str(error), values=values)
    if keys == [signer.public_key]:  # RFC 6376 §3.6.2.2: with several records, the outcome is anybody's guess
        return Finding(FindingCode.LETTERS_SIGNED, values={"name": name})
    values = {"name": name, "record": record, "published": "another" if keys else "absent"}
    return Finding(FindingCode.KEY_NOT_PUBLISHED, values=values)


def _key(record: str) -> str:
    tags = dict(tag.partition("=")[::2] for tag in re.sub(r"\s+", "", record).split(";"))
    return tags.get("p", "")


async def texts_at(name: str) -> Sequence[str]:
    """Ask the DNS servers of this machine for the TXT records at a name. Raises LookUpError."""
    import dns.asyncresolver  # noqa: PLC0415 - only a check needs it
    import dns.exception  # noqa: PLC0415
    import dns.resolver  # noqa: PLC0415

    try:
        answer = await dns.asyncresolver.resolve(name, "TXT", lifetime=_PATIENCE)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise LookUpError(str(error)) from None
    return [b"".join(each.strings).decode("utf-8", "replace") for each in answer]
