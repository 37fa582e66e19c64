"""Hostile HTML in a browser. A trap in place of all other servers counts connections, even without a request."""

import pytest
from playwright.sync_api import expect

from tests.integration.workmail_local.web.pages import FROM_CLARA, Trap, Visit
from workmail_local.viewer.html import sanitizer

FAR = "http://far.example.net"
SCRIPT = "console.log('RAN');alert('RAN');fetch('http://far.example.net/ran')"
HOSTILE = {
    "script": f"<script>{SCRIPT}</script><script src={FAR}/x.js></script><script type=module src={FAR}/m.js></script>",
    "onerror": f'<img src=x onerror="{SCRIPT}"><img src=data:, onerror="{SCRIPT}"><body onload="{SCRIPT}">',
    "refresh": f'<meta http-equiv=refresh content="0;url={FAR}/refresh"><meta http-equiv=refresh content="0;url=javascript:{SCRIPT}">',
    "svg": f'<svg onload="{SCRIPT}"><script>{SCRIPT}</script><image href={FAR}/svg.png /><use href={FAR}/u.svg#x></use></svg>',
    "form": f'<form id=f action={FAR}/form><input name=q autofocus onfocus="this.form.submit()"><button>Click</button></form>'
    "<script>document.getElementById('f').submit()</script>",
    "style": f"<style>@import url({FAR}/a.css);@font-face{{font-family:x;src:url({FAR}/f.woff)}}"
    f"body{{font-family:x;background:url({FAR}/b.png)}} p{{background:\\75 rl({FAR}/escaped.png)}}</style>"
    f"<link rel=stylesheet href={FAR}/c.css><p style=\"background-image:url('{FAR}/d.png')\">x",
    "image": f'<img src={FAR}/i.png><img srcset="{FAR}/s.png 2x"><picture><source srcset={FAR}/p.png><img></picture>'
    f"<body background={FAR}/bg.png><input type=image src={FAR}/input.png><table background={FAR}/t.png><tr><td>x</table>",
    "prefetch": "".join(
        f"<link rel={rel} href={FAR}/{rel} as=script>"
        for rel in ("prefetch", "preload", "preconnect", "dns-prefetch", "modulepreload", "prerender", "manifest", "icon", "LINK")
    )
    + f"<LINK REL=PRECONNECT HREF={FAR}><link/rel=preconnect href={FAR}>",
    "frame": f'<iframe src={FAR}/frame></iframe><iframe srcdoc="<script>parent.{SCRIPT}</script><img src={FAR}/srcdoc>"></iframe>'
    f'<iframe src="javascript:{SCRIPT}"></iframe><frameset><frame src={FAR}/frameset></frameset>',
    "object": f"<object data={FAR}/o></object><embed src={FAR}/e><applet code={FAR}/a></applet><portal src={FAR}/p></portal>",
    "base": f'<base href={FAR}/ target=_top><img src=relative.png><a href="next">Click</a>',
    "link": f'<a href="javascript:{SCRIPT}">Click</a>',
    "top": f"<a href={FAR}/top target=_top>Click</a>",
    "blank": f"<a href={FAR}/blank target=_blank ping={FAR}/ping>Click</a>",
    "self": f"<a href={FAR}/self>Click</a>",
    "media": f"<video src={FAR}/v autoplay poster={FAR}/poster></video><audio src={FAR}/a autoplay></audio>"
    f"<video><track src={FAR}/t default></video>",
    "policy": f'<meta http-equiv=content-security-policy content="default-src *"><img src={FAR}/policy.png>',
    "charset": f"<meta charset=utf-7>+ADw-script+AD4-{SCRIPT}+ADw-/script+AD4-<img src={FAR}/7.png>",
    "escape": f"</iframe></div></section><script>{SCRIPT}</script><img src={FAR}/escape.png>",
    "mathml": f'<math><maction actiontype="statusline" xlink:href="javascript:{SCRIPT}">Click</maction></math><xml><x xlink:href={FAR}/x>',
    # SVG animation changes the address of a link, and of an image.
    "animation": "".join(
        f'<svg width=90 height=20><a href="#x">{change}<text y=20>Click</text></a></svg>'
        for change in (
            f'<animate attributeName="href" values="{FAR}/1" dur="1s" repeatCount="indefinite"/>',
            f'<animate attributeName="href" to="{FAR}/2" begin="0s" dur="0.01s" fill="freeze"/>',
            f'<set attributeName="href" to="{FAR}/3"/>',
            f'<SET ATTRIBUTENAME=href TO="{FAR}/4">',
            f'<set attributeName="xlink:href" to="{FAR}/5"/>',
            '<set attributeName="&#104;ref" to="&#104;ttp://far.example.net/6"/>',
            f'<set\nattributeName = "hre&#x66;" to="{FAR}/7"/>',
            f'<set attributeName="href" to="&#x0a;{FAR}/8"/>',
            f'<set/attributeName="href"/to="{FAR}/9"/>',
            f'<animate attributeName=href from="#x" to="{FAR}/10" dur=0.01s fill=freeze />',
        )
    ),
    "animation-elsewhere": f'<svg width=90 height=20><a id=t href="#x"><text y=20>Click</text></a><set href="#t" attributeName="href" '
    f'to="{FAR}/12"/><set xlink:href="#t" attributeName="href" to="{FAR}/13"/></svg><math><mtext><svg width=90 height=20><a href="#x">'
    f'<set attributeName="href" to="{FAR}/14"/><text y=20>Click</text></a></svg></mtext></math>',
    "animation-image": f'<svg><image href="data:," width=9 height=9><set attributeName=href to="{FAR}/15"></image><use href="#a">'
    f'<set attributeName=href to="{FAR}/16.svg#b"></use><filter id=f><feImage href="#a"><set attributeName=href to="{FAR}/17"></feImage>'
    f'</filter><rect width=9 height=9 filter="url(#f)"><set attributeName=fill to="url({FAR}/18#a)"></rect></svg>',
    "svg-link": f'<svg width=90 height=20><a xlink:href="{FAR}/19"><text y=20>Click</text></a></svg>'
    f'<svg width=90 height=20><a href=" {FAR}/20"><text y=20>Click</text></a></svg>',
    "math-link": f'<math href="{FAR}/21"><mtext>Click</mtext></math><math><mrow xlink:href="{FAR}/22"><mtext>Click</mtext></mrow></math>',
    "odd-link": f'<a href="&#104;ttp://far.example.net/23">Click</a> <a href="\x01{FAR}/24">Click</a> <a href="#" href="{FAR}/25">Click</a>'
    f" <a href='&Tab;{FAR}/26'>Click</a> <a href=java&Tab;script:{SCRIPT}>Click</a> <a\x0chref={FAR}/27>Click</a> "
    "<a href=//far.example.net/28>Click</a>",
    "map": f'<img src="data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22 width=%2250%22 height=%2250%22/>" usemap="#m" '
    f'width=50 height=50><map name=m><area shape=rect coords="0,0,50,50" href="{FAR}/29"></map><a href="{FAR}/30">Click</a>',
    "formaction": f'<form action="#"><button formaction="{FAR}/31">Click</button><input type=submit formaction="{FAR}/32"></form>'
    f'<form id=g></form><button form=g formaction="{FAR}/33" formtarget=_top>Click</button>',
    "base-late": f'<a href="#x">Click</a><base href="{FAR}/34/"><svg><base href="{FAR}/35/"></svg>',
    "refresh-odd": f'<meta http-equiv="&#114;efresh" content="0;url={FAR}/36"><svg><meta http-equiv=refresh content="0;url={FAR}/37"></svg>'
    f'<noscript><meta http-equiv=refresh content="0;{FAR}/38"></noscript>',
    "shadow": f'<div><template shadowrootmode=open><a href="{FAR}/39">Click</a><img src="{FAR}/40"><link rel=stylesheet href={FAR}/41>'
    "</template></div>",
    "attribution": f'<a href="#x" attributionsrc="{FAR}/42">Click</a><img src="data:," attributionsrc="{FAR}/43">',
    "encoded-style": f'<p style="background:&#117;rl({FAR}/44)">x</p><p style="background:u&#x72;l&lpar;{FAR}/45)">x</p>'
    f'<svg><style>&#64;import url&#40;{FAR}/46);</style><rect width=9 height=9 fill="&#x75rl({FAR}/47#a)"></svg>',
    "speculation": f'<script type=speculationrules>{{"prefetch":[{{"source":"list","urls":["{FAR}/speculated"]}}]}}</script>'
    f'<script type=speculationrules>{{"prerender":[{{"where":{{"href_matches":"/*"}},"eagerness":"immediate"}}]}}</script><a href={FAR}/48>'
    "Click</a><link rel=expect href=#x blocking=render><link rel='compression-dictionary' href=//far.example.net/49>",
    "hidden-in-text": "".join(
        f"<{name}><a title='</{name}><link rel=preconnect href={FAR}/{name}><a href={FAR}/{name}>Click</a>'></{name}>"
        for name in ("style", "title", "textarea", "noscript", "noembed", "noframes", "xmp", "iframe", "script", "svg", "math", "template")
    ),
    "hidden-in-foreign": f"<svg></p><style><a id='</style><link rel=preconnect "
    f"href={FAR}/50>'></style></svg><math><mtext><table><mglyph><style>"
    f"<!--</style><img title='--&gt;&lt;link rel=preconnect href={FAR}/51&gt;'></table></mtext></math><svg><style><![CDATA[</style><link "
    f"rel=dns-prefetch href={FAR}/52>]]></style><title><link rel=preconnect href={FAR}/53></title><desc><a "
    f"href={FAR}/54>Click</a></desc></svg>",
    "hidden-in-comment": f"<!--><link rel=preconnect href={FAR}/55>--><!-- --!><link rel=preconnect href={FAR}/56>--><!--[if "
    f"gte mso 9]><a href={FAR}"
    f"/57>Click</a><![endif]--><![if !mso]><link rel=preconnect href={FAR}/58><![endif]><?xml <link rel=preconnect href={FAR}/59>?>",
    "unfinished": f"<a title='<link rel=preconnect href={FAR}/60><a href={FAR}/61>Click</a>",
    "plaintext": f"<plaintext><link rel=preconnect href={FAR}/62></plaintext><a href={FAR}/63>Click</a>",
    "nested-forms": f"<form><div></form><form action={FAR}/64><button>Click</button></form><select><option><a "
    f"href={FAR}/65>Click</a><iframe "
    f"src={FAR}/66></select><button type=submit form=q>Click</button><input type=image src={FAR}/67 formaction={FAR}/68>",
    "style-variants": f"<style>@import/**/'{FAR}/69';@namespace "
    f"url({FAR}/70);a{{--x:url({FAR}/71);background:var(--x),image-set('{FAR}/72' 1x);"
    f"content:url({FAR}/73);cursor:url({FAR}/74),pointer;list-style:url({FAR}/75);border-image:url({FAR}/76) 1;mask:url({FAR}/77#a);"
    f"filter:url({FAR}/78#a);shape-outside:url({FAR}/79);offset-path:url({FAR}/80#a);background:-webkit-cross-fade(url({FAR}/81),red,50%)}}"
    f"@font-face{{font-family:z;src:url({FAR}/82)}}p{{font-family:z;background:src('{FAR}/83')}}@page{{background:url({FAR}/84)}}"
    f"a:hover,a:active,a:visited{{background:url({FAR}/85)}}::highlight(x),p::before{{content:url({FAR}/86)}}</style><a "
    f"href={FAR}/87>Click</a>"
    f"<p style='--y:\\75rl({FAR}/88);background:var(--y)'>x<font face=z>y</font>",
    "style-strings": f"<style>:root{{--x:'{FAR}/105'}}p{{background-image:image-set(var(--x) 1x)}}a{{--y:image-set({{}} '{FAR}/106' 1x);"
    f"background:var(--y)}}b{{background:cross-fade('{FAR}/107',red)}}i{{background:-webkit-cross-fade(var(--x),'{FAR}/108',50%)}}"
    f"u{{--z:'{FAR}/109' 1x;background:image-set(var(--z))}}</style><p>x<b>x</b><i>x</i><u>x</u>"
    f"<a href={FAR}/110>Click</a><s style=\"background:image-set(var(--x) 1x),cross-fade('{FAR}/111',red)\">x</s>",
    "odd-elements": f"<fencedframe src={FAR}/89></fencedframe><webview src={FAR}/90></webview><controlledframe "
    f"src={FAR}/91></controlledframe>"
    f"<geolocation></geolocation><model src={FAR}/92></model><bgsound src={FAR}/93><img dynsrc={FAR}/94 lowsrc={FAR}/95 longdesc={FAR}/96>"
    f"<v:image src={FAR}/97><v:rect href={FAR}/98>Click</v:rect><xml:a href={FAR}/99>Click</xml:a><blockquote "
    f"cite={FAR}/100>Click</blockquote>",
    "popover": f"<button popovertarget=p interestfor=p>Click</button><div id=p popover><a href={FAR}/101>Click</a><iframe "
    f"src={FAR}/102></iframe>"
    f"</div><details open><summary>Click</summary><a href={FAR}/103>Click</a></details><dialog open><form method=dialog action={FAR}/104>"
    "<button>Click</button></form></dialog>",
}
LINKS = f"""<style>a, text {{ font-size: 40px }}</style><a href={FAR}/l1>Click</a> <a href="mailto:x@far.example.net">Click</a>
<a href="tel:+49123">Click</a> <a href="#low">Click</a> <a href={FAR}/l2 target=_blank rel=opener>Click</a> <a href="next">Click</a>
<a href="//far.example.net/l3" download>Click</a> <svg width=90 height=60><a xlink:href="{FAR}/l4"><text y=40>Click</text></a></svg>
<a href="\\\\far.example.net\\l5">Click</a> <a href="">Click</a> <a href="http://[">Click</a> <a href="ftp://far.example.net/l6">Click</a>
<a href="wss://far.example.net/">Click</a> <a href="x-none:far">Click</a>
<p style="margin-top: 3000px" id=low>Low</p>"""

CONNECTING = frozenset("a area base link meta script iframe frame object embed fencedframe webview controlledframe portal applet".split())
"""Elements for which a browser may connect ahead."""


def hostile(html: str, subject: str = "Hostile", content_type: str = "text/html") -> bytes:
    head = f"Subject: {subject}\r\nContent-Type: {content_type}\r\n\r\n"
    return FROM_CLARA + f"{head}<p>Here is mail</p>{html}\r\n".encode()


def open_and_click(visit: Visit) -> None:
    """Open the first message and click everything in it."""
    frame = visit.open("/messages/1?view=html").frame_locator('iframe[title="HTML"]')
    expect(frame.get_by_text("Here is mail")).to_be_visible()
    for clickable in frame.locator("a, button, input[type=submit], text, math, img[usemap]").all():
        if clickable.is_visible():
            clickable.click(timeout=3000, no_wait_after=True, force=True)
    # A round trip, so that a connection that a click starts is open by now.
    visit.page.evaluate("fetch('/static/web.css', { cache: 'no-store' }).then((response) => response.text())")


def leaks(visit: Visit, trap: Trap) -> list[str]:
    """Return the effects of hostile mail: script, other pages, connections, sent mail."""
    found = [text for text in visit.messages if "RAN" in text]
    found += [page.url for page in visit.context.pages if not page.url.startswith(visit.url)]
    return found + ["page"] * (len(visit.context.pages) - 1) + ["connection"] * trap.connections + ["mail"] * len(visit.actions.sent)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_html_runs_nothing_and_loads_nothing(visit: Visit, trap: Trap, name: str) -> None:
    visit.history.add(hostile(HOSTILE[name]))
    open_and_click(visit)
    assert leaks(visit, trap) + visit.requests_elsewhere == []


@pytest.mark.parametrize("name", HOSTILE)
def test_policy_of_the_frame_blocks_what_is_left_in_the_html(visit: Visit, trap: Trap, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the addresses of pictures and styles. A policy does not stop connections ahead, so those of links and frames stay removed."""
    find_address = sanitizer._Writer._find_address

    def leave_address(self: sanitizer._Writer, element: str, name: str, address: str) -> str | None:
        return find_address(self, element, name, address) if element in CONNECTING or name.endswith("href") else address

    monkeypatch.setattr(sanitizer._Writer, "_find_address", leave_address)
    monkeypatch.setattr(sanitizer, "sanitize_css", lambda css, *_: css)
    visit.history.add(hostile(HOSTILE[name]))
    open_and_click(visit)
    assert leaks(visit, trap) == []


def test_links_cannot_be_followed_in_any_way(visit: Visit, trap: Trap) -> None:
    """A click, one that opens a tab, the keyboard, the pointer above it, a drag into the page: the frame stays, nothing is loaded."""
    visit.history.add(hostile(LINKS))
    page = visit.open("/messages/1?view=html")
    frame = page.frame_locator('iframe[title="HTML"]')
    address = page.frames[1].url
    for link in frame.locator("a").all():
        link.hover(force=True)
        page.mouse.down()
        page.mouse.up()
        link.click(button="middle", force=True)
        link.click(modifiers=["Control"], force=True)
        link.click(modifiers=["Shift"], force=True)
        link.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Control+Enter")
    link = frame.locator("a").first
    link.drag_to(page.locator("h1"), force=True)
    page.wait_for_timeout(300)
    assert page.frames[1].url.partition("#")[0] == address
    expect(frame.get_by_text("Here is mail")).to_be_visible()
    # A new tab can only show the same frame alone, in its sandbox.
    tabs = [each for each in visit.context.pages if each is not page]
    assert {each.url.partition("#")[0] for each in tabs} <= {address, "about:blank#blocked", "about:blank"}
    for each in tabs:
        each.close()
    assert leaks(visit, trap) + visit.requests_elsewhere == []


def test_hostile_html_is_text_in_every_other_place(visit: Visit, trap: Trap) -> None:
    subject = "\r\n ".join(html[:800] for html in HOSTILE.values())
    body = "\r\n".join(HOSTILE.values())
    before = hostile(body, subject, "text/plain")
    visit.history.add(before, before.replace(b"Here is mail", b"Here is hostile mail"), notes=(body,), problems=(body,), why=body)
    for view in ("text", "structure", "header", "source"):
        expect(visit.open(f"/messages/1?view={view}").locator("#content")).to_contain_text("ostile" if view == "text" else "text/plain")
    visit.open("/").get_by_role("row").last.wait_for()
    assert leaks(visit, trap) + visit.requests_elsewhere == []


def test_no_connection_comes_late(visit: Visit, trap: Trap) -> None:
    """Wait once for all tests above, then check that the trap works."""
    visit.page.wait_for_timeout(500)
    assert trap.connections == 0
    visit.page.set_content(f"<img src={FAR}/i.png><script>{SCRIPT.replace('alert', 'console.info')}</script>")
    visit.page.wait_for_function("document.querySelector('img').complete")
    assert trap.connections > 0
    assert visit.requests_elsewhere
    assert "RAN" in visit.messages


def test_page_of_another_site_cannot_frame_these_pages_or_send_their_forms(visit: Visit) -> None:
    fields = "".join(
        f"<input name={name} value={value}>" for name, value in (("mail_from", "a@example.org"), ("recipients", "b@example.com"))
    )
    address = visit.url.replace("127.0.0.1", "localhost")
    visit.page.route("http://near.example.org/", lambda route: route.fulfill(content_type="text/html", body=page))
    page = f"<iframe src={visit.url}/send></iframe><form method=post action={address}/send>{fields}<button>Go</button></form>"
    visit.page.goto("http://near.example.org/")
    expect(visit.page.frame_locator("iframe").get_by_role("button", name="Send")).to_have_count(0)
    visit.page.get_by_role("button", name="Go").click()
    expect(visit.page.locator("body")).to_have_text("Rejected: the request comes from another site.")
    assert visit.actions.sent == []
