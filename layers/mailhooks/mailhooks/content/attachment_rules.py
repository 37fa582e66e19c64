"""Rules that match attachments, one part at a time. `attachments` removes the parts that match."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Self

from mailhooks.content import filetypes, zip_archives
from mailhooks.content.template import Template
from mailhooks.mail_limits import SES_UNSUPPORTED_EXTENSIONS
from mailhooks.mime import filenames, part_content
from mailhooks.mime.message import Part
from mailhooks.patterns import compile_late

NOTICE: Final = """\
An attachment was removed from this message.

Name: %%Name%%
Reason: %%Reason%%
"""

EXECUTABLE: Final = "executable"

_LARGEST_SIZE: Final = 40 * 1024 * 1024
"""Octets, as in the schema of the policy. WorkMail has no larger message."""
"""A value of `true_types` for all of `filetypes.EXECUTABLES`."""

_MAX_FILES_IN_TEXT: Final = 1000
"""Files in uuencode that are searched in a text, in all its readings."""

_STRIP_OR_LEAVE: Final = ("encrypted_archives", "unlistable_archives", "forwarded", "ses_unsupported")
"""Rules with the values `strip` and `leave`."""

_FILE: Final = "application/octet-stream"

_EXTENSION: Final = compile_late(r"\.?(\w[\w$~!@#%^&+_-]{0,29}|\{[\da-f-]{36}\})")
"""QUIRK: Windows opens a file by a class identifier in braces."""
_TYPE: Final = compile_late(r"[a-z0-9!#$&^_.+-]{1,127}/(?:\*|[a-z0-9!#$&^_.+-]{1,127})")
"""A media type (RFC 6838 section 4.2), or all subtypes of a type."""


class Reason(StrEnum):
    """Why an attachment is not allowed."""

    EXTENSION = "its name has an extension that is not allowed"
    DECLARED_TYPE = "its declared type is not allowed"
    TRUE_TYPE = "its content is of a type that is not allowed"
    SIZE = "it is larger than allowed"
    LISTED_EXTENSION = "it is an archive that lists a file with an extension that is not allowed"
    ENCRYPTED = "it is an encrypted archive"
    UNLISTABLE = "it is an archive whose files cannot be listed"
    SES_UNSUPPORTED = "its name has an extension that the mail service does not accept"
    NOT_ENUMERATED = "the message can be read in more ways than can be searched"
    NOT_SEARCHED = "there are more messages or files in it than can be searched"


class Match(NamedTuple):
    """A rule that matches a part. `name` is the matching name of the part; `""` if another property matches."""

    reason: Reason
    detail: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class AttachmentRules:
    """Rules for attachments that are not allowed. `checked` makes them from words.

    Attributes:
        extensions: in lower case, with their dot. An extension before the last one counts too, as in `invoice.exe.pdf`.
        types: declared types, `type/subtype` or `type/*`.
        true_types: types of the content (`filetypes.KNOWN`), or `type/*`.
        max_octets: the largest decoded size; 0 for any.
        in_archives: whether `extensions` also applies to the names that a zip archive lists.
        encrypted_archives: whether to remove zip, 7z and RAR archives with encrypted files.
        unlistable_archives: whether to remove zip archives that are damaged or list too many files.
        forwarded: whether to remove a forwarded message (`message/rfc822`), as a whole, if an attachment in it is not allowed.
        ses_unsupported: whether to remove attachments with which Amazon SES, and so WorkMail, rejects any change of the message.
        notice: the text that replaces an attachment. It may have `%%Name%%` and `%%Reason%%`.
    """

    extensions: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    true_types: frozenset[str] = frozenset()
    max_octets: int = 0
    in_archives: bool = True
    encrypted_archives: bool = False
    unlistable_archives: bool = False
    forwarded: bool = False
    ses_unsupported: bool = False
    notice: str = NOTICE

    def __post_init__(self) -> None:
        """Convert the words `strip` and `leave`, which earlier releases used instead of booleans. Raises ValueError for other texts."""
        for name in _STRIP_OR_LEAVE:
            value: object = getattr(self, name)
            if isinstance(value, str):
                object.__setattr__(self, name, _strips(name, value))

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
        """Check the values of rules. `true_types` may have the word `executable`; an extension may be without its dot.

        Raises:
            ValueError: a value is invalid, or a rule cannot match any attachment.
        """
        if not 0 <= max_octets < _LARGEST_SIZE:
            raise ValueError(f"use a size below {_LARGEST_SIZE} bytes, or 0 for any size")
        rules = cls(
            extensions=frozenset(_extension(value) for value in extensions),
            types=frozenset(_type(value) for value in types),
            true_types=frozenset(known for value in true_types for known in _true_types(value)),
            max_octets=max_octets,
            in_archives=in_archives,
            encrypted_archives=_strips("encrypted_archives", encrypted_archives),
            unlistable_archives=_strips("unlistable_archives", unlistable_archives),
            forwarded=_strips("forwarded", forwarded),
            ses_unsupported=_strips("ses_unsupported", ses_unsupported),
            notice=_notice(notice),
        )
        if rules.forwarded and not rules.any:
            raise ValueError("forwarded: use leave, or another rule too, such as extensions")
        return rules

    @property
    def any(self) -> bool:
        """Whether there is any rule."""
        by_property = self.extensions or self.types or self.true_types or self.max_octets
        return bool(by_property) or self.encrypted_archives or self.unlistable_archives or self.ses_unsupported

    def match(self, raw: bytes, part: Part, archives: zip_archives.ArchiveReader) -> Match | None:
        """Return the first rule that matches a part in any reading, the cheapest rule first; None if none matches."""
        names = (*filenames.find_all_filenames(raw, part), *part_content.uuencoded_names(raw, part))
        return (
            self._by_name((*names, *filenames.find_fallback_names(raw, part)))
            or self._by_header(raw, part)
            or self._by_content(raw, part, names, archives)
            or self.match_in_text(raw, part, archives)
        )

    def match_in_text(self, raw: bytes, part: Part, archives: zip_archives.ArchiveReader) -> Match | None:
        """Return the first rule that matches a file in the text of a part, in uuencode. Some mail programs offer it as an attachment."""
        if part.children or (part.content_type != "text/plain" and part.encoding in {"base64", "quoted-printable"}):
            return None
        for number, (name, file) in enumerate(part_content.find_uuencoded(raw, part)):
            if number == _MAX_FILES_IN_TEXT:
                return Match(Reason.NOT_SEARCHED, "")
            extensions = filenames.find_extensions(name).last
            if found := self._by_name((name,)) or self._by_reading(file, extensions, "", archives):
                return found
        return None

    def _by_name(self, names: tuple[str, ...]) -> Match | None:
        for name in names:
            if extension := self._match_extension(name):
                return Match(Reason.EXTENSION, extension, name)
            if self.ses_unsupported and (matched := SES_UNSUPPORTED_EXTENSIONS & filenames.find_extensions(name).last):
                return Match(Reason.SES_UNSUPPORTED, min(matched), name)
        return None

    def _by_header(self, raw: bytes, part: Part) -> Match | None:
        if self.types and _is_declared(raw, part) and (matched := _match_type(part.content_type, self.types)):
            return Match(Reason.DECLARED_TYPE, matched)
        if self.max_octets and part_content.size(raw, part) > self.max_octets:
            return Match(Reason.SIZE, f"{self.max_octets:,} bytes")
        return None

    def _by_content(self, raw: bytes, part: Part, names: tuple[str, ...], archives: zip_archives.ArchiveReader) -> Match | None:
        if part.children or not (self._reads_archives or self.true_types):
            return None
        extensions = frozenset(extension for name in names for extension in filenames.find_extensions(name).last)
        if not names and part.maintype == "text":
            # Programs name a text without a name by its type, such as `.xml` or `.csv`.
            extensions = frozenset({f".{part.subtype}"})
        contents = part_content.read(raw, part)
        return next(filter(None, (self._by_reading(content, extensions, part.content_type, archives) for content in contents)), None)

    @property
    def _reads_archives(self) -> bool:
        return bool(self.in_archives and self.extensions) or self.encrypted_archives or self.unlistable_archives

    def _by_reading(
        self, content: part_content.Content, extensions: frozenset[str], declared: str, archives: zip_archives.ArchiveReader
    ) -> Match | None:
        beginning = content.beginning(filetypes.PREFIX_OCTETS)
        if self.true_types:
            for true_type in filetypes.identify_all(beginning, extensions, declared):
                if _match_type(true_type, self.true_types):
                    return Match(Reason.TRUE_TYPE, true_type)
        if self.encrypted_archives:
            from mailhooks.content.encryption.detect import is_encrypted_archive  # Late: not each message has a file that is read.

            if is_encrypted_archive(content):
                return Match(Reason.ENCRYPTED, "")
        listing = archives.list_file(content, extensions, declared) if self._reads_archives else None
        return self._by_listing(listing) if listing else None

    def _by_listing(self, listing: zip_archives.ZipListing) -> Match | None:
        if self.encrypted_archives and listing.encrypted:
            return Match(Reason.ENCRYPTED, "")
        names = listing.names if self.in_archives and self.extensions else ()
        if extension := next(filter(None, map(self._match_extension, names)), ""):
            return Match(Reason.LISTED_EXTENSION, extension)
        return Match(Reason.UNLISTABLE, "") if self.unlistable_archives and not listing.complete else None

    def _match_extension(self, name: str) -> str:
        extensions = filenames.find_extensions(name)
        return min(self.extensions & (extensions.last | extensions.inner), default="")


def _is_declared(raw: bytes, part: Part) -> bool:
    """Return whether a part declares its type. Programs show a file if they cannot read a type or find no parts in a multipart."""
    return part.content_type != _FILE or any(b"octet-stream" in value.lower() for value in part.values(raw, "content-type"))


def _match_type(content_type: str, patterns: frozenset[str]) -> str:
    """Return the pattern that matches a type, or `""`."""
    return next((pattern for pattern in (content_type, f"{content_type.partition('/')[0]}/*") if pattern in patterns), "")


def _extension(value: str) -> str:
    # In the form in which names are compared.
    found = _EXTENSION.fullmatch(unicodedata.normalize("NFKC", value).strip().lower())
    if not found or f".{found[1]}" not in filenames.find_extensions(f"a.{found[1]}").last:
        raise ValueError(
            "write extensions as in exe,js,vbs: with a comma between two, and without another dot, `*`, `;`, quotes and brackets"
        )
    return f".{found[1]}"


def _type(value: str) -> str:
    found = value.strip().lower()
    if not _TYPE.fullmatch(found):
        raise ValueError("write types of the form type/subtype or type/*, with a comma between two, as in audio/*,image/png")
    if found.startswith("multipart/"):
        raise ValueError("a multipart is not an attachment; write the types of attachments")
    return found


def _true_types(value: str) -> frozenset[str]:
    if value.strip().lower() == EXECUTABLE:
        return filetypes.EXECUTABLES
    found = _type(value)
    if not any(_match_type(known, frozenset({found})) for known in filetypes.KNOWN):
        raise ValueError(f"content of type {found} is not recognized; use {EXECUTABLE} or a type of docs/attachments.md")
    return frozenset({found})


def _strips(rule: str, value: str) -> bool:
    choice = value.strip().lower()
    if choice not in {"strip", "leave"}:
        raise ValueError(f"{rule}: use strip or leave")
    return choice == "strip"


def _notice(text: str) -> str:
    text = text.replace("\r\n", "\n")
    if not text.strip() or len(text) > 5000 or not text.replace("\n", "").replace("\t", "").isprintable():
        raise ValueError("notice: use a text of at most 5,000 characters without control characters")
    try:
        Template(text).check({"name", "reason"})
    except ValueError as error:
        raise ValueError(f"notice: {error}") from None
    return text
