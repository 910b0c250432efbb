"""One token's way to VK's API, safe to use from asyncio.

vk_api 11.10 blocks, waits for ever, repeats error 6 without end, follows redirects with a GET and keeps the token in
its exceptions. So each token gets a session with time limits that refuses redirects, a thread of its own, and
exceptions of ours that are raised after the library's have gone, token and all.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import jconfig  # type: ignore[import-untyped]
import requests
import urllib3
import vk_api
from pydantic import SecretStr

API_VERSION = "5.199"
LIBRARY_BASE = "https://api.vk.ru"
"""The address that vk_api has built in."""

TOKEN_ENDED = frozenset({5, 1114, 1116, 1117, 3609})
"""What VK says of a token that is good for nothing any more. Source: VK's JSON schema."""

DETAIL_LENGTH = 400
SLACK = 5.0
"""Seconds granted beyond the limits of the sockets, which count each read anew."""

_HIDDEN_WORDS = 20

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds: for a connection, for an answer, for an upload from end to end."""

    connect: float
    read: float
    upload: float


class Failure(Exception):
    """A call that brought no answer of use. `detail` never holds a token."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotSent(Failure):
    """No connection was made, so VK knows nothing of the call."""


class Distrusted(NotSent):
    """The other side could not prove that it is VK."""


class TurnedAway(Failure):
    """HTTP 4xx: somebody before the API refused the call."""


class NoAnswer(Failure):
    """The call left, and what came back does not tell what became of it."""


class Gone(Failure):
    """What the call was to change is not there any more."""


class Refused(Failure):
    """VK answered with an error code. `redirect_uri` is a page for a person to open, if VK named one."""

    def __init__(self, detail: str, code: int, text: str, redirect_uri: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.text = text
        self.redirect_uri = redirect_uri


Exchange = Callable[[str, Mapping[str, str]], Mapping[str, Any] | Failure]
"""Posts a form, without the token, and returns the JSON that came back, whatever its HTTP status."""


class TokenKeeper(Protocol):
    """Knows a token that changes with time."""

    def token(self, exchange: Exchange) -> str:
        """Return one that works now. Called in the client's thread. Raises Failure."""
        ...

    def refused(self, token: str) -> None:
        """Hear that VK does not take this one, whatever was thought of it."""
        ...


class Client:
    """Calls of one token, one after another. `name` tells people which token a failure is about.

    With a keeper, the token is asked of it before each call.
    """

    def __init__(
        self,
        name: str,
        token: SecretStr | TokenKeeper,
        *,
        api_base: str,
        limits: Limits,
        calls_per_second: float = 3,
    ) -> None:
        self._name = name
        self._keeper = None if isinstance(token, SecretStr) else token
        given = token.get_secret_value() if isinstance(token, SecretStr) else ""
        self._hidden = [SecretStr(given)] if given else []
        self._limits = limits
        self._call_limit = (limits.connect + limits.read) * (2 if self._keeper else 1) + SLACK
        self._session = _Session(api_base, (limits.connect, limits.read))
        self._vk = vk_api.VkApi(
            token=given,
            api_version=API_VERSION,
            session=self._session,
            config=jconfig.MemoryConfig,
        )
        # Without handlers every error code arrives as ApiError: no endless repeat of 6, no KeyError out of 14.
        self._vk.error_handlers.clear()
        self._vk.RPS_DELAY = 1 / calls_per_second
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vk")
        self._closed = False

    async def call(self, method: str, **values: str | int) -> Any:
        """Call a method and return its `response`. Flags are 1 and 0, lists are joined with commas.

        Raises Failure.
        """
        what = f"{method} ({self._name})"
        return await self._in_thread(what, partial(self._call, what, method, values), self._call_limit)

    async def upload(self, url: str, field: str, name: str, content: bytes, mime_type: str) -> dict[str, Any]:
        """Send a file to an upload server, without the token, and return its answer. Raises Failure."""
        what = f"upload.{field} ({self._name})"
        file = {field: (name, content, mime_type)}
        return await self._in_thread(what, partial(self._upload, what, url, file), self._limits.upload)

    async def close(self) -> None:
        """Wait for a call under way, as long as a call may take, and give back the thread."""
        if self._closed:
            return
        self._closed = True
        last = self._thread.submit(self._session.close)
        self._thread.shutdown(wait=False)
        await asyncio.wait({asyncio.wrap_future(last)}, timeout=self._limits.connect + self._limits.read)

    async def _in_thread(self, what: str, work: Callable[[], _T | Failure], limit: float) -> _T:
        job = self._thread.submit(work)
        try:
            async with asyncio.timeout(limit):
                outcome = await asyncio.wrap_future(job)
        except TimeoutError:
            # A job that waits for its turn can still be taken back; one under way cannot.
            never_began = job.cancel()
            words = f"{what}: no answer within {limit:g} s"
            outcome = NotSent(f"{words}, an earlier call was in the way") if never_began else NoAnswer(words)
        if isinstance(outcome, Failure):
            raise outcome
        return outcome

    # In the thread. A failure is a value here: raised inside an except clause, it would drag along the library's
    # exception, which holds the token.

    def _call(self, what: str, method: str, values: dict[str, str | int]) -> Any | Failure:
        try:
            if self._keeper is not None:
                self._use(self._keeper.token(partial(self._exchange, what)))
        except Failure as failure:
            return self._clear(failure)
        try:
            answer = self._vk.method(method, values, raw=True)["response"]
        except vk_api.ApiError as error:
            refusal = self._refusal(what, error.error)
            if self._keeper is not None and isinstance(refusal, Refused) and refusal.code in TOKEN_ENDED:
                self._keeper.refused(str(self._vk.token["access_token"]))
            return refusal
        except vk_api.ApiHttpError as error:
            return self._http_failure(what, error.response.status_code)
        except requests.RequestException as error:
            return self._network_failure(what, error)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return NoAnswer(self._clean(f"{what}: the answer makes no sense ({type(error).__name__})"))
        return answer

    def _clear(self, failure: Failure) -> Failure:
        """Leave of a keeper's failure what may be told: its frames know the tokens, and VK ID's words may."""
        failure.detail = self._clean(failure.detail)
        failure.args, failure.__context__ = (failure.detail,), None
        if isinstance(failure, Refused):
            failure.text = failure.detail
        return failure.with_traceback(None)

    def _use(self, token: str) -> None:
        self._hide(token)
        self._vk.token = {"access_token": token}

    def _hide(self, word: str) -> None:
        if word and word not in {hidden.get_secret_value() for hidden in self._hidden}:
            self._hidden = [*self._hidden[-_HIDDEN_WORDS:], SecretStr(word)]

    def _exchange(self, what: str, url: str, form: Mapping[str, str]) -> Mapping[str, Any] | Failure:
        self._hide(form.get("refresh_token", ""))
        try:
            response = self._session.post(url, data=dict(form))
            answer = response.json()
        except requests.JSONDecodeError:
            return NoAnswer(f"{what}: VK ID answered no JSON (HTTP {response.status_code})")
        except requests.RequestException as error:
            return self._network_failure(what, error)
        if not isinstance(answer, dict):
            return NoAnswer(f"{what}: the answer makes no sense")
        for name in ("access_token", "refresh_token"):
            self._hide(str(answer.get(name, "")))
        return answer

    def _upload(self, what: str, url: str, file: dict[str, tuple[str, bytes, str]]) -> dict[str, Any] | Failure:
        # urllib3 sends the body under the limit meant for connecting.
        seconds = (self._limits.upload, self._limits.upload)
        try:
            response = self._session.post(url, files=file, timeout=seconds)
            answer = response.json() if response.ok else None
        except requests.RequestException as error:
            return self._network_failure(what, error)
        if answer is None:
            return self._http_failure(what, response.status_code)
        if not isinstance(answer, dict):
            return NoAnswer(f"{what}: the answer makes no sense")
        return answer

    def _refusal(self, what: str, error: dict[str, Any]) -> Failure:
        text, redirect_uri = str(error.get("error_msg", "")), str(error.get("redirect_uri", ""))
        try:
            code = int(error["error_code"])
        except (TypeError, ValueError):
            return NoAnswer(self._clean(f"{what}: the error has no number: {text}"))
        words = f"{what}: [{code}] {text} {redirect_uri}".rstrip()
        return Refused(self._clean(words), code, self._clean(text), redirect_uri)

    def _http_failure(self, what: str, status: int) -> Failure:
        words = f"{what}: HTTP {status}"
        return TurnedAway(words) if 400 <= status < 500 else NoAnswer(words)

    def _network_failure(self, what: str, error: requests.RequestException) -> Failure:
        causes = list(_causes(error))
        words = self._clean(f"{what}: {type(error).__name__}: {causes[-1]}")
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            return Distrusted(words)
        if any(isinstance(cause, _NEVER_CONNECTED) for cause in causes):
            return NotSent(words)
        return NoAnswer(words)

    def _clean(self, words: str) -> str:
        for word in self._hidden:
            words = words.replace(word.get_secret_value(), "***")
        return " ".join(words.split())[:DETAIL_LENGTH]


_NEVER_CONNECTED = (
    requests.ConnectTimeout,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.NewConnectionError,
)


class _Redirected(requests.RequestException):
    """Followed, a redirect would become a GET without the form, and the answer a misleading error 5."""


class _Session(requests.Session):
    """Reaches another host than the one built into vk_api, within time limits, and goes nowhere else."""

    def __init__(self, api_base: str, timeout: tuple[float, float]) -> None:
        super().__init__()
        self._api_base = api_base
        self._timeout = timeout
        self.trust_env = False
        self.headers["User-Agent"] = "Rupor"
        # A kept connection may be closed by VK just as it is used again: an unknown outcome for nothing.
        self.headers["Connection"] = "close"

    def request(self, method: str | bytes, url: str | bytes, *arguments: Any, **options: Any) -> requests.Response:
        address = str(url)
        if address.startswith(LIBRARY_BASE):
            address = self._api_base + address.removeprefix(LIBRARY_BASE)
        options.setdefault("timeout", self._timeout)
        options["allow_redirects"] = False
        response = super().request(method, address, *arguments, **options)
        if 300 <= response.status_code < 400:
            raise _Redirected(f"redirected to {response.headers.get('Location', 'nowhere')}")
        return response


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from an exception of requests down to what the operating system said."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        inner = [getattr(current, "reason", None), *reversed(current.args), current.__cause__, current.__context__]
        current = next((cause for cause in inner if isinstance(cause, BaseException)), None)
