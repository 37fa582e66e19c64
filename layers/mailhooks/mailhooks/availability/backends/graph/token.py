"""Access tokens for Microsoft Graph, by msal's client credentials flow (RFC 6749 section 4.4)."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import requests

from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.bearer_tokens import Token, token_failure
from mailhooks.availability.backends.http.json_api import json_object
from mailhooks.availability.errors import GenerationFailed, LookupFailed
from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError

_CLOUD: Final = "https://login.microsoftonline.com"
_SHA1: Final = re.compile(r"[0-9A-Fa-f]{40}")


class EntraApp:
    """An app's account at Entra. `authority` is `https://login.microsoftonline.com/<tenant>`, `scope` the API that a token is for."""

    def __init__(self, session: requests.Session, config: Mapping[str, Any], endpoint: str) -> None:
        """Read the configuration of a backend of type graph. Sends no request.

        Raises:
            SettingsError: the certificate cannot be read, or msal cannot use the authority.
        """
        self.authority = _authority(config)
        self.scope = f"{endpoint}/.default"
        self._client_id = config["clientId"]
        self._credential = _load_credential(config)
        self._http = _HttpClient(session)
        self._app: Any = None

    def fetch(self, deadline: Deadline) -> Token:
        """Get a new token; the first call also reads the authority's OpenID configuration.

        Raises:
            AuthenticationFailed: Entra rejects the credentials, the app or the tenant.
            LookupFailed: Entra cannot be asked or read.
        """
        self._http.deadline = deadline
        self._app = self._app or self._create_app()
        # msal would return the token of its own cache.
        self._app.remove_tokens_for_client()
        response = self._app.acquire_token_for_client([self.scope])
        return Token.of(response["access_token"], response.get("expires_in"))

    def _create_app(self) -> Any:
        # Imported at the first token, because msal needs 17 ms of CPU time.
        import msal  # type: ignore[import-untyped]

        try:
            # Two further requests are turned off: whether Microsoft knows the authority, and which region of Azure this is.
            return msal.ConfidentialClientApplication(
                self._client_id,
                client_credential=self._credential,
                authority=self.authority,
                http_client=self._http,
                instance_discovery=False,
                azure_region=msal.ClientApplication.DISABLE_MSAL_FORCE_REGION,
            )
        except ValueError:
            raise GenerationFailed("the authority cannot be used: its OpenID configuration is not what msal expects") from None


def _authority(config: Mapping[str, Any]) -> str:
    """Join the cloud's address and the tenant, unless the address ends in the tenant already."""
    authority: str = config.get("authority", _CLOUD).rstrip("/")
    if not authority.startswith("https://"):
        raise SettingsError("authority: expected an address that begins with https://, got another")
    tenant = quote(config["tenantId"], safe="")
    return authority if authority.lower().endswith(f"/{tenant.lower()}") else f"{authority}/{tenant}"


def _load_credential(config: Mapping[str, Any]) -> str | dict[str, str]:
    """Return msal's `client_credential`. A wrong key is reported when the configuration is read.

    Raises:
        SettingsError: the key or the certificate cannot be read, or they do not belong together.
    """
    secret: str | None = config.get("clientSecret")
    if secret is not None:
        return secret
    certificate = config["certificate"]
    found = {"private_key": certificate["privateKey"]}
    if "passphrase" in certificate:
        found["passphrase"] = certificate["passphrase"]
    public = certificate.get("publicCertificate")
    _check_key(found["private_key"], found.get("passphrase"), public)
    if public is not None:
        # With the certificate instead of a thumbprint msal signs with PS256 and SHA-256, as Entra recommends.
        return found | {"public_certificate": public}
    thumbprint = re.sub(r"[:\s]", "", certificate.get("thumbprint", ""))
    if not _SHA1.fullmatch(thumbprint):
        raise SettingsError("certificate: expected publicCertificate, or thumbprint with the SHA-1 thumbprint (40 hexadecimal digits)")
    return found | {"thumbprint": thumbprint}


def _check_key(private_key: str, passphrase: str | None, public: str | None) -> None:
    # Imported only if there is a certificate, because cryptography needs 22 ms of CPU time.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificate

    # Not chained: the libraries' errors may quote the key.
    try:
        key = load_pem_private_key(private_key.encode(), passphrase.encode() if passphrase is not None else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SettingsError("certificate/privateKey: it cannot be read, or its passphrase is wrong or not needed") from None
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError("certificate/privateKey: expected an RSA key, got one of another kind")
    if public is None:
        return
    try:
        own = load_pem_x509_certificate(public.encode()).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise SettingsError("certificate/publicCertificate: it cannot be read") from None
    if own != key.public_key():
        raise SettingsError("certificate: privateKey and publicCertificate do not belong together")


class _HttpClient:
    """msal's http_client (`msal.oauth2cli.http.HttpClient`). It raises errors before msal sees the response: msal would cache an error for
    a minute, and log a response that it cannot read.
    """

    def __init__(self, session: requests.Session) -> None:
        self._session = session
        self.deadline = Deadline.after(0)

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> "_Success":
        return self._send("GET", url, ("authorization_endpoint", "token_endpoint"), params=params, headers=headers)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> "_Success":
        return self._send("POST", url, ("access_token",), params=params, data=data, headers=headers)

    def close(self) -> None:
        """Do nothing: the backend owns the session."""

    def _send(self, method: str, url: str, required: tuple[str, ...], **arguments: Any) -> "_Success":
        response = http.send(self._session, method, url, self.deadline, **arguments)
        document = json_object(response.content)
        if response.status != 200:
            raise _failure(response, document)
        if not all(isinstance(document.get(name), str) for name in required):
            raise GenerationFailed("the authority's response cannot be read")
        return _Success(response)


class _Success:
    """A response as msal reads it (`msal.oauth2cli.http.Response`)."""

    status_code = 200

    def __init__(self, response: http.HttpResponse) -> None:
        self.text = response.content.decode("utf-8")
        self.headers = dict(response.headers)

    def raise_for_status(self) -> None:
        """Raise nothing: the status is 200."""


def _failure(response: http.HttpResponse, document: Mapping[str, Any]) -> LookupFailed:
    """Return the failure with Entra's error numbers, but without its text, which names apps and tenants."""
    numbers = document.get("error_codes")
    codes = [f"AADSTS{number}" for number in numbers if isinstance(number, int)] if isinstance(numbers, list) else []
    return token_failure(response, document.get("error"), ", ".join(codes) or "Entra rejects the credentials, the app or the tenant")
