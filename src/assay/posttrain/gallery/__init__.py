"""The rogues' gallery: workspaces of known cheats and of honest workers, and what the rules say of each.

`specimens()` lists them, `Material.make(folder)` prepares what they share, `judge(specimen, ...)` builds one and audits
it, `summarise(judgements)` gives rates per rule with intervals. `assay posttrain gallery` prints them.
"""

from assay.posttrain.gallery.judging import Judgement, build, judge
from assay.posttrain.gallery.material import Material
from assay.posttrain.gallery.rates import Rate, Summary, summarise
from assay.posttrain.gallery.specimen import Facts, Specimen, specimens

__all__ = ["Facts", "Judgement", "Material", "Rate", "Specimen", "Summary", "build", "judge", "specimens", "summarise"]
