"""HTTP connections with a deadline for a whole sign-in handshake."""

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
    """Set the deadline of all following requests of a session with an `Adapter`, including handshakes."""
    adapter = session.get_adapter(url)
    assert isinstance(adapter, Adapter)
    adapter.deadline = deadline


class Adapter(TlsAdapter):
    """A connection with a deadline (see `set_deadline`)."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.deadline = Deadline(0.0)
        super().__init__(context, connections=1)

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        deadline = self.deadline
        left = deadline.left()
        if not left:
            raise ReadTimeout("the time is over")
        connect, read = kwargs["timeout"]
        response = super().send(request, *args, **{**kwargs, "stream": True, "timeout": (min(connect, left), min(read, left))})
        # requests_ntlm reads the server's certificate from the socket of an unread 401.
        if response.status_code != 401:
            _read(response, deadline)
        return response


def _read(response: requests.Response, deadline: Deadline) -> None:
    """Read the body until the deadline.

    The socket's time-out limits one read only, not a body that comes a few bytes at a time.
    """
    pieces = []
    size = 0
    try:
        # `http.send` rejects a larger body.
        while size <= MAX_OCTETS and (piece := response.raw.read1(_CHUNK, decode_content=True)):
            pieces.append(piece)
            size += len(piece)
            if not deadline.left():
                raise ReadTimeout("the response comes too slowly")
    except urllib3.exceptions.ReadTimeoutError:
        raise ReadTimeout("the response did not end in time") from None
    except urllib3.exceptions.DecodeError:
        raise ContentDecodingError("the response cannot be decompressed") from None
    except urllib3.exceptions.HTTPError:
        raise ChunkedEncodingError("the response was cut off") from None
    finally:
        if not response.raw.closed:  # the body has not been read to its end
            response.close()
    # As requests does for `stream=False` in Response.content.
    response._content = b"".join(pieces)
    response._content_consumed = True  # type: ignore[attr-defined]
