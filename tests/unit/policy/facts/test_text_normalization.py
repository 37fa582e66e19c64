import unicodedata

import pytest

from mailhooks.policy.facts.text_normalization import convert_in_pieces, normalize

EQUAL = [
    # Turkish: the capital of i has a dot, and I is the capital of the dotless i
    ("fatura bildirimi", "FATURA B\u0130LD\u0130R\u0130M\u0130"),
    ("\u0131s\u0131", "ISI"),
    ("tutar\u0131", "TUTARI"),
    ("i", "I\u0307"),
    # case in other languages: German, Greek (final sigma, accents), long s, Lithuanian, Georgian, Dutch, Croatian
    ("Stra\u00dfe", "STRASSE"),
    ("STRA\u1e9eE", "strasse"),
    ("\u03c3\u03bf\u03c6\u03cc\u03c2", "\u03a3\u039f\u03a6\u039f\u03a3"),
    ("\u03c4\u03b9\u03bc\u03bf\u03bb\u03cc\u03b3\u03b9\u03bf", "\u03a4\u0399\u039c\u039f\u039b\u039f\u0393\u0399\u039f"),
    ("\u0390", "\u03aa\u0301"),
    ("Wach\u017ftube", "wachstube"),
    ("\u00ed", "i\u0307\u0301"),
    ("\u10d0", "\u1c90"),
    ("ijs", "\u0132S"),
    ("\u01c6", "D\u017d"),
    # quotes, apostrophes, dashes, white space
    ("don't", "don\u2019t"),
    ("don't", "don\u00b4t"),
    ("\u043f'\u044f\u0442\u044c", "\u043f\u02bc\u044f\u0442\u044c"),
    ("o'zbek", "o\u02bbzbek"),
    ('"a"', "\u201ea\u201c"),
    ('"a"', "\u00aba\u00bb"),
    ('\u05e6\u05d4"\u05dc', "\u05e6\u05d4\u05f4\u05dc"),
    ("e-mail", "e\u2011mail"),
    ("e-mail", "e\u2013mail"),
    ("e-mail", "e\u2212mail"),
    ("plan b", "plan\u00a0b"),
    ("plan b", "plan\u202f\u3000\t\r\n b"),
    ("a b", "a\u3164b"),
    # form KC: full-width and half-width letters, ligatures, circles, mathematics, presentation forms
    ("invoice", "\uff29\uff4e\uff56\uff4f\uff49\uff43\uff45"),
    ("\u30ac\u30b9", "\uff76\uff9e\uff7d"),
    ("\u30d1\u30b9\u30ef\u30fc\u30c9", "\uff8a\uff9f\uff7d\uff9c\uff70\uff84\uff9e"),
    ("file", "\ufb01le"),
    ("free", "\u24bb\u24e1\u24d4\u24d4"),
    ("free", "\U0001f175\U0001f181\U0001f174\U0001f174"),
    ("free", "\U0001d4d5\U0001d4fb\U0001d4ee\U0001d4ee"),
    ("co2", "CO\u2082"),
    ("no 5", "\u21165"),
    ("\uac00", "\u1100\u1161"),
    ("\u0633\u0644\u0627\u0645", "\ufeb3\ufefc\ufee1"),
    # invisible characters
    ("secret", "se\u200bcr\u00ade\u2060t"),
    ("\u0645\u06cc\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
    # lines that a mailer wrapped in scripts without spaces
    ("\u6a5f\u5bc6\u6587\u66f8", "\u6a5f\u5bc6\r\n\u6587\u66f8"),
    ("\u6a5f\u5bc6\u6587\u66f8", "\u6a5f\n\u5bc6\n\u6587\u66f8"),
    ("\u0e23\u0e2b\u0e31\u0e2a\u0e1c\u0e48\u0e32\u0e19", "\u0e23\u0e2b\u0e31\u0e2a\n\u0e1c\u0e48\u0e32\u0e19"),
    # letters of Russian and Romanian with two spellings
    ("\u0441\u0447\u0435\u0442", "\u0421\u0427\u0401\u0422"),
    ("\u0219edin\u021b\u0103", "\u015eedin\u0163\u0103"),
    # vowel points and the tatweel; the keyboards for Arabic and Persian; spellings of Malayalam
    ("\u0643\u062a\u0627\u0628", "\u0643\u0640\u0640\u062a\u064e\u0627\u0628\u064c"),
    ("\u0643\u062a\u0627\u0628", "\u06a9\u062a\u0627\u0628"),
    ("\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd"),
    ("\u05e9\u05dc\u05d5\u05dd", "\ufb2a\u05dc\u05d5\u05dd"),
    ("\u0d05\u0d35\u0d7b", "\u0d05\u0d35\u0d28\u0d4d\u200d"),
]  # fmt: skip

DIFFERENT = [
    ("cafe", "caf\u00e9"),
    ("\u0648", "\u0624"),  # a hamza is a part of the letter
    ("\u0e01\u0e34\u0e19", "\u0e01\u0e34\u0e19\u0e35"),
    ("invoice", "invoicetm"),
    ("\ube44\ubc00\ubc88\ud638", "\ube44\ubc00\n\ubc88\ud638"),  # Korean has spaces
    ("\u6a5f\u5bc6", "\u6a5f\n\n\u5bc6"),
    ("invoice", "in\nvoice"),
    ("\u304b", "\u304c"),
]


@pytest.mark.parametrize("one, other", EQUAL, ids=ascii)
def test_texts_that_are_one_text_to_a_reader_are_equal(one, other):
    assert normalize(one).strip() == normalize(other).strip()


@pytest.mark.parametrize("one, other", DIFFERENT, ids=ascii)
def test_other_letters_are_not_equal(one, other):
    assert normalize(one) != normalize(other)


def test_the_normal_form_is_its_own_normal_form():
    texts = [text for pair in EQUAL for text in pair]
    assert [normalize(normalize(text)) for text in texts] == list(map(normalize, texts))
    every = "".join(chr(point) for point in range(0x20000) if not 0xD800 <= point < 0xE000 and unicodedata.category(chr(point)) != "Cn")
    once = {char: normalize(char) for char in every if normalize(char) != char}
    assert not {char for char, form in once.items() if normalize(form) != form}


def test_a_sign_at_a_word_is_no_part_of_it():
    assert normalize("Invoice\u2122").split() == ["invoice", "tm"]
    assert normalize("\u2116123").split() == ["no", "123"]


def test_runs_of_marks_are_converted_in_pieces():
    marks = "b" + "\u0301\u0316" * 100
    assert sorted(convert_in_pieces("NFC", marks)) == sorted(marks)
    assert convert_in_pieces("NFC", marks) != unicodedata.normalize("NFC", marks)
