"""What people see of each kind of entity is what somebody has looked at."""

import json
import re

import pytest
from aiogram.enums import MessageEntityType

from sandbox.spec import DESCRIPTION
from tests.channels.appearances import FOLDER, PAGE, parted, snapshots, tables
from tests.channels.samples import MEETINGS, TYPES

HOW = "look at the change, then write it down: python -m tests.channels.appearances"


def test_every_type_of_the_description_has_a_sample() -> None:
    fields = json.loads(DESCRIPTION.read_text(encoding="utf-8"))["types"]["MessageEntity"]["fields"]
    said = next(field["description"] for field in fields if field["name"] == "type")
    assert set(TYPES) == set(re.findall(r"'(\w+)' \(", said))
    assert set(TYPES) >= {type_.value for type_ in MessageEntityType}


@pytest.mark.parametrize("name", TYPES)
def test_a_sample_shows_its_type(name: str) -> None:
    assert [entity.type for entity in TYPES[name].entities] == [name]


@pytest.mark.parametrize("name", snapshots())
def test_looks_as_it_did(name: str) -> None:
    page = FOLDER / name
    assert page.exists(), HOW
    assert snapshots()[name] == page.read_text(encoding="utf-8"), HOW


def test_no_snapshot_is_left_over() -> None:
    assert {page.name for page in FOLDER.iterdir()} == set(snapshots()), HOW
    assert len(snapshots()) == len(TYPES) + len(MEETINGS)


def test_the_page_tells_the_same() -> None:
    assert dict(parted(PAGE.read_text(encoding="utf-8"))) == tables(), HOW
