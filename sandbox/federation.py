"""A federation of trade unions that does not exist: its people, member organisations and mailboxes.

Every name is invented. Addresses end in .example, which nobody can own (RFC 2606).
"""

from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["ADMINISTRATOR", "CHAIRMAN", "LISTS", "NAME", "ORGANISATIONS", "PEOPLE", "Organisation", "Person"]

NAME = "Федерация профсоюзов Заречья"
SENDER = "Пресс-служба ФПЗ <press@fpz.example>"
FOOTER = "Заречный, площадь Труда, 1 · press@fpz.example"

CHANNEL_ID = -1001700000001
CHANNEL_TITLE = "Профсоюзы Заречья"
CHANNEL_NAME = "fpz_news"

GROUP_ID = 217000001
GROUP_TITLE = "Профсоюзы Заречья"
GROUP_NAME = "fpz_news"
GROUP_ADMINISTRATOR = 317000001  # the person whose token uploads pictures


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a Telegram account. `role` is what the page calls them; `started`: has met the bot before."""

    id: int
    first_name: str
    last_name: str
    username: str
    role: str
    started: bool = True


PRESS_SECRETARY = Person(170001, "Анна", "Ковалёва", "anna_press", "пресс-секретарь")
SECOND_EDITOR = Person(170002, "Тимур", "Гараев", "timur_fpz", "второй редактор")
CHAIRMAN = Person(170003, "Виктор", "Лапшин", "lapshin_fpz", "председатель")
ADMINISTRATOR = Person(170004, "Ольга", "Ветрова", "olga_it", "администратор")
STRANGER = Person(170009, "Незнакомец", "", "somebody_else", "посторонний", started=False)

PEOPLE = (PRESS_SECRETARY, SECOND_EDITOR, CHAIRMAN, ADMINISTRATOR, STRANGER)
ADMINS = (CHAIRMAN.id, ADMINISTRATOR.id)
EDITORS = (PRESS_SECRETARY.id, SECOND_EDITOR.id)


@dataclass(frozen=True, slots=True)
class Organisation:
    """A member organisation: what it is called, its mailbox, and who reads that."""

    name: str
    address: str
    reader: str


ORGANISATIONS = (
    Organisation("Профком завода «Кристалл»", "profkom@kristall.example", "Елена Дроздова"),
    Organisation("Профком «Заречмаша»", "profkom@zarechmash.example", "Пётр Симонов"),
    Organisation("Профсоюз работников образования", "obrazovanie@prof-uchitel.example", "Людмила Гусева"),
    Organisation("Профсоюз медицинских работников", "medik@prof-zdrav.example", "Ирина Чижова"),
    Organisation("Первичка областной больницы", "profkom@zarech-bolnica.example", "Марат Юсупов"),
    Organisation("Профком университета", "profkom@zargu.example", "Дмитрий Белоусов"),
    Organisation("Студенческий профком университета", "studprof@zargu.example", "Алина Крылова"),
    Organisation("Профсоюз железнодорожников, Заречный узел", "uzel@dorprof-zar.example", "Николай Шестаков"),
    Organisation("Профком «Заречэнерго»", "profkom@zarechenergo.example", "Светлана Рогова"),
    Organisation("Профком «Водоканала»", "profkom@vodokanal-zar.example", "Игорь Пахомов"),
    Organisation("Профсоюз работников культуры", "kultura@prof-muza.example", "Вера Одинцова"),
    Organisation("Профком драматического театра", "profkom@zardrama.example", "Артём Левашов"),
    Organisation("Профсоюз работников связи", "svyaz@prof-pochta.example", "Галина Тихонова"),
    Organisation("Профком швейной фабрики «Лён»", "profkom@фабрика-лён.example", "Наталья Воронина"),
    Organisation("Профсоюз строителей", "stroika@prof-stroy.example", "Рустам Хабиров"),
    Organisation("Профком «Дорстроя»", "profkom@dorstroy-zar.example", "Сергей Комлев"),
    Organisation("Профсоюз работников АПК", "apk@prof-niva.example", "Татьяна Журавлёва"),
    Organisation("Первичка агрофирмы «Рассвет»", "profkom@agro-rassvet.example", "Фёдор Мельников"),
    Organisation("Профком хлебозавода № 2", "profkom@hleb2.example", "Оксана Титова"),
    Organisation("Профком троллейбусного парка", "profkom@zartrolley.example", "Валерий Сычёв"),
    Organisation("Профсоюз госучреждений", "gos@prof-sluzhba.example", "Марина Ершова"),
    Organisation("Профком бумажной фабрики", "profkom@zarbumaga.example", "Андрей Лыков"),
    Organisation("Профсоюз лесных отраслей", "les@prof-les.example", "Зоя Калинина"),
    Organisation("Молодёжный совет федерации", "molodezh@fpz.example", "Кирилл Агеев"),
    Organisation("Совет ветеранов профсоюзов", "veterany@fpz.example", "Раиса Никитина"),
)

EVERYBODY = "orgs"
COUNCIL = "council"
LISTS = MappingProxyType(
    {
        EVERYBODY: ("Членские организации", ORGANISATIONS),
        COUNCIL: ("Президиум", tuple(ORGANISATIONS[index] for index in (0, 1, 2, 3, 7, 14, 20))),
    }
)
"""Mailing lists: key -> name and members. Whoever is on both gets one letter."""
