"""HTTP connections with a deadline for a whole sign-in handshake."""

import ssl
from typing import Any

import requests

from mailhooks.availability.backends.http.client import read_body
from mailhooks.availability.backends.http.tls import TlsAdapter
from mailhooks.availability.errors import TimedOut
from mailhooks.deadline import Deadline


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
            raise TimedOut("the time for a response is over")
        connect, read = kwargs["timeout"]
        response = super().send(request, *args, **{**kwargs, "stream": True, "timeout": (min(connect, left), min(read, left))})
        # requests_ntlm reads the server's certificate from the socket of an unread 401.
        if response.status_code != 401:
            try:
                response._content = read_body(response, deadline)
            finally:
                if not response.raw.closed:  # the body has not been read to its end
                    response.close()
            # As requests does for `stream=False` in Response.content.
            response._content_consumed = True  # type: ignore[attr-defined]
        return response
