"""Where does the processor time of a process go? Stacks of its threads, taken by a timer that counts that time.

A sampler and no tracer: tracing makes small functions look dear. The timer's handler runs between two bytecodes of the
main thread, so a long call into C shows as the line that makes it. A thread that waits is not counted; each thread's
samples are then worth its share of the processor time, which the system knows exactly. While the main thread runs, the
others stand where they gave up the interpreter's lock: of their time the sum is right, and its parts are not.
"""

import json
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

__all__ = ["Call", "Stack", "read", "sampled"]

_EVERY = 0.001  # seconds of processor time; the kernel may make 0.004 of it
_DEEPEST = 60
_WAITING = (("selectors.py", "select"), ("queue.py", "get"), ("threading.py", "wait"), ("thread.py", "_worker"))


@dataclass(frozen=True, slots=True)
class Call:
    """One level of a stack."""

    file: str
    function: str
    line: int


Stack = tuple[Call, ...]
"""The innermost call first."""


@contextmanager
def sampled(path: Path) -> Iterator[None]:
    """Sample the block and write what was seen to a file. In the main thread only, as signals want it."""
    seen: dict[int, Counter[Stack]] = {}
    names: dict[int, str] = {}
    cpu: dict[int, float] = {}
    main = threading.get_ident()

    def look(_signal: int, frame: FrameType | None) -> None:
        for ident, top in {**sys._current_frames(), main: frame}.items():  # noqa: SLF001 - there is no other way
            if (stack := _stack(top)) and not _waits(stack[0]):
                seen.setdefault(ident, Counter())[stack] += 1

    began = _cpu_by_thread()
    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, _EVERY, _EVERY)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        cpu = {ident: spent - began.get(ident, 0.0) for ident, spent in _cpu_by_thread().items()}
        names = {one.ident: one.name for one in threading.enumerate() if one.ident is not None}
    threads = [
        {"name": names[ident], "cpu": cpu.get(ident, 0.0), "stacks": [_written(*one) for one in stacks.items()]}
        for ident, stacks in seen.items()
        if ident in names
    ]
    path.write_text(json.dumps(threads), encoding="utf-8")


def read(path: Path) -> Counter[Stack]:
    """Return what `sampled` wrote, each stack with the processor seconds that were spent in it."""
    weighed: Counter[Stack] = Counter()
    for thread in json.loads(path.read_text(encoding="utf-8")):
        samples = sum(count for _stack, count in thread["stacks"])
        for calls, count in thread["stacks"]:
            weighed[tuple(Call(*call) for call in calls)] += thread["cpu"] * count / samples
    return weighed


def _written(stack: Stack, count: int) -> tuple[list[tuple[str, str, int]], int]:
    return [(call.file, call.function, call.line) for call in stack], count


def _stack(frame: FrameType | None) -> Stack:
    calls: list[Call] = []
    while frame is not None and len(calls) < _DEEPEST:
        calls.append(Call(frame.f_code.co_filename, frame.f_code.co_name, frame.f_lineno))
        frame = frame.f_back
    return tuple(calls)


def _waits(top: Call) -> bool:
    return any(top.file.endswith(file) and top.function == function for file, function in _WAITING)


def _cpu_by_thread() -> dict[int, float]:
    return {
        one.ident: time.clock_gettime(time.pthread_getcpuclockid(one.ident))
        for one in threading.enumerate()
        if one.ident is not None
    }
