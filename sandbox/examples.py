"""Prepared announcements for a newcomer: one press of a button, and there is something to send."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from sandbox.telegram import AlbumItem, TelegramStandIn
from sandbox.telegram.texts import TEXT_LIMIT, formatted

__all__ = ["EXAMPLES"]

PICTURES = Path(__file__).parent / "pictures"
ALBUM = ("opening", "race", "volleyball", "awards")

# Telegram's HTML style, as a person would have formatted it in the app.
SHORT_NEWS = """<b>Приём граждан по трудовым вопросам</b>

В четверг, с 15:00 до 18:00, юристы федерации бесплатно ответят на вопросы о зарплате, отпусках и увольнении. \
Членство в профсоюзе не требуется.

Где: площадь Труда, 1, кабинет 214. Запись — <a href="https://fpz.example/priem">на сайте федерации</a> или просто \
приходите с документами.

#юрист_на_связи"""

LONG_NEWS = """<b>Спартакиада профсоюзов Заречья: 340 участников и новый рекорд на стометровке</b>

В субботу на стадионе «Труд» прошла осенняя спартакиада. На старт вышли 340 человек из 25 членских организаций — \
вдвое больше, чем в прошлом году. Самой младшей участнице девять лет, самому старшему, ветерану «Заречмаша», — \
семьдесят один.

<b>Как это было</b>
Утро началось с парада и поднятия флагов. Потом — бег на 100 и 1000 метров, волейбол, дартс, перетягивание каната и \
семейная эстафета. Стометровку быстрее всех пробежал Артём Левашов из профкома драматического театра: <b>11,4 \
секунды</b>, на две десятых лучше прежнего рекорда.

<b>Кто победил</b>
🥇 Профком завода «Кристалл»
🥈 Профсоюз железнодорожников
🥉 Студенческий профком университета

В волейболе после трёх напряжённых партий кубок увезли медики. Приз зрительских симпатий — у команды хлебозавода: её \
болельщики испекли каравай на двести человек.

<i>«Зарплата и охрана труда — наша главная работа, но люди держатся вместе ещё и потому, что им хорошо друг с \
другом»,</i> — сказал председатель федерации Виктор Лапшин на награждении.

<b>Что дальше</b>
Команды-призёры поедут на межрегиональный турнир в мае. Заявки на зимнюю лыжную гонку принимаем до 1 декабря: \
sport@fpz.example. Все фотографии и протоколы — <a href="https://fpz.example/spartakiada">на сайте федерации</a>.

Спасибо судьям, врачам, волонтёрам и всем, кто пришёл поболеть!

#спартакиада #профсоюзы"""

FOREIGN_NEWS = """Минтруд разъяснил, как считать отпускные, если в расчётном периоде была премия за квартал.

Коротко: премию учитывают целиком, когда квартал отработан полностью, и пропорционально — когда нет."""
FOREIGN_CHANNEL = "Трудовое право простыми словами"


async def _short(telegram: TelegramStandIn, person: int) -> None:
    await telegram.say(person, *formatted(SHORT_NEWS, [], "HTML", limit=TEXT_LIMIT))


async def _album(telegram: TelegramStandIn, person: int) -> None:
    pictures: list[AlbumItem] = [
        ("photo", f"{name}.jpg", (PICTURES / f"{name}.jpg").read_bytes(), "image/jpeg") for name in ALBUM
    ]
    await telegram.send_album(person, pictures, *formatted(LONG_NEWS, [], "HTML", limit=TEXT_LIMIT), pause=0.05)


async def _forwarded(telegram: TelegramStandIn, person: int) -> None:
    await telegram.forward(person, FOREIGN_NEWS, FOREIGN_CHANNEL)


Example = Callable[[TelegramStandIn, int], Awaitable[None]]
EXAMPLES: Mapping[str, tuple[str, Example]] = MappingProxyType(
    {
        "short": ("Пример: короткая новость", _short),
        "album": ("Пример: альбом с длинным текстом", _album),
        "forwarded": ("Пример: пересланный пост", _forwarded),
    }
)
"""Name -> what its button says, and how a person sends it."""
