"""JSON over HTTP with one server: tried again where that may help, and errors that name the remedy."""

from __future__ import annotations

import ipaddress
import os
import random
import time
import weakref
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx2

from finesight.errors import InputError, ModelError

KEY_VARIABLE = "FINESIGHT_SERVER_KEY"
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Status codes that may be others in a moment."""
LONGEST_PAUSE_S = 30.0


class Refused(ModelError):
    """A server's answer that will not become another one; `status` and `reason` are what it said."""

    def __init__(self, where: str, status: int, reason: str) -> None:
        super().__init__(f"{where}: refused with status {status}: {reason}")
        self.status = status
        self.reason = reason


class Endpoint:
    """A server at `http://host:port`; a `/v1` at the end is left out of `url`. Safe to use from many threads."""

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 600.0,
        tries: int = 5,
        connections: int = 64,
        key: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            timeout_s: how long an answer may take. tries: in all, with pauses of about 0.5, 1, 2, ... s between them.
            key: sent as bearer token; without it that of $FINESIGHT_SERVER_KEY, if there is one.
            sleep: what pauses.

        Raises:
            InputError: not the URL of a server.
        """
        self.url = _base(url)
        self.timeout_s = timeout_s
        self.tries = tries
        self._sleep = sleep
        key = key or os.environ.get(KEY_VARIABLE)
        self._client = httpx2.Client(
            base_url=self.url,
            timeout=httpx2.Timeout(timeout_s, connect=10.0, pool=None),
            limits=httpx2.Limits(max_connections=connections),
            headers={"Authorization": f"Bearer {key}"} if key else {},
            trust_env=not _is_here(self.url),  # no proxy stands before this machine
        )
        weakref.finalize(self, self._client.close)

    def get(self, path: str) -> Any:
        """The JSON at a path.

        Raises:
            Refused: the server does not want to. ModelError: it is not there, too slow, or gives no JSON.
        """
        return self._json("GET", path, None)

    def post(self, path: str, body: Any = None) -> Any:
        """What comes back for a JSON body; None for an empty answer. Errors as in `get`."""
        return self._json("POST", path, body)

    def _json(self, method: str, path: str, body: Any) -> Any:
        reply = self._reply(method, path, body)
        if not reply.content:
            return None
        try:
            return reply.json()
        except ValueError as error:
            raise ModelError(
                f"{self.url}{path}: the answer is no JSON ({reply.text[:80]!r}); "
                "is this the server of a model, and the port its own?"
            ) from error

    def _reply(self, method: str, path: str, body: Any) -> httpx2.Response:
        """The first reply that is not to be tried again."""
        for number in range(1, self.tries + 1):
            try:
                reply = self._client.request(method, path, json=body)
            except (httpx2.ReadTimeout, httpx2.WriteTimeout) as error:
                raise ModelError(
                    f"{self.url}{path}: no answer within {self.timeout_s:g} s; "
                    "ask for fewer tokens or fewer answers at a time"
                ) from error
            except httpx2.TransportError as error:
                if number == self.tries:
                    raise ModelError(
                        f"{self.url}: no server answers there ({error}; {number} tries); "
                        "start it (docs/serving.md), or check host and port"
                    ) from error
                self._pause(number, None)
                continue
            if reply.is_success:
                return reply
            if reply.status_code not in PASSING or number == self.tries:
                raise Refused(f"{self.url}{path}", reply.status_code, _reason(reply))
            self._pause(number, reply.headers.get("Retry-After"))
        raise AssertionError("a last try returns or raises")

    def _pause(self, number: int, wished: str | None) -> None:
        """Twice as long after every try, and not quite the same for all that wait; or as the server wishes."""
        seconds = 0.5 * 2 ** (number - 1) * random.uniform(0.8, 1.2)
        if wished and wished.isdigit():
            seconds = float(wished)
        self._sleep(min(seconds, LONGEST_PAUSE_S))


def _base(url: str) -> str:
    parts = urlsplit(url)
    try:
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number
        usable = False
    if not usable or parts.query or parts.fragment:
        raise InputError(f"{url!r} is not the URL of a server; write it as http://host:port")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v1')}"


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(reply: httpx2.Response) -> str:
    """What a server says went wrong, in the forms of OpenAI, vLLM, SGLang and FastAPI; else how it begins."""
    try:
        said = reply.json()
    except ValueError:
        return reply.text[:300].strip() or "nothing said"
    if isinstance(said, dict):
        error = said.get("error", said)
        if isinstance(error, dict):
            error = error.get("message") or error.get("detail")
        if error:
            return error if isinstance(error, str) else str(error)[:300]
    return str(said)[:300]
