"""Encoding of a table's features: gaps filled, words one-hot, by scikit-learn's transformers.

Both are learned from the training samples alone. What they learned is kept with the model as
numbers and lists. To be made again they are fitted to just that: one number is its own median.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xpnet.data import Columns
from xpnet.exceptions import DataError, listed, quoted

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

STRATEGIES = ("median", "mean", "most_frequent")


class Encoding(NamedTuple):
    """What is learned of features ``(m, n_x)``, some of which hold NaN or stand for words.

    Attributes
    ----------
    strategy : str or None
        How gaps are filled; None where they are refused.
    fill : ndarray, shape (n_numbers,)
        The number that fills the gaps of each feature that is one of numbers.
    categories : tuple of tuple of int, or None
        For each feature the numbers of the words that were seen in training; None of numbers.
    """

    strategy: str | None
    fill: np.ndarray
    categories: tuple[tuple[int, ...] | None, ...]

    @classmethod
    def of(cls, X: np.ndarray, columns: Columns | None, strategy: str | None) -> Encoding | None:
        """Return the encoding for training samples `X` ``(m, n_x)``; None where none is needed.

        Raises DataError where a feature has nothing by which its gaps could be filled.
        """
        words = columns.words if columns else ()
        if strategy is None and not words:
            return None
        seen = [_seen(X[:, k]) if words and words[k] else None for k in range(X.shape[1])]
        plain = [k for k, of in enumerate(seen) if of is None]
        fill = np.zeros(len(plain))
        if strategy is not None and plain:
            _check_none_empty(X, columns)
            fill = _imputer(strategy).fit(X[:, plain]).statistics_
        return cls(strategy, fill, tuple(seen))

    @property
    def n_x(self) -> int:
        """Number of features, before they are encoded."""
        return len(self.categories)

    def apply(self, X: np.ndarray) -> np.ndarray:
        """Return samples `X` ``(m, n_x)`` as ``(m, n_encoded)``: numbers first, then words."""
        if X.shape[1] != self.n_x:
            raise DataError(f"X has {X.shape[1]} features: expected {self.n_x}, as in training")
        encoded: np.ndarray = self._transformer().transform(X)
        return encoded

    def new_words(self, X: np.ndarray) -> dict[int, int]:
        """Return, by their features, how many samples `X` ``(m, n_x)`` have words not seen."""
        counts = {
            k: int((~np.isin(X[:, k], seen)).sum())
            for k, seen in enumerate(self.categories)
            if seen
        }
        return {k: count for k, count in counts.items() if count}

    def names(self, columns: Columns) -> tuple[str, ...]:
        """Return the names of the encoded features; ``kind=rose`` is 1 for that word, else 0."""
        numbers, one_hot = [], []
        for k, (name, seen) in enumerate(zip(columns.features, self.categories, strict=True)):
            words = columns.words[k] if seen and columns.words else None
            if seen is None or words is None:
                numbers.append(name)
            else:
                one_hot += [f"{name}={words[number]}" for number in seen]
        return *numbers, *one_hot

    def is_number(self) -> np.ndarray:
        """Return which of the encoded features ``(n_encoded,)`` are numbers, and no words."""
        words = sum(len(seen) for seen in self.categories if seen)
        return np.arange(len(self.fill) + words) < len(self.fill)

    def metadata(self) -> dict[str, Any]:
        """Return what a model file keeps of it."""
        return {
            "impute": self.strategy,
            "impute_with": self.fill,
            "one_hot": [seen and list(seen) for seen in self.categories],
        }

    def _transformer(self) -> ColumnTransformer:
        """Return scikit-learn's transformer with what was learned."""
        from sklearn.compose import ColumnTransformer
        from sklearn.preprocessing import OneHotEncoder

        wordy = [k for k, seen in enumerate(self.categories) if seen]
        plain = [k for k, seen in enumerate(self.categories) if not seen]
        seen = [np.asarray(self.categories[k], float) for k in wordy]
        fill = "passthrough" if self.strategy is None else _imputer(self.strategy)
        one_hot = OneHotEncoder(categories=seen, handle_unknown="ignore", sparse_output=False)
        transformer = ColumnTransformer([("fill", fill, plain), ("one_hot", one_hot, wordy)])
        learned = np.zeros((1, self.n_x))
        learned[0, plain], learned[0, wordy] = self.fill, [numbers[0] for numbers in seen]
        return transformer.fit(learned)


def _check_none_empty(X: np.ndarray, columns: Columns | None) -> None:
    (empty,) = np.isnan(X).all(axis=0).nonzero()
    if empty.size:
        names = [columns.features[k] if columns else str(k) for k in empty]
        raise DataError(
            f"no training sample has anything in column {listed(names)}: expected numbers by "
            f"which gaps can be filled; leave out what is empty (--drop {quoted(','.join(names))})"
        )


def _seen(numbers: np.ndarray) -> tuple[int, ...]:
    return tuple(np.unique(numbers).astype(int).tolist())


def _imputer(strategy: str) -> Any:
    from sklearn.impute import SimpleImputer

    return SimpleImputer(strategy=strategy)


def read_encoding(metadata: Mapping[str, Any], columns: Columns | None) -> Encoding | None:
    """Return the encoding that a model file holds; None where it holds none.

    Raises ValueError where it makes no sense.
    """
    if "one_hot" not in metadata:
        return None
    strategy, fill, found = (metadata.get(name) for name in ("impute", "impute_with", "one_hot"))
    if not isinstance(found, list) or columns is None or len(found) != len(columns.features):
        raise ValueError("one_hot: expected a list or null for each feature")
    words = columns.words or (None,) * len(found)
    if not all(_are_numbers_of(seen, of) for seen, of in zip(found, words, strict=True)):
        raise ValueError("one_hot: expected numbers of words, each once, or null")
    plain = sum(seen is None for seen in found)
    if not isinstance(fill, np.ndarray) or fill.shape != (plain,) or not np.isfinite(fill).all():
        raise ValueError("impute_with: expected a finite number for each feature of numbers")
    if strategy is not None and strategy not in STRATEGIES:
        raise ValueError(f"impute: expected one of {', '.join(STRATEGIES)}, or null")
    return Encoding(strategy, fill, tuple(seen and tuple(seen) for seen in found))


def _are_numbers_of(seen: Any, words: Sequence[str] | None) -> bool:
    if words is None:
        return seen is None
    whole = isinstance(seen, list) and all(type(number) is int for number in seen)
    return whole and seen == sorted(set(seen) & set(range(len(words)))) != []
