"""What editors and administrators read of letters that came back."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bot.texts import board
from bot.texts.board import Around, Story
from bot.texts.channels import Names
from bot.texts.cli import status
from bot.texts.reasons import after_return
from channels.contract import Reason
from channels.returns import ReturnKind
from delivery import report
from delivery.database import Database
from delivery.desk import Desk
from delivery.report import BroadcastReport, Report
from delivery.returns import Returns
from delivery.store import deliveries as store
from tests.delivery.builders import Scripted, a_broadcast, a_list, a_worker, deliveries
from tests.delivery.mailbox import Box, marked
from tests.support.clock import Clock

GONE, FULL, KEPT = "gone@zavod.example", "full@zavod.example", "kept@zavod.example"
ZONE = ZoneInfo("Europe/Moscow")
AROUND = Around(datetime(2026, 11, 24, 9, tzinfo=UTC), ZONE)


@pytest.fixture
async def desk(migrated_url: str, clock: Clock) -> AsyncIterator[Desk]:
    database = Database(migrated_url)
    yield Desk(database, {"mail": Scripted(None)}, clock, ZONE)
    await database.close()


async def told(desk: Desk, *addresses: str, back: dict[str, tuple[ReturnKind, Reason]]) -> Report:
    """Send to these addresses, let some of the letters come back, and report."""
    await a_list(desk, "zavod", *addresses)
    number = await a_broadcast(desk, targets=("mail:zavod",))
    await a_worker(desk).step("mail")
    box = Box()
    for one in await deliveries(desk, number):
        if one.recipient.address in back:
            kind, reason = back[one.recipient.address]
            box.arrives(replace(marked(one, kind, reason), detail="552 said so"))
    await Returns(desk, {"mail": box}).step("mail")
    async with desk.database.reading() as tx:
        found = await report.of(tx, number)
    assert found is not None
    return found


BACK = {
    GONE: (ReturnKind.HARD, Reason.NO_SUCH_MAILBOX),
    FULL: (ReturnKind.SOFT, Reason.MAILBOX_FULL),
}


def shown(whole: Report, one: BroadcastReport) -> str:
    return str(board.board(whole, one, Names({"mail": "email"}, {"mail": None}), AROUND))


@pytest.mark.one_database
async def test_a_board_says_what_came_back_and_what_to_do(desk: Desk) -> None:
    whole = await told(desk, GONE, FULL, KEPT, back=BACK)
    said = shown(whole, whole.broadcasts[0])
    assert "Готово, но дошло не всё." in said
    assert "принято 1 из 3" in said
    assert "вернулось: 2" in said
    assert f"↩️ Вернулось: такого почтового ящика нет: {GONE}. Уточните адрес" in said
    assert f"↩️ Вернулось: почтовый ящик переполнен: {FULL}. Позвоните" in said
    assert "повтор" not in said  # no button repeats it


@pytest.mark.one_database
async def test_a_board_of_which_all_came_back(desk: Desk) -> None:
    whole = await told(desk, GONE, back=BACK)
    assert shown(whole, whole.broadcasts[0]).startswith("<b>Отправлено, но вернулось.</b>")


@pytest.mark.one_database
async def test_details_tell_the_servers_words_and_the_history(desk: Desk) -> None:
    whole = await told(desk, GONE, back=BACK)
    (one,) = whole.troubles
    async with desk.database.reading() as tx:
        story = Story(one, await store.attempts_of(tx, one.id))
    said = str(
        board.details(
            whole, [story], Names({"mail": "email"}, {"mail": None}), first=1, total=1, now=AROUND.now, zone=ZONE
        )
    )
    assert "Вернулось: такого почтового ящика нет" in said
    assert "Дословный ответ: <i>552 said so</i>" in said
    assert "письмо вернулось" in said


@pytest.mark.one_database
async def test_the_command_line_tells_it_too(desk: Desk) -> None:
    whole = await told(desk, GONE, KEPT, back=BACK)
    (notes,) = status.notes(whole, AROUND.now, ZONE)
    assert notes.startswith("Вернулось:\n")
    assert f"{GONE}: такого почтового ящика нет (552 said so). Уточните адрес" in notes
    assert notes.endswith(f"rupor retry {whole.announcement.id} --state returned")
    row = dict(zip(status.CHANNEL_COLUMNS, status.channel("mail", whole.broadcasts[0].channels["mail"]), strict=True))
    assert (row["Отправлено"], row["Вернулось"], row["Не дошло"]) == ("1", "1", "")


@pytest.mark.parametrize("reason", [None, *Reason])
def test_every_reason_has_a_remedy_that_no_button_is_needed_for(reason: Reason | None) -> None:
    remedy = after_return(reason)
    assert remedy.endswith(".")
    assert "нажмите" not in remedy or reason in {Reason.NO_ANSWER, Reason.WORKER_DIED}
