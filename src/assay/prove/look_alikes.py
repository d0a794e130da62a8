"""Letters that are made to be taken for others, and characters that cannot be seen.

A proof in which `t1` is written with a Cyrillic letter is another theorem; a text with marks of direction shows its
reader what it does not say. Greek alone, as in λ or Γ, is ordinary mathematics.
"""

import re
import unicodedata

# Scripts with letters of the same shape as Latin ones.
_SCRIPTS = ("CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "FULLWIDTH")
# Greek letters that look like Latin ones in most fonts: refused only where Latin letters stand in the same name.
_GREEK_TWINS = frozenset("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧορνυ")
_WORD = re.compile(r"[^\W\d][\w']*")
_FINE = "\t\n\r\f"


def invisible(text: str) -> str | None:
    """What cannot be seen in `text`, comments included, as the rest of a sentence; `None` if nothing is hidden."""
    if text.isascii() and text.isprintable():
        return None
    for c in text:
        if unicodedata.category(c) in ("Cf", "Cc", "Co", "Cs", "Zl", "Zp") and c not in _FINE:
            return f"the invisible character U+{ord(c):04X} stands in it"
    return None


def look_alike(text: str) -> str | None:
    """What is written with letters that look like others; `None` if nothing is."""
    if text.isascii():
        return None
    for word in _WORD.findall(text):
        if word.isascii():
            continue
        has_latin = any(c.isascii() and c.isalpha() for c in word)
        for c in word:
            name = unicodedata.name(c, "")
            if name.startswith(_SCRIPTS) or (has_latin and c in _GREEK_TWINS):
                what = f"the letter U+{ord(c):04X} ({name.lower()[:60]})"
                return f"the name {word[:40]!r} has {what}, which looks like another"
    return None
