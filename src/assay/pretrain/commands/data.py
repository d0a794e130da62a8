"""`assay pretrain data`: turn a recipe's text into shards in the store, and print the manifest's digest.

Members of a run need only that digest: it goes into the recipe as `data.corpus`. The same files give the same digest.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from assay.terminal import Json, command, emit, err, foreign, out


@command
def data(
    recipe: Annotated[str, typer.Argument(help="A recipe by name, or a TOML file.")],
    data: Annotated[list[Path] | None, typer.Option(help="A folder with data sets. May be repeated.")] = None,
    shard_tokens: Annotated[int, typer.Option(min=1, help="Tokens per shard, at most.")] = 4 << 20,
    store: Annotated[str | None, typer.Option("--store", metavar="URL", help="Where shards are kept.")] = None,
    json_: Json = False,
) -> None:
    """Tokenise a recipe's sources into shards; prints the digest of their manifest."""
    from assay.core.data import use_folders
    from assay.core.store import open_store
    from assay.pretrain.data import Corpus, build_shards
    from assay.pretrain.recipe import read_recipe

    use_folders(data or [])
    chosen, kept = read_recipe(recipe), open_store(store)
    digest = build_shards(chosen.data, kept, report=lambda line: err.print(foreign(line)), shard_tokens=shard_tokens)
    corpus = Corpus(kept, digest, chosen.model.context)
    rows = [
        {
            "source": name,
            "documents": stream.documents,
            "tokens": sum(shard.tokens for shard in stream.train),
            "validation_tokens": sum(shard.tokens for shard in stream.validation),
            "sequences": corpus.sequences(name),
            "origin": [{"name": origin.name, "digest": origin.digest} for origin in stream.origin],
        }
        for name, stream in sorted(corpus.manifest.sources.items())
    ]
    if json_:
        emit({"schema": "assay.pretrain-data/1", "corpus": digest, "vocabulary": corpus.vocabulary, "sources": rows})
        return
    table = Table("source", "documents", "tokens", "for validation", "sequences", "from")
    for row, stream in zip(rows, (corpus.manifest.sources[name] for name in corpus.sources), strict=True):
        files = ", ".join(origin.name for origin in stream.origin[:3])
        more = f" and {len(stream.origin) - 3} more" if len(stream.origin) > 3 else ""
        numbers = (f"{row[key]:,}" for key in ("documents", "tokens", "validation_tokens", "sequences"))
        table.add_row(foreign(row["source"]), *numbers, foreign(files + more))
    err.print(table)
    out.print(digest, soft_wrap=True)
