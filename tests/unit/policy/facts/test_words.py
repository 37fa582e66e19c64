import json
import random
import re
import shutil
import subprocess
import unicodedata

import pytest

from mailhooks.policy.facts import words
from mailhooks.policy.facts.text_normalization import normalize
from mailhooks.policy.facts.words import Words
from tests.support.tables import check_rows

WHOLE = [
    # scripts without spaces: Han, kana, Hangul, Thai, Lao, Khmer, Burmese
    ("\u6a5f\u5bc6", "\u3010\u81f3\u6025\u3011\u6a5f\u5bc6\u6587\u66f8\u306e\u53d6\u308a\u6271\u3044"),
    ("\u5bc6\u7801", "\u60a8\u7684\u5bc6\u7801\u5373\u5c06\u8fc7\u671f"),
    ("비밀번호", "비밀번호를 변경하세요"),
    ("รหัสผ่าน", "กรุณาเปลี่ยนรหัสผ่านของคุณ"),
    ("ໃບແຈ້ງໜີ້", "ເບິ່ງໃບແຈ້ງໜີ້ນີ້"),
    ("វិក្កយបត្រ", "សូមមើលវិក្កយបត្រនេះ"),
    ("ပြေစာ", "ငွေပြေစာကို"),
    ("パスワード", "新しいパスワードを設定"),
    ("ﾊﾟｽﾜｰﾄﾞ", "新しいパスワードを設定"),
    ("パスワード", "新しいﾊﾟｽﾜｰﾄﾞを設定"),
    ("請求書", "請求書って何"),
    ("請求書", "請求書をご確認ください"),
    ("\u4eba", "\u4eba\u3005"),
    ("𠮷野", "𠮷野家"),
    ("ひらがな", "これはひらがなです"),
    ("メール", "メール・アドレス"),
    # next to letters and digits of other scripts
    ("invoice", "発票invoiceを"),
    ("pdf", "添付のPDFを"),
    ("100", "価格100円"),
    ("円", "100円"),
    ("비밀번호", "비밀번호ㅠㅠ"),
    ("번호", "비밀번호ㄳ"),
    ("비밀번호", "ㅋㅋ비밀번호ㅋㅋ"),
    ("kakao", "카카오kakao톡"),
    # punctuation ends words
    ("offre", "l'offre"),
    ("offre", "l\u2019offre"),
    ("ankara", "Ankara'da"),
    ("smith", "Smith's"),
    ("can", "can 't"),
    ("can", "I can't, I can."),
    ("secret", "a_secret_"),
    ("example", "www.example.com"),
    ("2026", "24.12.2026"),
    ("c++", "in C++ and"),
    ("invoice", "Invoice\u2122"),
    ("123", "договор \u2116123"),
    ("secret", "secret\u00b2 and \u2460secret"),
    ("password", "p\u0336a\u0336s\u0336s\u0336word"),
    ("password", "\u24ab\u249c\u24ae\u24ae\u24b2\u24aa\u24ad\u249f"),
    ("password", "P\u20e3A\u20e3SSWORD"),
    ("m\u00b2", "5 m\u00b2."),
    ("कर", "कर।"),
    ("ab", "aba ab"),
    ("can", "can't can"),
]  # fmt: skip

NOT_WHOLE = [
    # a mark belongs to its letter: Hindi, Thai, Sinhala, Latin, kana
    ("कर", "कृपया बैठक की पुष्टि करें"),
    ("कर", "सरकर"),
    ("रु", "रुपये"),
    ("क", "क्षमा"),
    ("ษ", "क्ष"),
    ("ภาษ", "ภาษี"),
    ("ක", "කු"),
    ("x", "x\u0308"),
    ("cafe", "cafe\u0301"),
    ("か", "が"),
    ("か", "か\u309a"),
    ("ম", "মা"),
    ("த", "தி"),
    # vowels, stacked consonants and final consonants of scripts without spaces
    ("มา", "เมา"),
    ("พ", "พา"),
    ("ຫ", "ຫະ"),
    ("က", "ကန်"),
    ("က", "က္ကူ"),
    ("ក", "ក្រ"),
    ("រ", "ក្រ"),
    ("キ", "キャ"),
    ("サーバ", "サーバー"),
    ("いす", "いすゞ"),
    ("\u1100", "\u1100\u119e"),
    # scripts with spaces
    ("secret", "secretary"),
    ("secret", "secret2"),
    ("пароль", "паролями"),
    ("фа", "фактура"),
    ("αυτο", "αυτοκίνητο"),
    ("שלום", "ושלום"),
    ("فاتورة", "الفاتورة"),
    ("הזמנה", "ההזמנה"),
    ("ግብር", "የግብር"),
    ("გადა", "გადახდა"),
    ("๑๒", "๑๒๓"),
    ("12", "123"),
    # "can't" is one word
    ("can", "I can't"),
    ("won", "I won\u2019t come"),
]  # fmt: skip

ROWS = [*((word, text, True) for word, text in WHOLE), *((word, text, False) for word, text in NOT_WHOLE)]
MANY = [f"word{number}" for number in range(300)]
MANY_OF_HAN = [f"\u5b57{number}" for number in range(300)]


@pytest.mark.parametrize("others", [[], MANY, MANY_OF_HAN, MANY + MANY_OF_HAN], ids=["alone", "many", "many of Han", "many of both"])
def test_words_end_where_a_reader_sees_it(others):
    def check(word: str, text: str, expected: bool) -> None:
        found = Words.of([word, *others]).found_in(normalize(text))
        assert found == expected, f"{word} in {text}"

    check_rows(ROWS, check)


def test_parts_are_found_inside_of_words():
    def check(part: str, text: str, _: bool) -> None:
        assert Words.of([], [part]).found_in(normalize(text)) == (normalize(part) in normalize(text))

    check_rows(ROWS, check)


@pytest.fixture(scope="module")
def icu():
    """Runs a function of JavaScript on each text: Node.js has ICU, an independent implementation."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")

    def run(function: str, texts: list[str]) -> list[list[int]]:
        program = (
            f"const run = {function}; const given = JSON.parse(require('fs').readFileSync(0)); console.log(JSON.stringify(given.map(run)))"
        )
        done = subprocess.run([node, "-e", program], input=json.dumps(texts), capture_output=True, check=True, text=True)
        found: list[list[int]] = json.loads(done.stdout)
        return found

    return run


def test_the_scripts_without_spaces_are_those_of_icu(icu):
    scripts = "|".join(rf"\p{{sc={script}}}" for script in "Hira Kana Hang Thai Laoo Mymr Khmr Tale Talu Lana Tavt Ahom".split())
    function = rf"text => Array.from(text, char => Number(/^(?:\p{{Ideographic}}|{scripts}|\u30fc)$/u.test(char)))"
    letters = [char for char in map(chr, range(0x40000)) if unicodedata.category(char)[0] == "L" and normalize(char) == char]
    [theirs] = icu(function, ["".join(letters)])
    ours = [words._is_unspaced(letter) for letter in letters]
    different = {letter for letter, our, their in zip(letters, ours, theirs, strict=True) if our != bool(their)}
    # Marks that repeat a letter of these scripts, and that Unicode gives to no script.
    assert different <= set("\u3005\u3031\u3032\u3033\u3034\u3035\u303b\u303c\U00016fe0\U00016fe1\U00016fe3")


ALPHABETS = [
    "abcxyz\u00e9\u00df\u00f8\u0301\u0308",
    "абвгё\u0301",
    "αβγω\u0301",
    "אבגדש",
    "ابتثج\u0654",
    "कखगर\u093e\u093f\u0947\u094d\u0902",
    "কখগ\u09be\u09bf\u09cd",
    "கசட\u0bbe\u0bbf\u0bcd",
    "കചട\u0d3e\u0d4d",
    "ሀለሐመ",
    "აბგდ",
    "աբգդ",
    "0123456789\u0966\u0967",
    "བོདཀ\u0f72",
    "ᠠᠡᠢ",
]
GAPS = " -!?()\u2026\u3001\n"
MARKS_ALONE = re.compile(r"(?<![^\W_])[^\w\s\x00-\x7f\u2026\u3001]+")
"""Marks without a letter before them: to which word these belong is no question of a reader."""


def test_words_end_where_icu_ends_them_in_scripts_with_spaces(icu):
    random_source = random.Random(29)
    texts = []
    for _ in range(3000):
        letters = "".join(random_source.sample(ALPHABETS, 2)) + GAPS
        text = normalize("".join(random_source.choices(letters, k=12)))
        texts.append(MARKS_ALONE.sub("", text))
    ends = "text => [...new Intl.Segmenter('en', {granularity: 'word'}).segment(text)].map(each => each.index)"
    for text, theirs in zip(texts, icu(ends, texts), strict=True):
        for at in range(1, len(text)):
            if words._is_letter(text[at - 1]) or words._is_letter(text[at]):
                assert words._is_end(text, at) == (at in theirs), (ascii(text), at)


SYLLABLES = [
    ["ก", "เก", "แก่", "กิ", "กะ", "กา", "น้ำ"],
    ["ກ", "ເກ", "ກະ", "ກິ", "ນ້ຳ"],
    ["က", "ကန်", "က္က", "ကိ", "ကြ", "ငေ", "န့်"],
    ["ក", "ខ្រ", "ខា", "រិ"],
    ["か", "が", "は\u309a", "ー", "キャ", "ッ"],
    ["\u1100\u119e", "\uac01", "\u1100\u1161\u11a8", "\u1100\u1100\u1161"],
    ["क", "र्क", "रि", "क्ष", "कं"],
]


def test_no_word_ends_within_a_character_of_a_reader(icu):
    random_source = random.Random(29)
    texts = [normalize("".join(random_source.choices(random_source.choice(SYLLABLES), k=6))) for _ in range(3000)]
    starts = "text => [...new Intl.Segmenter('en', {granularity: 'grapheme'}).segment(text)].map(each => each.index)"
    for text, theirs in zip(texts, icu(starts, texts), strict=True):
        assert all(at in theirs for at in range(1, len(text)) if words._is_end(text, at)), ascii(text)
