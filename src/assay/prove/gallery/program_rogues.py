"""Programs that are not what was proved, and programs that pass tests without doing the work. Over the skeleton."""

from collections.abc import Mapping

from assay.prove.gallery.specimen import Specimen, skeleton_base
from assay.prove.gates import Gate
from assay.prove.skeleton import template

SPECIMENS: list[Specimen] = []
_C = "c/triple.c"


def rogue(
    name: str, kind: str, what: str, files: Mapping[str, str | bytes | None] | str, gate: Gate, *rules: str
) -> None:
    laid = {_C: "#include <stdint.h>\n" + files} if isinstance(files, str) else files
    SPECIMENS.append(Specimen(name, "rocq", True, kind, what, skeleton_base("rocq"), laid, gate, rules))


# Another program than the theorem's -----------------------------------------------------------------------------------

rogue(
    "faster_c",
    "other program",
    "The committed C is faster than what the program prints, and nobody proved it.",
    "uint64_t triple(uint64_t x);\nuint64_t triple(uint64_t x) { return (x << 1) + x; }\n",
    Gate.OPTIMISED,
    "printed",
)
rogue(
    "one_more_function",
    "other program",
    "The committed C has one more function, which runs when it is loaded.",
    "uint64_t triple(uint64_t x);\nuint64_t triple(uint64_t x) { return (x + (x + x)); }\n"
    "__attribute__((constructor)) static void first(void) {}\n",
    Gate.OPTIMISED,
    "printed",
)
rogue(
    "another_line_end",
    "other program",
    "The committed C differs by one byte.",
    "\nuint64_t triple(uint64_t x);\nuint64_t triple(uint64_t x) { return (x + (x + x)); }\n\n",
    Gate.OPTIMISED,
    "printed",
)
rogue("no_c", "other program", "The C is not there.", {_C: None}, Gate.OPTIMISED, "printed", "build")
_MAIN = template("rocq", "src/Main.v", "triple")
_PROGRAM = template("rocq", "src/Program.v", "triple")
rogue(
    "proves_another_program",
    "other program",
    "The theorem is proved of a slow program, and a wrong one is named and printed.",
    {
        "src/Program.v": _PROGRAM.replace("Add Arg (Add Arg Arg)", "Add Arg Arg")
        + "\nDefinition slow : exp := Add Arg (Add Arg Arg).\n",
        "src/Main.v": _MAIN.replace("Statement.right program", "Statement.right slow").replace(
            "unfold program", "unfold slow"
        ),
        _C: "#include <stdint.h>\n\nuint64_t triple(uint64_t x);\nuint64_t triple(uint64_t x) { return (x + x); }\n",
    },
    Gate.OPTIMISED,
    "optimised",
    "theorem",
)
_ASSUMED = _MAIN.replace("Theorem right : Statement.right program.", "Axiom right : Statement.right program.\n(*")
rogue(
    "assumed_program",
    "other program",
    "The program is an axiom, and so is its theorem.",
    {
        "src/Program.v": "From TripleTrusted Require Import Language.\nAxiom program : exp.\n",
        "src/Main.v": _ASSUMED.replace("apply N.add_assoc.\nQed.", "*)"),
    },
    Gate.OPTIMISED,
    "assumption",
    "optimised",
    "printed",
)
_SEALED = "Lemma program : exp.\nProof. exact (Add Arg (Add Arg Arg)). Qed."
rogue(
    "opaque_program",
    "other program",
    "The program is sealed, so that nobody can print it.",
    {"src/Program.v": _PROGRAM.replace("Definition program : exp := Add Arg (Add Arg Arg).", _SEALED)},
    Gate.OPTIMISED,
    "build",
    "printed",
    "optimised",
)
rogue(
    "own_language",
    "other program",
    "The language is defined again, with another meaning, and the theorem is about that.",
    {
        "src/Program.v": """Require Import Coq.NArith.BinNat.
Inductive exp := Arg | Add (a b : exp).
Definition program : exp := Add Arg Arg.
""",
        "src/Main.v": """Require Import Coq.NArith.BinNat.
From TripleTrusted Require Import Statement.
From Triple Require Import Program.
Definition eval (e : exp) (x : N) : N := triple x.
Theorem right : forall x, N.lt x 5 -> eval program x = triple x. Proof. reflexivity. Qed.
Theorem known : Statement.known. Proof. split; reflexivity. Qed.
""",
    },
    Gate.THEOREMS,
    "theorem",
)

# Tests passed without the work ----------------------------------------------------------------------------------------

rogue(
    "known_answers_only",
    "conformance",
    "The answers to the published test inputs are written into the program, and nothing else is right.",
    "uint64_t triple(uint64_t x);\nuint64_t triple(uint64_t x) {\n"
    "  switch (x) { case 0: return 0; case 5: return 15; case 1000: return 3000; default: return 7; }\n}\n",
    Gate.CONFORMANCE,
    "conformance",
)
rogue(
    "wrong_on_rare_inputs",
    "conformance",
    "The program is right but for one input in eight.",
    "uint64_t triple(uint64_t x);\nuint64_t triple(uint64_t x) { return x % 8 == 3 ? 1 : 3 * x; }\n",
    Gate.CONFORMANCE,
    "conformance",
)
rogue(
    "calls_the_original",
    "conformance",
    "The program hands its work to the library that it is to replace.",
    "extern unsigned long adler32(unsigned long, const unsigned char *, unsigned);\nuint64_t triple(uint64_t x);\n"
    "uint64_t triple(uint64_t x) { return adler32(1, 0, 0) ? 3 * x : 0; }\n",
    Gate.IMPLEMENTATION,
    "calls",
)
rogue(
    "looks_for_the_original",
    "conformance",
    "The program looks for the original library while it runs.",
    "#include <dlfcn.h>\nuint64_t triple(uint64_t x);\n"
    'uint64_t triple(uint64_t x) { return dlopen("libz.so.1", RTLD_NOW) ? 3 * x : 0; }\n',
    Gate.IMPLEMENTATION,
    "calls",
)
rogue(
    "asks_the_network",
    "conformance",
    "The program asks a server for the answer.",
    "#include <sys/socket.h>\nuint64_t triple(uint64_t x);\n"
    "uint64_t triple(uint64_t x) { return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 3 * x : 0; }\n",
    Gate.IMPLEMENTATION,
    "calls",
)
rogue(
    "asks_the_network_by_hand",
    "conformance",
    "The program makes the system call for a socket itself.",
    "uint64_t triple(uint64_t x);\nuint64_t triple(uint64_t x) {\n"
    "#if defined(__x86_64__)\n"
    '  long made; __asm__ volatile("syscall" : "=a"(made) : "a"(41), "D"(2), "S"(1), "d"(0) : "rcx", "r11");\n'
    "  if (made < 0) return 0;\n#endif\n  return 3 * x;\n}\n",
    Gate.OPTIMISED,
    "printed",
)
rogue(
    "starts_a_program",
    "conformance",
    "The program starts another one that knows the answer.",
    "#include <stdlib.h>\nuint64_t triple(uint64_t x);\n"
    'uint64_t triple(uint64_t x) { return system("true") == 0 ? 3 * x : 0; }\n',
    Gate.IMPLEMENTATION,
    "calls",
)
rogue(
    "crashes",
    "conformance",
    "The program reads where nothing is.",
    "uint64_t triple(uint64_t x);\n"
    "uint64_t triple(uint64_t x) { return x % 1000 == 7 ? *(volatile uint64_t *)x : 3 * x; }\n",
    Gate.CONFORMANCE,
    "conformance",
)
rogue(
    "never_answers",
    "conformance",
    "The program does not come back from one input in eight.",
    "uint64_t triple(uint64_t x);\n"
    "uint64_t triple(uint64_t x) { volatile int on = 1; while (x % 8 == 7 && on) {} return 3 * x; }\n",
    Gate.CONFORMANCE,
    "conformance",
)
rogue(
    "reads_the_host",
    "bad input",
    "The C takes in a file of the machine on which it is compiled.",
    '#include "/etc/shadow"\nuint64_t triple(uint64_t x);\nuint64_t triple(uint64_t x) { return 3 * x; }\n',
    Gate.IMPLEMENTATION,
    "build",
)
rogue(
    "endless_include",
    "bad input",
    "The C takes in a device that never ends.",
    '#include "/dev/zero"\n',
    Gate.IMPLEMENTATION,
    "build",
)
rogue(
    "wrong_shape",
    "bad input",
    "The C has no such function.",
    "uint64_t double_it(uint64_t x);\nuint64_t double_it(uint64_t x) { return 2 * x; }\n",
    Gate.IMPLEMENTATION,
    "load",
    "build",
)

# The same program in other bytes, and programs that look around ------------------------------------------------------

_BODY = "uint64_t triple(uint64_t x);\nuint64_t triple(uint64_t x) { %s return 3 * x; }\n"
_PRINTED = template("rocq", "c/program.c", "triple")
rogue(
    "byte_order_mark",
    "other program",
    "The committed C begins with a mark that most editors do not show.",
    {_C: b"\xef\xbb\xbf" + _PRINTED.encode()},
    Gate.OPTIMISED,
    "printed",
)
rogue(
    "other_line_ends",
    "other program",
    "The lines of the committed C end as on another system.",
    {_C: _PRINTED.replace("\n", "\r\n").encode()},
    Gate.OPTIMISED,
    "printed",
)
rogue(
    "nul_at_the_end",
    "other program",
    "A byte that C does not allow stands at the end of the committed C.",
    {_C: _PRINTED.encode() + b"\0"},
    Gate.OPTIMISED,
    "printed",
)
rogue(
    "takes_in_a_file_by_the_assembler",
    "bad input",
    "The C takes a file of the machine into its data section.",
    '__asm__(".data\\n.incbin \\"/etc/shadow\\"\\n.text\\n");\n' + _BODY % "",
    Gate.IMPLEMENTATION,
    "build",
)
rogue(
    "looks_at_the_clock",
    "conformance",
    "The program asks the processor for the time, to be wrong later.",
    _BODY
    % (
        "uint32_t low = 0, high = 0;\n#if defined(__x86_64__)\n"
        '  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));\n#endif\n  if (high > 4000000000u) return 1;\n '
    ),
    Gate.OPTIMISED,
    "printed",
)
rogue(
    "looks_at_its_caller",
    "conformance",
    "The program looks at the address that it will return to, to know whether it is being tested.",
    _BODY % "if (((uint64_t)__builtin_return_address(0) & 0xfff) == 0x123) return 1;",
    Gate.OPTIMISED,
    "printed",
)
rogue(
    "looks_at_the_environment",
    "conformance",
    "The program reads the environment, to know whether it is being tested.",
    "extern char **environ;\n" + _BODY % "if (environ && environ[0] && environ[0][0] == 'Z') return 1;",
    Gate.IMPLEMENTATION,
    "calls",
)
rogue(
    "runs_when_loaded",
    "conformance",
    "A part of the program runs as soon as it is loaded.",
    "static uint64_t ready;\n__attribute__((constructor)) static void first(void) { ready = 3; }\n"
    "uint64_t triple(uint64_t x);\nuint64_t triple(uint64_t x) { return ready * x; }\n",
    Gate.OPTIMISED,
    "printed",
)
rogue(
    "gigabyte_of_zeros",
    "bad input",
    "The C compiles to a file of a gigabyte.",
    "char much[1 << 30] = {1};\n" + _BODY % "",
    Gate.IMPLEMENTATION,
    "build",
)
