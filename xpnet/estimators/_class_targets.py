"""How an MLP learns which classes there are, and what its outputs shall be for them."""

from __future__ import annotations

from typing import Any

from xpnet.estimators._class_weights import class_weighted
from xpnet.estimators._known_labels import labels_known
from xpnet.estimators._labels import MULTICLASS, Labels, check_labels, encoded
from xpnet.estimators._mlp import BaseMLP
from xpnet.estimators._samples import Samples
from xpnet.network import Network
from xpnet.types import Array

__all__ = ["ClassTargets"]


class ClassTargets(BaseMLP):
    """An MLP whose targets are labels.

    Attributes
    ----------
    classes_ : array, shape (n_classes,)
    target_kind_ : str
        ``binary``, ``multiclass`` or ``multilabel-indicator``.
    """

    class_weight: Any
    loss = "log_loss"  # as scikit-learn's says; no parameter

    _always_fitted = (*BaseMLP._always_fitted, "classes_", "target_kind_")

    def _check_restored(self, net: Network) -> None:
        super()._check_restored(net)
        check_labels(self._labels(), net.sizes[-1])

    def _labels(self) -> Labels:
        return Labels(self.target_kind_, self.classes_)

    def _learn_targets(self, y: Array, classes: Any, incremental: bool) -> None:
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit, which does not see all "
                "the data: give a weight for each class, class_weight={label: weight}"
            )
        goes_on = hasattr(self, "coefs_") and (self.warm_start or incremental)
        self.target_kind_, self.classes_ = labels_known(
            self._labels() if goes_on else None, y, classes, incremental=incremental
        )

    def _encoded(self, y: Array, like: Array) -> Array:
        return encoded(self._labels(), y, like)

    def _output_activation(self) -> str:
        return "softmax" if self.target_kind_ == MULTICLASS else "logistic"

    def _class_weighted(self, samples: Samples) -> Array | None:
        return class_weighted(self.class_weight, self._labels(), samples.Y, samples.weights)
