"""How good a model is on sites that it never saw: metrics with intervals, beside the paper's, and a page to look at."""

from assay.canopy.evaluation.coverage import Coverage, coverage_of
from assay.canopy.evaluation.evaluating import Evaluation, compare, evaluate
from assay.canopy.evaluation.prediction import Predict, Prediction

__all__ = ["Coverage", "Evaluation", "Predict", "Prediction", "compare", "coverage_of", "evaluate"]
