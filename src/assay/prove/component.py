"""A component: a folder with a task's statement and a submission's program and proofs, read strictly.

`read(folder)` gives a `Component`: the checked `component.toml` and every source file by path and digest. Compiled
files are left out here, so that nothing later can use them. The format is in docs/formats/component.md.
"""

import hashlib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from assay.core.digest import Digest, canonical_json, digest_bytes
from assay.core.errors import BadInput, Refused
from assay.core.plain import one_line
from assay.core.store.tree import Entry, Tree, TreeLimits
from assay.core.store.untrusted import Walk, open_plain_file

MAX_TOML = 64 << 10  # bytes
# A proof of zlib is about 20,000 lines; a hundred times that is not a component any more.
LIMITS = TreeLimits(files=5_000, total_bytes=64 << 20, file_bytes=8 << 20, depth=12, path_bytes=400, names=20_000)

# What provers and compilers leave behind. A submission's own are never used.
COMPILED = frozenset(
    (
        *(".vo", ".vos", ".vok", ".vio", ".glob", ".aux", ".olean", ".ilean", ".trace", ".so", ".o", ".a", ".dylib"),
        *(".dll", ".cmo", ".cmi", ".cmx", ".cmxs", ".cma", ".cmxa", ".cmt", ".pyc", ".bc", ".native", ".cache"),
    )
)
MAX_PARAMETERS = 24
TRUSTED_FOLDERS = ("trusted", "tests")
SUBMITTED_FOLDERS = ("src", "c")

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_']*")
_C_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _dotted(text: str) -> str:
    if len(text) > 200 or not all(_IDENTIFIER.fullmatch(part) for part in text.split(".")):
        raise ValueError(f"{text[:80]!r} is not a name such as Statement.T1 (ASCII letters, digits, _ and ')")
    return text


def _single(text: str) -> str:
    if len(text) > 100 or not _C_IDENTIFIER.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is not a plain name (ASCII letters, digits and _)")
    return text


def _c_path(text: str) -> str:
    if not re.fullmatch(r"c/[A-Za-z0-9_]+\.c", text):
        raise ValueError(f"{text[:80]!r} must be a file such as c/name.c")
    return text


def _package(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]{0,100}", text):
        raise ValueError(f"{text[:80]!r} is not the name of a Debian package")
    return text


Dotted = Annotated[str, AfterValidator(_dotted)]
Name = Annotated[str, AfterValidator(_single)]
Scalar = Literal["u8", "u16", "u32", "u64"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Source(_Strict):
    """The library that is being replaced."""

    library: str = Field(max_length=200)
    version: str = Field(max_length=100)


class Rocq(_Strict):
    """Logical names of the folders, for Rocq."""

    submission: Name
    trusted: Name
    libraries: dict[Name, str] = Field(default_factory=dict)
    packages: tuple[Annotated[str, AfterValidator(_package)], ...] = Field(default=(), max_length=20)
    axioms: tuple[Dotted, ...] = ()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        names = [self.submission, self.trusted, *self.libraries]
        if len(set(names)) != len(names) or {*names} & {"Coq", "Ltac2", "AssayCheck", "mathcomp", "stdpp"}:
            raise ValueError("submission, trusted and libraries need logical names of their own, none of them Coq's")
        return self


class Lean(_Strict):
    """How a Lean component is checked: `bare` files begin with `prelude` and use nothing but the kernel's own."""

    mode: Literal["bare", "lake"] = "bare"
    axioms: tuple[Dotted, ...] = ()


class Theorem(_Strict):
    """One trusted statement and the name of what proves it."""

    statement: Dotted
    proof: Dotted
    says: str = Field(max_length=2000)
    role: Literal["main", "equality", "witness"] = "main"
    of_program: bool = False

    @property
    def name(self) -> str:
        return self.statement.rpartition(".")[2]


class Program(_Strict):
    """The fast version: where it is defined, and how it becomes what Python loads.

    Either a `printer` of the trusted library gives C that is committed as `c`; or the verifier translates, for each C
    symbol, a trusted projection of the program (type `list byte -> list byte`, or to an option of it) to OCaml.
    """

    definition: Dotted
    type: Dotted
    printer: Dotted | None = None
    c: Annotated[str, AfterValidator(_c_path)] | None = None
    extract: dict[Name, Dotted] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.printer is None) != (self.c is None) or (self.printer is None) == (not self.extract):
            raise ValueError("a program has a printer and a file c, or extract, and not both")
        return self


class Parameter(_Strict):
    """One parameter of a C function, in order."""

    kind: Literal["buffer", "length", "u8", "u16", "u32", "u64", "output", "capacity", "scratch", "constant", "result"]
    name: Name | None = None
    of: Name | None = None
    default: int | None = Field(default=None, ge=0, lt=1 << 64)
    times: tuple[int, int] = (1, 1)
    plus: int = Field(default=0, ge=0, lt=1 << 32)
    bytes: int = Field(default=0, ge=0, le=1 << 28)
    word: Literal[8, 16, 32, 64] = 8  # bits
    value: int | None = Field(default=None, ge=0, lt=1 << 64)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind in ("buffer", "u8", "u16", "u32", "u64", "output", "result") and self.name is None:
            raise ValueError(f"a parameter of kind {self.kind} needs a name")
        if (self.value is None) != (self.kind != "constant"):
            raise ValueError("a parameter of kind constant, and no other, has a value")
        if self.bytes * 8 % self.word or (self.word != 8 and self.kind != "scratch"):
            raise ValueError("word is the width of a scratch array, which holds a whole number of them")
        if self.kind in ("length", "output", "capacity") and self.of is None:
            raise ValueError(f"a parameter of kind {self.kind} says with `of` whose it is")
        if not (0 <= self.times[0] <= 4096 and 1 <= self.times[1] <= 4096):
            raise ValueError("times is [numerator, denominator], each at most 4096")
        return self

    def room(self, length: int) -> int:
        """Bytes of an output for an input of `length` bytes."""
        numerator, denominator = self.times
        return -(-length * numerator // denominator) + self.plus


class Valid(_Strict):
    """What one of the results is when the input is valid."""

    result: Name
    is_: int = Field(alias="is", ge=0, lt=1 << 64)


class EntryPoint(_Strict):
    """A function that Python calls. With `result` the C function is void, and that result is what it returns."""

    name: Name
    symbol: Name
    parameters: tuple[Parameter, ...] = Field(max_length=MAX_PARAMETERS)
    returns: Literal["u8", "u16", "u32", "u64", "bool", "written"]
    result: Name | None = None
    invalid: Literal["max"] | None = None
    valid: Valid | None = None

    @model_validator(mode="after")
    def _results(self) -> Self:
        results = {p.name for p in self.parameters if p.kind == "result"}
        if bool(results) != (self.result is not None):
            raise ValueError(f"{self.name}: parameters of kind result and the name of one of them go together")
        for named in (self.result, self.valid.result if self.valid else None):
            if named is not None and named not in results:
                raise ValueError(f"{self.name}: there is no result {named}")
        if self.result is not None and (self.returns not in ("written", "u64") or self.invalid is not None):
            raise ValueError(
                f"{self.name}: with `result` it returns written or u64, and `valid` takes the place of `invalid`"
            )
        return self

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        buffers = {p.name for p in self.parameters if p.kind == "buffer"}
        outputs = {p.name for p in self.parameters if p.kind == "output"}
        named = [p.name for p in self.parameters if p.name is not None]
        if len(set(named)) != len(named):
            raise ValueError(f"{self.name}: two parameters have one name")
        for p in self.parameters:
            if p.kind in ("length", "output") and p.of not in buffers:
                raise ValueError(f"{self.name}: {p.kind} of {p.of} speaks of no buffer")
            if p.kind == "capacity" and p.of not in outputs:
                raise ValueError(f"{self.name}: capacity of {p.of} speaks of no output")
        written = self.returns == "written"
        # With `result` a function may fill an output and return something else.
        if len(outputs) > 1 or (written and not outputs) or (outputs and not written and self.result is None):
            raise ValueError(f"{self.name}: a function that returns `written` has one output, others have none")
        if self.invalid is not None and self.returns not in ("written", "u64"):
            raise ValueError(f"{self.name}: `invalid` needs a function that returns written or u64")
        return self

    @property
    def can_refuse(self) -> bool:
        """Whether 2^64 - 1 from it, or from the program that calls it, says that the input is not valid."""
        return self.invalid == "max" or self.valid is not None

    @property
    def arguments(self) -> tuple[Parameter, ...]:
        """What Python passes, in order."""
        return tuple(p for p in self.parameters if p.kind in ("buffer", "u8", "u16", "u32", "u64"))


class Manifest(_Strict):
    """`component.toml`."""

    schema_: Literal["assay.component/1"] = Field(alias="schema")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")
    title: str = Field(max_length=200)
    about: str = Field(max_length=4000)
    prover: Literal["rocq", "lean"]
    not_proved: tuple[str, ...] = ()
    source: Source
    rocq: Rocq | None = None
    lean: Lean | None = None
    theorems: tuple[Theorem, ...] = Field(alias="theorem", min_length=1, max_length=500)
    program: Program | None = None
    entries: tuple[EntryPoint, ...] = Field(default=(), alias="entry", max_length=100)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.rocq is None) != (self.prover != "rocq") or (self.lean is not None and self.prover != "lean"):
            raise ValueError(f"a component of the prover {self.prover} has a table [{self.prover}] and no other")
        if any(t.of_program for t in self.theorems) and self.program is None:
            raise ValueError("a theorem with of_program needs the table [program]")
        names = [t.statement for t in self.theorems]
        if len(set(names)) != len(names):
            raise ValueError("two theorems have the same statement")
        return self


@dataclass(frozen=True)
class Component:
    """A component as it lies in a folder. `files` has all source files by their paths, compiled ones left out."""

    root: Path
    manifest: Manifest
    files: Mapping[str, Entry]
    libraries: Mapping[str, Path]  # logical name -> folder
    library_files: Mapping[str, Mapping[str, Entry]]
    ignored: tuple[str, ...]  # compiled files that lie there

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def digest(self) -> Digest:
        """Of all source files: what a certificate speaks of."""
        return Tree.of(self.files.values(), LIMITS).digest

    def under(self, folder: str) -> dict[str, Entry]:
        return {path: entry for path, entry in self.files.items() if path.startswith(folder + "/")}

    def trusted_document(self) -> dict[str, Any]:
        """All that the task owns, by digest."""
        mine = {p: e.sha256 for p, e in self.files.items() if p.partition("/")[0] in TRUSTED_FOLDERS}
        mine["component.toml"] = self.files["component.toml"].sha256
        libraries = {
            name: {path: entry.sha256 for path, entry in files.items()} for name, files in self.library_files.items()
        }
        return {"schema": "assay.component-task/1", "name": self.name, "files": mine, "libraries": libraries}

    @property
    def trusted_digest(self) -> Digest:
        return digest_bytes(canonical_json(self.trusted_document()))


def read(root: Path) -> Component:
    """The component in the folder `root`. `BadInput` if it is none, `Refused` if it holds what cannot be taken."""
    path = root / "component.toml"
    if not path.is_file() or path.is_symlink():
        raise BadInput(f"{root} has no component.toml: `assay prove new NAME` makes a component to start from.")
    if path.stat().st_size > MAX_TOML:
        raise BadInput(f"{path} is larger than {MAX_TOML} bytes: it is not a component's.")
    manifest = parse(path.read_bytes(), str(path))
    files, ignored = walk(root)
    libraries, library_files = {}, {}
    for name, where in (manifest.rocq.libraries if manifest.rocq else {}).items():
        libraries[name] = _library(root, where)
        library_files[name] = walk(libraries[name])[0]
    return Component(root, manifest, files, libraries, library_files, tuple(ignored))


def parse(data: bytes, where: str) -> Manifest:
    """`component.toml`, strictly."""
    try:
        return Manifest.model_validate(tomllib.loads(data.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{where} is not TOML: {one_line(str(error), 200)}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        said = one_line(str(first["msg"]).removeprefix("Value error, "), 200).rstrip(".")
        raise BadInput(f"{where}: {one_line(place, 100)}: {said}.") from None


def walk(root: Path) -> tuple[dict[str, Entry], list[str]]:
    """Every source file below `root`, and the compiled files that are left out. Links and devices are refused."""
    found, ignored = {}, []
    for file in Walk(root, LIMITS, exclude=(".git", "_build", ".lake", "__pycache__")):
        if is_compiled(file.path):
            ignored.append(file.path)
            continue
        digest = _digest_of(file.descriptor)
        found[file.path] = Entry(file.path, digest, file.size, file.executable)
    return found, ignored


def is_compiled(path: str) -> bool:
    pure = PurePosixPath(path)
    return any(suffix in COMPILED for suffix in pure.suffixes[-1:]) or "__pycache__" in pure.parts


def copy_sources(component: Component, folder: Path, top: tuple[str, ...]) -> None:
    """Copy the source files below the folders `top` to `folder`; what was compiled stays behind."""
    _copy(component.root, [e for p, e in component.files.items() if p.partition("/")[0] in top], folder)


def copy_library(component: Component, name: str, folder: Path) -> None:
    _copy(component.libraries[name], component.library_files[name].values(), folder)


def copy_libraries(component: Component, folder: Path) -> None:
    """All libraries, as they lie beside the component, into a folder of components."""
    for name, source in component.libraries.items():
        copy_library(component, name, folder / source.relative_to(component.root.absolute().parent))


def _copy(root: Path, entries: Iterable[Entry], folder: Path) -> None:
    for entry in entries:
        place = folder / entry.path
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor = open_plain_file(root / entry.path)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(entry.size + 1)
        if digest_bytes(data) != entry.sha256:
            raise BadInput(
                f"{one_line(entry.path, 200)} changed while it was being checked: check again when it rests."
            )
        place.write_bytes(data)


def source_bytes(component: Component, path: str) -> bytes:
    """A source as it was when the component was read. `BadInput` if it has been changed since."""
    entry = component.files[path]
    with os.fdopen(open_plain_file(component.root / path), "rb") as file:
        data = file.read(entry.size + 1)
    if digest_bytes(data) != entry.sha256:
        raise BadInput(f"{one_line(path, 200)} changed while it was being checked: check again when it rests.")
    return data


def _digest_of(descriptor: int) -> Digest:
    sha = hashlib.sha256()
    while chunk := os.read(descriptor, 1 << 20):
        sha.update(chunk)
    return "sha256:" + sha.hexdigest()


def _library(root: Path, where: str) -> Path:
    """The folder of a trusted library: beside the component, or in one beside it; never what a submission can write."""
    parts = PurePosixPath(where).parts
    strange = {"", ".", "..", root.absolute().name} & {*parts[1:]}
    if len(parts) not in (2, 3) or parts[0] != ".." or strange:
        raise BadInput(f"The library {where[:80]!r} must be a folder beside the component, such as ../lib.")
    folder = root.absolute().parent.joinpath(*parts[1:])
    if not folder.is_dir() or folder.is_symlink() or folder.parent.is_symlink():
        raise BadInput(f"The library {folder} is not there: it belongs beside the component.")
    return folder


def refuse_foreign_files(paths: Iterator[str]) -> None:
    """`Refused` if a submission holds anything outside `src/` and `c/`."""
    for path in paths:
        if path.partition("/")[0] not in SUBMITTED_FOLDERS:
            raise Refused(f"{one_line(path, 200)!r} is not a part of a submission: only src/ and c/ are taken.")
