"""Connections that trust what a configuration says, and that are over when the time is."""

import ssl
from typing import Any, Final

import requests
import urllib3.exceptions
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, ReadTimeout

from mailhooks.availability.backends.http.client import MAX_OCTETS
from mailhooks.availability.backends.http.tls import TlsAdapter
from mailhooks.deadline import Deadline

_CHUNK: Final = 65536


def set_deadline(session: requests.Session, url: str, deadline: Deadline) -> None:
    """Whatever is sent from now on by a session with an `Adapter` is over at the deadline, each leg of a handshake included."""
    adapter = session.get_adapter(url)
    assert isinstance(adapter, Adapter)
    adapter.deadline = deadline


class Adapter(TlsAdapter):
    """A connection with a deadline (see `set_deadline`)."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.deadline = Deadline(0.0)
        super().__init__(context, connections=1)

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
