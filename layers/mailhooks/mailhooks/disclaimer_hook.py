"""The hook of the function `disclaimer`: which messages get the disclaimer, and what its variables stand for."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeVar

from .contract import FlowDirection, MailFlowEvent, Verdict
from .disclaimer import Disclaimer, OnNoText, OnUnmodifiable, Position
from .errors import CannotChangeSafely, SettingsError
from .mail import Mail
from .mime import words
from .mime.body import Blocked, Obstacle
from .mime.enclose import Image
from .mime.headers import scan
from .patterns import Pattern, narrowest
from .settings import Settings

OWN_VARIABLES: Final = frozenset({"fromname", "fromaddress", "fromdomain", "subject", "date"})
"""What every message tells, in lower case; a directory may know more."""

_IMAGE_TYPES: Final = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".svg": "svg+xml", ".webp": "webp"}

_SHOWN_IMAGE: Final = re.compile(r"\bcid:([^\s\"'<>()]+)", re.IGNORECASE)
_IMAGE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""File names that can be a Content-ID as they are (RFC 2392; RFC 5322 section 3.6.4)."""

_DISPLAY_NAME: Final = re.compile(rb"((?:\"(?:[^\"\\]|\\.)*+\"|[^\"<])*+)<", re.DOTALL)
_QUOTES: Final = re.compile(rb"\\(.)|\"", re.DOTALL)


class Audience(StrEnum):
    """Whom the other side has to be: the sender of inbound mail, at least one recipient of outbound mail."""

    ALL = "all"
    EXTERNAL = "external"
    INTERNAL = "internal"


class Directory(Protocol):
    """Knows attributes of the organization's people, such as `Title`, for a template's variables."""

    def lookup(self, address: str) -> Mapping[str, str]:
        """The attributes of an address; none for a stranger. Names in any case."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which messages get the disclaimer.

    Attributes:
        audience: see `Audience`; told by `organization_domains`.
        skip_senders: senders whose mail is left alone.
        skip_recipients: a message is left alone when all its recipients are among these.
        organization_domains: in lower case.
    """

    audience: Audience = Audience.ALL
    skip_senders: tuple[Pattern, ...] = ()
    skip_recipients: tuple[Pattern, ...] = ()
    organization_domains: frozenset[str] = frozenset()

    def covers(self, event: MailFlowEvent) -> bool:
        """Whether the message of this event is one of them."""
        senders = [address for address in (event.sender, event.mail_from) if address]
        if any(narrowest(self.skip_senders, sender) is not None for sender in senders):
            return False
        recipients = event.recipients
        if recipients and not event.truncated and all(narrowest(self.skip_recipients, one) is not None for one in recipients):
            return False
        if self.audience is Audience.ALL:
            return True
        inbound = event.flow_direction is FlowDirection.INBOUND
        others = [event.mail_from] if inbound else recipients
        # Recipients that a truncated event does not list may be anybody.
        unseen = event.truncated and not inbound
        external = unseen or any(other.rpartition("@")[2].lower() not in self.organization_domains for other in others)
        return external is (self.audience is Audience.EXTERNAL)


@dataclass(frozen=True, slots=True)
class People:
    """A directory in memory: addresses in lower case, and their attributes."""

    entries: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def lookup(self, address: str) -> Mapping[str, str]:
        return self.entries.get(address.lower(), {})


class DisclaimerHook:
    """Adds a disclaimer to the messages in its scope."""

    name = "disclaimer"

    def __init__(self, disclaimer: Disclaimer, scope: Scope | None = None, directory: Directory | None = None) -> None:
        self._disclaimer = disclaimer
        self._scope = scope or Scope()
        self._directory: Directory = directory or People()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises:
        SettingsError: there is nothing to say, a variable is unknown, or a setting has not the form that it should have.
        """
        folder = Path(settings.disclaimer_folder)
        people = _people(folder / "directory.json")
        html, images = with_images(settings.disclaimer_html or _file(folder / "disclaimer.html"), folder)
        disclaimer = Disclaimer(
            text=settings.disclaimer_text or _file(folder / "disclaimer.txt"),
            html=html,
            position=_choice(Position, "DISCLAIMER_POSITION", settings.disclaimer_position or Position.APPEND),
            once_per_thread=settings.disclaimer_once_per_thread,
            on_unmodifiable=_choice(OnUnmodifiable, "ON_UNMODIFIABLE", settings.on_unmodifiable or OnUnmodifiable.PASS),
            on_no_text=_choice(OnNoText, "ON_NO_TEXT", settings.on_no_text or OnNoText.PASS),
            images=images,
        )
        _check(disclaimer, people)
        scope = Scope(
            _choice(Audience, "DISCLAIMER_AUDIENCE", settings.disclaimer_audience or Audience.ALL),
            _patterns("DISCLAIMER_SKIP_SENDERS", settings.disclaimer_skip_senders),
            _patterns("DISCLAIMER_SKIP_RECIPIENTS", settings.disclaimer_skip_recipients),
            settings.organization_domains,
        )
        if scope.audience is not Audience.ALL and not scope.organization_domains:
            raise SettingsError("DISCLAIMER_AUDIENCE: it takes ORGANIZATION_DOMAINS to tell who is external")
        return cls(disclaimer, scope, people)

    def __call__(self, mail: Mail) -> Verdict | None:
        if not self._scope.covers(mail.event):
            return None
        values = self._values(mail)
        on_unmodifiable = self._disclaimer.on_unmodifiable
        try:
            change = self._disclaimer.change(mail.raw, values)
        except Blocked as blocked:
            # A report goes on as it is: it answers mail, and to bounce it would answer an answer.
            may_go_on = blocked.obstacle in {Obstacle.NO_TEXT, Obstacle.NO_WORDS, Obstacle.REPORT}
            if on_unmodifiable is OnUnmodifiable.BOUNCE and not may_go_on:
                return _bounce(mail, blocked.obstacle)
            raise CannotChangeSafely(f"no disclaimer: {blocked.obstacle}") from None
        mail.edit(change.edits, added_parts=change.added_parts, encloses=change.encloses)
        refused = mail.refusals()
        # What our own change is to blame for is nobody's reason to send mail back.
        if not refused or on_unmodifiable is OnUnmodifiable.PASS or not all(refusal.before for refusal in refused):
            return None
        if on_unmodifiable is OnUnmodifiable.BOUNCE:
            mail.discard()
            return _bounce(mail, refused[0].code)
        wrapped = self._disclaimer.wrapped(mail.raw, values)
        mail.edit(wrapped.edits, added_parts=wrapped.added_parts, encloses=True)
        return None

    def _values(self, mail: Mail) -> dict[str, str]:
        """The variables' values: the directory's, and over them the message's own."""
        wanted = frozenset().union(*(template.variables for template in self._disclaimer.templates))
        if not wanted:
            return {}
        sender = mail.event.mail_from
        return {name.lower(): value for name, value in self._directory.lookup(sender).items()} | own_values(mail.raw, sender)


def _bounce(mail: Mail, why: str) -> Verdict:
    return mail.verdict().bounce(f"This message cannot be sent: {why}.")


def own_values(raw: bytes, mail_from: str) -> dict[str, str]:
    """The values of `OWN_VARIABLES` for a message that comes from this address; `""` for what it does not tell."""
    values: dict[str, bytes] = {}
    for found in scan(raw).fields:
        values.setdefault(found.lname, found.value(raw))
    # Taken apart before it is decoded: an encoded word may hold commas and brackets (RFC 2047 section 5).
    name = _DISPLAY_NAME.match(values.get("from", b""))
    return {
        "fromname": words.decode(_QUOTES.sub(rb"\1", name[1]).strip()) if name else "",
        "fromaddress": mail_from,
        "fromdomain": mail_from.rpartition("@")[2],
        "subject": words.decode(values.get("subject", b"")),
        "date": words.decode(values.get("date", b"")),
    }


_E = TypeVar("_E", bound=StrEnum)


def _choice(kind: type[_E], variable: str, value: str) -> _E:
    try:
        return kind(value.lower())
    except ValueError:
        raise SettingsError(f"{variable}: set it to {' or '.join(kind)}") from None


def _patterns(variable: str, texts: tuple[str, ...]) -> tuple[Pattern, ...]:
    try:
        return tuple(map(Pattern.parse, texts))
    except ValueError as error:
        raise SettingsError(f"{variable}: {error}") from None


def _file(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig") if path.is_file() else ""
    except ValueError:
        raise SettingsError(f"{path.name}: save it as UTF-8") from None


def _people(path: Path) -> People:
    try:
        entries: Any = json.loads(_file(path) or "{}")
        return People({address.lower(): {str(k): str(v) for k, v in attributes.items()} for address, attributes in entries.items()})
    except (ValueError, AttributeError):
        raise SettingsError('directory.json: make it a JSON object such as {"ana@example.com": {"Title": "Engineer"}}') from None


def with_images(html: str, folder: Path) -> tuple[str, tuple[Image, ...]]:
    """A template that shows `logo.png` by `cid:logo.png`, and the images of the folder that it shows.

    Each gets a Content-ID with a digest of its content, and the template with it: a quoted message may have a `logo.png` of its own, and
    mail programs show one of the two for both.

    Raises:
        SettingsError: the template shows an image that is not there, or whose name cannot be a Content-ID.
    """
    images: dict[str, Image] = {}

    def identified(shown: re.Match[str]) -> str:
        path = folder / shown[1]
        subtype = _IMAGE_TYPES.get(path.suffix.lower())
        if not _IMAGE_NAME.fullmatch(shown[1]) or subtype is None or not path.is_file():
            endings = " ".join(_IMAGE_TYPES)
            raise SettingsError(f"the disclaimer shows {shown[0]}: put that image ({endings}; no spaces in its name) into its folder")
        if shown[1] not in images:
            content = path.read_bytes()
            images[shown[1]] = Image(f"{shown[1]}.{hashlib.sha256(content).hexdigest()[:12]}@mailhooks", subtype, content)
        return f"cid:{images[shown[1]].content_id}"

    return _SHOWN_IMAGE.sub(identified, html), tuple(images.values())


def _check(disclaimer: Disclaimer, people: People) -> None:
    if not (disclaimer.text or disclaimer.html).strip():
        raise SettingsError(
            "DISCLAIMER_TEXT, DISCLAIMER_HTML: set one of them, or put disclaimer.txt or disclaimer.html beside the function"
        )
    known = OWN_VARIABLES | {name.lower() for attributes in people.entries.values() for name in attributes}
    for template in disclaimer.templates:
        if unknown := sorted(template.variables - known):
            raise SettingsError(f"the disclaimer has the variables {', '.join(unknown)}, which neither mail nor directory.json knows")
