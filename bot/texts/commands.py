"""The help of every command: what it does, an example, and a line for each option and argument."""

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["COMMANDS", "EXAMPLE", "INTERRUPTED", "OPTIONS", "ROOT", "SUBCOMMAND", "Option", "Words", "unexpected"]


class Option(NamedTuple):
    """One option or argument: what it does, and what stands for its value in the help (empty for a flag)."""

    help: str
    value: str = ""


class Words(NamedTuple):
    """One command: a line for the list, more for its own page (may be empty), an example, and its options."""

    short: str
    more: str
    example: str
    options: Mapping[str, Option] = {}


OPTIONS = "[ПАРАМЕТРЫ]"
SUBCOMMAND = "КОМАНДА …"
EXAMPLE = "Пример:"
INTERRUPTED = "Прервано."


def unexpected(*, logged: bool) -> str:
    """Said when the program itself is at fault."""
    where = (
        "Подробности — в журнале выше." if logged else "Подробности покажет та же команда с --debug: rupor --debug …"
    )
    return f"Внутренняя ошибка: команда не выполнена. {where}"


JSON = Option("Ответить одним документом JSON.")
ANNOUNCEMENT = Option("Номер объявления, как его показывает rupor status.", "НОМЕР")
TEXT = Option("Текст объявления.", "ТЕКСТ")
TEXT_FILE = Option("Файл с текстом; - значит стандартный ввод.", "ФАЙЛ")
FORMAT = Option("Разметка текста: html, markdown или plain (без разметки).")
ADDRESS = Option("Почтовый адрес.", "АДРЕС")
LIST = Option("Список рассылки, как его показывает rupor lists.", "СПИСОК")
SCHEDULE = Option("Номер расписания, как его показывает rupor schedules.", "НОМЕР")

ROOT = Words(
    "Рупор: одно объявление — в Telegram, ВКонтакте и на почту, и каждая доставка на виду.",
    "Коды завершения: 0 — сделано; 1 — внутренняя ошибка; 2 — ошибка в команде или настройках, ничего не сохранено; "
    "3 — сделано не всё; 4 — не найдено; 130 — прервано.",
    'rupor announce --text "Собрание в среду в 18:00" --to tg,vk,mail --wait',
    {
        "config": Option("Файл настроек. По умолчанию — переменная RUPOR_CONFIG, затем ./config.toml.", "ФАЙЛ"),
        "debug": Option("Подробный журнал и место ошибки."),
        "version": Option("Показать версию."),
    },
)

COMMANDS: Mapping[str, Words] = {
    "run": Words(
        "Запустить всё: бота, доставку, расписания и веб-страницы.",
        "Останавливается по Ctrl+C или SIGTERM: новое не берёт, начатое доводит до конца.",
        "rupor --config /etc/rupor/config.toml run",
    ),
    "worker": Words(
        "Запустить только доставку.",
        "Работников может быть сколько угодно, на любых машинах, с одной базой PostgreSQL.",
        "rupor worker",
    ),
    "announce": Words(
        "Объявить: отправить сейчас или запланировать.",
        "Текст берётся из --text или --text-file, получатели — из --to. Ключ канала — слово после «channels.» в "
        "настройках; список рассылки пишут через двоеточие: mail:orgs.",
        'rupor announce --text-file объявление.txt --to tg,mail:orgs --at "завтра в 9:00"',
        {
            "text": TEXT,
            "text_file": TEXT_FILE,
            "markup": FORMAT,
            "typography": Option("Расставить «ёлочки», тире и неразрывные пробелы. Ссылки и адреса не меняются."),
            "title": Option("Заголовок; он же тема письма.", "ЗАГОЛОВОК"),
            "media": Option("Картинка, видео или документ; можно повторять.", "ФАЙЛ"),
            "to": Option("Куда: ключи каналов через запятую, КЛЮЧ:СПИСОК для рассылки.", "КУДА"),
            "at": Option("Когда: 2026-12-01T09:00, «завтра в 9:00». Без пояса — по поясу из настроек.", "КОГДА"),
            "repeat": Option("Повторять по расписанию cron, например «0 9 * * mon».", "CRON"),
            "until": Option("До какого времени повторять.", "КОГДА"),
            "urgent": Option("Срочно: в очереди впереди остальных."),
            "key": Option("Ключ повтора: с одним и тем же ключом объявление уходит один раз.", "КЛЮЧ"),
            "dry_run": Option("Ничего не отправлять: показать, как это будет выглядеть в каждом канале."),
            "wait": Option("Дождаться, пока решится судьба каждой доставки, показывая ход."),
            "timeout": Option("Сколько секунд ждать с --wait.", "СЕКУНДЫ"),
            "as_json": JSON,
        },
    ),
    "status": Words(
        "Показать, что отправлено, что не дошло и почему.",
        "Без номера — последние объявления.",
        "rupor status 7 --deliveries --state failed",
        {
            "announcement": ANNOUNCEMENT,
            "deliveries": Option("Показать каждую доставку."),
            "state": Option("Только доставки в этом состоянии."),
            "limit": Option("Сколько строк показать.", "ЧИСЛО"),
            "as_json": JSON,
        },
    ),
    "retry": Words(
        "Поставить неудачные доставки в очередь ещё раз.",
        "",
        "rupor retry 7 --state failed",
        {
            "announcement": ANNOUNCEMENT,
            "state": Option(
                "Какие доставки повторить: failed (неудачные), unconfirmed (неподтверждённые), returned (вернувшиеся)."
            ),
            "delivery": Option("Повторить только эту доставку.", "НОМЕР"),
            "as_json": JSON,
        },
    ),
    "settle": Words(
        "Сказать, ушла ли неподтверждённая доставка.",
        "sent — дошла; not-sent — не дошла, и её можно отправить ещё раз: rupor retry. С --all — обо всех "
        "неподтверждённых доставках объявления сразу: rupor settle --all 7 sent --channel mail",
        "rupor settle 31 sent",
        {
            "number": Option(
                "Номер доставки, как его показывает rupor status --deliveries; с --all — номер объявления.", "НОМЕР"
            ),
            "verdict": Option("sent — дошла, not-sent — не дошла."),
            "every": Option("Обо всех неподтверждённых доставках объявления."),
            "channel": Option("Только в этом канале, вместе с --all.", "КЛЮЧ"),
            "as_json": JSON,
        },
    ),
    "look": Words(
        "Проверить в канале, вышла ли неподтверждённая доставка.",
        "Нашлась — она отправлена; нет её — уйдёт ещё раз. Смотреть умеют ВКонтакте (с service_token) и Telegram "
        "(с service_chat).",
        "rupor look 31",
        {
            "delivery": Option("Номер доставки, как его показывает rupor status --deliveries.", "ДОСТАВКА"),
            "as_json": JSON,
        },
    ),
    "pause": Words(
        "Приостановить отправку: что ещё не ушло, подождёт.",
        "Продолжить — rupor resume, отменить совсем — rupor cancel.",
        "rupor pause 7",
        {"announcement": ANNOUNCEMENT, "as_json": JSON},
    ),
    "resume": Words(
        "Продолжить приостановленную отправку.",
        "",
        "rupor resume 7",
        {"announcement": ANNOUNCEMENT, "as_json": JSON},
    ),
    "cancel": Words(
        "Остановить то, что ещё не отправлено.",
        "",
        "rupor cancel 7",
        {"announcement": ANNOUNCEMENT, "as_json": JSON},
    ),
    "edit": Words(
        "Исправить текст объявления.",
        "Что ещё не вышло, выйдет с новым текстом; что вышло, исправляется там, где канал это умеет. Где не умеет, "
        "скажет, что сделать вручную.",
        'rupor edit 7 --text "Собрание в четверг в 18:00"',
        {
            "announcement": ANNOUNCEMENT,
            "text": TEXT,
            "text_file": TEXT_FILE,
            "markup": FORMAT,
            "letters": Option("Тем, кому письмо уже ушло, послать исправление."),
            "as_json": JSON,
        },
    ),
    "recall": Words(
        "Отозвать объявление: убрать то, что вышло, и остановить остальное.",
        "Где убрать уже нельзя, остаются слова «Объявление отозвано.» или совет, что сделать вручную. Вместе с "
        "объявлением отменяются и его повторы.",
        "rupor recall 7",
        {
            "announcement": ANNOUNCEMENT,
            "letters": Option("Тем, кому письмо уже ушло, написать, что объявление отозвано."),
            "as_json": JSON,
        },
    ),
    "schedules": Words(
        "Показать повторы и запланированные объявления.",
        "",
        "rupor schedules",
        {"as_json": JSON},
    ),
    "schedules pause": Words("Приостановить.", "", "rupor schedules pause 3", {"schedule": SCHEDULE, "as_json": JSON}),
    "schedules resume": Words("Возобновить.", "", "rupor schedules resume 3", {"schedule": SCHEDULE, "as_json": JSON}),
    "schedules remove": Words("Убрать.", "", "rupor schedules remove 3", {"schedule": SCHEDULE, "as_json": JSON}),
    "lists": Words("Показать списки рассылки.", "", "rupor lists", {"as_json": JSON}),
    "lists show": Words(
        "Показать адреса списка.", "", "rupor lists show smolensk", {"list_key": LIST, "as_json": JSON}
    ),
    "lists import": Words(
        "Добавить адреса из файла CSV, XLSX, ODS или XLS.",
        "Плохие строки называет по номерам, хорошие — добавляет. Чего в файле нет, из списка не убирает, пока не "
        "попросите. Вернуть как было — rupor lists undo.",
        'rupor lists import smolensk адреса.csv --name "Смоленский обком"',
        {
            "list_key": LIST,
            "file": Option("Файл CSV, XLSX, ODS или XLS.", "ФАЙЛ"),
            "name": Option("Название списка для людей; оно стоит внизу письма.", "НАЗВАНИЕ"),
            "remove_missing": Option("Убрать из списка тех, кого нет в файле."),
            "dry_run": Option("Только показать, что изменится."),
            "as_json": JSON,
        },
    ),
    "lists undo": Words(
        "Вернуть список к тому, каким он был до последней загрузки файла.",
        "Повторите, чтобы отменить и предыдущую. Что после загрузки изменили иначе, не трогает и называет.",
        "rupor lists undo smolensk",
        {"list_key": LIST, "as_json": JSON},
    ),
    "lists export": Words(
        "Сохранить список в файл CSV или XLSX.",
        "Вид файла — по окончанию имени. Файл с таким именем заменяется.",
        "rupor lists export smolensk адреса.csv",
        {"list_key": LIST, "file": Option("Куда сохранить.", "ФАЙЛ"), "as_json": JSON},
    ),
    "lists remove": Words(
        "Убрать адрес из списка.",
        "",
        "rupor lists remove smolensk press@example.org",
        {"list_key": LIST, "address": ADDRESS, "as_json": JSON},
    ),
    "lists suppress": Words(
        "Больше не писать на адрес, в каком бы списке он ни был.",
        "Причины: unsubscribed — отписался, bounced — почта не принимает, complained — пожаловался на спам, by_hand — "
        "решили сами.",
        "rupor lists suppress press@example.org --list smolensk --reason by_hand",
        {
            "address": ADDRESS,
            "list_key": Option("Только для этого списка.", "СПИСОК"),
            "reason": Option("Почему."),
            "as_json": JSON,
        },
    ),
    "lists unsuppress": Words(
        "Снова писать на адрес.",
        "Без --list снимает все запреты, и пометку об удалении по просьбе владельца тоже. Делайте это, только когда "
        "владелец адреса попросил сам.",
        "rupor lists unsuppress press@example.org",
        {"address": ADDRESS, "list_key": Option("Только для этого списка.", "СПИСОК"), "as_json": JSON},
    ),
    "lists erase": Words(
        "Забыть адрес по просьбе его владельца.",
        "Убирает адрес, имя и организацию из списков и прошлых доставок. Остаётся отпечаток, по которому адрес не "
        "вернётся из файла незаметно.",
        "rupor lists erase press@example.org",
        {"address": ADDRESS, "as_json": JSON},
    ),
    "check": Words(
        "Проверить, всё ли готово к отправке.",
        "Спрашивает базу и каждый канал, ничего не отправляя, и говорит, что исправить.",
        "rupor check",
        {"as_json": JSON},
    ),
    "db": Words("Таблицы базы данных: показать версию, обновить.", "", "rupor db upgrade"),
    "db upgrade": Words("Обновить таблицы до версии программы.", "", "rupor db upgrade", {"as_json": JSON}),
    "db current": Words("Показать версию таблиц.", "", "rupor db current --json", {"as_json": JSON}),
    "backup": Words(
        "Сохранить копию базы данных SQLite.",
        "Копию можно делать на ходу. Файл, который уже есть, не затирается.",
        "rupor backup копия.db",
        {"file": Option("Куда сохранить.", "ФАЙЛ"), "as_json": JSON},
    ),
    "sandbox": Words(
        "Запустить песочницу: всё то же без единой учётной записи.",
        "Telegram, ВКонтакте и почта здесь — заместители на этой машине; на странице видно и чат, и каналы.",
        "rupor sandbox --port 8080",
        {
            "port": Option("Порт страницы.", "ПОРТ"),
            "data": Option("Папка, где хранить всё между запусками; без неё всё забывается.", "ПАПКА"),
        },
    ),
}
