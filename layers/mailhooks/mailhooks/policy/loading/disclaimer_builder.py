"""Builder of the action `disclaimer`: texts in the policy, or files in its folder."""

from collections.abc import Mapping
from typing import Any, Final

from mailhooks.content.change import OnUnmodifiable
from mailhooks.content.disclaimer import Disclaimer, OnNoText, OnUnknownCharset, Position
from mailhooks.content.template import MESSAGE_VARIABLES
from mailhooks.policy.loading.build_context import BuildContext
from mailhooks.policy.loading.problems import ErrorPath, InvalidValue
from mailhooks.policy.rules.rule import AddDisclaimer

_MAX_CHARACTERS: Final = {"text": 50_000, "html": 200_000}
"""Of a template in a file; the schema has the same limits for a template in the policy."""


def build_disclaimer(value: Mapping[str, Any], context: BuildContext) -> AddDisclaimer:
    """Build the action from its value. Raises InvalidValue."""
    text, html = _read_template(value, "text", context), _read_template(value, "html", context)
    if not (text or html).strip():
        raise InvalidValue("expected text or text_file, html or html_file, or one of each")
    with ErrorPath("html_file" if "html_file" in value else "html"):
        html, images = context.folder.add_images(html, value.get("html_file", ""))
    disclaimer = Disclaimer(
        text=text,
        html=html,
        position=Position(value.get("position", "append")),
        once_per_thread=value.get("once_per_thread", False),
        on_unmodifiable=OnUnmodifiable(value.get("on_unmodifiable", "pass")),
        on_no_text=OnNoText(value.get("on_no_text", "pass")),
        on_unknown_charset=OnUnknownCharset(value.get("on_unknown_charset", "transliterate")),
        images=images,
    )
    attributes = frozenset(name for each in context.address_book.values() for name in each)
    for template in disclaimer.templates:
        try:
            template.check(MESSAGE_VARIABLES | attributes)
        except ValueError as error:
            raise InvalidValue(f"{error}; the file of organization.address_book adds variables") from None
    return AddDisclaimer(disclaimer, context.address_book)


def _read_template(value: Mapping[str, Any], kind: str, context: BuildContext) -> str:
    """Return the template `text` or `html`, from the policy or from a file; `""` if there is none."""
    key = f"{kind}_file"
    if key not in value:
        found: str = value.get(kind, "")
        return found
    if kind in value:
        raise InvalidValue(f"expected {kind} or {key}, not both")
    with ErrorPath(key):
        found = context.folder.read_text(value[key])
        if len(found) > _MAX_CHARACTERS[kind]:
            raise InvalidValue(f"expected at most {_MAX_CHARACTERS[kind]:,} characters in {value[key]}, got {len(found):,}")
        return found
