"""Which attachments are not let through, and why one is not. Judges one part at a time; what becomes of it is `attachments`' affair."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Self

from mailhooks.content import filetypes
from mailhooks.content.template import Template
from mailhooks.contract.limits import SES_UNSUPPORTED_EXTENSIONS
from mailhooks.errors import SettingsError
from mailhooks.mime import filenames, part_content
from mailhooks.mime.structure import Part

NOTICE: Final = """\
An attachment was removed from this message.

Name: %%Name%%
Reason: %%Reason%%
"""

EXECUTABLE: Final = "executable"
"""Stands for all of `filetypes.EXECUTABLES` among the true types."""

_EXTENSION: Final = re.compile(r"\.?([^\s./\\:*?\"<>|]{1,30})")
_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/(?:\*|[a-z0-9!#$&^_.+-]{1,127})")
"""RFC 6838 section 4.2, or all subtypes."""


class Reason(StrEnum):
    """Why an attachment is not let through."""

    EXTENSION = "its name has an ending that is not let through"
    DECLARED_TYPE = "it is declared as a type that is not let through"
    TRUE_TYPE = "its content is of a type that is not let through"
    SIZE = "it is larger than what is let through"
    LISTED_EXTENSION = "it is an archive of files, one of whose names has an ending that is not let through"
    ENCRYPTED = "it is an encrypted archive"
    UNLISTABLE = "it is an archive whose content cannot be listed"
    SES_UNSUPPORTED = "its name has an ending that the mail service does not take"


class Match(NamedTuple):
    """A rule that a part meets: `name` is the one of the part's names that met it, `""` where another property did."""

    reason: Reason
    detail: str
    name: str = ""


class Treatment(StrEnum):
    """What becomes of an attachment of some kind."""

    LEAVE = "leave"
    STRIP = "strip"


@dataclass(frozen=True, slots=True)
class AttachmentRules:
    """Which attachments are not let through. Make one from what somebody typed by `checked`.

    Attributes:
        extensions: endings of names, lower-case with their dot. An ending before the last one counts too, as in `invoice.exe.pdf`.
        types: declared types, `type/subtype` or `type/*`.
        true_types: types told by the content (`filetypes.KNOWN`), or `type/*`.
        max_octets: the size, decoded, that an attachment may have; 0 for any.
        in_archives: whether `extensions` also goes for the names that a zip archive lists.
        encrypted_archives, unlistable_archives: zip archives with encrypted files; such that are damaged or list too much.
        forwarded: a forwarded message (`message/rfc822`) with an attachment that is not let through goes as a whole, or stays.
        ses_unsupported: attachments for which Amazon SES, and so WorkMail, refuses any change of the message.
        notice: the text left in their place; `%%Name%%` and `%%Reason%%` are filled in.
    """

    extensions: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    true_types: frozenset[str] = frozenset()
    max_octets: int = 0
    in_archives: bool = True
    encrypted_archives: Treatment = Treatment.LEAVE
    unlistable_archives: Treatment = Treatment.LEAVE
    forwarded: Treatment = Treatment.LEAVE
    ses_unsupported: Treatment = Treatment.LEAVE
    notice: str = NOTICE

    @classmethod
    def checked(
        cls,
        *,
        extensions: Iterable[str] = (),
        types: Iterable[str] = (),
        true_types: Iterable[str] = (),
        max_octets: int = 0,
        in_archives: bool = True,
        encrypted_archives: str = "leave",
        unlistable_archives: str = "leave",
        forwarded: str = "leave",
        ses_unsupported: str = "leave",
        notice: str = NOTICE,
    ) -> Self:
        """For values that somebody typed. `true_types` may have the word `executable`; an extension may lack its dot.

        Raises:
            SettingsError: a value is not of its form, or is a rule that nothing could ever meet.
        """
        if max_octets < 0:
            raise SettingsError("STRIP_OVER_BYTES: set it to a number of bytes, or to 0 for any size")
        return cls(
            extensions=frozenset(_extension(value) for value in extensions),
            types=frozenset(_type("STRIP_TYPES", value) for value in types),
            true_types=frozenset(known for value in true_types for known in _true_types(value)),
            max_octets=max_octets,
            in_archives=in_archives,
            encrypted_archives=_treatment("STRIP_ENCRYPTED_ARCHIVES", encrypted_archives),
            unlistable_archives=_treatment("STRIP_UNLISTABLE_ARCHIVES", unlistable_archives),
            forwarded=_treatment("STRIP_FORWARDED", forwarded),
            ses_unsupported=_treatment("SES_UNSUPPORTED", ses_unsupported),
            notice=_notice(notice),
        )

    @property
    def any(self) -> bool:
        """Whether there is a rule at all."""
        by_property = self.extensions or self.types or self.true_types or self.max_octets
        return bool(by_property) or Treatment.STRIP in {self.encrypted_archives, self.unlistable_archives, self.ses_unsupported}

    @property
    def strips_forwarded(self) -> bool:
        return self.forwarded is Treatment.STRIP

    def match(self, raw: bytes, part: Part) -> Match | None:
        """The first rule that a part meets, what costs least first; None when it is let through."""
        given = filenames.find_all_filenames(raw, part)
        return self._by_name(given) or self._by_header(raw, part) or self._by_content(raw, part, given)

    def _by_name(self, given: tuple[str, ...]) -> Match | None:
        for name in given:
            endings = filenames.find_extensions(name)
            if met := self.extensions & (endings.last | endings.inner):
                return Match(Reason.EXTENSION, min(met), name)
            if self.ses_unsupported is Treatment.STRIP and (met := SES_UNSUPPORTED_EXTENSIONS & endings.last):
                return Match(Reason.SES_UNSUPPORTED, min(met), name)
        return None

    def _by_header(self, raw: bytes, part: Part) -> Match | None:
        if met := _of_type(part.content_type, self.types):
            return Match(Reason.DECLARED_TYPE, met)
        if self.max_octets and part_content.size(raw, part) > self.max_octets:
            return Match(Reason.SIZE, f"{self.max_octets:,} bytes")
        return None

    def _by_content(self, raw: bytes, part: Part, given: tuple[str, ...]) -> Match | None:
        in_archives = (self.in_archives and self.extensions) or Treatment.STRIP in {self.encrypted_archives, self.unlistable_archives}
        if part.children or not (in_archives or self.true_types):
            return None
        beginning = part_content.prefix(raw, part, filetypes.PREFIX_OCTETS)
        true_type = filetypes.identify(beginning)
        if true_type and _of_type(true_type, self.true_types):
            return Match(Reason.TRUE_TYPE, true_type)
        endings = frozenset(ending for name in given for ending in filenames.find_extensions(name).last)
        if in_archives and filetypes.is_archive(beginning, endings):
            return self._in_archive(filetypes.list_zip(part_content.tail(raw, part, filetypes.ZIP_TAIL_OCTETS)))
        return None

    def _in_archive(self, listing: filetypes.ZipListing | None) -> Match | None:
        if listing is None:
            return Match(Reason.UNLISTABLE, "") if self.unlistable_archives is Treatment.STRIP else None
        if self.encrypted_archives is Treatment.STRIP and listing.encrypted:
            return Match(Reason.ENCRYPTED, "")
        if self.in_archives and self.extensions:
            for name in listing.names:
                endings = filenames.find_extensions(name)
                if met := self.extensions & (endings.last | endings.inner):
                    return Match(Reason.LISTED_EXTENSION, min(met))
        return None


def _of_type(content_type: str, patterns: frozenset[str]) -> str:
    """The pattern that a type meets, or `""`."""
    return next((pattern for pattern in (content_type, f"{content_type.partition('/')[0]}/*") if pattern in patterns), "")


def _extension(value: str) -> str:
    found = _EXTENSION.fullmatch(value.strip().lower())
    if not found or not found[1].isprintable():
        raise SettingsError("STRIP_EXTENSIONS: an extension is the last part of a name, such as exe or .exe, without another dot")
    return f".{found[1]}"


def _type(setting: str, value: str) -> str:
    found = value.strip().lower()
    if not _TYPE.fullmatch(found):
        raise SettingsError(f"{setting}: a type has the form type/subtype or type/*")
    return found


def _true_types(value: str) -> frozenset[str]:
    if value.strip().lower() == EXECUTABLE:
        return filetypes.EXECUTABLES
    found = _type("STRIP_TRUE_TYPES", value)
    if not any(_of_type(known, frozenset({found})) for known in filetypes.KNOWN):
        raise SettingsError(
            f"STRIP_TRUE_TYPES: no content is recognised as {found}; use {EXECUTABLE} or types that docs/attachments.md lists"
        )
    return frozenset({found})


def _treatment(setting: str, value: str) -> Treatment:
    try:
        return Treatment(value.strip().lower())
    except ValueError:
        raise SettingsError(f"{setting}: set it to strip or leave") from None


def _notice(text: str) -> str:
    text = text.replace("\r\n", "\n")
    if not text.strip() or len(text) > 5000 or not text.replace("\n", "").replace("\t", "").isprintable():
        raise SettingsError("STRIP_NOTICE: a notice is text of at most 5,000 characters without control characters")
    if unknown := Template(text).variables - {"name", "reason"}:
        raise SettingsError(f"STRIP_NOTICE: a notice can have %%Name%% and %%Reason%%, not {min(unknown)}")
    return text
