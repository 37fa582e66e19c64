"""The disclaimers and positions with which each message is judged."""

from tests.fidelity.judge import Case

POSITIONS = ("append", "prepend", "after-reply")

DISCLAIMERS = {
    "ascii": (
        "This message is confidential.\nIf it is not for you, please delete it.",
        "<p>This message is confidential.<br>If it is not for you, please delete it.</p>",
    ),
    "unicode": (
        "Vertraulich für Empfänger: Grüße aus Köln.\n機密情報が含まれています。\nЖизнь. 👩‍💻 🔒",
        "<p>Vertraulich für Empfänger: Grüße aus Köln.<br>機密情報が含まれています。<br>Жизнь. 👩‍💻 🔒</p>",
    ),
    "long": (
        "A long line: " + "the sender accepts no liability = for any damage. " * 30 + "End.",
        '<div style="color:#666;border-top:1px solid #ccc">A long line: '
        + "the sender accepts no liability = for any damage. " * 30
        + "End.</div>",
    ),
    "entities": (
        "Example & Sons <info@example.com> · 5 > 3\n\nFrom here: https://example.com/?a=1&b=2\n.",
        '<p>Example &amp; Sons &lt;info@example.com&gt; &middot; 5 &gt; 3</p><p>From here: <a href="https://example.com/?a=1&amp;b=2">'
        "https://example.com/?a=1&amp;b=2</a></p><p>.</p>",
    ),
}
"""Plain text and HTML, by their difficulty."""

CASES = [Case(text, html, position, f"{position}/{name}") for position in POSITIONS for name, (text, html) in DISCLAIMERS.items()]
