"""One address on the command line: off a list, silenced, written to again, forgotten."""

from collections.abc import Mapping

from bot.texts.cli.lists import reason
from bot.texts.measures import listed, number
from delivery.store.erasure import Erasure


def bad_address(address: str, why: str) -> str:
    """Say what is wrong with an address."""
    return f"«{address}»: {why}."


def not_on_the_list(address: str, key: str) -> str:
    """Say that there was nothing to remove."""
    return f"Адреса {address} в списке {key} нет. Кто в нём есть: rupor lists show {key}."


def removed(address: str, key: str) -> str:
    """Say that an address is off the list."""
    return f"Адрес {address} убран из списка {key}."


def suppressed(address: str, key: str, *, fresh: bool) -> str:
    """Say that an address gets no more letters."""
    where = f"списка {key}" if key else "всех списков"
    if not fresh:
        return f"Адрес {address} и так не получает писем {where}."
    return f"Адрес {address} больше не получает писем {where}. Вернуть: rupor lists unsuppress {address}"


def not_suppressed(address: str, key: str | None) -> str:
    """Say that nothing keeps an address from letters."""
    where = f" списка {key}" if key else ""
    return f"Адресу {address} ничто не мешает получать письма{where}: он не отписан и не отключён."


def unsuppressed(address: str, lifted: Mapping[str, str], *, forgiven: bool) -> str:
    """Say that an address gets letters again, and what kept it from them."""
    why = listed(f"{f'список {key}' if key else 'все списки'} — {reason(code)}" for key, code in sorted(lifted.items()))
    lines = [f"Адрес {address} снова может получать письма. Было: {why}."] if lifted else []
    if forgiven:
        lines.append(f"Адрес {address} был удалён по просьбе владельца. Теперь его можно снова добавить из файла.")
    return "\n".join(lines)


def erased(address: str, done: Erasure) -> str:
    """Say what was forgotten, and where the address may still be."""
    counts = (
        ("отписки и запреты", done.suppressions),
        ("обезличено доставок", done.deliveries),
        ("из них не успели уйти и остановлены", done.stopped),
        ("стёрто присланных боту файлов со списками", done.files),
    )
    lines = [f"Адрес {address} удалён{' (его удаляли и раньше)' if done.before else ''}."]
    lines += [f"  из списков: {listed(done.lists)}"] if done.lists else []
    lines += [f"  {word}: {number(n)}" for word, n in counts if n]
    if done.in_flight:
        lines.append(
            f"  прямо сейчас отправляется писем: {number(done.in_flight)}. Повторите команду через минуту, "
            "чтобы убрать адрес и оттуда."
        )
    lines.append(
        "Остался только отпечаток, по которому адрес не вернётся из файла незаметно. Удалите его сами из своих файлов, "
        "резервных копий, переписки с ботом и с почтового сервера."
    )
    return "\n".join(lines)
