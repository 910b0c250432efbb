"""What mail programs understand of HTML and CSS, as far as a letter of ours uses it.

From the data of caniemail.com (MIT, as of 2025-09-09), for the programs that our readers have; Yandex is not in it. The
data is published for Node only and changes slowly, so what a letter needs of it stands here: whoever uses something new
looks it up and adds a row.
"""

from collections.abc import Mapping, Sequence

__all__ = ["FEATURES", "PROGRAMS"]

GMAIL, OUTLOOK, WEB = "Gmail", "Outlook for Windows", "Outlook.com"
MAIL_RU, YAHOO, SAMSUNG, APPLE, BIRD = "Mail.ru", "Yahoo", "Samsung", "Apple Mail", "Thunderbird"
PROGRAMS = frozenset({GMAIL, OUTLOOK, WEB, MAIL_RU, YAHOO, SAMSUNG, APPLE, BIRD})

Lacking = tuple[Sequence[str], str]

_EVERYWHERE: Lacking = ((), "")
_ELEMENTS = "a b blockquote br code div h1 head html i img meta p pre s span table tbody td title tr u"
_ATTRIBUTES = (
    "align alt border cellpadding cellspacing charset class content href name src style valign xmlns:o xmlns:v"
)
_PROPERTIES = "background-color border-collapse color font-family :root"

FEATURES: Mapping[str, Lacking] = {
    **dict.fromkeys(_ELEMENTS.split(), _EVERYWHERE),
    **dict.fromkeys(_ATTRIBUTES.split(), _EVERYWHERE),
    **dict.fromkeys(_PROPERTIES.split(), _EVERYWHERE),
    # Elements and attributes
    "body": ((GMAIL, WEB, MAIL_RU, YAHOO), "its looks are dropped; a table has them too"),
    "style": ((GMAIL, OUTLOOK), "dropped for accounts elsewhere; all but phone and night stands in the elements too"),
    "lang": ((YAHOO,), "only reading aloud needs it"),
    "role": ((YAHOO,), "a screen reader may mention the tables"),
    "width": (
        (OUTLOOK, APPLE),
        "Outlook takes percents for those of the file: pictures have pixels; Apple Mail takes their style",
    ),
    # Properties
    "border": ((OUTLOOK,), "the line around a block of code may be missing"),
    "border-left": ((OUTLOOK,), "the line beside a quotation may be missing"),
    "border-radius": ((OUTLOOK, YAHOO), "corners are square"),
    "border-bottom": ((OUTLOOK,), "the line below words that Telegram hides may be missing"),
    **dict.fromkeys(
        ("border-right", "border-color"), ((OUTLOOK,), "only on phones and at night, which it does not know")
    ),
    "color-scheme": ((GMAIL, OUTLOOK, WEB, MAIL_RU, YAHOO), "light, or darkened by the program (test_email_night)"),
    "display": ((GMAIL, OUTLOOK, YAHOO), "block and none work; what Outlook must not show says mso-hide as well"),
    "font-size": ((OUTLOOK, SAMSUNG, YAHOO), "pixels work"),
    "font-weight": ((OUTLOOK, YAHOO), "600 and 700 are bold"),
    "height": ((OUTLOOK, YAHOO), "the band may be a little higher"),
    "line-height": ((OUTLOOK,), "lines may stand closer"),
    "margin": ((GMAIL, OUTLOOK, WEB, MAIL_RU, YAHOO), "negative and auto fail, and ours are neither"),
    "max-height": ((OUTLOOK,), "mso-hide says the same"),
    "max-width": ((OUTLOOK,), "a table of 600 px that only Outlook sees stands around; pictures have their width"),
    "mso-hide": ((GMAIL, WEB, MAIL_RU, YAHOO, SAMSUNG, APPLE, BIRD), "display: none says the same"),
    "overflow": ((OUTLOOK,), "mso-hide says the same"),
    **dict.fromkeys(
        ("padding", "padding-left", "padding-right", "padding-top"),
        ((OUTLOOK,), "works on cells, and ours stand there"),
    ),
    "text-decoration": ((GMAIL, OUTLOOK), "a single value works"),
    "white-space": ((GMAIL, OUTLOOK, SAMSUNG), "a size may stand on the next line; code wraps as text does"),
    "word-break": (
        (GMAIL, WEB, APPLE, SAMSUNG, YAHOO),
        "a word longer than the screen is cut anywhere, or makes the letter wider",
    ),
    # Style sheets
    "@media (max-width: 620px)": (
        (GMAIL, OUTLOOK, WEB, MAIL_RU, SAMSUNG, BIRD, YAHOO),
        "margins stay as on a desk, and no width depends on it; where it is partial, ours is the part that works",
    ),
    "@media (prefers-color-scheme: dark)": (
        (GMAIL, OUTLOOK, MAIL_RU, BIRD, YAHOO),
        "light, or darkened by the program (test_email_night)",
    ),
    "!important": ((GMAIL, OUTLOOK, YAHOO), "in lower case behind a blank, in a style sheet, it works"),
    ".class": ((GMAIL,), "as style"),
    **dict.fromkeys((".class a", ".class pre"), ((GMAIL,), "as style")),
}
"""Feature -> the programs that lack it wholly or partly, and what a reader there has instead."""
