"""Builders of the conditions on subject, text, header, attachments and links."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from mailhooks.address_patterns import Pattern, Specificity
from mailhooks.deadline import Deadline
from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.facts.recipients import AddressSet
from mailhooks.policy.facts.regex import Regex
from mailhooks.policy.facts.searched_text import SearchedText
from mailhooks.policy.facts.text_normalization import compose, normalize, remove_ignorable
from mailhooks.policy.facts.words import Words
from mailhooks.policy.loading.build_context import BuildContext, ConditionBuilder
from mailhooks.policy.loading.problems import ErrorCollector, ErrorPath, InvalidValue, as_list, build_all, convert_value_errors
from mailhooks.policy.rules.bounds import bounds_test
from mailhooks.policy.rules.conditions import Condition, Cost, MessageTest, one_line

# Late imports below: a policy loads the table of file types and the search for identifiers only for conditions that need them.
if TYPE_CHECKING:
    from mailhooks.content.attachment_rules import AttachmentRules
    from mailhooks.policy.facts.attachment_facts import AttachmentFacts
    from mailhooks.policy.facts.links import Link

DEFAULT_FIRST_KB: Final = 256
"""KB of each text part in which a condition searches by default."""

_FIELD_NAME: Final = re.compile(r"(?=[^a-z]*[a-z])[a-z0-9_.+-]{1,76}")
"""Names of real fields, in lower case. RFC 5322 section 2.2 allows more, such as `x-*` and `x-a;x-b`: a name that no message has."""

_NO_WORDS: Final = "words that are not only white space"


@dataclass(frozen=True, slots=True)
class TextSearch:
    """The search of a condition in a text. It has to find a word, a part of a word, an expression or an identifier."""

    words: Words
    regexes: tuple[Regex, ...] = ()
    identifiers: tuple[str, ...] = ()
    """As in a policy, and `card_number`."""
    look_alikes: bool = False
    """Whether `words` are also skeletons, to find in the skeletons of a text."""
    limit: int = DEFAULT_FIRST_KB * 1024
    """Octets of each text part, for a condition on the body."""

    @classmethod
    def of(cls, value: Any, context: BuildContext) -> "TextSearch":
        """Make a search from the value of a condition. Raises InvalidValue."""
        if not isinstance(value, dict):
            words, shared = context.build_each("words", _word, Words.of, value)
            return cls(Words.of(words, (), shared))
        look_alikes = value.get("look_alikes", False)
        make, kind = (_make_words_with_skeletons, "look-alike ") if look_alikes else (Words.of, "")
        collector = ErrorCollector()
        with collector:
            words, shared = context.build_each(f"{kind}words", _word, make, value.get("words", ()), "words")
        with collector:
            parts, shared_parts = context.build_each(
                f"{kind}parts", _part, lambda parts: make((), parts), value.get("contains", ()), "contains"
            )
        with collector:
            regexes = context.regexes(value.get("regex", ()), "regex")
        collector.raise_errors()
        identifiers = value.get("identifiers", [])
        search = cls(
            make(words, parts, (*shared, *shared_parts)),
            regexes,
            (*(["card_number"] if "card_number" in value else []), *([identifiers] if isinstance(identifiers, str) else identifiers)),
            look_alikes,
            int(value.get("first_kb", DEFAULT_FIRST_KB)) * 1024,
        )
        if not (search.words or regexes or search.identifiers):
            raise InvalidValue("expected words, contains, regex, card_number or identifiers")
        if look_alikes and not search.words:
            raise InvalidValue("expected words or contains in addition to look_alikes")
        return search

    def matches(self, text: SearchedText, deadline: Deadline | None = None) -> bool:
        """Return whether a text matches. Raises NoTimeLeft if the deadline ends a search for identifiers."""
        return self.find(text, deadline) is not None

    def find(self, text: SearchedText, deadline: Deadline | None = None) -> str | None:
        """Return the first word, match of an expression or name of an identifier in a text; None for none. Raises as `matches`."""
        if self.words and (word := self.words.find_in(text.normalized)):
            return word
        if self.look_alikes and (word := next(filter(None, map(self.words.find_in, text.skeletons)), "")):
            return word
        for regex in self.regexes:
            if found := regex.search(text.composed):
                return str(found[0])
        return next(self.find_identifiers(text, deadline), None)

    def find_identifiers(self, text: SearchedText, deadline: Deadline | None = None) -> Iterator[str]:
        """Yield the names of the identifiers in a text, in the order of `identifiers`. Raises as `matches`."""
        if self.identifiers:
            from mailhooks.policy.facts.identifiers import find_identifiers

            yield from find_identifiers(text.composed, self.identifiers, deadline)


def _make_words_with_skeletons(words: Iterable[str], parts: Iterable[str] = (), shared: Iterable[Words] = ()) -> Words:
    """Make the words of a search that finds look-alike letters, too."""
    from mailhooks.policy.facts.look_alikes import list_skeletons  # Late: most policies do not need its table.

    def add_skeletons(texts: Iterable[str]) -> Iterator[str]:
        return (form for text in texts for form in {normalize(text), *list_skeletons(text)})

    return Words.of(add_skeletons(words), add_skeletons(parts), shared)


def _word(text: str) -> str:
    if not normalize(text).strip():
        raise ValueError(_NO_WORDS)
    return text.strip()


def _part(text: str) -> str:
    if not normalize(text):
        raise ValueError(_NO_WORDS)
    return text


_ReadText = Callable[[Facts, int], SearchedText]
"""Reads a text of a message; at most so many octets of each text part."""


def _read_subject(facts: Facts, _limit: int) -> SearchedText:
    # The subject of the event does not have the tag of an earlier attempt.
    return facts.subject


def _text_condition(cost: Cost, *readers: _ReadText) -> ConditionBuilder:
    """Return a builder of a condition on one or more texts of a message. One of them has to match."""

    def build(name: str, value: Any, context: BuildContext) -> Condition:
        search = TextSearch.of(value, context)

        def test(facts: Facts) -> bool:
            return any(search.matches(read(facts, search.limit), facts.deadline) for read in readers)

        def observed(facts: Facts) -> str:
            if search.identifiers:
                texts = [read(facts, search.limit) for read in readers]
                found = dict.fromkeys(chain.from_iterable(map(search.find_identifiers, texts)))
                return f"{', '.join(found) or 'no identifier'} in {sum(len(text.composed) for text in texts):,} characters of text"
            for read in readers:
                text = read(facts, search.limit)
                word = search.find(text)
                if word is not None:
                    break
            if read is _read_subject:
                return facts.envelope.subject
            return ("" if word is None else f'found "{word}" in ') + f"{len(text.composed):,} characters of text"

        return MessageTest(name, cost, test, observed)

    return build


def _header(name: str, value: Any, context: BuildContext) -> Condition:
    """Build a condition on header fields. One of the mappings has to match."""
    tests = build_all(lambda each: (each["name"], _header_test(each, context)), as_list(value))

    def observed(facts: Facts) -> list[str]:
        return [f"{field}: {one_line(facts.headers.all(field)) if facts.headers.all(field) else '(not there)'}" for field, _ in tests]

    return MessageTest(name, Cost.CONTENT, lambda facts: any(test(facts) for _, test in tests), observed)


def _header_test(value: dict[str, Any], context: BuildContext) -> Callable[[Facts], bool]:
    field = value["name"].lower()
    if not _FIELD_NAME.fullmatch(field):
        raise InvalidValue("expected the whole name of one header field, of letters, digits and hyphens", "name")
    present = value.get("present")
    searched = {key: content for key, content in value.items() if key not in {"name", "present"}}
    if not searched:
        return lambda facts: bool(facts.headers.all(field)) is present
    if present is not None:
        raise InvalidValue("expected either present, or words, contains, regex, card_number and identifiers")
    search = TextSearch.of(searched, context)
    return lambda facts: any(search.matches(SearchedText(text)) for text in facts.headers.all(field))


def _attachment(name: str, value: Any, context: BuildContext) -> Condition:
    """Build a condition on attachments. One attachment has to match one of the mappings.

    An image that the HTML displays is an attachment only for a mapping with `shown_images`.
    """
    tests = build_all(lambda each: (_attachment_test(each, context), each.get("shown_images", False)), as_list(value))

    def test(facts: Facts) -> bool:
        # Which images are shown is asked last: most messages have no attachment that matches.
        return any(
            matches(attached) and (with_shown or attached not in facts.shown_images)
            for attached in chain(facts.attachments, facts.disputed_attachments)
            for matches, with_shown in tests
        )

    def observed(facts: Facts) -> list[str]:
        cut = ["(a text is not read to its end)"] if any(each.has_cut_text for each in facts.attachments) else []
        return cut + [
            f"{next(iter(each.names), '(no name)')} ({each.content_type}, {each.size:,} bytes{', shown' * (each in facts.shown_images)})"
            for each in facts.attachments
        ]

    return MessageTest(name, Cost.BODY, test, observed)


def _attachment_test(value: dict[str, Any], context: BuildContext) -> "Callable[[AttachmentFacts], bool]":
    """Return a test of one attachment, which has to pass all tests of a mapping. The cheapest test is first."""
    tests: list[Callable[[AttachmentFacts], bool]] = []
    if "extension" in value:
        wanted = _check(value, "extension", context).extensions
        in_archives = value.get("in_archives", True)
        tests.append(
            lambda attached: (
                not wanted.isdisjoint(attached.extensions) or (in_archives and not wanted.isdisjoint(attached.archived_extensions))
            )
        )
    if "name" in value:
        globs = context.build_flat("globs", _glob, value["name"], "name")
        tests.append(lambda attached: any(glob.match(remove_ignorable(given)) for given in attached.names for glob in globs))
    if "name_regex" in value:
        regexes = context.regexes(value["name_regex"], "name_regex")
        tests.append(lambda attached: any(regex.search(given) for given in attached.names for regex in regexes))
    if "type" in value:
        types = _check(value, "type", context).types
        tests.append(lambda attached: _is_of_type(attached.content_type, types))
    if "size" in value:
        within = bounds_test(value["size"])
        tests.append(lambda attached: within(attached.size))
    if "true_type" in value:
        true_types = _check(value, "true_type", context).true_types
        tests.append(lambda attached: any(_is_of_type(kind, true_types) for kind in attached.true_types))
    if "encrypted" in value:
        tests.append(lambda attached: attached.is_encrypted)
    if "text" in value:
        with ErrorPath("text"):
            text = TextSearch.of(value["text"], context)
        tests.append(lambda attached: text.matches(attached.read_text(text.limit)))
    if not tests:
        raise InvalidValue("expected a property of attachments in addition to in_archives and shown_images, such as extension")
    return lambda attached: all(test(attached) for test in tests)


def _link(name: str, value: Any, context: BuildContext) -> Condition:
    """Build a condition on links. One link has to match all keys of one of the mappings."""
    tests = build_all(lambda each: _link_test(each, context), as_list(value))

    def test(facts: Facts) -> bool:
        return any(matches(found) for found in facts.links for matches in tests)

    def observed(facts: Facts) -> list[str]:
        return list(dict.fromkeys(host for found in facts.links for host in found.hosts))

    return MessageTest(name, Cost.BODY, test, observed)


def _link_test(value: dict[str, Any], context: BuildContext) -> "Callable[[Link], bool]":
    """Return a test of one link, which has to pass all tests of a mapping. The cheapest test is first."""
    tests: list[Callable[[Link], bool]] = []
    if "domain" in value:
        domains = _domains(value, "domain", context)
        tests.append(lambda found: any(domains.matches(f"@{host}") for host in found.hosts))
    if "not_domain" in value:
        excepted = _domains(value, "not_domain", context)
        tests.append(lambda found: not any(excepted.matches(f"@{host}") for host in found.targets))
    if "address" in value:
        with ErrorPath("address"):
            address = TextSearch.of(value["address"], context)
        tests.append(lambda found: any(map(address.matches, found.searched_addresses)))
    if "text" in value:
        with ErrorPath("text"):
            text = TextSearch.of(value["text"], context)
        tests.append(lambda found: text.matches(found.searched_text))
    if "shows_other_domain" in value:
        tests.append(lambda found: found.shows_other_domain)
    return lambda found: all(test(found) for test in tests)


def _domains(value: dict[str, Any], key: str, context: BuildContext) -> AddressSet:
    own, shared = context.build_each("domains", _domain, AddressSet.of, value[key], key)
    return AddressSet.of(own, (), shared)


def _domain(text: str) -> Pattern:
    try:
        pattern = Pattern.parse(text)
    except ValueError:
        pattern = None
    if pattern is None or pattern.specificity is Specificity.MAILBOX:
        raise ValueError("domains: example.com, *.example.com or *; or list:NAME")
    return pattern


def _check(value: dict[str, Any], key: str, context: BuildContext) -> "AttachmentRules":
    """Return extensions or types in a common form. Raises InvalidValue for a value that no attachment can have."""
    from mailhooks.content.attachment_rules import AttachmentRules

    given: dict[str, Any] = {f"{key}s": context.texts(value[key], key)}
    with ErrorPath(key), convert_value_errors():
        return AttachmentRules.checked(**given)


def _is_of_type(content_type: str, wanted: frozenset[str]) -> bool:
    return content_type in wanted or f"{content_type.partition('/')[0]}/*" in wanted


def _glob(pattern: str) -> re.Pattern[str]:
    """Compile a pattern for file names with `*` and `?`. Its time is bounded: names have at most 255 characters, and stars are atomic."""
    return re.compile(translate(compose(remove_ignorable(pattern)).replace("[", "[[]")), re.IGNORECASE)


CONTENT_BUILDERS: Final[dict[str, ConditionBuilder]] = {
    "subject": _text_condition(Cost.EVENT, _read_subject),
    "body": _text_condition(Cost.BODY, Facts.body_text),
    "own_text": _text_condition(Cost.BODY, Facts.own_text),
    "subject_or_body": _text_condition(Cost.BODY, _read_subject, Facts.body_text),
    "header": _header,
    "attachment": _attachment,
    "link": _link,
}
