"""Parser of a policy's text (YAML or JSON) into plain data, with the line of each place.

It supports only a part of YAML: scalars of YAML 1.2's core schema (`no` and `on` are words, a date is a text), and no key twice. It rejects
aliases, because a small file with aliases can mean a huge one, and tags.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import yaml

from mailhooks.policy.errors import PolicyError, Problem

MAX_OCTETS: Final = 512 * 1024
MAX_DEPTH: Final = 40

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SURROGATES: Final = re.compile(r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
"""A character that JSON writes as two escapes (RFC 8259 section 7), which YAML does not know; or an escaped backslash."""

_NO_ALIASES: Final = "anchors and aliases (& and *) are not supported: put lists under `lists`, and quote texts that begin with & or *"

_WORDS: Final = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
"""YAML 1.2 section 10.3.2."""


class PolicyDocument(NamedTuple):
    """The parsed text of a policy: plain data, and the YAML node for the lines."""

    file: str
    data: Any
    root: Any

    def line(self, place: Sequence[str | int]) -> int:
        """Return the line on which a place begins, or the nearest place around it."""
        node = self.root
        line: int = node.start_mark.line
        for step in place:
            found = _child(node, step)
            if found is None:
                break
            mark, node = found
            line = mark.start_mark.line
        return line + 1


def parse_document(text: str, file: str = "policy") -> PolicyDocument:
    """Parse a policy's text.

    Raises:
        PolicyError: the text is too large, neither YAML nor JSON, or uses an unsupported feature of YAML; names the line.
    """
    if len(text) > MAX_OCTETS or len(text.encode("utf-8", "replace")) > MAX_OCTETS:
        raise _error(file, 0, f"a policy has at most {MAX_OCTETS // 1024} KB")
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:1] == "{":
        text = _SURROGATES.sub(_join_surrogates, text)
    try:
        root = _parse_nodes(text, file)
    except UnicodeEncodeError:
        raise _error(file, 0, "the text has half of a surrogate pair, which is not a character") from None
    except yaml.reader.ReaderError as error:
        at = text.find(chr(error.character))
        raise _error(file, text.count("\n", 0, at) + 1, f"the character U+{error.character:04X} is not allowed in a policy") from None
    except yaml.YAMLError as error:
        raise _error(file, *_explain(error)) from None
    return PolicyDocument(file, _value(root, file), root)


def _join_surrogates(pair: re.Match[str]) -> str:
    if pair[0] == "\\\\":
        return pair[0]
    return pair[0].encode("ascii").decode("unicode-escape").encode("utf-16", "surrogatepass").decode("utf-16")


def _explain(error: yaml.YAMLError) -> tuple[int, str]:
    """Return the line and the text of a YAML error."""
    mark: Any = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark is not None else 0
    why = getattr(error, "problem", None) or "it cannot be read"
    if str(getattr(error, "context", "")).startswith(("while scanning an alias", "while scanning an anchor")):
        return line, _NO_ALIASES
    return line, f"neither YAML nor JSON: {why}"


def _parse_nodes(text: str, file: str) -> Any:
    """Return the root node of a text. `yaml.compose` is not used: it recurses for each level of nesting, until the process dies."""
    parents: list[Any] = []
    root = None
    for event in yaml.parse(text, Loader=_Loader):
        start: Any = event.start_mark
        line = start.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _error(file, line, _NO_ALIASES)
        if getattr(event, "tag", None):
            raise _error(file, line, "tags (!) are not supported: quote texts that begin with !")
        if isinstance(event, yaml.CollectionEndEvent):
            node = parents.pop()
            if isinstance(node, yaml.MappingNode):
                node.value = list(zip(node.value[::2], node.value[1::2], strict=True))
        elif isinstance(event, yaml.NodeEvent):
            if root is not None and not parents:
                raise _error(file, line, "a policy is one document: remove --- and the text after it")
            if len(parents) > MAX_DEPTH:
                raise _error(file, line, "nested too deep")
            siblings = parents[-1].value if parents else []
            if isinstance(event, yaml.ScalarEvent):
                node = yaml.ScalarNode("", event.value, start, None, event.style)
            else:
                node_type = yaml.SequenceNode if isinstance(event, yaml.SequenceStartEvent) else yaml.MappingNode
                node = node_type("", [], start)
                parents.append(node)
            root = root or node
            siblings.append(node)
    return root


def _child(node: Any, step: str | int) -> tuple[Any, Any] | None:
    """Return the node with the line of a step, and the node of the next step."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _value(node: Any, file: str) -> Any:
    if node is None:
        raise _error(file, 1, "the file is empty")
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        return node.value if node.style else _scalar(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, file) for item in node.value]
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _error(file, line, "expected a word as key")
        if key.value == "<<" and not key.style:
            raise _error(file, key.start_mark.line + 1, "merges (<<) are not supported: repeat the values, or put a list under `lists`")
        if key.value in found:
            raise _error(file, key.start_mark.line + 1, f"the key {key.value!r} is here twice")
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


def _error(file: str, line: int, text: str) -> PolicyError:
    return PolicyError(file, (Problem(line, "", "", text),))
