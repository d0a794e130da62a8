"""`assay posttrain add FILE`: put models, benchmarks and suites of one's own into the catalogue."""

from pathlib import Path
from typing import Annotated

import typer

from assay.terminal import Json, command, emit, out


@command
def add(
    file: Annotated[Path, typer.Argument(help="A catalogue file, in TOML; docs/formats/posttrain.md has its form.")],
    json_: Json = False,
) -> None:
    """Add a catalogue file's models, benchmarks and suites, after checking it. Templates beside it are copied too."""
    import shutil

    from assay.core.errors import BadInput
    from assay.core.home import home
    from assay.posttrain import catalogue
    from assay.posttrain.tasks import all_tasks

    if not file.is_file() or file.suffix != ".toml":
        raise BadInput(f"{file} is not a TOML file: give a catalogue file.")
    new = catalogue.read(file)
    place = home() / "catalogue"
    place.mkdir(exist_ok=True)
    target = place / file.name
    if target.exists():
        raise BadInput(f"{target} is there already: remove it first, or give your file another name.")
    templates = {model.template for model in new.models.values() if (file.parent / model.template).is_file()}
    copied = [target]
    try:
        for name in sorted(templates):
            shutil.copyfile(file.parent / name, place / name)
            copied.append(place / name)
        shutil.copyfile(file, target)
        tasks = [task.id for suite in new.suites for task in all_tasks(suite)]
    except BaseException:
        for path in copied:
            path.unlink(missing_ok=True)
        raise
    found = {kind: sorted(getattr(new, kind)) for kind in ("models", "benchmarks", "suites")} | {"tasks": tasks}
    if json_:
        emit({"file": str(target), **found})
        return
    for kind, names in found.items():
        out.print(f"{kind}: {', '.join(names) or 'none'}", markup=False)
