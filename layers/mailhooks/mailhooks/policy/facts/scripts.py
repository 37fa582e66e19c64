"""Scripts that are written without spaces between words, as ranges for character sets of expressions. Digits are not in them.

The source is Unicode 17: the property Ideographic, the scripts Hiragana, Katakana and Hangul, and the scripts of the line break class SA
(https://www.unicode.org/reports/tr29/#Default_Word_Boundaries).
"""

from typing import Final

HANGUL: Final = "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff"
"""It has spaces between words, and particles touch a word."""

WITHOUT_SPACES: Final = (
    "\u0e01-\u0e4e\u0e81-\u0ecf\u0edc-\u0edf"  # Thai, Lao
    "\u1000-\u103f\u104a-\u108f\u109a-\u109f\ua9e0-\ua9ef\ua9fa-\ua9ff\uaa60-\uaa7f"  # Burmese and other languages of Myanmar
    "\u1780-\u17df"  # Khmer
    "\u1950-\u19cf\u1a20-\u1a7f\u1aa0-\u1aad\uaa80-\uaadf\U00011700-\U0001172f\U00011740-\U0001174f"  # Tai scripts, Ahom
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\u3041-\u30ff\u31f0-\u31ff\U0001aff0-\U0001b16f"  # kana
    "\U00016fe0-\U00018dff\U0001b170-\U0001b2ff"  # Tangut, Khitan, Nushu
)
