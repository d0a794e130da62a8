"""A second set of edits, written by other rules than `edits.py`: word tables, token streams, other encodings.

None of the detector's thresholds was chosen with these.
"""

import base64
import codecs
import gzip
import html
import io
import json
import keyword
import random
import string
import textwrap
import tokenize
import urllib.parse
from collections.abc import Callable, Mapping

Edit = Callable[[str, str, random.Random], str]

_WIDE = {ord(c): ord(c) + 0xFEE0 for c in string.ascii_letters + string.digits}
_BOLD = {
    **{ord(c): 0x1D400 + i for i, c in enumerate(string.ascii_uppercase)},
    **{ord(c): 0x1D41A + i for i, c in enumerate(string.ascii_lowercase)},
}
_GREEK = str.maketrans("AaBEeHIiKMNnOoPpTuvXxYyZ", "ΑαΒΕεΗΙιΚΜΝηΟοΡρΤυνΧχΥγΖ")
_SYNONYMS = {
    "how": "what", "many": "number of", "much": "amount of", "buys": "purchases", "bought": "purchased",
    "each": "every", "total": "sum", "has": "owns", "gives": "hands", "week": "fortnight", "dollars": "euros",
}  # fmt: skip


def _words(edit: Callable[[list[str], random.Random], list[str]]) -> Edit:
    return lambda question, answer, rng: " ".join(edit(question.split(), rng))


def _drop_evenly(words: list[str], every: int, rng: random.Random) -> list[str]:
    first = rng.randrange(every)
    return [word for number, word in enumerate(words) if number % every != first]


def _renumber(words: list[str], rng: random.Random) -> list[str]:
    new = []
    for word in words:
        digits = "".join(rng.choice("123456789") if c.isdigit() else c for c in word)
        new.append(digits)
    return new


def _rename(words: list[str], rng: random.Random) -> list[str]:
    """Replace every capitalised word that does not start a sentence, and its possessive, consistently."""
    table: dict[str, str] = {}
    new = []
    for before, word in zip([".", *words], words, strict=False):
        core = word.strip(",.?!;:").removesuffix("'s").removesuffix("’s")
        if core[:1].isupper() and core.lower() != core.upper() and (before[-1] not in ".?!" or core in table):
            table.setdefault(core, "".join(rng.choice("bdgklmnprstvz") + rng.choice("aeiou") for _ in range(3)).title())
            word = word.replace(core, table[core])
        new.append(word)
    return new


def _synonyms(words: list[str], rng: random.Random) -> list[str]:
    return [_SYNONYMS.get(word.lower(), word) for word in words]


def _insert(words: list[str], rng: random.Random) -> list[str]:
    new: list[str] = []
    for word in words:
        new.append(word)
        if rng.random() < 0.1:
            new.append(rng.choice(["really", "actually", "um", "basically", "also"]))
    return new


def _second_half(words: list[str], rng: random.Random) -> list[str]:
    return words[len(words) // 2 :]


def _concatenated(question: str, answer: str, rng: random.Random) -> str:
    """Python source that puts the question together from short strings."""
    pieces = [question[i : i + 23] for i in range(0, len(question), 23)]
    return "prompt = (" + "\n    + ".join(map(repr, pieces)) + ")\n"


def _nested_json(question: str, answer: str, rng: random.Random) -> str:
    return json.dumps({"payload": json.dumps({"inner": json.dumps({"text": question + "\n" + answer})})})


def _wrapped_base64(question: str, answer: str, rng: random.Random) -> str:
    return "\n".join(textwrap.wrap(base64.b64encode((question + answer).encode()).decode(), 60))


SECOND_EDITS: Mapping[str, tuple[Edit, float]] = {
    "every tenth word dropped": (_words(lambda words, rng: _drop_evenly(words, 10, rng)), 0.97),
    "every fifth word dropped": (_words(lambda words, rng: _drop_evenly(words, 5, rng)), 0.85),
    "every digit replaced": (_words(_renumber), 0.97),
    "names replaced by syllables": (_words(_rename), 0.97),
    "words inserted": (_words(_insert), 0.97),
    "second half": (_words(_second_half), 0.97),
    "synonyms from a table": (_words(_synonyms), 0.85),
    "words reversed": (_words(lambda words, rng: words[::-1]), 0.97),
    "full width": (lambda q, a, rng: q.translate(_WIDE), 0.97),
    "mathematical bold": (lambda q, a, rng: q.translate(_BOLD), 0.97),
    "Greek look-alikes": (lambda q, a, rng: q.translate(_GREEK), 0.97),
    "soft hyphens": (lambda q, a, rng: "\u00ad".join(q), 0.97),
    "no spaces": (lambda q, a, rng: q.replace(" ", ""), 0.97),
    "one word per line": (lambda q, a, rng: q.replace(" ", "\n"), 0.97),
    "upper case": (lambda q, a, rng: q.upper(), 0.97),
    "markdown": (lambda q, a, rng: " ".join(f"**{w}**" if rng.random() < 0.3 else w for w in q.split()), 0.97),
    "reversed letters": (lambda q, a, rng: q[::-1], 0.97),
    "rot13": (lambda q, a, rng: codecs.encode(q, "rot13"), 0.97),
    "base64 over lines": (_wrapped_base64, 0.97),
    "url-safe base64": (lambda q, a, rng: base64.urlsafe_b64encode(q.encode()).decode(), 0.97),
    "gzip in base64": (lambda q, a, rng: base64.b64encode(gzip.compress(q.encode(), mtime=0)).decode(), 0.97),
    "base64 twice": (lambda q, a, rng: base64.b64encode(base64.b64encode(q.encode())).decode(), 0.97),
    "base32": (lambda q, a, rng: base64.b32encode(q.encode()).decode(), 0.97),
    "hex": (lambda q, a, rng: q.encode().hex(), 0.97),
    "hex bytes": (lambda q, a, rng: q.encode().hex(" "), 0.97),
    "binary digits": (lambda q, a, rng: " ".join(f"{byte:08b}" for byte in q.encode()), 0.97),
    "code points": (lambda q, a, rng: str([ord(c) for c in q]), 0.97),
    "percent escapes": (lambda q, a, rng: urllib.parse.quote(q, safe=""), 0.97),
    "every character an entity": (lambda q, a, rng: "".join(f"&#x{ord(c):x};" for c in q), 0.97),
    "named entities": (lambda q, a, rng: html.escape(q).replace(" ", "&nbsp;"), 0.97),
    "unicode escapes": (lambda q, a, rng: "".join(f"\\u{ord(c):04x}" for c in q), 0.97),
    "leetspeak": (lambda q, a, rng: q.translate(str.maketrans("oieas", "01345")), 0.97),
    "Python string pieces": (_concatenated, 0.97),
    "JSON in JSON in JSON": (_nested_json, 0.97),
}
"""Every edit with the recall that is asked of it."""


def token_renamed(record: Mapping[str, str], rng: random.Random) -> str:
    """The code with every name that it defines replaced, token by token; the docstring stays."""
    source = record["prompt"] + record["canonical_solution"]
    known = set(keyword.kwlist) | set(dir(__builtins__)) | {"self", "List", "typing"}
    table: dict[str, str] = {}
    out = []
    previous = ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = token.string
        if token.type == tokenize.NAME and text not in known and previous != "." and len(text) > 1:
            text = table.setdefault(text, f"v{rng.randrange(10**6)}")
        out.append((token.type, text))
        previous = token.string
    return tokenize.untokenize(out)


SECOND_CODE_EDITS: Mapping[str, tuple[Callable[[Mapping[str, str], random.Random], str], float]] = {
    "all names replaced": (token_renamed, 0.97),
    "comment lines": (
        lambda record, rng: "\n".join("# " + line.strip() for line in record["prompt"].splitlines()),
        0.97,
    ),
    "tabs and upper case": (lambda record, rng: record["prompt"].upper().replace("    ", "\t"), 0.97),
}
