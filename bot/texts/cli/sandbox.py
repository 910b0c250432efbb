"""What the sandbox says in the terminal."""

from pathlib import Path

__all__ = ["bad_folder", "foreign_config", "opened", "port_taken"]


def opened(url: str, folder: Path | None, *, wanted: int, found: int) -> str:
    """Say where the page is, and what becomes of everything at the end. `wanted` and `found` are ports."""
    lines = [f"Песочница открыта: {url}"]
    if found != wanted:
        lines.append(f"Порт {wanted} занят, поэтому выбран {found}. Другой можно указать так: --port ПОРТ.")
    lines.append(f"Настройки для командной строки: {url}/config")
    if folder:
        lines.append(f"Всё сохраняется в папке {folder}.")
    else:
        lines.append("После остановки всё забудется; чтобы сохранить, запустите с --data ПАПКА.")
    lines.append("Остановить: Ctrl+C.")
    return "\n".join(lines)


def port_taken(port: int) -> str:
    """Say that the wanted port is not to be had."""
    return f"Порт {port} занят. Укажите другой: rupor sandbox --port ПОРТ — или запустите без --port."


def foreign_config(path: Path) -> str:
    """Refuse to write over a configuration that is not the sandbox's own."""
    return f"Файл {path} — не от песочницы, и она его не тронет. Укажите для неё другую папку."


def bad_folder(folder: Path, words: str) -> str:
    """Say that nothing can be kept there."""
    return f"В папке {folder} не получается хранить данные: {words}. Укажите другую."
