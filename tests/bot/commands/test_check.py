"""`rupor check`: would a broadcast work now?"""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bot.commands import check as module
from tests.bot.commands.conftest import Rupor
from tests.support import pooler, postgres
from tests.support.databases import POSTGRES, Databases

MAIL = '[channels.mail]\nkind = "email"\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\nsender = "p@example.org"\n'


@contextmanager
def a_silent_port() -> Iterator[int]:
    """Accepts connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_when_all_is_well(rupor: Rupor) -> None:
    code, out, _ = rupor("check")
    assert code == 0
    assert "Всё готово" in out
    answer = rupor.json("check")
    assert answer["ok"] is True
    assert (answer["database"]["code"], answer["database"]["findings"]) == ("current", [])
    assert set(answer["channels"]) == {"wall", "mail"}
    [finding] = answer["channels"]["wall"]["findings"]
    assert (finding["code"], finding["fatal"]) == ("reached", False)


def test_a_channel_that_is_not_reached_comes_with_the_remedy(rupor: Rupor) -> None:
    rupor.configure(MAIL.format(port=9))
    code, out, _ = rupor("check")
    assert code == 3
    assert "✖ Нет связи" in out
    assert "1\u00a0препятствие" in out
    answer = rupor.json("check", code=3)
    assert (answer["ok"], answer["channels"]["mail"]["ok"]) == (False, False)


def test_a_silent_channel_does_not_hold_the_others_up(rupor: Rupor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.3)
    with a_silent_port() as port:
        rupor.configure(f'{MAIL.format(port=port)}[channels.wall]\nkind = "rehearsal"\n')
        answer = rupor.json("check", code=3)
    assert answer["channels"]["mail"]["findings"][0]["code"] == "not_reached"
    assert answer["channels"]["wall"]["ok"] is True


def test_a_database_that_is_away_does_not_keep_channels_from_being_asked(fresh: Rupor) -> None:
    fresh.configure('[channels.wall]\nkind = "rehearsal"', url="postgresql+asyncpg://rupor:hunter2@127.0.0.1:9/rupor")
    answer = fresh.json("check", code=3)
    assert (answer["database"]["code"], answer["database"]["fatal"]) == ("database_unreachable", True)
    assert answer["channels"]["wall"]["ok"] is True
    assert "hunter2" not in "".join(fresh("check")[1:])


@pytest.fixture
def behind_a_pooler(databases: Databases, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A migrated database of Postgres: its own address, and the one that a PgBouncer before it has."""
    kind = f"{POSTGRES}{postgres.choose()[0].major}"
    direct = databases.migrated(kind, tmp_path)
    with pooler.pooling(databases.server(kind)) as port:
        yield direct, pooler.url(port, direct.partition("?")[0].rpartition("/")[2])
    databases.drop(kind, direct)


WALL = '[channels.wall]\nkind = "rehearsal"'


@pytest.mark.postgres
def test_a_pooler_that_nobody_named_comes_with_the_remedy(fresh: Rupor, behind_a_pooler: tuple[str, str]) -> None:
    fresh.configure(WALL, url=behind_a_pooler[1])
    answer = fresh.json("check", code=3)
    assert (answer["database"]["code"], answer["database"]["fatal"]) == ("pooler_not_named", True)
    assert "pooler = true" in answer["database"]["message"]
    assert fresh("status")[0] == 2


@pytest.mark.postgres
@pytest.mark.parametrize("past_it", [False, True])
def test_through_a_pooler_it_tells_what_is_kept_back(
    fresh: Rupor, behind_a_pooler: tuple[str, str], past_it: bool
) -> None:
    direct, pooled = behind_a_pooler
    fresh.configure(WALL, url=f'{pooled}"\npooler = true\nlisten_url = "{direct if past_it else ""}')
    answer = fresh.json("check")
    found = {line["code"]: line for line in answer["database"]["findings"]}
    assert found.keys() == ({"no_limits"} if past_it else {"no_limits", "no_listening"})
    assert "ALTER ROLE rupor SET lock_timeout = '5s'" in found["no_limits"]["message"]
    assert answer["ok"] is True


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("listen_url", "code"),
    [("{pooled}", "not_heard"), ("postgresql+asyncpg://rupor:hunter2@127.0.0.1:9/rupor", "not_listening")],
)
def test_an_address_at_which_nothing_is_heard_is_found_out(
    fresh: Rupor, behind_a_pooler: tuple[str, str], listen_url: str, code: str
) -> None:
    direct, pooled = behind_a_pooler
    fresh.configure(WALL, url=f'{direct}"\nlisten_url = "{listen_url.format(pooled=pooled)}')
    _, out, err = fresh("check")
    assert "✔ На связи" in out
    assert f"! {'Уведомления' if code == 'not_heard' else 'Адрес для уведомлений'}" in out
    assert "hunter2" not in out + err
    assert [line["code"] for line in fresh.json("check")["database"]["findings"]] == [code]


def test_missing_tables_are_no_obstacle_where_they_come_by_themselves(fresh: Rupor) -> None:
    answer = fresh.json("check")
    assert (answer["ok"], answer["database"]["code"]) == (True, "empty")
    assert fresh("status")[0] == 2  # and nothing was made


def test_a_channel_that_does_not_open_is_named(fresh: Rupor) -> None:
    fresh.configure(MAIL.format(port=9) + 'ca_file = "нет.pem"\n')
    answer = fresh.json("check", code=3)
    assert answer["channels"]["mail"]["findings"][0]["fatal"] is True


def test_without_channels_nothing_could_be_sent(fresh: Rupor) -> None:
    fresh.configure("")
    code, out, _ = fresh("check")
    assert (code, "Каналов в настройках нет" in out) == (3, True)


def test_bad_settings_end_with_2(fresh: Rupor) -> None:
    fresh.configure("[web]\nport = 'x'\n")
    assert fresh("check")[0] == 2
