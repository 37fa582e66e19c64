"""The text of a policy, YAML or JSON, as plain data, with a way back from a place in the data to a line of the text.

YAML is read with few of its features: scalars as in YAML 1.2's core schema (`no` and `on` are words, a date is a text), no aliases, with
which a small file could stand for a huge one, no tags, no key twice.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from mailhooks.policy.errors import PolicyError, Problem

MAX_OCTETS: Final = 512 * 1024
MAX_DEPTH: Final = 40

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SURROGATES: Final = re.compile(r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
"""A character as JSON writes it (RFC 8259 section 7), and YAML does not; or a backslash, written as two."""

_NO_ALIASES: Final = "anchors and aliases (& and *) are not taken: lists go under `lists`, texts that begin so in quotes"

_WORDS: Final = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
"""YAML 1.2 section 10.3.2."""


@dataclass(frozen=True, slots=True)
class Document:
    """A policy's text, read.

    Attributes:
        file: its name, for errors.
        data: the text as plain data.
        root: the YAML node of the text, for the line numbers.
    """

    file: str
    data: Any
    root: Any

    def line(self, place: Sequence[str | int]) -> int:
        """The line on which a place begins, or that of the nearest one around it."""
        node = self.root
        line: int = node.start_mark.line
        for step in place:
            found = _child(node, step)
            if found is None:
                break
            mark, node = found
            line = mark.start_mark.line
        return line + 1


def read(text: str, file: str = "policy") -> Document:
    """Reads a policy's text.

    Raises:
        PolicyError: it is too large, neither YAML nor JSON, or uses of YAML what is not to be used; names the line.
    """
    if len(text) > MAX_OCTETS or len(text.encode("utf-8", "replace")) > MAX_OCTETS:
        raise _refused(file, 0, f"a policy has at most {MAX_OCTETS // 1024} KB")
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:1] == "{":
        text = _SURROGATES.sub(_joined, text)
    try:
        root = _composed(text, file)
    except UnicodeEncodeError:
        raise _refused(file, 0, "half of a surrogate pair is no character") from None
    except yaml.reader.ReaderError as error:
        at = text.find(chr(error.character))
        raise _refused(file, text.count("\n", 0, at) + 1, f"U+{error.character:04X} is no character of a text") from None
    except yaml.YAMLError as error:
        raise _refused(file, *_trouble(error)) from None
    return Document(file, _value(root, file), root)


def _joined(pair: re.Match[str]) -> str:
    if pair[0] == "\\\\":
        return pair[0]
    return pair[0].encode("ascii").decode("unicode-escape").encode("utf-16", "surrogatepass").decode("utf-16")


def _trouble(error: yaml.YAMLError) -> tuple[int, str]:
    """The line, and what is the matter there."""
    mark: Any = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark is not None else 0
    why = getattr(error, "problem", None) or "it cannot be read"
    if str(getattr(error, "context", "")).startswith(("while scanning an alias", "while scanning an anchor")):
        return line, _NO_ALIASES
    return line, f"neither YAML nor JSON: {why}"


def _composed(text: str, file: str) -> Any:
    """The nodes of the text, without those features. Not by `yaml.compose`, which calls itself for each level until the process dies."""
    around: list[Any] = []
    root = None
    for event in yaml.parse(text, Loader=_Loader):
        start: Any = event.start_mark
        line = start.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused(file, line, _NO_ALIASES)
        if getattr(event, "tag", None):
            raise _refused(file, line, "tags (!) are not taken: a text that begins so goes in quotes")
        if isinstance(event, yaml.CollectionEndEvent):
            _close(around.pop())
        elif isinstance(event, yaml.NodeEvent):
            if root is not None and not around:
                raise _refused(file, line, "a policy is one document: nothing follows ---")
            if len(around) > MAX_DEPTH:
                raise _refused(file, line, "nested too deep")
            node = _node(event, start)
            root = root or node
            if around:
                around[-1].value.append(node)
            if not isinstance(event, yaml.ScalarEvent):
                around.append(node)
    return root


def _node(event: Any, start: Any) -> Any:
    end: Any = event.end_mark
    if isinstance(event, yaml.ScalarEvent):
        return yaml.ScalarNode("", event.value, start, end, event.style)
    kind = yaml.SequenceNode if isinstance(event, yaml.SequenceStartEvent) else yaml.MappingNode
    return kind("", [], start, end)


def _close(node: Any) -> None:
    """Makes pairs of the keys and values of a mapping."""
    if isinstance(node, yaml.MappingNode):
        node.value = list(zip(node.value[::2], node.value[1::2], strict=True))


def _child(node: Any, step: str | int) -> tuple[Any, Any] | None:
    """The node to show for a step, and the one to go on from."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _value(node: Any, file: str) -> Any:
    if node is None:
        raise _refused(file, 1, "the file is empty")
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        return node.value if node.style else _scalar(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, file) for item in node.value]
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _refused(file, line, "a key is a word")
        if key.value == "<<" and not key.style:
            raise _refused(file, key.start_mark.line + 1, "merges (<<) are not taken: say it in each place, or make a list under `lists`")
        if key.value in found:
            raise _refused(file, key.start_mark.line + 1, f"the key {key.value!r} stands here twice")
        found[key.value] = _value(value, file)
    return found


def _scalar(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= 20 and _INTEGER.fullmatch(text):
        return int(text)
    if len(text) <= 30 and _FLOAT.fullmatch(text):
        number = float(text)
        return int(number) if number.is_integer() else number
    return text


def _refused(file: str, line: int, text: str) -> PolicyError:
    return PolicyError(file, (Problem(line, "", "", text),))
