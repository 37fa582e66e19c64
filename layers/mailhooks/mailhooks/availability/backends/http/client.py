"""HTTP for the backends that speak it themselves: bounded in time and size, with trouble turned into `LookupFailed`."""

import email.utils
import ssl
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final

import requests
import urllib3

from mailhooks.availability.backends.http.tls import TlsAdapter, create_ssl_context
from mailhooks.availability.errors import AuthenticationFailed, GenerationFailed, LookupFailed, NoAccess, ServerBusy, TimedOut, Unreachable
from mailhooks.deadline import Deadline

USER_AGENT: Final = "workmail-hooks"

MAX_OCTETS: Final = 20 * 1024 * 1024
"""Of an answer: a calendar feed of many years has a few MB."""

_CONNECT_S: Final = 5.0
_CHUNK: Final = 65536


class HttpResponse:
    """An answer, read to its end.

    Attributes:
        status: the HTTP status.
        headers: names in any case.
        content: the body.
    """

    def __init__(self, status: int, headers: Any, content: bytes) -> None:
        self.status = status
        self.headers = headers
        self.content = content


def create_session(context: ssl.SSLContext | None = None, *, connections: int = 4) -> requests.Session:
    """A session with connections kept alive, for use from several threads.

    Args:
        context: checks the servers' certificates. None: the public authorities.
        connections: kept at most.
    """
    made = requests.Session()
    # Neither proxies nor credentials of the process: a .netrc file would replace a Bearer token.
    made.trust_env = False
    made.headers["User-Agent"] = USER_AGENT
    adapter = TlsAdapter(context or create_ssl_context(), connections=connections)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made


def send(session: requests.Session, method: str, url: str, deadline: Deadline, **arguments: Any) -> HttpResponse:
    """Sends a request and reads the answer, whatever its status. Redirects are followed only with `allow_redirects=True`.

    Raises:
        TimedOut, Unreachable: no answer came.
        GenerationFailed: it is too large, or no HTTP.
    """
    left = deadline.left()
    if not left:
        raise TimedOut("the time for an answer is over")
    arguments.setdefault("allow_redirects", False)
    try:
        with closing(session.request(method, url, timeout=(min(_CONNECT_S, left), left), stream=True, **arguments)) as response:
            return HttpResponse(response.status_code, response.headers, _read(response, deadline))
    except LookupFailed:
        raise
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        raise TimedOut("no answer in time") from None
    except requests.exceptions.SSLError:
        raise Unreachable("the server's certificate is not trusted, or it speaks no TLS that we do") from None
    except requests.ConnectionError as error:
        # urllib3's time-out while a body is read comes as a ConnectionError.
        if "timed out" in str(error).lower():
            raise TimedOut("no answer in time") from None
        raise Unreachable("no connection to the server") from None
    except (urllib3.exceptions.ProtocolError, urllib3.exceptions.SSLError):
        raise Unreachable("the connection broke while the answer came") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        raise GenerationFailed(f"the request cannot be made or its answer not be read ({type(error).__name__})") from None


def _read(response: requests.Response, deadline: Deadline) -> bytes:
    if getattr(response, "_content_consumed", False):
        # By an adapter of the session, such as the one of `ews_transport`, which minds the deadline too.
        return _bounded(response.content)
    pieces = []
    size = 0
    # Not `iter_content`, which waits for a whole chunk: a slow drip would pass every time-out of the socket.
    while piece := response.raw.read1(_CHUNK, decode_content=True):
        size += len(piece)
        if size > MAX_OCTETS:
            break
        if not deadline.left():
            raise TimedOut("the answer comes too slowly")
        pieces.append(piece)
    return _bounded(b"".join([*pieces, piece]))


def _bounded(content: bytes) -> bytes:
    if len(content) > MAX_OCTETS:
        raise GenerationFailed(f"the answer is larger than {MAX_OCTETS // 1024**2} MB")
    return content


def failure_for(answer: HttpResponse) -> LookupFailed:
    """What an answer means that is no success, where the protocol does not say otherwise."""
    status = answer.status
    match status:
        case 401:
            return AuthenticationFailed("the credentials are refused (HTTP 401)")
        case 403:
            return NoAccess("the account may not do this (HTTP 403)")
        case 429 | 502 | 503:
            return ServerBusy(f"the server is busy (HTTP {status})", retry_after=parse_retry_after(answer))
        case 408 | 504:
            return TimedOut(f"the server had no answer in time (HTTP {status})")
        case _:
            return GenerationFailed(f"the server answered HTTP {status}")


def parse_retry_after(answer: HttpResponse) -> float | None:
    """Seconds that the header Retry-After asks for, as a number or as a date (RFC 9110 section 10.2.3); None where it is not there or not
    understood.
    """
    value = str(answer.headers.get("Retry-After", "")).strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
