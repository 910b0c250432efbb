"""Why something did not arrive, in words: what happened, what to do, and whether repeating can help."""

from collections.abc import Mapping
from typing import NamedTuple

from channels.contract import Reason

__all__ = ["REASONS", "WORTH_REPEATING", "Why", "after_return", "while_held", "why"]


class Why(NamedTuple):
    """`what` goes after a colon or begins a line; `remedy` is a sentence of its own."""

    what: str
    remedy: str
    repeat: bool


REASONS: Mapping[Reason, Why] = {
    Reason.NO_SUCH_CHAT: Why(
        "такого канала нет или бот в него не добавлен",
        "Добавьте бота в канал администратором и проверьте адрес канала в настройках.",
        repeat=True,
    ),
    Reason.NO_RIGHT_TO_POST: Why(
        "у бота нет права публиковать",
        "Дайте боту право публиковать сообщения и повторите.",
        repeat=True,
    ),
    Reason.BLOCKED: Why(
        "другая сторона заблокировала отправителя",
        "Покажите это администратору: слова сервера — в «Подробнее».",
        repeat=True,
    ),
    Reason.BAD_CONTENT: Why(
        "канал не принял содержание",
        "Измените текст или вложения и отправьте новым объявлением.",
        repeat=False,
    ),
    Reason.TOO_LONG: Why("текст слишком длинный", "Сократите текст и отправьте новым объявлением.", repeat=False),
    Reason.FILE_TOO_LARGE: Why(
        "файл слишком большой",
        "Уменьшите файл или дайте на него ссылку и отправьте новым объявлением.",
        repeat=False,
    ),
    Reason.FILE_LOST: Why("файл не сохранился", "Пришлите объявление с этим файлом ещё раз.", repeat=False),
    Reason.FILE_REFUSED: Why(
        "файл такого вида не принимают",
        "Пришлите его в другом виде, например PDF или картинкой, новым объявлением.",
        repeat=False,
    ),
    Reason.LINKS_FORBIDDEN: Why(
        "ссылки в тексте запрещены",
        "Уберите ссылку или разрешите ссылки в настройках сообщества и отправьте новым объявлением.",
        repeat=False,
    ),
    Reason.NO_SUCH_MAILBOX: Why(
        "такого почтового ящика нет",
        "Уточните адрес у организации и исправьте его в списке. Если ящик восстановили, повторите.",
        repeat=True,
    ),
    Reason.MAILBOX_FULL: Why(
        "почтовый ящик переполнен", "Позвоните в организацию: пусть освободят место, потом повторите.", repeat=True
    ),
    Reason.LETTER_TOO_LARGE: Why(
        "письмо слишком большое для этого ящика",
        "Замените вложения ссылкой и отправьте новым объявлением.",
        repeat=False,
    ),
    Reason.REFUSED_AS_SPAM: Why(
        "письмо приняли за спам",
        "Попросите организацию добавить ваш адрес в доверенные, потом повторите.",
        repeat=True,
    ),
    Reason.ADDRESS_INVALID: Why(
        "адрес записан с ошибкой", "Исправьте адрес в списке и отправьте новым объявлением.", repeat=False
    ),
    Reason.SENDER_REFUSED: Why(
        "почтовый сервер не принял адрес отправителя",
        "Покажите это администратору: адрес отправителя в настройках должен быть вашим ящиком.",
        repeat=True,
    ),
    Reason.REFUSED: Why(
        "получен отказ без понятной причины", "Слова сервера — в «Подробнее». Попробуйте повторить.", repeat=True
    ),
    Reason.TOO_LATE: Why(
        "не удалось за отведённое время", "Попытки прекращены. Проверьте, ещё не поздно ли, и повторите.", repeat=True
    ),
    Reason.LIMIT_REACHED: Why(
        "исчерпан предел отправок", "Подождите, пока предел обновится, и повторите.", repeat=True
    ),
    Reason.NOT_CONNECTED: Why(
        "нет связи", "Рупор пробует сам. Если связи всё нет, покажите это администратору.", repeat=True
    ),
    Reason.TOKEN_REVOKED: Why(
        "ключ доступа больше не действует",
        "Администратору нужно получить новый ключ и вписать его в настройки.",
        repeat=True,
    ),
    Reason.LOGIN_REFUSED: Why(
        "почтовый сервер не принял имя или пароль", "Администратору нужно проверить имя и пароль почты.", repeat=True
    ),
    Reason.CAPTCHA_NEEDED: Why(
        "ВКонтакте просит доказать, что вы не робот",
        "Войдите во ВКонтакте под тем же пользователем, ответьте на вопрос и повторите.",
        repeat=True,
    ),
    Reason.WRONG_KIND_OF_TOKEN: Why(
        "ключ не того вида", "Администратору нужно вписать ключ, который подходит для этого действия.", repeat=True
    ),
    Reason.TLS_FAILED: Why(
        "не удалось установить защищённое соединение",
        "Администратору нужно проверить адрес и сертификат сервера.",
        repeat=True,
    ),
    Reason.NO_ANSWER: Why(
        "ответ не пришёл, и неизвестно, ушло ли", "Проверьте на месте и нажмите, что верно.", repeat=True
    ),
    Reason.PREVIOUS_PART_MISSING: Why(
        "не вышла предыдущая часть", "Она уйдёт следом, когда выйдет предыдущая.", repeat=True
    ),
    Reason.WORKER_DIED: Why(
        "Рупор перезапустился во время отправки, и неизвестно, ушло ли",
        "Проверьте на месте и нажмите, что верно.",
        repeat=True,
    ),
    Reason.PROGRAM_ERROR: Why(
        "внутренняя ошибка Рупора", "Покажите это администратору: подробности в журнале.", repeat=True
    ),
    Reason.TOO_OLD_TO_CHANGE: Why(
        "прошло слишком много времени, менять уже нельзя",
        "Исправьте или удалите сами, если сервис это позволяет, или опубликуйте поправку новым объявлением.",
        repeat=False,
    ),
    Reason.GONE: Why("там уже ничего нет", "Если объявление ещё нужно, отправьте его заново.", repeat=False),
    Reason.PLACE_UNKNOWN: Why(
        "неизвестно, какой именно пост менять",
        "Найдите его сами и исправьте или удалите вручную.",
        repeat=False,
    ),
    Reason.NOT_SENT_YET: Why(
        "сначала должно выйти то, что исправляется", "Делать ничего не нужно: бот ждёт.", repeat=True
    ),
    Reason.OTHER_SHAPE: Why(
        "пост нельзя так переделать: вложений стало другое число или вместо них теперь текст",
        "Отзовите его и отправьте объявление заново.",
        repeat=False,
    ),
    Reason.SERVER_TOO_OLD: Why(
        "сервер Bot API слишком старый и такого не умеет",
        "Администратору нужно обновить его или убрать long_text из настроек; потом отправьте новым объявлением.",
        repeat=False,
    ),
    Reason.NOTHING_BEFORE: Why(
        "до этого бот здесь ничего не публиковал, и искать не от чего", "Посмотрите в канале сами.", repeat=False
    ),
    Reason.TOO_MUCH_SINCE: Why(
        "с тех пор там появилось слишком много другого", "Посмотрите в канале сами.", repeat=False
    ),
    Reason.SEEN_IN_PART: Why("от альбома видна только часть", "Посмотрите в канале сами.", repeat=False),
    Reason.EDITED_SINCE: Why(
        "запись того же времени потом правили, и её не узнать", "Посмотрите в канале сами.", repeat=False
    ),
    Reason.SEVERAL_ALIKE: Why("там несколько одинаковых постов", "Посмотрите в канале сами.", repeat=False),
    Reason.SERVICE_CHAT_READ: Why(
        "служебный чат читают те же люди, что и канал",
        "Администратору нужно указать в service_chat чат, который видит только бот.",
        repeat=False,
    ),
    Reason.NO_RIGHT_TO_CHANGE: Why(
        "нет права менять опубликованное",
        "Исправьте или удалите сами или дайте Рупору это право и повторите: в Telegram оно бывает у бота, во ВКонтакте "
        "— у ключа администратора сообщества.",
        repeat=True,
    ),
    Reason.FLOOD_CONTROL: Why(
        "ВКонтакте просит не публиковать так часто",
        "Рупор ждёт и пробует сам. Если не вышло и так, повторите через несколько часов.",
        repeat=True,
    ),
    Reason.QUOTA_REACHED: Why(
        "исчерпано число запросов, которое ВКонтакте разрешает за день", "Повторите завтра.", repeat=True
    ),
    Reason.DAILY_LIMIT: Why(
        "на стене уже столько записей, сколько ВКонтакте разрешает за день", "Повторите завтра.", repeat=True
    ),
    Reason.AD_LIMIT: Why(
        "ВКонтакте ограничивает рекламные записи",
        "Подождите несколько часов и повторите или опубликуйте на стене сами.",
        repeat=True,
    ),
    Reason.SERVICE_DOWN: Why(
        "ВКонтакте временно отключил этот раздел", "Подождите, пока его включат, и повторите.", repeat=True
    ),
    Reason.KEY_LACKS_RIGHT: Why(
        "у ключа ВКонтакте нет нужного права",
        "Администратору нужно создать ключ сообщества с правами «Стена сообщества» и «Файлы» (у ключа пользователя — "
        "wall и photos) и вписать его в настройки.",
        repeat=True,
    ),
    Reason.KEY_OF_ANOTHER: Why(
        "ключ ВКонтакте не подходит к этому сообществу",
        "Администратору нужно проверить group_id и чей это ключ: он должен быть от этого сообщества или от его "
        "администратора.",
        repeat=True,
    ),
    Reason.WALL_CLOSED: Why(
        "ВКонтакте не даёт публиковать на этой стене",
        "Проверьте в управлении сообществом, что стена включена и публиковать на ней можно.",
        repeat=True,
    ),
    Reason.NO_SUCH_COMMUNITY: Why(
        "такого сообщества ВКонтакте нет", "Администратору нужно исправить group_id в настройках.", repeat=True
    ),
    Reason.VK_ID_TOKEN: Why(
        "ключ от VK ID не даёт прав на стену",
        "Администратору нужно получить эти права для приложения в поддержке разработчиков ВКонтакте или убрать ключ "
        "пользователя из настроек: тогда картинки выйдут файлами.",
        repeat=True,
    ),
    Reason.CONFIRMATION_NEEDED: Why(
        "ВКонтакте просит подтвердить, что это вы",
        "Войдите во ВКонтакте под тем же пользователем, подтвердите и повторите.",
        repeat=True,
    ),
    Reason.TWO_FACTOR_NEEDED: Why(
        "ВКонтакте требует подтверждать вход кодом",
        "Включите подтверждение входа у пользователя, чей это ключ, и повторите.",
        repeat=True,
    ),
    Reason.IP_NOT_ALLOWED: Why(
        "ВКонтакте не принимает запросы с этого сервера",
        "Администратору нужно разрешить адрес сервера в настройках приложения ВКонтакте.",
        repeat=True,
    ),
    Reason.STRIKES: Why(
        "у сообщества предупреждения от ВКонтакте, и загружать в него нельзя",
        "Откройте сообщество: там сказано, за что и до какого дня. Потом повторите.",
        repeat=True,
    ),
    Reason.METHOD_OFF: Why(
        "ВКонтакте отключил этот способ публикации",
        "Опубликуйте на стене сами, а администратору нужно обновить Рупор.",
        repeat=True,
    ),
    Reason.SETTLED_BY_PERSON: Why("вы отметили, что не вышло", "Если нужно, повторите.", repeat=True),
}

WORTH_REPEATING: tuple[Reason, ...] = tuple(reason for reason, words in REASONS.items() if words.repeat)
"""What may end otherwise the next time; the rest surely ends the same."""

# A channel that refuses everybody goes on by itself: nobody has to repeat anything.
_WHILE_HELD: Mapping[Reason, str] = {
    Reason.NO_RIGHT_TO_POST: "Дайте боту право публиковать сообщения.",
    Reason.CAPTCHA_NEEDED: "Войдите во ВКонтакте под тем же пользователем и ответьте на вопрос.",
    Reason.LIMIT_REACHED: "Нужно подождать, пока предел обновится.",
    Reason.REFUSED: "Покажите это администратору.",
    Reason.BLOCKED: "Администратору нужно узнать причину у той стороны и попросить снять запрет.",
    Reason.NOT_CONNECTED: "Рупор проверяет сам, и всё уйдёт, когда связь вернётся.",
    Reason.CONFIRMATION_NEEDED: "Войдите во ВКонтакте под тем же пользователем и подтвердите.",
    Reason.TWO_FACTOR_NEEDED: "Включите подтверждение входа у пользователя, чей это ключ.",
    Reason.STRIKES: "Откройте сообщество: там сказано, за что и до какого дня.",
}

# Nothing goes there again by itself, and no button repeats it.
_GONE = "Уточните адрес у организации и исправьте его в списке: на прежний Рупор больше не пишет."
_AFTER_RETURN: Mapping[Reason, str] = {
    Reason.NO_SUCH_MAILBOX: _GONE,
    Reason.ADDRESS_INVALID: _GONE,
    Reason.MAILBOX_FULL: "Позвоните в организацию: пусть освободят место. Следующее письмо уйдёт как обычно.",
    Reason.TOO_LATE: "Почта организации не отвечала несколько дней. Проверьте адрес и позвоните туда.",
    Reason.REFUSED: "Если так будет и дальше, уточните адрес у организации.",
    Reason.REFUSED_AS_SPAM: "Попросите организацию добавить ваш адрес в доверенные.",
    Reason.LIMIT_REACHED: "Следующее письмо уйдёт как обычно. Если так будет и дальше, позвоните в организацию.",
}

_UNKNOWN = Why("причина неизвестна", "Попробуйте повторить.", repeat=True)


def why(reason: Reason | None) -> Why:
    """Return the words for a reason, or for none."""
    return _UNKNOWN if reason is None else REASONS[reason]


def after_return(reason: Reason | None) -> str:
    """Say what to do about a letter that came back for this reason."""
    return why(reason).remedy if reason is None else _AFTER_RETURN.get(reason, REASONS[reason].remedy)


def while_held(reason: Reason) -> str:
    """Say what to do about a channel that refuses everybody for this reason."""
    return _WHILE_HELD.get(reason, REASONS[reason].remedy)
