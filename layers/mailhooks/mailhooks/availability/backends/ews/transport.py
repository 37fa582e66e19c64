"""Connections that trust what a configuration says, and that are over when the time is."""

import re
import ssl
from typing import Any, Final

import certifi
import requests
import requests.adapters
import urllib3.exceptions
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, ReadTimeout

from mailhooks.availability.backends.http.client import MAX_OCTETS, USER_AGENT
from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError

_CERTIFICATE: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]*CERTIFICATE)-----[A-Za-z0-9+/=\s]+-----END \1-----")

_CHUNK: Final = 65536


def ssl_context(certificates: str | None, *, public: bool = False) -> ssl.SSLContext:
    """What servers' certificates are checked against.

    Args:
        certificates: PEM: authorities, or a server's own certificate that nobody else signed. Without them the public authorities.
        public: whether the public authorities are trusted beside them.

    Raises:
        SettingsError: `certificates` cannot be read.
    """
    if certificates is None:
        return ssl.create_default_context(cafile=certifi.where())
    try:
        # Only the certificates themselves: OpenSSL's texts around them may be in any language, and it wants ASCII.
        pem = "\n".join(match[0] for match in _CERTIFICATE.finditer(certificates))
        context = ssl.create_default_context(cafile=certifi.where() if public else None, cadata=pem or "no certificate")
    except (ssl.SSLError, ValueError):
        raise SettingsError("caCertificates: expected certificates in PEM form, got what cannot be read as such") from None
    # Companies' authorities often lack what RFC 5280 wants and Python 3.13 insists on; and a certificate that is given is an anchor,
    # whoever signed it.
    context.verify_flags = (context.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    return context


def session(context: ssl.SSLContext) -> requests.Session:
    """A session as `http.session` makes them, but for one thread at a time."""
    made = requests.Session()
    made.trust_env = False
    made.headers["User-Agent"] = USER_AGENT
    adapter = Adapter(context)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made


def bound(session: requests.Session, url: str, deadline: Deadline) -> None:
    """Whatever is sent from now on by a session with an `Adapter` is over at the deadline, each leg of a handshake included."""
    adapter = session.get_adapter(url)
    assert isinstance(adapter, Adapter)
    adapter.deadline = deadline


class Adapter(requests.adapters.HTTPAdapter):
    """A connection that checks certificates against a context and nothing else, and has a deadline (see `bound`)."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.deadline = Deadline(0.0)
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Adds nothing: requests would have the public authorities trusted too."""

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        deadline = self.deadline
        left = deadline.left()
        if not left:
            raise ReadTimeout("the time is over")
        connect, read = kwargs["timeout"]
        response = super().send(request, *args, **{**kwargs, "stream": True, "timeout": (min(connect, left), min(read, left))})
        # requests_ntlm looks into the socket of an unread 401 for the server's certificate.
        if response.status_code != 401:
            _read(response, deadline)
        return response


def _read(response: requests.Response, deadline: Deadline) -> None:
    """Reads the body while there is time: a socket's own time-out bounds one read, which a drip passes for ever."""
    pieces = []
    size = 0
    try:
        # One that is too large is for `http.send` to refuse.
        while size <= MAX_OCTETS and (piece := response.raw.read1(_CHUNK, decode_content=True)):
            pieces.append(piece)
            size += len(piece)
            if not deadline.left():
                raise ReadTimeout("the answer comes too slowly")
    except urllib3.exceptions.ReadTimeoutError:
        raise ReadTimeout("no more of the answer came in time") from None
    except urllib3.exceptions.DecodeError:
        raise ContentDecodingError("the answer cannot be unpacked") from None
    except urllib3.exceptions.HTTPError:
        raise ChunkedEncodingError("the answer was cut off") from None
    finally:
        if not response.raw.closed:  # not read to its end
            response.close()
    # As requests itself does it for `stream=False`, in its Response.content.
    response._content = b"".join(pieces)
    response._content_consumed = True  # type: ignore[attr-defined]
