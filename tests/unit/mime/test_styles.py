import pytest

from mailhooks.mime.styles import is_hidden, parse_declarations, read_luminance, read_styles


@pytest.mark.parametrize(
    "selector, types",
    [
        ("*", {"*"}),
        ("body > *", {"*"}),
        ("div, P", {"div", "p"}),
        ("table td div", {"div"}),
        ("body>:not(.m)", {"*"}),
        ("div:not(.m):last-child", {"div"}),
        ("body :is(div,p)", {"*", "p"}),
        ("[class]", {"*"}),
        ("div[class*=mailhooks]", {"div"}),
        (".mailhooks-disclaimer", {"*"}),
        ("[data-ogsc] p", {"p"}),
        ("a:link", {"a"}),
        (".m", set()),
        ("div.m", set()),
        ("#m", set()),
        ("p:hover", set()),
        ("p::before", set()),
        ("a[x-apple-data-detectors]", set()),
        ("table[class=body]", set()),
        (r"o\:*", set()),
        ("@font-face", set()),
        ("", set()),
    ],
)
def test_rules_that_may_match_an_element_without_their_classes_are_found(selector: str, types: set[str]):
    rule = f"{selector} {{ display : none !important }}"
    for sheet in (rule, f"@media (x){{ {rule} }}", f"/* x{{ */{rule}"):
        found = read_styles(f"<STYLE type='text/css'>{sheet}</style><p>x</p>")
        assert set(found.any) == types, sheet
        assert all(declarations == {"display": "none"} for declarations in found.any.values())


def test_the_styles_of_the_body_are_those_of_its_rules_attributes_and_style():
    html = (
        '<html dir="RTL" class=d><head><style>html{display:flex;color:red} body{margin:0;color:#000} .mail{display:grid}'
        "@media (x){body{color:#fff}}</style></head>"
        '<body class="mail x" bgcolor="#FFF" style="Color: #111 ! important; margin:1px">'
    )
    assert read_styles(html).body == {"direction": "rtl", "color": "#111", "margin": "1px", "display": "grid", "background-color": "#fff"}


@pytest.mark.parametrize(
    "html, dark",
    [
        ('<meta name="color-scheme" content="light dark">', True),
        ("<style>@media (prefers-color-scheme: dark){}</style>", True),
        ("<style>[data-ogsc] .x{}</style>", True),
        ("<p>dark</p>", False),
    ],
)
def test_styles_for_a_dark_mode_are_found(html: str, dark: bool):
    assert read_styles(html).is_dark is dark


def test_hidden_classes_are_those_that_are_hidden_everywhere():
    found = read_styles("<style>.a,#b{display:none} .c{font-size:1px} @media print{.d{display:none}} .e{opacity:.5}</style>")
    assert found.hidden == {".a", "#b", ".c"}


@pytest.mark.parametrize(
    "style, hidden",
    [
        ("display: none", True),
        ("mso-hide:all", True),
        ("max-height:0px", True),
        ("max-height: 0; overflow: hidden", True),
        ("font-size:1px", True),
        ("line-height:0", True),
        ("opacity:0", True),
        ("visibility:hidden", True),
        ("opacity:0.9", False),
        ("font-size:10px", False),
        ("line-height:1", False),
        ("line-height:1.5", False),
        ("display:block", False),
        ("", False),
    ],
)
def test_styles_that_hide_an_element_are_recognized(style: str, hidden: bool):
    assert is_hidden(style) is hidden


@pytest.mark.parametrize(
    "colour, luminance",
    [
        ("#fff", 1.0),
        ("white", 1.0),
        ("000000", 0.0),
        ("rgb(255, 255, 255)", 1.0),
        ("rgba(0,0,0,1)", 0.0),
        ("rgba(0,0,0,.5)", None),
        ("navy", None),
        ("var(--x)", None),
        ("#12", None),
        ("", None),
    ],
)
def test_the_luminance_of_a_colour_is_known_or_not(colour: str, luminance: float | None):
    assert read_luminance(colour) == luminance


def test_declarations_are_split_and_bounded():
    assert parse_declarations("color : red!important; ;x;width:1px /* y */") == {"color": "red", "width": "1px"}
    assert len(parse_declarations("".join(f"p{at}:1;" for at in range(1000)))) == 100
