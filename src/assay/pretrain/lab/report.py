"""Tables and plots of the laboratory's results, for a terminal and for the documentation.

Numbers come with their n; differences between methods are paired by seed, with a 95 % t interval where there are seeds
enough.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.core.errors import BadInput
from assay.pretrain.lab.experiments import Case
from assay.pretrain.lab.runs import CURVE_SEQUENCES, Result

Rows = Sequence[tuple[Case, Result]]

AIMS = (1.0, 2.0, 150.0)  # per cent above DiLoCo and above AdamW at most; how many times fewer bytes than DiLoCo

_T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365}  # by number of seeds
_COLOURS = {"sparseloco": "#c2410c", "diloco": "#1d4ed8", "adamw": "#4b5563"}
_LABELS = {"sparseloco": "SparseLoCo", "diloco": "DiLoCo", "adamw": "AdamW, data parallel"}


@dataclass(frozen=True)
class Network:
    """Links of every peer, in bits per second. The defaults are those published for Covenant-72B."""

    up: float = 110e6
    down: float = 500e6

    def seconds(self, result: Result, step_seconds: float) -> float:
        """A run's length: inner steps, and what the links take for the exchanges.

        SparseLoCo's peers send their payload once and fetch all others'. The dense methods use a ring, which is the
        best for them: 2 (R - 1) / R times the parameters each way, limited by the slower direction.
        """
        peers, bits = result.settings.peers, 8 * result.bytes_sent
        if result.settings.method == "sparseloco":
            exchange = bits / self.up + (peers - 1) * bits / self.down
        else:
            exchange = 2 * (peers - 1) / peers * bits / min(self.up, self.down)
        return result.settings.steps * step_seconds + exchange


def mean_and_interval(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean, and half the width of its 95 % t interval if there are 2 to 8 values."""
    mean = statistics.fmean(values)
    if len(values) not in _T95:
        return mean, None
    return mean, _T95[len(values)] * statistics.stdev(values) / math.sqrt(len(values))


def compare_table(rows: Rows) -> str:
    """The table of the comparison, in Markdown."""
    by_method = _grouped(rows)
    diloco, adamw = by_method.get("diloco", []), by_method.get("adamw", [])
    lines = [
        "| method | validation loss (nats per byte) | against DiLoCo | against AdamW | sent per peer "
        "| fewer bytes than DiLoCo | n |",
        "|---|---|---|---|---|---|---|",
    ]
    for method, results in by_method.items():
        sent = statistics.fmean(result.bytes_sent for result in results)
        fewer = f"{statistics.fmean(r.bytes_sent for r in diloco) / sent:.4g}×" if diloco else ""
        losses = _figure([result.loss for result in results], "{:.4f}")
        lines.append(
            f"| {_LABELS[method]} | {losses} | {_against(results, diloco)} | {_against(results, adamw)} "
            f"| {sent / 1e6:.2f} MB | {fewer} | {len(results)} |"
        )
    return "\n".join([*lines, "", _conditions(rows), *_aims(by_method), *_parts(by_method)])


def _aims(by_method: Mapping[str, list[Result]]) -> list[str]:
    """What the comparison was made to find out, answered."""
    if len(by_method) < 3:
        return []
    ours, diloco, adamw = (by_method[method] for method in ("sparseloco", "diloco", "adamw"))
    sent = [statistics.fmean(result.bytes_sent for result in results) for results in (ours, diloco)]
    answers = [
        _aim(f"at most {aim:g} % above {_LABELS[method]}", _difference(ours, others) <= aim)
        for method, others, aim in (("diloco", diloco, AIMS[0]), ("adamw", adamw, AIMS[1]))
    ]
    answers.append(_aim(f"{AIMS[2]:g} times fewer bytes than DiLoCo", sent[1] >= AIMS[2] * sent[0]))
    return ["", f"Aims for SparseLoCo: {'; '.join(answers)}."]


def _aim(words: str, reached: bool) -> str:
    return f"{words}: {'reached' if reached else 'not reached'}"


def _parts(by_method: Mapping[str, list[Result]]) -> list[str]:
    """Differences along the way, on the few sequences of the curve, in Markdown."""
    methods = [by_method.get(method, []) for method in ("sparseloco", "diloco", "adamw")]
    if not all(methods) or not all(result.curve for results in methods for result in results):
        return []
    ours, diloco, adamw = methods
    lines = [
        "",
        "| inner steps done | SparseLoCo against DiLoCo | SparseLoCo against AdamW | DiLoCo against AdamW |",
        "|---|---|---|---|",
    ]
    steps = [point.step for point in ours[0].curve]
    for step in sorted({steps[-(-len(steps) * share // 12) - 1] for share in (2, 4, 6, 8, 10, 12)}):
        pairs = ((ours, diloco), (ours, adamw), (diloco, adamw))
        cells = [_against(_so_far(one, step), _so_far(other, step)) for one, other in pairs]
        lines.append(f"| {step} | {' | '.join(cells)} |")
    return [*lines, "", f"The same differences on the way, on the {CURVE_SEQUENCES} sequences of the curve."]


def _so_far(results: Sequence[Result], step: int) -> list[Result]:
    """The results as they were at the validation nearest to a step."""
    nearest = [min(result.curve, key=lambda point: abs(point.step - step)) for result in results]
    return [result.model_copy(update={"loss": point.loss}) for result, point in zip(results, nearest, strict=True)]


def _difference(results: Sequence[Result], others: Sequence[Result]) -> float:
    """The relative difference in loss in per cent, paired by seed: the mean over the seeds that both have."""
    other = {result.settings.seed: result.loss for result in others}
    return statistics.fmean(100 * (r.loss / other[r.settings.seed] - 1) for r in results if r.settings.seed in other)


def trend_table(rows: Rows) -> str:
    """Losses and differences by batch and steps, in Markdown."""
    lines = [
        "| tokens of a peer per step | inner steps | tokens in all | SparseLoCo | against DiLoCo | against AdamW "
        "| DiLoCo against AdamW | n |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for place in dict.fromkeys(case.table for case, _ in rows):
        by_method = _grouped([row for row in rows if row[0].table == place])
        ours, diloco, adamw = (by_method[method] for method in ("sparseloco", "diloco", "adamw"))
        losses = _figure([result.loss for result in ours], "{:.4f}")
        differences = [_against(one, other) for one, other in ((ours, diloco), (ours, adamw), (diloco, adamw))]
        lines.append(f"| {place} | {ours[0].settings.tokens:,} | {losses} | {' | '.join(differences)} | {len(ours)} |")
    return "\n".join([*lines, "", _conditions(rows, together=False)])


def ablation_table(rows: Rows) -> str:
    """Each change beside the base, in Markdown."""
    cells: dict[tuple[str, str], list[Result]] = {}
    for case, result in rows:
        cells.setdefault((case.table, case.label), []).append(result)
    base = next(iter(cells.values()))
    lines = [
        "| changed | to | validation loss (nats per byte) | against the base | sent per peer | n |",
        "|---|---|---|---|---|---|",
    ]
    for (table, label), results in cells.items():
        sent = statistics.fmean(result.bytes_sent for result in results) / 1e6
        losses = _figure([result.loss for result in results], "{:.4f}")
        lines.append(f"| {table} | {label} | {losses} | {_against(results, base)} | {sent:.2f} MB | {len(results)} |")
    return "\n".join([*lines, "", _conditions(rows)])


def robust_table(rows: Rows) -> str:
    """Loss under each attack against the clean run with as many honest peers, by aggregate, in Markdown."""
    rules = list(dict.fromkeys(case.table for case, _ in rows))
    attacks = list(dict.fromkeys(case.label for case, _ in rows))
    cells: dict[tuple[str, str], list[Result]] = {}
    for case, result in rows:
        cells.setdefault((case.table, case.label), []).append(result)
    header = [f"{rule} | left out: attackers, honest" for rule in rules]
    lines = ["| attack | " + " | ".join(header) + " |", "|---" * (2 * len(rules) + 1) + "|"]
    for attack in attacks:
        row = [attack]
        for rule in rules:
            results, clean = cells.get((rule, attack), []), cells.get((rules[0], attacks[0]), [])
            if not results:
                row += ["", ""]
                continue
            row.append(f"{statistics.fmean(r.loss for r in results):.4f} ({_against(results, clean)})")
            caught = statistics.fmean(r.attackers_left_out for r in results)
            wronged = statistics.fmean(r.honest_left_out for r in results)
            row.append(f"{caught:.0%}, {wronged:.1%}" if results[0].settings.attackers else f"-, {wronged:.1%}")
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join([*lines, "", _conditions(rows)])


def tuning_table(rows: Rows) -> str:
    """Every setting that was tried, and the best of each method, in Markdown."""
    lines = ["| method | rates | validation loss (nats per byte) |", "|---|---|---|"]
    lines += [f"| {case.table} | {case.label} | {result.loss:.4f} |" for case, result in rows]
    best = [
        _best([row for row in rows if row[0].table == method]) for method in dict.fromkeys(c.table for c, _ in rows)
    ]
    return "\n".join([*lines, "", f"Best: {'; '.join(best)}.", "", _conditions(rows)])


def _best(rows: Rows) -> str:
    """A method's best setting, and whether a smaller or a larger inner rate was left untried beside it."""
    case = min(rows, key=lambda row: row[1].loss)[0]
    rate = case.settings.inner_rate
    rates = [
        other.settings.inner_rate
        for other, _ in rows
        if other.settings.model_copy(update={"inner_rate": rate}) == case.settings
    ]
    untried = [word for word, end in (("smaller", min(rates)), ("larger", max(rates))) if rate == end]
    beside = f", no {' or '.join(untried)} inner rate tried beside it" if untried else ""
    return f"{case.table} {case.label}{beside}"


def _grouped(rows: Rows) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for _, result in rows:
        found.setdefault(result.settings.method, []).append(result)
    return found


def _figure(values: Sequence[float], form: str) -> str:
    mean, half = mean_and_interval(values)
    return form.format(mean) + (f" ± {form.format(half)}" if half is not None else "")


def _against(results: Sequence[Result], others: Sequence[Result]) -> str:
    """The relative difference in loss, paired by seed."""
    other = {result.settings.seed: result.loss for result in others}
    pairs = [100 * (r.loss / other[r.settings.seed] - 1) for r in results if r.settings.seed in other]
    if not pairs or list(results) == list(others):
        return ""
    mean, half = mean_and_interval(pairs)
    return f"{mean:+.2f} %" + (f" ± {half:.2f}" if half is not None else "")


def _conditions(rows: Rows, *, together: bool = True) -> str:
    if not rows:
        raise BadInput("There are no results yet.")
    first = rows[0][1]
    settings = first.settings
    size = f"{settings.sequences} × {settings.context} tokens"
    steps = (
        f"{settings.steps} inner steps of {size} each, {first.tokens:,} tokens in all"
        if together
        else "the same rates everywhere"
    )
    seeds = len({result.settings.seed for _, result in rows})
    return (
        f"{first.text}; Llama of {first.parameters:,} parameters on bytes; {settings.peers} peers, {steps}; H = "
        f"{settings.inner_steps} where nothing else is said; "
        + ("mean ± half the 95 % t interval over the seeds." if seeds > 1 else "one seed.")
    )


# Plots -------------------------------------------------------------------------------------------------------------


def plot_comparison(rows: Rows, path: Path, network: Network) -> None:
    """Loss against tokens, bytes sent, and wall clock under stated links, as one SVG."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams.update({"svg.hashsalt": "assay", "font.size": 9, "axes.spines.top": False})
    step_seconds = statistics.median(result.step_seconds for _, result in rows)
    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.6), sharey=True, layout="constrained")
    for method, results in _grouped(rows).items():
        for number, result in enumerate(results):
            done = [point.step / result.settings.steps for point in result.curve]
            losses = [point.loss for point in result.curve]
            seconds = network.seconds(result, step_seconds)
            scales = (result.tokens / 1e3, result.bytes_sent / 1e6, seconds / 60)
            for axis, scale in zip(axes, scales, strict=True):
                label = _LABELS[method] if number == 0 else None
                axis.plot([share * scale for share in done], losses, color=_COLOURS[method], alpha=0.8, label=label)
    for axis, label in zip(axes, ("thousand tokens", "MB sent by each peer", "minutes"), strict=True):
        axis.set_xlabel(label)
        axis.spines["right"].set_visible(False)
        axis.grid(alpha=0.25)
    axes[1].set_xscale("log")
    axes[2].set_xscale("log")
    axes[2].set_title(f"links of {network.up / 1e6:g} Mb/s up, {network.down / 1e6:g} Mb/s down", fontsize=9)
    axes[0].set_ylabel("validation loss (nats per byte)")
    axes[0].legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def write_between(page: Path, mark: str, content: str) -> None:
    """Replace what stands between the marks `<!-- lab:MARK -->` and `<!-- /lab:MARK -->` of a page."""
    text = page.read_text()
    begin, end = f"<!-- lab:{mark} -->", f"<!-- /lab:{mark} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise BadInput(f"{page} must have the marks {begin} and {end} once each.")
    before, rest = text.split(begin)
    page.write_text(before + begin + "\n" + content + "\n" + end + rest.split(end)[1])
