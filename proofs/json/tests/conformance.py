"""JSON validation against CPython's json, made as strict as RFC 8259: no NaN, no depth beyond 1000, UTF-8 only."""

import json
import sys

DEPTH = 1000


def refuse(name):
    raise ValueError(f"{name} is not JSON")


def depth(text):
    """How deeply a text is nested, were it JSON."""
    deepest = now = 0
    quoted = escaped = False
    for c in text:
        if quoted:
            quoted = escaped or c != '"'
            escaped = not escaped and c == "\\"
        elif c == '"':
            quoted = True
        else:
            now += (c in "[{") - (c in "]}")
            deepest = max(deepest, now)
    return deepest


def valid(data):
    try:
        text = data.decode()
        if text.startswith("\ufeff") or depth(text) > DEPTH:
            return False
        json.loads(text, parse_constant=refuse, parse_int=str, parse_float=str)
    except ValueError:
        return False
    return True


sys.setrecursionlimit(20_000)
ORIGINAL = {"valid": valid}

SCRAPS = (
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b'"',
        b"\\",
        b"\\u00e9",
        b"\\ud800",
        b"\\x",
        b"0",
        b"1",
        b"-",
        b".",
        b"e",
        b"E+",
    ),
    *(
        b"01",
        b"1.5",
        b"-0",
        b"1e9",
        b"true",
        b"false",
        b"null",
        b"NaN",
        b" ",
        b"\n",
        b"\t",
        b"\x00",
        b"\x0b",
        b"\xc3\xa9",
    ),
    *(b'"a"', b'"a":', b"[]", b"{}", b"\xed\xa0\x80", b"\xff", b"\xef\xbb\xbf"),
)


def anything(random, depth):
    kind = random.randrange(7 if depth else 4)
    if kind == 0:
        return random.choice((True, False, None))
    if kind == 1:
        return random.choice((0, -1, 10**30, random.random(), 1e300, -2.5e-7))
    if kind < 4:
        return "".join(random.choice(("a", '"', "\\", "\n", "é", "東", "😀", "/")) for _ in range(random.randrange(6)))
    if kind < 6:
        return [anything(random, depth - 1) for _ in range(random.randrange(4))]
    return {str(i): anything(random, depth - 1) for i in range(random.randrange(4))}


def inputs(entry, random):
    while True:
        kind = random.random()
        if kind < 0.3:
            yield (b"".join(random.choice(SCRAPS) for _ in range(random.randrange(8))),)
            continue
        if kind < 0.32:
            n = random.choice((999, 1000, 1001, 1500))
            yield (b"[" * n + b"]" * n,)
            continue
        made = json.dumps(anything(random, 4), ensure_ascii=random.random() < 0.5, indent=random.choice((None, 1)))
        data = bytearray(made.encode())
        if kind < 0.7:
            place = random.randrange(len(data))
            data[place : place + random.randrange(2)] = random.choice(SCRAPS)
        yield (bytes(data),)
