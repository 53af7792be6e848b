"""Header of a CSV table: whether its first line names the columns.

It does where

- it holds all the names that are looked for,
- it is all words, as no sample is,
- a name stands over a number,
- columns are numbered from 0, or beside an index without a name, as pandas writes them.

A word over numbers in the label column alone is a name unless it is found again below, or is a
class of the model. Whole numbers that ascend are names, too: beside a word that is not found again
where others are (2019, 2020, kind); or, in equal steps, beside the number that follows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from xpnet.exceptions import DataError, quoted

_MISSING = frozenset({"", "?", "na", "n/a", "nan", "null"})

_COUNTED = 4
"""From how many columns on a line 0, 1, 2, … is no sample."""


def is_header(
    head: Sequence[Sequence[str]],
    position: int | None,
    known: Collection[str] = (),
    classes: Collection[str] | None = None,
) -> bool:
    """Tell whether the first row of `head`, the first rows of a table, names the columns.

    `position` is that of the label column, as far as it is known without names, `known` the names
    that are looked for, and `classes` the model's. Raises DataError where a line may be a header or
    a sample, and a prediction would be wanting or too many.
    """
    names = [cell.strip() for cell in head[0]]
    features = [(name, k) for k, name in enumerate(names) if k != position]
    if known and set(known) <= set(names):
        return True
    if any(_is_name(name, _below(head[:2], k)) for name, k in features):
        return True
    if names[0] == "" and _are_numbers(names[1:]) and all(map(str.isdigit, _below(head, 0))):
        return len(head) > 1
    if position is None:
        return _all_names(names)
    label, below = names[position], _below(head, position)
    if not is_number(label) and label in (below if classes is None else classes):
        return False
    if _all_names(names) or (label not in below and _is_name(label, below)):
        return True
    numbers = [name for name, k in features if k or name]
    if not _are_numbers(numbers) or is_missing(label) or not below or label in below:
        return False
    if classes is not None:
        return _is_no_class(label, below, known, classes)
    if is_number(label) and any(map(is_number, below)):
        return len(numbers) > 1 and _ascend([name for name in names if name], evenly=True)
    return _ascend(numbers) and (is_number(label) or 2 * len(set(below)) <= len(below))


def is_missing(cell: str) -> bool:
    """Tell whether `cell` is empty or one of the usual words for a missing value."""
    return cell.strip().lower() in _MISSING


def is_number(cell: str) -> bool:
    """Tell whether `cell` is a number, not missing; 1_000 is none."""
    try:
        float(cell)
    except ValueError:
        return False
    return not is_missing(cell) and "_" not in cell


def _below(head: Sequence[Sequence[str]], position: int) -> list[str]:
    """Return the cells below the first of the column at `position`."""
    return [cells[position].strip() for cells in head[1:] if len(cells) > position]


def _is_name(above: str, below: Sequence[str]) -> bool:
    """Whether `above` is a word, and the first of the cells `below` it a number."""
    return bool(below) and is_number(below[0]) and not is_number(above) and not is_missing(above)


def _all_names(names: list[str]) -> bool:
    """Whether a line is all words, or counts columns from 0 beside a word or as far as 3."""
    numbered = [name for name in names if is_number(name)]
    if not numbered:
        return not any(map(is_missing, names))
    counted = len(numbered) > 1 and numbered == [*map(str, range(len(numbered)))]
    return counted and not _COUNTED > len(numbered) == len(names)


def _are_numbers(names: list[str]) -> bool:
    """Whether `names` are whole numbers, all different."""
    return 0 < len(names) == len(set(names)) and all(map(str.isdigit, names))


def _ascend(names: list[str], evenly: bool = False) -> bool:
    """Whether each of the numbers `names` is more than the one before, or `evenly` so."""
    numbers = list(map(float, names))
    steps = {after - before for before, after in pairwise(numbers)}
    return min(steps, default=1) > 0 and not (evenly and len(steps) > 1)


def _is_no_class(
    label: str, below: Sequence[str], known: Collection[str], classes: Collection[str]
) -> bool:
    """Whether `label` is no class of the model, but names those below: the user is asked."""
    if known or label in classes or not set(below) <= set(classes):
        return False
    raise DataError(
        f"the first line ends in {quoted(label)}, which is no class of the model, beside whole "
        "numbers: it may be a header or a sample; say which, with --header or --no-header"
    )
