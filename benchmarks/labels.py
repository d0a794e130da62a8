"""How well labels are registered and cleaned: labels are shifted or spoilt on purpose, and what is found is counted.

    python benchmarks/labels.py register DATA [--block 128] [--sites ABBY SOAP] [--alone] [--seeds 1]
    python benchmarks/labels.py clean DATA [--block 64] [--share 0.15]

Labels are cut from the whole raster at the shifted place, so what comes in at the edge is real. One line per setting.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from assay.canopy.labels.cleaning import clean
from assay.canopy.labels.corruption import corrupted
from assay.canopy.labels.registration import REACH, register, register_all
from assay.canopy.labels.weak import WeakModel, fit_weak
from assay.canopy.tiles import Tile, load_all, pieces, read_manifest


def whole_tiles(data: Path, sites: list[str] | None) -> list[Tile]:
    refs = [ref for ref in read_manifest(data) if ref.height is not None and (not sites or ref.site in sites)]
    return load_all(refs)


MARGIN = 8  # pixels: blocks lie at the same places whether their labels are shifted or not


def shifted_blocks(tile: Tile, size: int, draw: np.random.Generator, longest: float) -> list[tuple[Tile, float, float]]:
    """Blocks whose labels lie by a known whole number of pixels from the imagery: (block, rows, columns).

    A tile too small for blocks with a margin is one block, and what its shifted label lacks is unknown.
    """
    margin = MARGIN
    rows, columns = tile.shape
    if min(rows, columns) < size + 2 * margin:
        places = [(0, 0, rows, columns)]
    else:
        places = [
            (r, c, size, size)
            for r in range(margin, rows - size - margin + 1, size)
            for c in range(margin, columns - size - margin + 1, size)
        ]
    padded = np.pad(tile.height, margin, constant_values=np.nan)
    found = []
    for r, c, high, wide in places:
        length, angle = draw.uniform(0, longest), draw.uniform(0, 2 * np.pi)
        down, right = round(length * np.sin(angle)), round(length * np.cos(angle))
        piece = tile.crop(r, c, high, wide)
        # Labels that lie `down` south of where they belong: at row x stands what belongs to row x - down.
        label = padded[margin + r - down :][:high, margin + c - right :][:, :wide]
        if piece.labelled.mean() > 0.5 and (piece.height > 2).mean() > 0.02:
            found.append((piece.with_height(np.where(piece.seen, label, np.float32(np.nan))), down, right))
    return found


def measure_registration(options: argparse.Namespace) -> None:
    tiles = whole_tiles(options.data, options.sites)
    own_place: dict[str, tuple[float, float]] = {}  # where labels that were not shifted are seen to lie
    for longest in (0.0, 8.0):
        for seed in range(options.seeds):
            draw = np.random.default_rng(seed)
            cases = [case for tile in tiles for case in shifted_blocks(tile, options.block, draw, longest)]
            if options.limit and len(cases) > options.limit:
                cases = [cases[k] for k in sorted(draw.choice(len(cases), options.limit, replace=False))]
            start = time.process_time()
            given = [case[0] for case in cases]
            if options.alone:
                found = [register(piece.rgb, piece.height, seen=piece.seen, gsd_m=piece.gsd_m) for piece in given]
            else:
                found = register_all(given)
            seconds = (time.process_time() - start) / len(cases)
            if not longest:
                own_place |= {p.name: (r.shift.rows, r.shift.columns) for p, r in zip(given, found, strict=True)}
            for site in sorted({piece.site for piece in given}):
                left, raw, before, gained, recovered, mended, told = [], [], [], [], [], [], []
                for (piece, down, right), one in zip(cases, found, strict=True):
                    if piece.site == site:
                        before.append(np.hypot(down, right))
                        raw.append(np.hypot(one.shift.rows - down, one.shift.columns - right))
                        left.append(np.hypot(one.applied.rows - down, one.applied.columns - right))
                        gained.append(one.evidence)
                        own = own_place.get(piece.name, (np.nan, np.nan))
                        at = np.array([down, right]) + own
                        recovered.append(np.hypot(*(at - (one.shift.rows, one.shift.columns))) <= 1)
                        mended.append(np.hypot(*(at - (one.applied.rows, one.applied.columns))) <= 1)
                        told.append(one.verdict != "inconclusive")
                left_, raw_, before_ = np.array(left), np.array(raw), np.array(before)
                line = {
                    "site": site,
                    "tiles": len(left),
                    "longest": longest,
                    "seed": seed,
                    "before_within_1": round(float((before_ <= 1).mean()), 3),
                    "within_1": round(float((left_ <= 1).mean()), 3),
                    "found_within_1": round(float((raw_ <= 1).mean()), 3),
                    "decidable": int(np.sum(told)),
                    "recovered": int(np.sum(recovered)),
                    "recovered_of_decidable": int(np.sum(recovered, where=np.array(told))),
                    "mended_of_decidable": int(np.sum(mended, where=np.array(told))),
                    "within_1.5": round(float((left_ <= 1.5).mean()), 3),
                    "mean_left": round(float(left_.mean()), 2),
                    "worse_by_half": int((left_ > before_ + 0.5).sum()),
                    "evidence": [round(float(v), 1) for v in np.quantile(gained, [0.05, 0.5, 0.95])],
                    "seconds_per_tile": round(seconds, 3),
                }
                print(json.dumps(line), flush=True)
                if options.verbose:
                    for (piece, down, right), one in zip(cases, found, strict=True):
                        if piece.site == site:
                            print(piece.name, down, right, one.shift, round(one.evidence, 1), file=sys.stderr)


def spoil(given: list[Tile], share: float, seed: int) -> tuple[list[Tile], list[str]]:
    """The pieces with a share of their labels spoilt, and what was done to each (empty: nothing)."""
    draw = np.random.default_rng([seed, 77])  # never the draws that the cleaner makes
    bad = set(draw.choice(len(given), round(share * len(given)), replace=False).tolist())
    found, kinds = [], []
    for number, piece in enumerate(given):
        if number not in bad:
            found.append(piece)
            kinds.append("")
            continue
        others = [p.height for k, p in enumerate(given) if k != number]
        label, kind = corrupted(piece.height, others, draw)
        found.append(piece.with_height(np.where(piece.seen, label, np.float32(np.nan))))
        kinds.append(kind)
    return found, kinds


def error(model: WeakModel, tiles: list[Tile]) -> float:
    """Mean absolute error over the pixels of `tiles`, metres."""
    return float(np.mean(np.concatenate([np.abs(model.heights(t) - t.height)[t.labelled] for t in tiles])))


def measure_cleaning(options: argparse.Namespace) -> None:
    tiles = whole_tiles(options.data, options.sites)
    cut = [piece for tile in tiles for piece in pieces(tile, options.block)]
    order = np.random.default_rng(0).permutation(len(cut))
    count = min(options.limit or len(cut), round(0.8 * len(cut)))
    fresh = [cut[k] for k in order[count : count + 60]]  # labels as they are, to test what is trained on the others
    cut = [cut[k] for k in sorted(order[:count])]
    for seed in range(options.seeds):
        given, kinds = spoil(cut, options.share, seed)
        start = time.process_time()
        cleaned = clean(given, seed=seed)
        seconds = (time.process_time() - start) / len(given)
        wrong = np.array([j.wrong for j in cleaned.judgements])
        dropped = np.array([j.dropped for j in cleaned.judgements])
        bad = np.array([bool(kind) for kind in kinds])
        bar = np.quantile(wrong[~bad], 0.9)
        by_kind = {
            kind: f"{int((wrong[[k == kind for k in kinds]] > bar).sum())}/{kinds.count(kind)}"
            for kind in sorted(set(kinds) - {""})
        }
        line = {
            "tiles": len(given),
            "spoilt": int(bad.sum()),
            "seed": seed,
            "found_at_10_percent_false_alarms": round(float((wrong[bad] > bar).mean()), 3) if bad.any() else None,
            "dropped_bad": round(float(dropped[bad].mean()), 3) if bad.any() else None,
            "dropped_good": round(float(dropped[~bad].mean()), 3),
            "by_kind": by_kind,
            "weak_model_mae": {
                name: round(error(fit_weak(side), fresh), 3)
                for name, side in (("as spoilt", given), ("cleaned", cleaned.kept), ("never spoilt", cut))
            },
            "seconds_per_tile": round(seconds, 3),
        }
        print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["register", "clean"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--block", type=int, default=None)
    parser.add_argument("--sites", nargs="*")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--share", type=float, default=0.15)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    options.block = options.block or (128 if options.what == "register" else 64)
    assert REACH >= 8
    (measure_registration if options.what == "register" else measure_cleaning)(options)


if __name__ == "__main__":
    main()
