"""Reads what Rocq's own tools report: assumptions, the checker's summary, a printed string. Strictly: what is not known
is reported as it stands, so that nothing passes because it was not understood."""

import re

CLOSED = "Closed under the global context"
_HEADERS = ("Axioms:", "Section Variables:", "Transparent constants:", "Opaque constants:")
SECTIONS = (
    "Axioms",
    "Constants/Inductives relying on type-in-type",
    "Constants/Inductives relying on unsafe (co)fixpoints",
    "Inductives whose positivity is assumed",
)


def assumptions(report: str) -> tuple[str, ...]:
    """What `Print Assumptions` lists: nothing only if the report is exactly the sentence that says so."""
    if report.strip() == CLOSED:
        return ()
    found = []
    for line in report.splitlines():
        if not line.strip() or line in _HEADERS or line[0] in " \t":
            continue  # a continued type
        name = re.match(r"(\S+)(?:\s+:\s.*|\s+:|\s*)$", line)
        found.append(name[1] if name else line.strip())  # such as `f is assumed to be guarded.`: no name to allow
    return tuple(found) or ("a report that cannot be read",)


def context_summary(report: str) -> dict[str, tuple[str, ...]] | None:
    """The names that `coqchk -o` lists by section; `None` if a section is missing or the report is not one."""
    if "CONTEXT SUMMARY" not in report:
        return None
    found: dict[str, tuple[str, ...]] = {}
    current: str | None = None
    for line in report.partition("CONTEXT SUMMARY")[2].splitlines():
        if line.startswith("* "):
            current = None
            for section in SECTIONS:
                if line.startswith(f"* {section}:"):
                    current = section
                    found[section] = ()
                    rest = line.removeprefix(f"* {section}:").strip()
                    if rest not in ("", "<none>"):
                        found[section] = (rest,)
        elif line.strip() and line.startswith(" ") and current is not None:
            found[current] += (line.strip(),)
    return found if all(section in found for section in SECTIONS) else None


def printed_string(report: str) -> str | None:
    """The text of a string that `Eval` printed: `     = "…"` with doubled quotes, then its type."""
    match = re.fullmatch(r'\s*= "(.*)"(?:%string)?\s*:\s*(?:String\.)?string\s*', report, re.S)
    if match is None:
        return None
    body = match[1]
    if '"' in body.replace('""', ""):
        return None
    return body.replace('""', '"')
