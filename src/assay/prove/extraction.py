"""A fast version that is a function of the prover's language: translated to OCaml by the verifier and built as C's own.

The C functions have the shape `uint64_t f(const uint8_t *in, uint64_t n, uint8_t *out, uint64_t room)`: they return
how much they wrote, or 2^64 - 1 where the function gives no answer. Coq's extraction is not verified.
"""

import subprocess
from pathlib import Path

from assay.core.digest import canonical_json, digest_bytes
from assay.core.errors import BadInput, Unavailable
from assay.core.plain import one_line
from assay.core.sandbox import open_sandbox
from assay.core.scratch import scratch
from assay.core.verdict import Finding, Severity
from assay.prove.artefact import COMPILE_SECONDS, COMPILER, FLAGS, LIBRARY, Artefact, compiler_version, link
from assay.prove.cell import Cell, limits
from assay.prove.component import Component, read
from assay.prove.provers import Prover, open_prover

_LINK = ("-lm", "-ldl", "-lpthread")

_GLUE_ML = """let of_string s =
  let rec go i l = if i < 0 then l else go (i - 1) (String.unsafe_get s i :: l) in
  go (String.length s - 1) []

let to_string l =
  let b = Buffer.create 65536 in
  List.iter (Buffer.add_char b) l;
  Buffer.contents b

let total f s = Some (to_string (f (of_string s)))
let partial f s = match f (of_string s) with None -> None | Some l -> Some (to_string l)
"""

_GLUE_C = """#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <caml/alloc.h>
#include <caml/callback.h>
#include <caml/memory.h>
#include <caml/mlvalues.h>

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static int started;

static uint64_t answer(const char *name, const uint8_t *in, uint64_t n, uint8_t *out, uint64_t room) {
  CAMLparam0();
  CAMLlocal2(argument, result);
  uint64_t written = UINT64_MAX;
  argument = caml_alloc_initialized_string(n, (const char *)in);
  result = caml_callback_exn(*caml_named_value(name), argument);
  if (!Is_exception_result(result) && Is_block(result)) {
    written = caml_string_length(Field(result, 0));
    if (written <= room) memcpy(out, String_val(Field(result, 0)), written);
  }
  CAMLreturnT(uint64_t, written);
}

static uint64_t call(const char *name, const uint8_t *in, uint64_t n, uint8_t *out, uint64_t room) {
  static char *words[] = {"component", NULL};
  pthread_mutex_lock(&one_at_a_time);
  if (!started) { caml_startup(words); started = 1; }
  uint64_t written = answer(name, in, n, out, room);
  pthread_mutex_unlock(&one_at_a_time);
  return written;
}
"""


def build_extracted(component: Component, cell: Cell, prover: Prover) -> Artefact | tuple[Finding, ...]:
    """Translate the functions that the theorems speak of, and build them."""
    program = component.manifest.program
    assert program is not None  # noqa: S101 - the caller has seen to it
    source, findings = prover.extracted()
    if source is None:
        return tuple(findings)
    ocaml, compiler = ocaml_version(), compiler_version()
    entries = {entry.symbol: entry for entry in component.manifest.entries}
    glue_ml, glue_c = _GLUE_ML, _GLUE_C
    for number, symbol in enumerate(program.extract):
        shape = "partial" if entries[symbol].invalid is not None else "total"
        glue_ml += f'let () = Callback.register "{symbol}" ({shape} Extracted.f{number})\n'
        arguments = "const uint8_t *in, uint64_t n, uint8_t *out, uint64_t room"
        glue_c += f'\nuint64_t {symbol}({arguments}) {{ return call("{symbol}", in, n, out, room); }}\n'
    work = cell.folder("ocaml")
    (work / "extracted.ml").write_bytes(source)
    (work / "glue.ml").write_text(glue_ml)
    (work / "glue.c").write_text(glue_c)
    steps = (
        "ocamlopt -w -a -output-complete-obj -runtime-variant _pic -ccopt -fPIC -o ocaml.o extracted.ml glue.ml",
        f"{COMPILER} {' '.join(FLAGS)} -I $(ocamlopt -where) -c glue.c -o glue.o",
    )
    for step in steps:
        ran = cell.run(["sh", "-c", f"rm -f extracted.mli; {step}"], work, limits(COMPILE_SECONDS))
        if not ran.ok:
            return (_refused(ran.why("Compiling the translated functions")),)
    return link(cell, work, ("ocaml.o", "glue.o"), _LINK, f"{compiler}; OCaml {ocaml}", FLAGS)


def ocaml_version() -> str:
    """The version of the OCaml compiler. `Unavailable` if there is none."""
    try:
        said = subprocess.run(["ocamlopt", "-version"], capture_output=True, text=True, timeout=60).stdout
    except OSError:
        raise Unavailable("There is no OCaml compiler here: install it (Debian: apt install ocaml-nox).") from None
    return one_line(said.strip(), 40)


def extracted_library(folder: Path) -> Path:
    """The built library of a component whose functions are translated: built in the sandbox once, kept by digest."""
    from assay.prove.loading import cache

    component = read(folder)
    kind = [component.digest, component.trusted_digest, compiler_version(), ocaml_version()]
    library = cache() / f"{digest_bytes(canonical_json(kind)).removeprefix('sha256:')}.so"
    if library.exists():
        return library
    with scratch("prove") as place:
        cell = Cell(open_sandbox(), place)
        artefact = build_extracted(component, cell, open_prover(component, cell))
        if not isinstance(artefact, Artefact):
            raise BadInput(f"{component.name} cannot be built: {artefact[0].message}")
        new = library.with_suffix(".new")
        new.write_bytes((artefact.folder / LIBRARY).read_bytes())
        new.replace(library)
    return library


def _refused(message: str) -> Finding:
    return Finding(rule="build", severity=Severity.VIOLATION, message=message)
