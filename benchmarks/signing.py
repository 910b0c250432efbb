"""How many letters does one processor finish a second: plain, personal, and signed?

Nothing is sent: a letter is finished from its stationery, as the channel does. Prints letters per second of processor
time.

    python -m benchmarks.signing [--letters N]
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from benchmarks.office import LETTER
from benchmarks.support import note
from channels.contract import Attachment, AttachmentKind, Post
from channels.email import Settings
from channels.email.letter import finish, list_words, stationery
from channels.email.personal import render_for_each

_FILE = Attachment(AttachmentKind.DOCUMENT, "План.pdf", "application/pdf", 210_000, digest="a")
_GREETING = "Здравствуйте, {{name|коллеги}}! Приглашаем {{organisation}}.\n\n"
_LINK = "https://rupor.example.org/u/AAAAAAAAAAAAAAAAAAAAAA"
_CALLED = {"name": "Анна Ивановна", "organisation": "Профком завода «Кристалл»"}

Key = RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of letter. `keys` are those that sign it."""

    title: str
    personal: bool = False
    attached: bool = False
    keys: tuple[str, ...] = ()


_BOTH = ("dkim_key", "dkim_ed25519_key")
SCENARIOS = {
    "plain": Scenario("no words, no signature"),
    "personal": Scenario("personal words", personal=True),
    "rsa": Scenario("RSA-2048", keys=_BOTH[:1]),
    "ed25519": Scenario("Ed25519", keys=_BOTH[1:]),
    "both": Scenario("personal words, RSA-2048 and Ed25519", personal=True, keys=_BOTH),
    "large": Scenario("300 KB, RSA-2048", attached=True, keys=_BOTH[:1]),
}


def measure(scenario: Scenario, letters: int) -> float:
    """Return letters per second of processor time."""
    settings = _settings(scenario.keys)
    text = _GREETING * scenario.personal + LETTER.text
    post = Post(text, LETTER.title, attachments=(_FILE,) * scenario.attached)
    [part] = render_for_each(post, settings).parts
    paper = stationery(part, {"a": bytes(210_000)}, settings)
    words = list_words("news", "Новости", "mail", settings, with_link=True)
    now = datetime.now(UTC)
    began = time.process_time()
    for number in range(letters):
        finish(paper, words, f"a{number}@example.org", f"9.{number}", _LINK, now, settings, called=_CALLED)
    return letters / (time.process_time() - began)


def _settings(keys: Sequence[str]) -> Settings:
    rsa, edwards = generate_private_key(65537, 2048), Ed25519PrivateKey.generate()
    made: dict[str, Key] = {"dkim_key": rsa, "dkim_ed25519_key": edwards}
    pems = {key: SecretStr(_pem(made[key])) for key in keys}
    return Settings.model_validate({"host": "127.0.0.1", "sender": "Пресс-служба <press@example.org>", **pems})


def _pem(key: Key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def main() -> None:
    """Measure every scenario."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--letters", type=int, default=3_000)
    letters = parser.parse_args().letters
    for name, scenario in SCENARIOS.items():
        rate = measure(scenario, letters)
        note(f"signing.{name}.rate", rate)
        print(f"{scenario.title}: {rate:,.0f} letters per second of processor time")


if __name__ == "__main__":
    main()
