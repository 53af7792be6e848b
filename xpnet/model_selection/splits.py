"""scikit-learn's splitters of samples that lie elsewhere than on the host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import get_routing_for_object

from xpnet.estimators._devices import to_host
from xpnet.model_selection.scoring.scorers import lies_elsewhere


class HostSplitter:
    """A splitter that looks at labels and groups on the host."""

    def __init__(self, splitter: Any) -> None:
        self._splitter = splitter

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Any, Any]]:
        """Yield the numbers of the samples to fit on and to score on, split by split."""
        yield from self._splitter.split(X, to_host(y), to_host(groups))

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits."""
        return int(self._splitter.get_n_splits(X, to_host(y), to_host(groups)))

    def get_metadata_routing(self) -> Any:
        """Return what is routed to the splitter, such as groups."""
        return get_routing_for_object(self._splitter)


def splitter_for(cv: Any, estimator: Any, X: Any, y: Any) -> Any:
    """`cv` as it is, or a `HostSplitter` if X lies elsewhere and the splitter is scikit-learn's."""
    if not (is_theirs(cv) and lies_elsewhere(X)):
        return cv
    return HostSplitter(check_cv(cv, to_host(y), classifier=is_classifier(estimator)))


def is_theirs(cv: Any) -> bool:
    """Whether a splitter is one of scikit-learn's, or a number of folds."""
    is_number = cv is None or (isinstance(cv, int | np.integer) and cv > 1)
    return bool(is_number) or type(cv).__module__.startswith("sklearn.")
