"""The rogues' gallery of this arena: components that cheat and components that are honest, and what the gates say.

`specimens()` lists them, `judge(specimen, folder, sandbox)` builds one and asks the gate that it names.
"""

from assay.prove.gallery.specimen import Judgement, Specimen, build, judge, specimens

__all__ = ["Judgement", "Specimen", "build", "judge", "specimens"]
