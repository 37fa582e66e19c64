"""Compares a message before and after, part by part."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message

from tests.fidelity.insertion import Wanted, compare_text
from tests.fidelity.lines import illegal_lines
from tests.fidelity.reading import Leaf, leaves, parameters, parse, shown, walk
from tests.fidelity.reasons import reason
from tests.fidelity.verdict import Finding, Kind
from tests.fidelity.visible import squeezed, visible_text

Adder = Callable[..., bytes]
"""`mailhooks.content.disclaimer.add_disclaimer`, or a function with the same arguments."""

_OWN_FIELDS = frozenset({"content-type", "content-transfer-encoding"})
_PROTECTED = {"signed": Kind.SIGNED_BROKEN, "encrypted": Kind.SIGNED_BROKEN, "report": Kind.ATTACHMENT_CHANGED}
_ARMOURED = re.compile(rb"-----BEGIN PGP .*?-----END PGP [^-]*-----", re.DOTALL)


@dataclass(frozen=True)
class Case:
    """The arguments of one call of the implementation."""

    text: str
    html: str
    position: str
    name: str = ""


class Judge:
    """Judges the changes that an implementation makes to one message, case by case.

    Args:
        raw: the message.
        add: the implementation.
        explain: returns why a message stays unchanged; `""` without a reason.
    """

    def __init__(self, raw: bytes, add: Adder, explain: Callable[[bytes], str] | None = None) -> None:
        self._raw = raw
        self._add = add
        self._explain = explain
        try:
            self._before: _Message | None = _Message(raw)
        except (RecursionError, LookupError, ValueError, TypeError, AttributeError):
            self._before = None

    def verdict(self, case: Case) -> Finding:
        """Return the worst finding."""
        return max(self.findings(case), default=Finding(Kind.OK, ""))

    def findings(self, case: Case) -> Iterator[Finding]:
        try:
            changed = self._apply(self._raw, case)
        except Exception as error:  # noqa: BLE001 - that is the finding
            yield Finding(Kind.CRASH, f"{type(error).__name__}: {error}"[:120])
            return
        if not isinstance(changed, bytes):
            yield Finding(Kind.CRASH, f"returned {type(changed).__name__}")
        elif self._before is None:
            yield Finding(Kind.UNJUDGED, "the standard library fails on this message")
        elif changed == self._raw:
            yield self._left(self._before)
        else:
            yield from _compare(self._before, changed, case)
            yield from self._again(changed, case)

    def _apply(self, raw: bytes, case: Case) -> bytes:
        return self._add(raw, text=case.text, html=case.html, position=case.position)

    def _left(self, before: "_Message") -> Finding:
        if why := reason(before.message):
            return Finding(Kind.UNCHANGED, why)
        if self._explain and (why := self._explain(self._raw)):
            return Finding(Kind.DECLINED, why)
        return Finding(Kind.MISSING, "unchanged without a reason")

    def _again(self, changed: bytes, case: Case) -> Iterator[Finding]:
        try:
            if self._apply(changed, case) != changed:
                yield Finding(Kind.TWICE, "a second application changes the message")
        except Exception as error:  # noqa: BLE001 - that is the finding
            yield Finding(Kind.CRASH, f"on its own result, {type(error).__name__}: {error}"[:120])


class _Message:
    """A parsed message."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.message = parse(raw)
        self.parts = list(walk(self.message))
        self.leaves = leaves(self.message)
        self.shape = [(path, part.get_content_type(), part.is_multipart()) for path, part, _ in self.parts]
        self.by_part = {id(leaf.part): leaf for leaf in self.leaves}
        self.views = {prefer: [self.by_part[id(part)] for part in shown(self.message, prefer)] for prefer in ("plain", "html")}
        self.bodies = {leaf.path for view in self.views.values() for leaf in view}

    def protected_in(self, after: "_Message") -> Iterator[Finding]:
        """Yield a finding for each signed, encrypted or report part whose octets are not in the changed message."""
        for path, part, within in self.parts:
            kind = _PROTECTED.get(part.get_content_subtype()) if part.get_content_maintype() == "multipart" else None
            if kind is not None and "rfc822" not in within and (content := _between_delimiters(self.raw, part)) not in after.raw:
                yield Finding(kind, f"{part.get_content_type()} {path}: {len(content)} octets are missing")

    def containers_in(self, after: "_Message") -> Iterator[Finding]:
        """Compare the fields, preamble and epilogue of the message and of every part with parts."""
        for (path, old, _), (_, new, _) in zip(self.parts, after.parts, strict=True):
            if not path:
                yield from _compare_top(old, new, body=path in self.bodies)
            elif old.is_multipart() and old.items() != new.items():
                yield Finding(Kind.HEADER_CHANGED, f"part {path}: the header of the {old.get_content_type()}")
            if (old.preamble, old.epilogue) != (new.preamble, new.epilogue):
                yield Finding(Kind.ATTACHMENT_CHANGED, f"part {path or 'message'}: preamble or epilogue")


def _compare(before: _Message, changed: bytes, case: Case) -> Iterator[Finding]:
    after = _Message(changed)
    yield from illegal_lines(before.raw, changed, before.leaves, after.leaves)
    yield from before.protected_in(after)
    if before.shape != after.shape:
        yield Finding(Kind.ATTACHMENT_CHANGED, f"parts before: {before.shape}, after: {after.shape}"[:200])
        return
    yield from before.containers_in(after)
    for old, new in zip(before.leaves, after.leaves, strict=True):
        yield from _compare_leaf(old, new, before, case)
    yield from _compare_views(before, after, case)


def _between_delimiters(raw: bytes, part: Message) -> bytes:
    """Return the octets from the first to the closing delimiter of a multipart. Parsing might hide changes of signed octets."""
    boundary = parameters(part).get("boundary", "").encode("ascii", "surrogateescape")
    delimiters = list(re.finditer(rb"(?m)^--" + re.escape(boundary) + rb"(--)?[ \t]*\r?$", raw))
    closing = next((found for found in delimiters if found[1]), None)
    if not delimiters:
        return b""
    return raw[delimiters[0].start() : closing.end() if closing else len(raw)]


def _compare_top(old: Message, new: Message, *, body: bool) -> Iterator[Finding]:
    """Compare the fields of the message. An `X-` field may be added, MIME-Version if it was missing; the fields of the body may change."""
    if old.get_unixfrom() != new.get_unixfrom():
        yield Finding(Kind.HEADER_CHANGED, "the mbox line")
    may_come = {"mime-version"} if "mime-version" not in old else set()
    own = _OWN_FIELDS if body else frozenset()
    theirs = [(name, value) for name, value in old.items() if name.lower() not in own]
    kept: list[tuple[str, object]] = []
    for name, value in new.items():
        if name.lower() in own:
            continue
        if len(kept) < len(theirs) and (name, value) == theirs[len(kept)]:
            kept.append((name, value))
        elif not name.lower().startswith("x-") and name.lower() not in may_come:
            yield Finding(Kind.HEADER_CHANGED, f"the field {name} is new or moved")
    if len(kept) < len(theirs):
        yield Finding(Kind.HEADER_CHANGED, f"the field {theirs[len(kept)][0]} is missing or changed")


def _compare_leaf(old: Leaf, new: Leaf, before: _Message, case: Case) -> Iterator[Finding]:
    """Compare a part without parts. The other fields of the message are compared before."""
    where = f"part {old.path or 'message'}"
    if old.source == new.source and _fields(old, own=True) == _fields(new, own=True) and _fields(old) == _fields(new):
        return
    if old.path not in before.bodies:
        opaque = re.search("pkcs7|pgp", old.part.get_content_subtype())
        yield Finding(Kind.SIGNED_BROKEN if opaque else Kind.ATTACHMENT_CHANGED, f"{where}: {old.part.get_content_type()}")
        return
    if any(armoured not in new.octets for armoured in _ARMOURED.findall(old.octets)):
        yield Finding(Kind.SIGNED_BROKEN, f"{where}: inline PGP")
    if _fields(old) != _fields(new):
        yield Finding(Kind.HEADER_CHANGED, f"{where}: other fields than its type and encoding")
    if _parameters(old) != _parameters(new) or len(set(_fields(new, own=True))) > len(_OWN_FIELDS):
        yield Finding(Kind.HEADER_CHANGED, f"{where}: other parameters of its type than the charset")
    wanted = Wanted(*((visible_text(case.html), case.html) if old.is_html else (old.given(case.text),) * 2), case.position)
    yield from (Finding(kind, f"{where}: {detail}") for kind, detail in compare_text(old, new, wanted))


def _fields(leaf: Leaf, *, own: bool = False) -> list[tuple[str, object]]:
    """Return the fields of a part, without or (`own`) only the two fields that may change with its text."""
    return [(name, value) for name, value in leaf.part.items() if (name.lower() in _OWN_FIELDS) is own and (own or leaf.path)]


def _parameters(leaf: Leaf) -> dict[str, str]:
    return {name: value for name, value in parameters(leaf.part).items() if name != "charset"}


def _compare_views(before: _Message, after: _Message, case: Case) -> Iterator[Finding]:
    """Check that the disclaimer is displayed once more, by programs that prefer HTML and by those that prefer plain text."""
    for prefer, view in after.views.items():
        times = sum(_count(new, case) - _count(old, case) for new, old in zip(view, before.views[prefer], strict=True))
        if times == 0 and any(squeezed(old.visible) for old in before.views[prefer]):
            yield Finding(Kind.MISSING, f"it is not displayed as {prefer}")
        elif times > 1:
            yield Finding(Kind.TWICE, f"it is displayed {times} times as {prefer}")


def _count(leaf: Leaf, case: Case) -> int:
    return squeezed(leaf.visible).count(squeezed(visible_text(case.html) if leaf.is_html else leaf.given(case.text)))
