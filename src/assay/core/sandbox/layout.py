"""What exists inside a bubblewrap sandbox: the list of mounts, as arguments for `bwrap`.

The system's programs and libraries and the Python that Assay runs on, read-only; a made-up `/etc`; private `/proc`,
`/dev`, `/tmp` and `/dev/shm`; then what the `Spec` names. Nothing else of the host.
"""

import os
import shutil
import site
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from assay.core.errors import BadInput, Unavailable
from assay.core.sandbox.cgroups import is_abandoned, supervisor_name
from assay.core.sandbox.spec import WORKSPACE, Mount, Spec

USER_ID = GROUP_ID = 1000
INIT = "/run/assay/init.py"
PROXY_PORT = 3128  # on 127.0.0.1 of a sandbox with network; its network namespace is its own

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")

# Public parts of /etc. Not /etc/ssl as a whole: it also has private keys.
_PUBLIC_ETC = (
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "ssl/certs", "ssl/openssl.cnf"),
    *("pki/tls/certs", "pki/ca-trust/extracted", "ca-certificates/extracted", "mime.types", "os-release", "services"),
    "protocols",
)

_MADE_UP_ETC = {
    "passwd": f"worker:x:{USER_ID}:{GROUP_ID}:worker:/tmp:/bin/sh\n",
    "group": f"worker:x:{GROUP_ID}:\n",
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost sandbox\n",
    "hostname": "sandbox\n",
    "resolv.conf": "# There is no name server in here.\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n",
    "machine-id": "",
}

# Parts of /proc that speak of the host.
_MASKED_FILES = (
    *("cmdline", "kcore", "kallsyms", "kmsg", "keys", "key-users", "timer_list", "sched_debug", "config.gz", "modules"),
    *("interrupts", "iomem", "ioports", "slabinfo", "vmallocinfo", "zoneinfo", "pagetypeinfo", "mdstat", "partitions"),
    *("diskstats", "swaps", "kpagecount", "kpageflags", "kpagecgroup", "latency_stats", "sysrq-trigger", "locks"),
)
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

_MASKED_DIRECTORIES = ("acpi", "asound", "scsi", "fs", "driver", "tty", "bus", "irq", "dynamic_debug", "pressure")


@dataclass
class Layout:
    """Arguments for bwrap, the descriptors that they name, and where the host can write through them."""

    arguments: list[str] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    mounts: dict[str, Path] = field(default_factory=dict)  # target inside -> source
    writable: list[Path] = field(default_factory=list)  # sources that can be written to, the workspace first


def memory_file(name: str, content: bytes, stack: ExitStack) -> int:
    """A descriptor of a file in memory with this content, at its beginning, closed with `stack`."""
    descriptor = os.memfd_create(name)
    stack.callback(os.close, descriptor)
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def interpreter() -> str:
    """The path, inside and outside, of the Python that runs the sandbox's first process."""
    executable = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    if not executable or not Path(executable).is_file():
        raise Unavailable("The sandbox cannot find the Python it runs on: run Assay with an installed Python.")
    return executable


def _base_mounts() -> Iterator[Mount]:
    """The installation that the virtual environment, if there is one, was made from: by every name it goes by."""
    real = Path(os.path.realpath(sys.base_prefix))
    names = {str(Path(sys.base_prefix)), str(real)}
    link = Path(sys.executable)
    for _ in range(16):  # python -> python3 -> /opt/python-3.11/bin/python3.11: any step may name a linked folder
        if link.parent.name == "bin" and os.path.realpath(link.parent.parent) == str(real):
            names.add(str(link.parent.parent))
        if not link.is_symlink():
            break
        link = Path(os.path.normpath(link.parent / link.readlink()))
    home = Path(interpreter()).parent.parent
    if not _covered(str(home), _SYSTEM) and str(home) != "/":
        names.add(str(home))
    for name in sorted(names):
        if not _covered(name, _SYSTEM):
            yield Mount(Path(os.path.realpath(name)), name)


def _covered(path: str, targets: "tuple[str, ...] | set[str]") -> bool:
    return any(path == t or path.startswith(t + "/") for t in targets)


def python_mounts() -> tuple[Mount, ...]:
    """What this Python environment needs inside: its packages, the Python under it, and the source of Assay.

    With these mounts, PATH starts with the environment's own `bin`, so that `python` is this Python.
    """
    mounts = {mount.target: mount for mount in _base_mounts()}
    places = [sys.prefix, *site.getsitepackages()]
    source = Path(__file__).resolve().parents[3]  # the folder that has `assay`: elsewhere if installed for editing
    places.append(str(source))
    for place in places:
        if Path(place).is_dir() and not _covered(place, (*_SYSTEM, *mounts)):
            mounts[place] = Mount(Path(os.path.realpath(place)), place)
    return tuple(mounts.values())


def default_environment(spec: Spec) -> dict[str, str]:
    """What every command has, before what its `Spec` grants: where programs are, a home, a character set."""
    path = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
    if any(mount.target == sys.prefix for mount in (*spec.mounts, *_base_mounts())):
        path = f"{sys.prefix}/bin:{path}"
    environment = {"PATH": path, "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "USER": "worker"}  # noqa: S108
    if spec.network:
        proxy = f"http://127.0.0.1:{PROXY_PORT}"
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            environment[name] = environment[name.upper()] = proxy
        environment["no_proxy"] = environment["NO_PROXY"] = "localhost,127.0.0.1,::1"
    return {**environment, **spec.environment}


def _system(layout: Layout) -> None:
    for path in _SYSTEM:
        if Path(path).is_symlink():
            layout.arguments += ["--symlink", str(Path(path).readlink()), path]
        elif Path(path).is_dir():
            layout.arguments += ["--ro-bind", path, path]
            layout.mounts[path] = Path(path)
    for mount in _base_mounts():
        _bind(layout, mount.source, mount.target)


def _etc(layout: Layout, stack: ExitStack) -> None:
    for name, content in _MADE_UP_ETC.items():
        descriptor = memory_file(name, content.encode(), stack)
        layout.descriptors.append(descriptor)
        layout.arguments += ["--perms", "0444", "--file", str(descriptor), f"/etc/{name}"]
    for name in _PUBLIC_ETC:
        path = Path("/etc") / name
        if path.exists():  # resolved: localtime is a link into /usr/share, and must not depend on it
            layout.arguments += ["--ro-bind", os.path.realpath(path), str(path)]


def _private(layout: Layout, scratch_bytes: int) -> None:
    layout.arguments += ["--proc", "/proc", "--dev", "/dev"]
    for path in ("/dev/shm", "/tmp"):  # noqa: S108
        layout.arguments += ["--perms", "1777", "--size", str(scratch_bytes), "--tmpfs", path]
    layout.arguments += ["--dir", "/var", "--symlink", "../tmp", "/var/tmp", "--dir", "/run"]  # noqa: S108


def graphics_devices(count: int, visible: str | None, devices: Path = Path("/dev")) -> list[str]:
    """The names below /dev of `count` NVIDIA graphics processors and of what all of them need; none for 0.

    `visible` is CUDA_VISIBLE_DEVICES as a scheduler sets it: only these may be given. `Unavailable` if there are fewer.
    """
    if count == 0:
        return []
    numbers = sorted(int(p.name.removeprefix("nvidia")) for p in devices.glob("nvidia[0-9]*") if p.name[6:].isdigit())
    if visible is not None:
        allowed = visible.split(",")
        numbers = [number for number in numbers if str(number) in allowed]
    if len(numbers) < count:
        raise Unavailable(
            f"The task needs {count} graphics processor(s) and {len(numbers)} can be used here: run it where there is "
            "one, with NVIDIA's driver."
        )
    common = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools")
    return [f"nvidia{number}" for number in numbers[:count]] + [name for name in common if (devices / name).exists()]


def _device_nodes(folder: Path, names: Iterable[str]) -> bool:
    """Make device files of our own in a new folder. Whether they work there: many file systems forbid them."""
    try:
        for name in names:
            original = Path("/dev", name).stat()
            os.mknod(folder / name, stat.S_IFCHR | 0o666, original.st_rdev)
            (folder / name).chmod(0o666)  # the mask of the process took some away
        os.close(os.open(folder / "null", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _devices(layout: Layout, spec: Spec, stack: ExitStack) -> None:
    """The graphics processors of the budget. For root's sandboxes, device files that nobody else uses.

    There the worker owns them, and could take their mode away. The folder goes with `stack`; what is mounted from it
    stays.
    """
    graphics = graphics_devices(spec.budget.gpus, os.environ.get("CUDA_VISIBLE_DEVICES"))
    if os.geteuid() != 0:
        for name in graphics:
            layout.arguments += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
        return
    names = (*_DEVICES, *graphics)
    for parent in (None, "/dev"):
        place = Path(parent or tempfile.gettempdir())
        for left in place.glob("assay-*.devices"):  # by a supervisor that was killed while it started
            if is_abandoned(left.name) and left.lstat().st_uid == 0:
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{supervisor_name()}-", suffix=".devices", dir=place))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if _device_nodes(folder, names):
            for name in names:
                layout.arguments += ["--dev-bind", str(folder / name), f"/dev/{name}"]
            return
    for name in graphics:  # no file system here lets us make device files of our own
        layout.arguments += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]


def _bind(layout: Layout, source: Path, target: str, *, writable: bool = False) -> None:
    try:
        mode = source.stat().st_mode
    except OSError as error:
        raise BadInput(
            f"{source} cannot be mounted into the sandbox ({error.strerror}): name a file or folder that exists."
        ) from None
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise BadInput(f"{source} is neither a file nor a folder: it cannot be mounted into the sandbox.")
    real = os.path.realpath(source)
    if not writable and layout.mounts.get(target) == Path(real):
        return  # the Python that Assay runs on is there in any case
    layout.arguments += ["--bind" if writable else "--ro-bind", real, target]
    layout.mounts[target] = Path(real)
    if writable:
        layout.writable.append(Path(real))


def _own(layout: Layout, spec: Spec) -> None:
    """The workspace and the mounts of the spec, shallow targets first, so that deeper ones lie on top."""
    if not spec.workspace.is_dir():
        raise BadInput(f"The workspace {spec.workspace} is not a folder: create it first.")
    _bind(layout, spec.workspace, WORKSPACE, writable=True)
    for mount in sorted(spec.mounts, key=lambda m: len(PurePosixPath(m.target).parts)):
        _bind(layout, mount.source, mount.target, writable=mount.writable)


def _real_path_below(base: Path, relative: PurePosixPath) -> Path | None:
    """`base/relative` if it exists; `BadInput` if a symbolic link is on the way: it could lead anywhere."""
    path = base
    for part in relative.parts:
        path = path / part
        if path.is_symlink():
            raise BadInput(f"{path} is a symbolic link: the sandbox protects and hides only real files and folders.")
        if not path.exists():
            return None
    return path


def _protected(layout: Layout, spec: Spec) -> None:
    base = layout.mounts[WORKSPACE]
    for name in spec.read_only_paths:
        relative = PurePosixPath(name)
        path = _real_path_below(base, relative)
        if path is None:
            raise BadInput(f"The read-only path {name!r} is not in the workspace {spec.workspace}.")
        layout.arguments += ["--ro-bind", str(path), str(PurePosixPath(WORKSPACE) / relative)]


def _hidden(layout: Layout, spec: Spec, stack: ExitStack) -> None:
    for name in spec.hidden:
        targets = [target for target in layout.mounts if _covered(name, (target,))]
        if not targets:
            continue  # nothing of the host is there
        target = max(targets, key=len)
        path = _real_path_below(layout.mounts[target], PurePosixPath(name).relative_to(target))
        if path is None:
            continue
        if path.is_dir():
            layout.arguments += ["--perms", "0755", "--size", "4096", "--tmpfs", name, "--remount-ro", name]
        else:
            descriptor = memory_file("hidden", b"", stack)
            layout.descriptors.append(descriptor)
            layout.arguments += ["--ro-bind-data", str(descriptor), name]


def _sealed(layout: Layout, spec: Spec) -> None:
    """Last of all: what would let a process speak to the host through files that are only half private."""
    empty = "/run/assay/empty"
    layout.arguments += ["--perms", "0555", "--dir", empty]
    for name in _MASKED_FILES:
        if Path("/proc", name).exists():
            layout.arguments += ["--ro-bind", "/dev/null", f"/proc/{name}"]
    masked = set(_MASKED_DIRECTORIES) - ({"driver"} if spec.budget.gpus else set())  # CUDA reads its driver's settings
    for name in sorted(masked):
        if Path("/proc", name).is_dir():
            layout.arguments += ["--perms", "0555", "--size", "4096", "--tmpfs", f"/proc/{name}"]
            layout.arguments += ["--remount-ro", f"/proc/{name}"]
    # Writing to /proc/sys asks only for root's number outside, which the worker may have: read-only, all of it.
    layout.arguments += ["--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/"]


def lay_out(spec: Spec, stack: ExitStack) -> Layout:
    """Everything that is mounted for `spec`. Descriptors are closed with `stack`."""
    layout = Layout()
    _system(layout)
    _private(layout, scratch_bytes=max(spec.budget.memory_bytes // 2, 1 << 20))
    _devices(layout, spec, stack)
    _etc(layout, stack)
    program = memory_file("init", (Path(__file__).parent / "init.py").read_bytes(), stack)
    layout.descriptors.append(program)
    layout.arguments += ["--perms", "0444", "--file", str(program), INIT]
    _own(layout, spec)
    _protected(layout, spec)
    _hidden(layout, spec, stack)
    _sealed(layout, spec)
    return layout
