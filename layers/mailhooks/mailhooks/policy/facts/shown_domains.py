"""The domains that the text of a link shows to a reader."""

import re
from typing import Final

from mailhooks.policy.facts.related_domains import strip_www
from mailhooks.policy.facts.text_normalization import remove_ignorable
from mailhooks.policy.facts.urls import parse_url

_MOST_WORDS: Final = 5
"""Words of a text in which a domain without `www.` counts: a sentence may name a company such as Example.com."""

_WITH_SCHEME: Final = re.compile(r"(?:(?:https?|ftp):[/\\]{2}|(?<![\w.@-])www\d?\.)[^\s<>\"'()\[\]{}|,;]+", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\s<>\"'()\[\]{}|,;!\u00ab\u00bb\u2018-\u201f\u2192\u203a]+")
_DOMAIN: Final = re.compile(r"(?P<domain>[\w-]+(?:[.\u3002\uff0e\uff61][\w-]+)+)(?::\d{1,5})?(?:[/?#].*)?", re.DOTALL)
_ADDRESS: Final = re.compile(r"(?:mailto:)?[^\s@]{1,64}@([^\s@/]+)", re.IGNORECASE)

_GENERIC: Final = frozenset(
    """com net org info biz edu gov mil int eu name pro mobi asia coop aero jobs museum travel cat tel post
    xyz online site shop store app dev cloud live club top vip bank page link news blog email group world today life tech space website host
    example test invalid""".split()
)
"""Top-level domains of three and more letters that a reader sees as such; the last ones are those of RFC 2606. Others need `www.`, a scheme
or a path, because most are the words of a language, or extensions of files (`.zip`, `.mov`)."""

_EXTENSIONS: Final = frozenset("ai am cc cs db gz hs js kt md pm ps py rb rs sh so ts vb xz zip mov".split())
"""Extensions of files and endings of abbreviations that are top-level domains, too, or look like those of a country."""

_NEW_SENTENCE: Final = re.compile(r"[a-z]\.[A-Z][a-z]\Z")
"""Two sentences without a space between them."""

_PRODUCTS: Final = frozenset({"asp.net", "ado.net", "vb.net", "ml.net"})


def find_shown_domains(text: str) -> list[str]:
    """Return the domains that a text shows, in the form of `parse_host`; none for names such as `file.pdf`, `e.g.` and `Node.js`.

    A domain counts with `http://`, `https://` or `www.` before it; without them, among at most five words; and as that of an email address,
    which has to be the whole text.

    >>> find_shown_domains("https://www.example.com/login"), find_shown_domains("Log in at Example.com."), find_shown_domains("report.pdf")
    (['example.com'], ['example.com'], [])
    """
    text = remove_ignorable(text).strip(" .,:;!?\u2026")
    found = [each[0] for each in _WITH_SCHEME.finditer(text)]
    if not found and (address := _ADDRESS.fullmatch(text.strip("<>()[]"))):
        found = [address[1]]
    if not found and len(words := text.split(maxsplit=_MOST_WORDS)) <= _MOST_WORDS:
        found = [each[0] for word in words for each in _WORD.finditer(word) if begins_with_domain(each[0].strip(".:?*_~"))]
    urls = (parse_url(each if "://" in each or ":\\" in each else f"http://{each.strip('.:?*_~')}") for each in found)
    return [strip_www(url.host) for url in urls if url and "." in url.host]


def begins_with_domain(word: str) -> bool:
    """Return whether a word without a scheme is or begins with a domain, and not with the name of a file or an abbreviation."""
    found = _DOMAIN.fullmatch(word)
    if not found or "@" in word:
        return False
    labels = re.split("[.\u3002\uff0e\uff61]", found["domain"].lower())
    last, second = labels[-1], labels[-2]
    if labels[0] == "www":
        return True
    if "_" in last or found["domain"].lower() in _PRODUCTS or last in _EXTENSIONS:
        return False
    if last in _GENERIC or last.startswith("xn--"):
        return True
    # Country codes. Abbreviations such as `e.g.` and `z.B.` have one letter before the last dot. `done.In` is the end of a sentence.
    if _NEW_SENTENCE.search(found["domain"]):
        return False
    return len(last) == 2 and last.isalpha() and len(second) > 1
