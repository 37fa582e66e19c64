"""OAuth 2.0's client credentials grant (RFC 6749 section 4.4) for EWS."""

from collections.abc import Mapping
from dataclasses import dataclass

import requests

from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.bearer_tokens import Token, token_failure
from mailhooks.availability.backends.http.json_api import json_object
from mailhooks.deadline import Deadline


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """A client of a token server.

    Attributes:
        form: the form to post. It contains the client's secret (RFC 6749 section 2.3.1: "in the request-body").
    """

    session: requests.Session
    url: str
    form: Mapping[str, str]

    @classmethod
    def from_config(cls, auth: Mapping[str, str], session: requests.Session) -> "ClientCredentials":
        """Create a client from the configuration's `auth` of type oauth."""
        form = {"grant_type": "client_credentials", "client_id": auth["clientId"], "client_secret": auth["clientSecret"]}
        if "scope" in auth:
            form["scope"] = auth["scope"]
        return cls(session, auth["tokenUrl"], form)

    def fetch(self, deadline: Deadline) -> Token:
        """Get a new token.

        Raises:
            AuthenticationFailed: the token server rejects the client's credentials.
            LookupFailed: the token server cannot be asked or read.
        """
        # No further request follows until the token expires.
        headers = {"Accept": "application/json", "Connection": "close"}
        response = http.send(self.session, "POST", self.url, deadline, data=self.form, headers=headers)
        document = json_object(response.content)
        if response.status != 200:
            raise token_failure(response, document.get("error"), "the token server rejects the client's credentials")
        return Token.of(document.get("access_token"), document.get("expires_in"))
