"""The domains that the text of a link shows to a reader."""

import re
from itertools import islice
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

_EXTENSIONS: Final = frozenset("cs db gz hs js kt rb ts vb xz zip mov".split())
"""Extensions of files that look like a country's domain, or are domains that nearly no sender has."""

_COUNTRIES_AND_EXTENSIONS: Final = frozenset("ai am cc md pm ps py rs sh so".split())
"""Countries whose domains end like files: a bank has `nlb.rs`, and a program `main.rs`."""

_SECOND_LEVEL: Final = frozenset("ac co com edu gob gov mil net org".split())
"""Labels below which a country registers domains: `itau.com.py` is no file."""

_FILES: Final = frozenset(
    """app authors bench build changelog code-of-conduct config conftest contributing copying deploy docker-compose entrypoint
    example faq file figure helpers history index init install lib license logo main makefile manage manual mod models module node
    notes noxfile plan program readme release releases roadmap run script server settings setup start stop summary
    tasks test tests todo update usage util utils urls views""".split()
)
"""Usual names of files with such extensions."""

_NEW_SENTENCE: Final = re.compile(r"[a-z]\.[A-Z][a-z]\Z")
"""Two sentences without a space between them."""

_PRODUCTS: Final = frozenset({"asp.net", "ado.net", "vb.net", "ml.net"})


def find_shown_domains(text: str, *, of_code: bool = False) -> list[str]:
    """Return the domains to which a text claims to lead, in the form of `parse_host`.

    These are all domains with `http://`, `https://` or `www.` before them; of those without, the first one among at most five words; and
    that of an email address, which has to be the whole text. Names such as `file.pdf`, `e.g.` and `Node.js` are none.

    Args:
        of_code: whether the text is about program code, so that `parser.py` and `parser.rs` are files, too.

    >>> find_shown_domains("https://www.example.com/login"), find_shown_domains("Log in at Example.com."), find_shown_domains("report.pdf")
    (['example.com'], ['example.com'], [])
    """
    text = remove_ignorable(text).strip(" .,:;!?\u2026")
    found = [each[0] for each in _WITH_SCHEME.finditer(text)]
    if not found and (address := _ADDRESS.fullmatch(text.strip("<>()[]"))):
        found = [address[1]]
    elif len(words := _WITH_SCHEME.sub(" ", text).split(maxsplit=_MOST_WORDS)) <= _MOST_WORDS:
        bare = (each[0].strip(".:?*_~") for word in words for each in _WORD.finditer(word))
        found += islice((each for each in bare if begins_with_domain(each, of_code=of_code)), 1)
    urls = (parse_url(each if "://" in each or ":\\" in each else f"http://{each.strip('.:?*_~')}") for each in found)
    return [strip_www(url.host) for url in urls if url and "." in url.host]


def begins_with_domain(word: str, *, of_code: bool = False) -> bool:
    """Return whether a word without a scheme is or begins with a domain, and not with the name of a file or an abbreviation.

    Args:
        of_code: see `find_shown_domains`.
    """
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
    if last in _COUNTRIES_AND_EXTENSIONS and second not in _SECOND_LEVEL and (of_code or _is_file_name(found["domain"])):
        return False
    # Country codes. Abbreviations such as `e.g.` and `z.B.` have one letter before the last dot. `done.In` is the end of a sentence.
    if _NEW_SENTENCE.search(found["domain"]):
        return False
    return len(last) == 2 and last.isalpha() and len(second) > 1


def _is_file_name(word: str) -> bool:
    """Return whether a name that may be a domain is usual for a file: `README.md`, `my_tool.py`, `main.rs`."""
    name = word.rpartition(".")[0]
    return "_" in name or name.lower() in _FILES
