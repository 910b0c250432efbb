"""Keeps plain data in a folder: one JSON document, and a file of its own for every long run of base64 in it.

Pictures and letters would otherwise be written again with every change. What nothing mentions any more is thrown away.
"""

import json
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

__all__ = ["Drawer"]

_BYTES = {"data", "raw", "content"}  # the keys under which the stand-ins dump bytes as base64
_LONG = 1024
_ELSEWHERE = "in_file"


class Drawer:
    """One folder. Nothing here knows what the data means."""

    def __init__(self, folder: Path) -> None:
        self._document = folder / "state.json"
        self._files = folder / "files"

    def load(self) -> Any:
        """Return what was saved last; None when nothing was."""
        if not self._document.exists():
            return None
        return self._with_bytes(json.loads(self._document.read_text(encoding="utf-8")))

    def save(self, state: Any) -> None:
        """Write everything down; a crash in the middle leaves what was there before."""
        self._files.mkdir(parents=True, exist_ok=True)
        named: set[str] = set()
        text = json.dumps(self._without_bytes(state, named), ensure_ascii=False)
        draft = self._document.with_suffix(".new")
        draft.write_text(text, encoding="utf-8")
        draft.replace(self._document)
        for path in self._files.iterdir():
            if path.name not in named:
                path.unlink()

    def _without_bytes(self, value: Any, named: set[str]) -> Any:
        match value:
            case dict():
                return {
                    key: self._put_away(item, named)
                    if key in _BYTES and isinstance(item, str) and len(item) > _LONG
                    else self._without_bytes(item, named)
                    for key, item in value.items()
                }
            case list() | tuple():
                return [self._without_bytes(item, named) for item in value]
        return value

    def _put_away(self, encoded: str, named: set[str]) -> dict[str, str]:
        content = b64decode(encoded)
        name = sha256(content).hexdigest()
        path = self._files / name
        if not path.exists():
            draft = path.with_suffix(".new")
            draft.write_bytes(content)
            draft.replace(path)
        named.add(name)
        return {_ELSEWHERE: name}

    def _with_bytes(self, value: Any) -> Any:
        match value:
            case {"in_file": str(name)}:
                return b64encode((self._files / name).read_bytes()).decode()
            case dict():
                return {key: self._with_bytes(item) for key, item in value.items()}
            case list():
                return [self._with_bytes(item) for item in value]
        return value
