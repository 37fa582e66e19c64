"""HTTP requests with limits on time and size, and with errors as `LookupFailed`."""

import ssl
from contextlib import closing
from typing import Any, Final, NamedTuple

import requests
import urllib3

from mailhooks.availability.backends.http.retry_after import parse_retry_after
from mailhooks.availability.backends.http.tls import TlsAdapter
from mailhooks.availability.errors import AuthenticationFailed, GenerationFailed, LookupFailed, NoAccess, ServerBusy, TimedOut, Unreachable
from mailhooks.deadline import Deadline
from mailhooks.library_logs import silence_libraries

USER_AGENT: Final = "workmail-hooks"

MAX_OCTETS: Final = 20 * 1024 * 1024
"""Size of a response: a calendar feed of many years has a few MB."""

_CONNECT_S: Final = 5.0
_CHUNK: Final = 65536


class HttpResponse(NamedTuple):
    """A response with its whole body. The headers are by name, in any case."""

    status: int
    headers: Any
    content: bytes


def create_session(context: ssl.SSLContext | None = None, *, connections: int = 4) -> requests.Session:
    """Create a session that several threads can use, with kept connections. Without a context it trusts the public authorities."""
    # Here too, because a backend can be used without the function: urllib3's log has whole URLs.
    silence_libraries()
    session = requests.Session()
    # Ignore the process's proxies and credentials: a .netrc file would replace a bearer token.
    session.trust_env = False
    session.headers["User-Agent"] = USER_AGENT
    adapter = TlsAdapter(context, connections=connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def send(session: requests.Session, method: str, url: str, deadline: Deadline, **arguments: Any) -> HttpResponse:
    """Send a request and read the response of any status. Follow redirects only with `allow_redirects=True`.

    Raises:
        TimedOut, Unreachable: the server did not respond.
        GenerationFailed: the response is too large or is not HTTP.
    """
    left = deadline.left()
    if not left:
        raise TimedOut("the time for a response is over")
    arguments.setdefault("allow_redirects", False)
    try:
        with closing(session.request(method, url, timeout=(min(_CONNECT_S, left), left), stream=True, **arguments)) as response:
            return HttpResponse(response.status_code, response.headers, read_body(response, deadline))
    except LookupFailed:
        raise
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        raise TimedOut("no response in time") from None
    except requests.exceptions.SSLError:
        raise Unreachable("the server's certificate is not trusted, or there is no common version of TLS") from None
    except requests.ConnectionError as error:
        # requests raises ConnectionError for urllib3's time-out during the body.
        if "timed out" in str(error).lower():
            raise TimedOut("no response in time") from None
        raise Unreachable("no connection to the server") from None
    except (urllib3.exceptions.ProtocolError, urllib3.exceptions.SSLError):
        raise Unreachable("the connection broke during the response") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        raise GenerationFailed(f"the request cannot be sent or the response cannot be read ({type(error).__name__})") from None


def read_body(response: requests.Response, deadline: Deadline) -> bytes:
    """Read a response's body.

    Raises:
        TimedOut: the deadline has passed.
        GenerationFailed: the body is too large.
    """
    if getattr(response, "_content_consumed", False):
        # Read by the session's adapter (`ews.transport`), which also ends at the deadline.
        return response.content
    pieces = []
    size = 0
    # `iter_content` waits for a whole chunk; with a few bytes at a time from the server, the socket would never time out.
    while piece := response.raw.read1(_CHUNK, decode_content=True):
        size += len(piece)
        if size > MAX_OCTETS:
            raise GenerationFailed(f"the response is larger than {MAX_OCTETS // 1024**2} MB")
        if not deadline.left():
            raise TimedOut("the response comes too slowly")
        pieces.append(piece)
    return b"".join(pieces)


def failure_for(response: HttpResponse) -> LookupFailed:
    """Return the failure that an HTTP status means by default."""
    status = response.status
    match status:
        case 401:
            return AuthenticationFailed("the server rejects the credentials (HTTP 401)")
        case 403:
            return NoAccess("the account may not do this (HTTP 403)")
        case 429 | 502 | 503 | 520 | 521 | 523:
            return ServerBusy(f"the server is busy (HTTP {status})", retry_after=parse_retry_after(response.headers))
        case 408 | 504 | 522 | 524:
            # A gateway's, or that of an idle connection (RFC 9110 section 15.5.9): the server itself may answer the next request. All
            # requests only read, so that each of them can be repeated. QUIRK: 520 to 524 are Cloudflare's statuses in place of 502 and 504.
            text = f"the server timed out (HTTP {status})"
            return TimedOut(text, retry_after=parse_retry_after(response.headers), transient=True)
        case _:
            return GenerationFailed(f"the server responded with HTTP {status}")
