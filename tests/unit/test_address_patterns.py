import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks import address_patterns
from mailhooks.address_patterns import Pattern, ascii_domain, canonical


def test_the_doctests_pass():
    assert doctest.testmod(address_patterns) == (0, 3)


@pytest.mark.parametrize(
    "domain, ascii_form",
    [
        ("Bücher.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.EXAMPLE", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("STRAẞE.example", "xn--strae-oqa.example"),
        ("Βόλος.example", "xn--nxasmm1c.example"),
        ("ex\u00adam\u200bple.com", "example.com"),
        ("bücher\u3002example\uff61com", "xn--bcher-kva.example.com"),
        ("\uff45\uff58ample.com", "example.com"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("", ""),
    ],
)
def test_a_domain_is_converted_to_a_labels(domain: str, ascii_form: str):
    assert ascii_domain(domain) == ascii_form


@pytest.mark.parametrize("domain", ["ü" * 64, "\u00ad", "x\uff20y", "x\u2024y", "ü\uff0fy", "é." * 200])
def test_a_text_that_is_no_domain_stays(domain: str):
    assert ascii_domain(domain) == domain.lower()


def test_a_local_part_is_not_converted():
    assert canonical("Müller@Bücher.example") == "müller@xn--bcher-kva.example"
    assert canonical("a@ü@b.example") == "a@ü@b.example"


@pytest.mark.parametrize("text", ["bücher.example", "*.BÜCHER.example", "ü@bücher.example", "*.bu\u0308cher.example"])
def test_a_pattern_in_u_labels_matches_all_spellings_of_its_domain(text: str):
    pattern = Pattern.parse(text)
    for domain in ("xn--bcher-kva.example", "Bücher.example", "bu\u0308cher.example"):
        assert pattern.matches(f"ü@{domain}")
    assert not pattern.matches("ü@bucher.example")
    assert str(pattern).endswith("xn--bcher-kva.example")


@pytest.mark.fuzz
@given(st.text(st.characters(exclude_categories=[]), max_size=80))
def test_the_canonical_form_of_any_text_is_its_own_canonical_form(text: str):
    assert ascii_domain(ascii_domain(text)) == ascii_domain(text)
    assert canonical(canonical(text)) == canonical(text)
