"""The conditions on what a message says: its subject, header, text and attachments."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import translate
from typing import TYPE_CHECKING, Any, Final

from mailhooks.errors import SettingsError
from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.facts.regex import Regex
from mailhooks.policy.facts.text_normalization import composed, normal, without_ignorable
from mailhooks.policy.facts.visible_text import Words, has_card_number
from mailhooks.policy.loading.build_context import Context
from mailhooks.policy.loading.problems import ErrorCollector, ErrorPath, InvalidValue, of_setting, several
from mailhooks.policy.rules.bounds import bounds
from mailhooks.policy.rules.conditions import Condition, Cost, Test, shown

if TYPE_CHECKING:
    from mailhooks.content.attachment_rules import AttachmentRules
    from mailhooks.policy.facts.attachment_facts import File

DEFAULT_FIRST_KB: Final = 256
"""Of each text part, where a condition does not say."""

_NO_WORDS: Final = "words, and not white space alone"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a text is looked through for; one of it has to be there."""

    words: Words
    regexes: tuple[Regex, ...] = ()
    card_number: bool = False
    limit: int = DEFAULT_FIRST_KB * 1024

    @classmethod
    def of(cls, value: Any, context: Context) -> "Wanted":
        """Raises:
        InvalidValue: see there.
        """
        if not isinstance(value, dict):
            words, shared = context.made("words", _word, Words.of, value)
            return cls(Words.of(words, (), shared))
        together = ErrorCollector()
        with together:
            words, shared = context.made("words", _word, Words.of, value.get("words", ()), "words")
        with together:
            parts, more = context.made("parts", _part, lambda parts: Words.of((), parts), value.get("contains", ()), "contains")
        with together:
            regexes = context.regexes(value.get("regex", ()), "regex")
        together.end()
        found = cls(
            Words.of(words, parts, (*shared, *more)),
            regexes,
            value.get("card_number", False),
            int(value.get("first_kb", DEFAULT_FIRST_KB)) * 1024,
        )
        if not found.any:
            raise InvalidValue("expected words, contains, regex or card_number")
        return found

    @property
    def any(self) -> bool:
        return bool(self.words.words or self.words.single or self.words.parts or self.words.shared or self.regexes or self.card_number)

    def found(self, text: str, comparable: str) -> bool:
        """Whether it is in a text, given as `composed` and as `normal` make it."""
        if self.words.found(comparable) or any(regex.search(text) for regex in self.regexes):
            return True
        return self.card_number and has_card_number(text)


def _word(text: str) -> str:
    if not normal(text).strip():
        raise ValueError(_NO_WORDS)
    return text.strip()


def _part(text: str) -> str:
    if not normal(text):
        raise ValueError(_NO_WORDS)
    return text


def subject(name: str, value: Any, context: Context) -> Condition:
    """The subject as the event has it: a tag of an earlier try is not in it."""
    wanted = Wanted.of(value, context)
    return Test(name, Cost.EVENT, lambda facts: wanted.found(*facts.subject), lambda facts: facts.event.subject)


def body(name: str, value: Any, context: Context) -> Condition:
    wanted = Wanted.of(value, context)
    return Test(name, Cost.BODY, lambda facts: _in_body(wanted, facts), _length)


def subject_or_body(name: str, value: Any, context: Context) -> Condition:
    wanted = Wanted.of(value, context)

    def test(facts: Facts) -> bool:
        return wanted.found(*facts.subject) or _in_body(wanted, facts)

    return Test(name, Cost.BODY, test, lambda facts: facts.event.subject)


def _in_body(wanted: Wanted, facts: Facts) -> bool:
    return wanted.found(*facts.body_text(wanted.limit))


def _length(facts: Facts) -> str:
    return f"{len(facts.body_text(DEFAULT_FIRST_KB * 1024)[0]):,} characters of text"


def header(name: str, value: Any, context: Context) -> Condition:
    made = []
    for at, each in several(value):
        with at:
            made.append((each["name"], _header_test(each, context)))

    def saw(facts: Facts) -> list[str]:
        return [f"{field}: {shown(facts.headers.all(field)) if facts.headers.all(field) else '(not there)'}" for field, _ in made]

    return Test(name, Cost.CONTENT, lambda facts: any(test(facts) for _, test in made), saw)


def _header_test(value: dict[str, Any], context: Context) -> Callable[[Facts], bool]:
    field = value["name"].lower()
    present = value.get("present")
    said = {key: content for key, content in value.items() if key in {"words", "contains", "regex"}}
    if not said:
        return lambda facts: bool(facts.headers.all(field)) is present
    if present is not None:
        raise InvalidValue("expected present, or what the header says, and not both")
    wanted = Wanted.of(said, context)
    return lambda facts: any(wanted.found(composed(text), normal(text)) for text in facts.headers.all(field))


def attachment(name: str, value: Any, context: Context) -> Condition:
    tests = []
    for at, each in several(value):
        with at:
            tests.append(_file_test(each, context))

    def test(facts: Facts) -> bool:
        return any(is_it(file) for file in facts.files for is_it in tests)

    def saw(facts: Facts) -> list[str]:
        return [f"{next(iter(file.names), '(no name)')} ({file.content_type}, {file.size:,} bytes)" for file in facts.files]

    return Test(name, Cost.BODY, test, saw)


def _file_test(value: dict[str, Any], context: Context) -> "Callable[[File], bool]":
    """All of what a mapping says, of one attachment; what costs least first."""
    tests: list[Callable[[File], bool]] = []
    if "extension" in value:
        tests.append(_by_extension(value, context))
    if "name" in value:
        own, shared = context.made("globs", _glob, tuple, value["name"], "name")
        globs = [tuple(own), *shared]
        tests.append(
            lambda file: any(pattern.match(without_ignorable(given)) for given in file.names for each in globs for pattern in each)
        )
    if "name_regex" in value:
        regexes = context.regexes(value["name_regex"], "name_regex")
        tests.append(lambda file: any(regex.search(given) for given in file.names for regex in regexes))
    if "type" in value:
        types = _checked(value, "type", context).types
        tests.append(lambda file: _of_type(file.content_type, types))
    if "size" in value:
        within = bounds(value["size"])
        tests.append(lambda file: within(file.size))
    if "true_type" in value:
        true_types = _true_types(context.texts(value["true_type"], "true_type"))
        tests.append(lambda file: file.true_type != "" and _of_type(file.true_type, true_types))
    if "encrypted" in value:
        tests.append(lambda file: file.is_encrypted)
    if not tests:
        raise InvalidValue("expected something to know an attachment by, besides in_archives")
    return lambda file: all(test(file) for test in tests)


def _by_extension(value: dict[str, Any], context: Context) -> "Callable[[File], bool]":
    wanted = _checked(value, "extension", context).extensions
    inside = value.get("in_archives", True)
    return lambda file: not wanted.isdisjoint(file.endings) or (inside and not wanted.isdisjoint(file.listed_endings))


def _checked(value: dict[str, Any], key: str, context: Context) -> "AttachmentRules":
    """Extensions or types in form. Raises InvalidValue for those that no attachment can have."""
    from mailhooks.content.attachment_rules import AttachmentRules  # late: it knows types of files, for which most policies have no use

    texts = context.texts(value[key], key)
    with ErrorPath(key):
        try:
            return AttachmentRules.checked(extensions=texts) if key == "extension" else AttachmentRules.checked(types=texts)
        except SettingsError as error:
            raise of_setting(error) from None


def _of_type(content_type: str, wanted: frozenset[str]) -> bool:
    return content_type in wanted or f"{content_type.partition('/')[0]}/*" in wanted


def _true_types(texts: tuple[str, ...]) -> frozenset[str]:
    from mailhooks.content import filetypes

    found: set[str] = set()
    for text in texts:
        known = (
            filetypes.EXECUTABLES
            if text.lower() == "executable"
            else {each for each in filetypes.KNOWN if _of_type(each, frozenset({text.lower()}))}
        )
        if not known:
            raise InvalidValue("expected types that docs/attachments.md lists, or the word executable", "true_type")
        found |= known
    return frozenset(found)


def _glob(pattern: str) -> re.Pattern[str]:
    """A pattern for file names with `*` and `?`, in any case. Names have at most 255 characters, and `translate` makes stars atomic."""
    return re.compile(translate(composed(without_ignorable(pattern)).replace("[", "[[]")), re.IGNORECASE)
