"""The hook of the function `disclaimer`: a policy of one rule, made from settings."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from mailhooks.address_patterns import ADDRESS, Pattern, canonical
from mailhooks.content.change import OnUnmodifiable
from mailhooks.content.disclaimer import Disclaimer, OnNoText, OnUnknownCharset, Position
from mailhooks.content.template import MESSAGE_VARIABLES, Template
from mailhooks.errors import SettingsError
from mailhooks.hooks.policy_hook import FixedPolicy, PolicyHook
from mailhooks.mime.text.wrapping import Image
from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.facts.recipients import AddressSet
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.conditions import All, AnyOf, Condition, Cost, MessageTest, Not, address_test, all_recipients_test
from mailhooks.policy.rules.rule import AddDisclaimer, Rule
from mailhooks.settings import Settings, parse_json

_IMAGE_TYPES: Final = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".svg": "svg+xml", ".webp": "webp"}

_ON_UNMODIFIABLE: Final = (OnUnmodifiable.PASS, OnUnmodifiable.WRAP, OnUnmodifiable.BOUNCE)
"""The values a disclaimer accepts: mail is not dropped because it has no disclaimer."""

AddressBook = Mapping[str, Mapping[str, str]]
"""The attributes of senders, by canonical address."""

_SHOWN_IMAGE: Final = re.compile(r"\bcid:([^\s\"'<>()]+)", re.IGNORECASE)
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
_IMAGE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""File names that are valid in a Content-ID (RFC 2392; RFC 5322 section 3.6.4)."""


class Audience(StrEnum):
    """The mail that gets the disclaimer, by the author of inbound mail and by any recipient of outbound mail."""

    ALL = "all"
    EXTERNAL = "external"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Scope:
    """The messages that get the disclaimer.

    Attributes:
        audience: see `Audience`.
        skip_senders: senders whose mail gets no disclaimer.
        skip_recipients: a message gets no disclaimer if all its recipients match these.
        organization_domains: the domains that are internal, as `ascii_domain` writes them.
    """

    audience: Audience = Audience.ALL
    skip_senders: tuple[Pattern, ...] = ()
    skip_recipients: tuple[Pattern, ...] = ()
    organization_domains: frozenset[str] = frozenset()

    def condition(self) -> Condition:
        """Return the scope as the condition of a rule."""
        senders, recipients = AddressSet.of(self.skip_senders), AddressSet.of(self.skip_recipients)
        skipped: list[Condition] = []
        if self.skip_senders:
            skipped.append(address_test("sender", senders, Cost.EVENT, lambda facts: facts.senders))
        if self.skip_recipients:
            skipped.append(all_recipients_test("all_recipients", recipients))
        conditions: list[Condition] = [Not("unless", AnyOf.of(skipped, "any"))] if skipped else []
        if self.audience is not Audience.ALL:
            external = self.audience is Audience.EXTERNAL
            conditions.append(MessageTest("audience", Cost.EVENT, lambda facts: _is_external(facts) is external, _is_external))
        return All.of(conditions, "all")


def _is_external(facts: Facts) -> bool:
    """Return whether the author of inbound mail, or a recipient of outbound mail, is external.

    A recipient that a truncated event omits counts as external.
    """
    if facts.inbound:
        return not facts.is_internal(facts.author)
    return facts.internal_recipients != facts.recipients.all


class DisclaimerHook(PolicyHook):
    """Adds a disclaimer to the messages in its scope."""

    name = "disclaimer"
    stamps = False

    def __init__(self, disclaimer: Disclaimer, scope: Scope | None = None, address_book: AddressBook | None = None) -> None:
        self.disclaimer = disclaimer
        scope = scope or Scope()
        policy = Policy(
            (Rule("disclaimer", 0, scope.condition(), (AddDisclaimer(disclaimer),)),), scope.organization_domains, file="settings"
        )
        super().__init__(FixedPolicy(policy), address_book=address_book)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises:
        SettingsError: there is no text, a variable is unknown, or a setting is invalid.
        """
        folder = Path(settings.disclaimer_folder)
        address_book = _read_address_book(folder / "directory.json")
        text = settings.disclaimer_text or _read_text(folder / "disclaimer.txt")
        html = settings.disclaimer_html or _read_text(folder / "disclaimer.html")
        _check_template("DISCLAIMER_TEXT" if settings.disclaimer_text else "disclaimer.txt", text, address_book)
        html_source = "DISCLAIMER_HTML" if settings.disclaimer_html else "disclaimer.html"
        _check_template(html_source, html, address_book)
        try:
            html, images = add_images(html, folder)
        except SettingsError as error:
            raise SettingsError(f"{html_source}: {error}") from None
        disclaimer = Disclaimer(
            text=text,
            html=html,
            position=_parse_choice(Position, "DISCLAIMER_POSITION", settings.disclaimer_position or Position.APPEND),
            once_per_thread=settings.disclaimer_once_per_thread,
            on_unmodifiable=_parse_choice(_ON_UNMODIFIABLE, "ON_UNMODIFIABLE", settings.on_unmodifiable or OnUnmodifiable.PASS),
            on_no_text=_parse_choice(OnNoText, "ON_NO_TEXT", settings.on_no_text or OnNoText.PASS),
            on_unknown_charset=_parse_choice(
                OnUnknownCharset, "ON_UNKNOWN_CHARSET", settings.on_unknown_charset or OnUnknownCharset.TRANSLITERATE
            ),
            images=images,
        )
        if not (text or html).strip():
            raise SettingsError("DISCLAIMER_TEXT, DISCLAIMER_HTML: set one of them, or put disclaimer.txt or .html into DISCLAIMER_FOLDER")
        scope = Scope(
            _parse_choice(Audience, "DISCLAIMER_AUDIENCE", settings.disclaimer_audience or Audience.ALL),
            _parse_patterns("DISCLAIMER_SKIP_SENDERS", settings.disclaimer_skip_senders),
            _parse_patterns("DISCLAIMER_SKIP_RECIPIENTS", settings.disclaimer_skip_recipients),
            settings.organization_domains,
        )
        if scope.audience is not Audience.ALL and not scope.organization_domains:
            raise SettingsError("DISCLAIMER_AUDIENCE: set ORGANIZATION_DOMAINS too: they decide who is external")
        return cls(disclaimer, scope, address_book)


_E = TypeVar("_E", bound=StrEnum)


def _parse_choice(choices: Iterable[_E], variable: str, value: str) -> _E:
    if found := next((choice for choice in choices if choice == value.lower()), None):
        return found
    raise SettingsError(f"{variable}: set it to {' or '.join(choices)}")


def _parse_patterns(variable: str, texts: tuple[str, ...]) -> tuple[Pattern, ...]:
    try:
        return tuple(map(Pattern.parse, texts))
    except ValueError as error:
        raise SettingsError(f"{variable}: {error}") from None


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig") if path.is_file() else ""
    except ValueError:
        raise SettingsError(f"{path.name}: save it as UTF-8") from None
    except OSError as error:
        raise SettingsError(f"DISCLAIMER_FOLDER: its {path.name} cannot be read ({type(error).__name__})") from None


def _read_address_book(path: Path) -> AddressBook:
    try:
        entries: Any = parse_json(path.name, _read_text(path), "{}")
        book = {canonical(address): {str(k): _read_attribute(v) for k, v in attributes.items()} for address, attributes in entries.items()}
    except (AttributeError, TypeError):
        raise SettingsError('directory.json: make it a JSON object such as {"ana@example.com": {"Title": "Engineer"}}') from None
    if len(book) < len(entries):
        raise SettingsError("directory.json: an address occurs twice; upper and lower case do not matter in addresses")
    if not all(ADDRESS.fullmatch(address) and "*" not in address for address in book):
        raise SettingsError("directory.json: write whole addresses such as ana@example.com; a pattern matches no sender")
    return book


def _read_attribute(value: Any) -> str:
    """Return the text of a variable. Raises TypeError for `null`, which would be displayed as a word, and for a list or an object."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    return str(value)


def add_images(html: str, folder: Path) -> tuple[str, tuple[Image, ...]]:
    """Return a template and the images of the folder that it shows, such as `logo.png` by `cid:logo.png`.

    The Content-ID of each gets a digest of its content: a quoted message may have a `logo.png` of its own, and mail programs would show
    one of the two for both.

    Raises:
        SettingsError: the template shows an image that is not in the folder, or whose name cannot be a Content-ID.
    """
    images: dict[str, Image] = {}

    def add_image(shown: re.Match[str]) -> str:
        path = folder / shown[1]
        subtype = _IMAGE_TYPES.get(path.suffix.lower())
        if not _IMAGE_NAME.fullmatch(shown[1]) or subtype is None or not path.is_file():
            endings = " ".join(_IMAGE_TYPES)
            raise SettingsError(f"it shows {shown[0]}: put that image ({endings}; no spaces in its name) into its folder")
        if shown[1] not in images:
            content = path.read_bytes()
            images[shown[1]] = Image(f"{shown[1]}.{hashlib.sha256(content).hexdigest()[:12]}@mailhooks", subtype, content)
        return f"cid:{images[shown[1]].content_id}"

    return _SHOWN_IMAGE.sub(add_image, html), tuple(images.values())


def _check_template(source: str, text: str, address_book: AddressBook) -> None:
    """Check the variables of a template from a setting or a file, and that it has no control characters."""
    known = MESSAGE_VARIABLES | {name.lower() for attributes in address_book.values() for name in attributes}
    try:
        Template(text).check(known)
    except ValueError as error:
        raise SettingsError(f"{source}: {error}; directory.json adds variables") from None
    if _CONTROL.search(text):
        raise SettingsError(f"{source}: remove the control characters")
