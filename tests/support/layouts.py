"""HTML layouts of mail in which a disclaimer has been hidden, moved or made part of the content, each in a small form of its own."""

from typing import NamedTuple

HEAD = b"From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
"""The header of a message with a layout."""

BOX = '<div style="width:300px;height:120px;background:#cde">Offer</div>'
CARD = '<div class="card"><h2>Your order 4711</h2><p>It is on its way.</p></div>'
TABLE = (
    '<table align="left" width="200" border="1"><tr><td>Left<br>one<br>two<br>three<br>four</td></tr></table>'
    '<table align="left" width="200" border="1"><tr><td>Next</td></tr></table>'
)


class Layout(NamedTuple):
    """A layout and the position of the disclaimer in it."""

    name: str
    html: str
    position: str = "append"


LAYOUTS = [
    Layout("plain", "<html><body><p>Hello Bob,</p><p>see you at six.</p></body></html>"),
    Layout("tables at the left", f"<html><body>{TABLE}</body></html>"),
    Layout(
        "image at the left",
        '<body><img align="left" alt="Logo" width="120" height="200" style="background:#fc8"><p>Hello Bob</p></body>',
    ),
    Layout("image at the right", '<body><p>Hello<img align=right alt="Logo" width="120" height="200" style="background:#fc8"></p></body>'),
    Layout(
        "floats by a class",
        "<html><head><style>.c{float:left;width:45%;height:150px;background:#eef}</style></head>"
        '<body><div class="c">Left</div><div class="c">Right</div></body></html>',
    ),
    Layout("floats by a type", "<style>div{float:left;width:30%}</style><div>One</div><div>Two</div>"),
    Layout("floats in a wrapper", '<body><div><div style="float:left;width:80%;height:200px;background:#efe">Text</div></div></body>'),
    Layout("flexible row", f'<html><body style="display:flex">{BOX}{BOX}</body></html>'),
    Layout(
        "flexible row, centred",
        "<html><head><style>body{margin:0;display:flex;justify-content:center;align-items:center;min-height:100vh;background:#f4f4f4}"
        ".card{background:#fff;padding:20px;width:300px}</style></head>"
        f"<body>{CARD}</body></html>",
    ),
    Layout("flexible row that wraps", f'<body style="display:flex;flex-wrap:wrap">{BOX}{BOX}{BOX}</body>'),
    Layout("flexible row, reversed", f'<body style="display:flex;flex-direction:row-reverse">{BOX}{BOX}</body>'),
    Layout("flexible column", f'<body style="display:flex;flex-direction:column;align-items:center">{BOX}{BOX}</body>'),
    Layout("flexible column, reversed", f'<body style="display:flex;flex-direction:column-reverse">{BOX}{BOX}</body>'),
    Layout("flexible row, banner", f'<body style="display:flex">{BOX}{BOX}</body>', "prepend"),
    Layout("flexible column, banner", f'<body style="display:flex;flex-flow:column">{BOX}{BOX}</body>', "prepend"),
    Layout("grid", f'<body style="display:grid;grid-template-columns:1fr 1fr 1fr">{BOX}{BOX}</body>'),
    Layout("grid, banner", f"<style>body{{display:grid;grid-template-columns:1fr 1fr}}</style><body>{BOX}{BOX}</body>", "prepend"),
    Layout("grid by columns", f'<body style="display:grid;grid-auto-flow:column">{BOX}{BOX}</body>'),
    Layout("columns", '<body style="column-count:3">' + "<p>A paragraph of a letter with some words.</p>" * 12 + "</body>"),
    Layout("columns by a rule", "<style>body{columns:200px}</style><body>" + "<p>A paragraph of a letter.</p>" * 12 + "</body>"),
    Layout("absolute body", f'<body style="position:absolute;top:20px;left:20px;width:600px">{CARD}</body>'),
    Layout("fixed body", f'<body style="position:fixed;top:0;left:0;right:0">{CARD}</body>'),
    Layout(
        "absolute boxes",
        '<body><div style="position:absolute;top:10px;left:10px;width:300px;height:240px;background:#eef">Page</div>'
        '<div style="position:absolute;top:260px;left:10px">Line</div></body>',
    ),
    Layout("narrow body in the middle", f'<body style="width:600px;margin:0 auto">{CARD}</body>'),
    Layout("types with margins", f"<style>div{{width:300px;margin:0 auto;max-width:300px}}</style>{BOX}"),
    Layout("flexible row by a class", '<style>.mail{display:flex}</style><body class="mail">' + BOX + BOX + "</body>"),
    Layout("flexible root", '<html style="display:flex;justify-content:center"><body style="width:600px"><p>Hello</p></body></html>'),
    Layout("no line breaks", f'<body style="white-space:nowrap">{CARD}</body>'),
    Layout("flexible on screens", f"<style>@media screen{{body{{display:flex}}}}</style>{BOX}{BOX}"),
    Layout("flexible by a second body", f'<html><body>{BOX}</body></html><html><body style="display:flex">{BOX}</body></html>'),
    Layout(
        "absolute boxes by a class",
        "<style>.p{position:absolute;top:0;left:0;width:400px;height:300px;background:#eee}</style><div class=p>Hello</div>",
    ),
    Layout("absolute box without height", '<div style="position:absolute;top:50px">Hello<br>one<br>two<br>three<br>four</div>'),
    # Dark
    Layout("dark colour scheme", '<html><head><meta name="color-scheme" content="dark"></head><body><p>Hello</p></body></html>'),
    Layout("dark by a property", "<html><head><style>:root{color-scheme:dark}</style></head><body><p>Hello</p></body></html>"),
    Layout("dark body attribute", '<body bgcolor="#111111" text="#eeeeee" link="#99ccff"><p>Hello</p></body>'),
    Layout("dark body by a rule", "<style>body{background:#0b1020;color:#e8e8e8} p{color:#fff}</style><body><p>Hello</p></body>"),
    Layout("dark body in words", '<body style="background:navy;color:white"><p>Hello</p></body>'),
    Layout("dark picture behind the body", '<body background="cid:night" style="color:#fff;background-color:#000"><p>Hello</p></body>'),
    Layout("light text without ground", '<body text="#f8f8f8"><table bgcolor="#000" width="100%"><tr><td>Hello</td></tr></table></body>'),
    Layout(
        "styles for dark mode",
        "<style>@media (prefers-color-scheme:dark){body{background:#000!important} p,div,td,a{color:#fff!important}}</style><p>Hello</p>",
    ),
    Layout(
        "dark mode of Outlook",
        "<style>[data-ogsc] p{color:#fff!important} [data-ogsb] div{background:#000!important}</style><p>Hi</p>",
    ),
    Layout("light links", "<style>body{background:#123} a{color:#fff} a:link{color:#ffe}</style><p>Hello</p>"),
    Layout("dark by variables", "<style>:root{--b:#000;--f:#fff} body{background:var(--b);color:var(--f)}</style><p>Hello</p>"),
    Layout("dark gradient", '<body style="background:linear-gradient(#000,#222);color:#fff"><p>Hello</p></body>'),
    Layout("dark root", '<html style="background:#000;color:#fff"><body><p>Hello</p></body></html>'),
    # Right to left
    Layout("right to left types", "<style>div,p{direction:rtl;text-align:right}</style><span>Hello</span>"),
    Layout("right to left", '<html dir="rtl" lang="he"><body><p>\u05e9\u05dc\u05d5\u05dd</p></body></html>'),
    Layout("right to left body", '<body style="direction:rtl;text-align:right"><p>\u05e9\u05dc\u05d5\u05dd</p></body>'),
    # Not closed
    *(
        Layout(f"{name} not closed", f"<html><body><p>Hello Bob</p>{start}more of it</body></html>")
        for name, start in (
            ("link", '<a href="https://example.com/unsubscribe">'),
            ("link in a cell", '<table><tr><td><a href="https://example.com/">'),
            ("bold", "<b>"),
            ("font", '<font size="7" color="#ffffff">'),
            ("center", "<center>"),
            ("table", "<table border=1><tr><td>"),
            ("nested tables", "<table><tr><td><div><table><tr><td><font color=white>"),
            ("textarea", "<textarea>"),
            ("select", "<select><option>"),
            ("noscript", "<noscript>"),
            ("template", "<template>"),
            ("svg", '<svg width="100" height="50"><text y="20">'),
            ("math", "<math><mi>x</mi>"),
            ("details", "<details><summary>More</summary><p>"),
            ("list", "<ul><li>one<li>two<li>"),
            ("hidden div", '<div style="display:none">'),
            ("tiny span", '<span style="font-size:0">'),
            ("Outlook's hidden div", '<div style="mso-hide:all;max-height:0;overflow:hidden">'),
            ("narrow div", '<div style="width:80px">'),
            ("transparent div", '<div style="opacity:0">'),
            ("marquee", "<marquee>"),
            ("button", "<button>"),
            ("blockquote", "<blockquote><blockquote>"),
            ("pre", "<pre>"),
            ("links and blocks", '<a href="https://example.com/"><div><b><div><i>'),
            ("quote in a reply", '<div><a href="https://example.com/">'),
        )
    ),
    Layout("style not closed", "<html><body><p>Hello</p><style>p{color:red}"),
    Layout("title not closed", "<html><head><title>Hello"),
    Layout("comment not closed", "<html><body><p>Hello</p><!-- not shown"),
    Layout("attribute not closed", '<html><body><p>Hello</p><a href="https://example.com/'),
    Layout("link between the rows of a table", "<table><a href=https://example.com/><tr><td>Hello</td></tr></table>"),
    Layout("link in SVG not closed", "<svg><desc><a href=https://example.com/>Hello"),
    # Styles that hit it
    Layout("types in other letters", "<STYLE>D\\69V{DISPLAY/**/:NONE}</STYLE><span>Hello</span>"),
    Layout("hidden siblings", "<style>span ~ div{display:none!important} [class]{visibility:hidden}</style><span>Hello</span>"),
    Layout("hidden rows", "<style>table,tbody,tr,td{display:none;font-size:0}</style><p>Hello</p>"),
    Layout("hidden children of the body", "<style>body > *{display:none} .m{display:block!important}</style><div class=m>Hello</div>"),
    Layout("hidden types", "<style>div{display:none} p{visibility:hidden} a{opacity:0}</style><span>Hello</span>"),
    Layout("no font size", "<style>*{font-size:0} .m{font-size:14px}</style><div class=m>Hello</div>"),
    Layout("no font size in the body", '<body style="font-size:0;line-height:0"><div style="font:14px/20px Arial">Hello</div></body>'),
    Layout("important styles", "<style>div,p{display:none!important;font-size:0!important}</style><span>Hello</span>"),
    Layout("all but one", "<style>body > :not(.m){display:none}</style><div class=m>Hello</div>"),
    Layout("outside of the window", "<style>div{position:absolute;left:-9999px} p{text-indent:-9999px}</style><span>Hello</span>"),
    Layout("transparent text", "<style>*{color:transparent} .m{color:#000}</style><div class=m>Hello</div>"),
    Layout("no height", "<style>div{max-height:0;overflow:hidden}</style><span>Hello</span>"),
    Layout("the last child", "<style>body > div:last-of-type{display:none}</style><p>Hello</p>"),
    Layout("phones only", "<style>@media (min-width:1px){div,p{display:none}}</style><span>Hello</span>"),
    Layout("scaled", "<style>div{transform:scale(0)} p{clip-path:inset(50%)}</style><span>Hello</span>"),
    Layout("our own class", "<style>.mailhooks-disclaimer{display:none!important}</style><p>Hello</p>"),
    Layout(
        "case 472",
        '<!DOCTYPE html><html><head><meta name="viewport" content="width=device-width"><style>body > table {background:#0a0} '
        'a:link, a:visited {color:#c00000; text-decoration:none} a[href^="tel"]{color:#00c000} .btn:any-link{background:#123456}</style>'
        '</head><body><table id=t><tr><td><a href="https://example.org/">Confirm</a></td></tr></table></body></html>',
    ),
    Layout(
        "case 499",
        '<body><table width=600><tr><td style="background:#123456 url(https://example.net/x.png) repeat-x;color:#ffffff">Your order</td>'
        "</tr></table></body>",
    ),
    # Banners
    Layout("banner", "<html><body><p>Hello Bob</p></body></html>", "prepend"),
    Layout(
        "banner below a preview text",
        '<body><div style="display:none;max-height:0;mso-hide:all">In this week: tea&nbsp;&zwnj;&nbsp;</div><p>Hello</p></body>',
        "prepend",
    ),
    Layout(
        "banner below a preview text by a class",
        "<style>.preheader{display:none !important;font-size:1px;line-height:1px}</style>"
        '<body><span class="preheader">Tea this week</span><table width=100%><tr><td>Hello</td></tr></table></body>',
        "prepend",
    ),
    Layout(
        "banner below a preview text in a wrapper",
        '<body><center style="width:100%"><!--[if mso]><table><tr><td><![endif]-->'
        '<div style="max-height:0; overflow:hidden" aria-hidden="true">'
        "Tea</div><div style='display:none'>&zwnj;&nbsp;</div><p>Hello</p></center></body>",
        "prepend",
    ),
    Layout("banner in a dark mail", '<body bgcolor="black" text="white"><p>Hello</p></body>', "prepend"),
    Layout("banner before floats", f"<body>{TABLE}</body>", "prepend"),
    # Replies
    Layout(
        "reply with a link not closed",
        '<div><a href="https://example.com/">Yes</div><div class="gmail_quote">On Mon, 4 May 2026 Bob wrote:'
        "<blockquote>Tea?</blockquote></div>",
        "after-reply",
    ),
    Layout(
        "reply with floats",
        '<div><img align=left width=100 height=100 alt="x">Yes</div><div class="gmail_quote">On Mon, 4 May 2026 Bob wrote:'
        "<blockquote>Tea?</blockquote></div>",
        "after-reply",
    ),
]
