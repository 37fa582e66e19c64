"""The files next to a policy: templates and images of disclaimers, and the address book of senders."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mailhooks.address_patterns import ADDRESS, canonical
from mailhooks.errors import SettingsError
from mailhooks.policy.loading.problems import InvalidValue
from mailhooks.settings import parse_json

if TYPE_CHECKING:
    from mailhooks.mime.text.wrapping import Image

AddressBook = Mapping[str, Mapping[str, str]]
"""The attributes of senders by canonical address. The names of attributes are in lower case."""

_IMAGE_TYPES: Final = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".svg": "svg+xml", ".webp": "webp"}
_SHOWN_IMAGE: Final = re.compile(r"\bcid:([^\s\"'<>()]+)", re.IGNORECASE)
_IMAGE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""File names that are valid in a Content-ID (RFC 2392; RFC 5322 section 3.6.4)."""

_MAX_TEXT_OCTETS: Final = 1024 * 1024


class PolicyFolder:
    """Reads the files that a policy names. Nothing outside of the folder is read.

    Args:
        path: the folder of the policy; for a policy that is not in a file, the folder of the function's app.py. None: there are no files.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._digests: dict[str, str] = {}

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of the files that were read, from the folder."""
        return tuple(self._digests)

    @property
    def digest(self) -> str:
        """Hexadecimal digits that change with the content of the files that were read; `""` if none was read."""
        return hashlib.sha256(json.dumps(self._digests, sort_keys=True).encode()).hexdigest() if self._digests else ""

    def read_text(self, name: str) -> str:
        """Return the text of a file, without a byte order mark and with `\\n` as line ends. Raises InvalidValue."""
        content = self._read(name)
        if len(content) > _MAX_TEXT_OCTETS:
            raise InvalidValue(f"expected a file of at most 1 MB, got {name} of {len(content):,} bytes")
        try:
            return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        except ValueError:
            raise InvalidValue(f"expected {name} to be saved as UTF-8") from None

    def add_images(self, html: str, template: str = "") -> "tuple[str, tuple[Image, ...]]":
        """Return a template and the images that it shows: `cid:logo.png` is the file logo.png in the template's folder.

        The Content-ID of each gets a digest of its content: a quoted message may have a `logo.png` of its own, and mail programs would
        show one of the two for both.

        Args:
            template: the name of the template's file; `""` for a template in the policy itself.

        Raises:
            InvalidValue: an image is not there, or its name cannot be a Content-ID.
        """
        from mailhooks.mime.text.wrapping import Image  # Late: few policies have images.

        folder = template.rpartition("/")[0]
        images: dict[str, Image] = {}

        def add_image(shown: re.Match[str]) -> str:
            name = shown[1]
            subtype = _IMAGE_TYPES.get(Path(name).suffix.lower())
            if not _IMAGE_NAME.fullmatch(name) or subtype is None:
                endings = " ".join(_IMAGE_TYPES)
                raise InvalidValue(f"expected an image next to the template ({endings}; no spaces in its name), got {shown[0]}")
            if name not in images:
                content = self._read(f"{folder}/{name}" if folder else name)
                images[name] = Image(f"{name}.{hashlib.sha256(content).hexdigest()[:12]}@mailhooks", subtype, content)
            return f"cid:{images[name].content_id}"

        return _SHOWN_IMAGE.sub(add_image, html), tuple(images.values())

    def read_address_book(self, name: str) -> AddressBook:
        """Return the attributes of senders in a file of JSON. Raises InvalidValue."""
        text = self.read_text(name)
        try:
            entries: Any = parse_json(name, text, "{}")
            book = {canonical(address): _read_attributes(attributes) for address, attributes in entries.items()}
        except (AttributeError, TypeError, ValueError, SettingsError):
            example = '{"ana@example.com": {"Title": "Engineer"}}'
            raise InvalidValue(f"expected {name} to be JSON such as {example}: texts or numbers by name and address, each once") from None
        if len(book) < len(entries):
            raise InvalidValue(f"expected each address once in {name}: upper and lower case do not matter in addresses")
        if not all(ADDRESS.fullmatch(address) and "*" not in address for address in book):
            raise InvalidValue(f"expected whole addresses such as ana@example.com in {name}: a pattern matches no sender")
        return book

    def _read(self, name: str) -> bytes:
        if self._path is None:
            raise InvalidValue(f"expected no file, got {name}: this policy is a text without a folder")
        path = self._path / name
        if not path.resolve().is_relative_to(self._path.resolve()):
            raise InvalidValue(f"expected a file in the policy's folder, got {name}")
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            place = "the folder of the policy (of the function's app.py, if the policy is not a file there)"
            raise InvalidValue(f"expected a file in {place}, and there is no {name}") from None
        except OSError as error:
            raise InvalidValue(f"expected a file that can be read, got {name} ({type(error).__name__})") from None
        self._digests[name] = hashlib.sha256(content).hexdigest()
        return content


def _read_attributes(attributes: Any) -> dict[str, str]:
    found = {name.lower(): _read_attribute(value) for name, value in attributes.items()}
    if len(found) < len(attributes):
        raise ValueError("two names differ in case only")
    return found


def _read_attribute(value: Any) -> str:
    """Return the text of a variable. Raises TypeError for `null`, which would be displayed as a word, and for a list or an object."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    return str(value)
