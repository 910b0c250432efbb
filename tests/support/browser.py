"""A real Chromium for the tests, and a page that complains about what a user would never see.

`python -m tests.support.browser` sees to it that there is one, trying in this order: `RUPOR_CHROMIUM`, a Chromium or
Chrome on PATH, the one that Playwright has or can download, and, as root on Debian, the distribution's package. It
also brings fonts for Cyrillic and emoji where it may. Tests only look (`find`); they never install.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, Route, async_playwright
from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DOWNLOAD_WITHIN = 600  # seconds; some 170 MB
INSTALL_WITHIN = 900
PACKAGES = ("chromium", "fontconfig", "fonts-dejavu-core", "fonts-noto-color-emoji")
SCRIPTS = {"Cyrillic": ":lang=ru", "emoji": ":charset=1f4e3"}  # as fontconfig asks for them

# Nothing of Chromium's own calls home, and no name resolves: whatever a page needs must come from this machine.
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    "--no-first-run",
)
OUTSIDE = re.compile(r"^(?:https?|wss?)://(?!127\.0\.0\.1[:/]|localhost[:/])")


class NoBrowserError(LookupError):
    """No Chromium that starts: set RUPOR_CHROMIUM, install one, or set RUPOR_NO_BROWSER=1 to do without its tests."""

    def __str__(self) -> str:
        return self.__doc__ or ""


def find() -> Path:
    """Return a Chromium that starts; NoBrowserError when there is none."""
    for candidate in _candidates():
        if _starts(candidate):
            return candidate
    raise NoBrowserError


def _candidates() -> Iterator[Path]:
    if named := os.environ.get("RUPOR_CHROMIUM"):
        yield Path(named)
        return
    yield from (Path(found) for name in NAMES if (found := shutil.which(name)))
    yield _own_of_playwright()


def _own_of_playwright() -> Path:
    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)


def _starts(program: Path) -> bool:
    """Whether it runs at all: a download may lack system libraries, Ubuntu's package may be only a signpost."""
    if not program.exists():
        return False
    return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0


def provide() -> Path:
    """Return a Chromium, bringing one if need be; NoBrowserError when no way led to one."""
    for way in (None, _download, _install):
        if way is not None and not way():
            continue
        try:
            return find()
        except NoBrowserError:
            continue
    raise NoBrowserError


def _download() -> bool:
    command = [sys.executable, "-m", "playwright", "install", "--no-shell", "chromium"]
    return _succeeds(command, within=DOWNLOAD_WITHIN, environment={})


def _install() -> bool:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    return _succeeds([*apt, "update"], within=INSTALL_WITHIN, environment=quiet) and _succeeds(
        [*apt, "install", "--yes", "--no-install-recommends", *PACKAGES], within=INSTALL_WITHIN, environment=quiet
    )


def _succeeds(command: list[str], *, within: float, environment: dict[str, str]) -> bool:
    sys.stderr.write(f"browser: {' '.join(command)}\n")
    try:
        done = subprocess.run(
            command, env=os.environ | environment, timeout=within, capture_output=True, text=True, check=False
        )
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"browser: not done within {within:.0f} s\n")
        return False
    if done.returncode != 0:
        complaint = next(
            (line for line in (done.stderr + done.stdout).splitlines() if "rror" in line), "no reason given"
        )
        sys.stderr.write(f"browser: failed: {complaint}\n")
    return done.returncode == 0


def missing_scripts() -> list[str]:
    """Names of the scripts that this machine has no font for; all of them when fontconfig cannot be asked."""
    if shutil.which("fc-list") is None:
        return list(SCRIPTS)
    return [
        name
        for name, pattern in SCRIPTS.items()
        if not subprocess.run(["fc-list", pattern, "family"], capture_output=True, check=False).stdout.strip()
    ]


@asynccontextmanager
async def launched(program: Path) -> AsyncIterator[Browser]:
    """Run a headless browser for as long as the block lasts, in the present event loop."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(
    browser: Browser, *, width: int = 1280, height: int = 800, dark: bool = False, mobile: bool = False
) -> AsyncIterator[Page]:
    """Open a page as a reader in Moscow has it, sizes in CSS pixels.

    AssertionError at the end of the block when a script failed, when the console got an error, or when anything was
    asked from outside this machine.
    """
    complaints: list[str] = []

    async def refuse(route: Route) -> None:
        complaints.append(f"asked outside: {route.request.url}")
        await route.abort()

    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        has_touch=mobile,
        locale="ru-RU",
        timezone_id="Europe/Moscow",
        reduced_motion="reduce",
    )
    try:
        await context.route(OUTSIDE, refuse)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"script failed: {error}"))
        page.on("console", lambda said: complaints.append(f"console: {said.text}") if said.type == "error" else None)
        yield page
    finally:
        await context.close()
    assert not complaints, complaints


def main() -> int:
    """Bring what is missing and say what there is."""
    if os.environ.get("RUPOR_NO_BROWSER") == "1":
        return 0
    try:
        program = provide()
    except NoBrowserError as error:
        sys.stderr.write(f"browser: {error}\n")
        return 0  # the browser tests will fail and say so; the others still have something to tell
    if missing_scripts():
        _install()
    for script in missing_scripts():
        sys.stderr.write(f"browser: no font for {script}; screenshots will show boxes\n")
    sys.stderr.write(f"browser: {program}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
