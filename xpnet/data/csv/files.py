"""CSV files as datasets: one label column, every other column a numeric feature.

Where a model was trained on a table with a header, the columns of another one with a header are
found by name: in any order, and columns of other names are not read. Without a header on either
side they are found by position.

A first column that only numbers the rows, an index as pandas writes one, is no feature: it would
tell a network the position of a sample in the file, and so its class where the file is sorted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xpnet.data.csv.cells import Words, read_cells
from xpnet.data.csv.decimal import as_labels_written, check_labels
from xpnet.data.csv.header import is_missing, is_number
from xpnet.data.csv.table import Options, Table, column_position, named_positions, open_table
from xpnet.data.csv.units import check_no_units
from xpnet.data.dataset import Columns, Dataset
from xpnet.data.labels import as_whole_numbers, check_no_quantities
from xpnet.data.memory import array_bytes, check_fits
from xpnet.data.quantities import as_targets
from xpnet.exceptions import DataError, quoted

_NAMELESS = re.compile(r"(Unnamed: \d+)?")
"""How pandas writes the name that an index does not have, and how it reads it."""

_COUNTED = 5
"""From how many rows on 0, 1, 2, … or 1, 2, 3, … in a table without a header is no feature."""


def read_csv(path: Path, options: Options) -> Dataset:
    """Return the table in `path`; ``options.label`` names or numbers its label column.

    A name wins over a number; numbers count from 0, negative ones from the end. Without it the
    label is that of the columns trained on or, without these too, the last.

    Raises DataError where a column is not there or there twice, a row has another width, a feature
    is not a finite number, a label is missing, the labels are quantities, or all of it takes too
    much memory.
    """
    table, named = _opened(path, options)
    indexed = named is None and _may_have_index(table, options)
    position = _label_position(table, named, options, indexed)
    features = _features(table, named, position, options)
    X, words, texts = read_cells(table, features, options, position, _known(options, len(features)))
    if indexed := indexed and features[0] == 0:
        X, indexed = _without_index(table, X, words[0], options)
    found = _columns(table, options, position, features, words, indexed)
    where = f"{path}, column {quoted(table.names[position])}"
    _check_none_missing(texts, where)
    if options.task != "classification" and options.classes is None:
        check_labels(set(texts), where, options.decimal_mark)
        check_no_units(set(texts), where)
    check_fits(array_bytes(X.shape, X.itemsize) + _nbytes(texts), options.limit, str(path))
    y = as_whole_numbers(np.array(as_labels_written(texts, options.decimal_mark)))
    chosen = options.label is not None
    if options.task == "classification" and options.classes is None:
        check_no_quantities(X, y, found, where, chosen)
    name = Path(path.name.removesuffix(".gz")).stem
    return Dataset(name, X, as_targets(y, where, options.task, chosen), columns=found)


def _columns(
    table: Table,
    options: Options,
    position: int,
    features: Sequence[int],
    words: Sequence[Words],
    indexed: bool,
) -> Columns:
    """Return the columns as a model keeps them, without a first one that is an index."""
    kept = {position, *features}
    return Columns(
        names=tuple(table.names[indexed:]),
        label=position - indexed,
        named=table.has_header,
        indexed=indexed,
        header=options.header,
        delimiter=options.delimiter,
        dropped=tuple(name for k, name in enumerate(table.names) if k not in kept),
        words=tuple(words[indexed:]) if any(words) else (),
        decimal=options.decimal,
        encoding=options.encoding,
    )


def read_csv_samples(path: Path, options: Options, n_x: int) -> np.ndarray:
    """Return the features ``(m, n_x)`` in `path`; a label column may be there, or be empty."""
    table, named = _opened(path, options)
    n_x += len(options.columns.dropped) if options.columns else 0
    indexed = named is None and _may_have_index(table, options, n_x)
    position = None
    if named is None and not _is_bare(table, options.label, n_x + indexed):
        position = _label_position(table, None, options, indexed)
    features = _features(table, named, position, options)
    known = _known(options, len(features))
    X, words, texts = read_cells(table, features, options, position, known)
    if indexed:
        return _without_index(table, X, words[0], options)[0]
    quantities = not table.has_header and words[0] is None and _are_quantities(texts, options)
    if quantities and _is_index(table, X[:, 0], options):
        # An index and features are as many columns as features and a label.
        features = list(range(1, len(table.names)))
        return read_cells(open_table(path, options), features, options, known=known).X
    return X


def counts_rows(values: np.ndarray) -> bool:
    """Tell whether `values` ``(m,)`` are 0, 1, 2, … or 1, 2, 3, …."""
    return values[0] in (0, 1) and np.array_equal(values, values[0] + np.arange(len(values)))


def _opened(path: Path, options: Options) -> tuple[Table, Columns | None]:
    """Return the table and, where its columns are to be found by name, those of the model."""
    table = open_table(path, options)
    by_name = options.columns is not None and options.columns.named and table.has_header
    return table, options.columns if by_name else None


def _label_position(table: Table, named: Columns | None, options: Options, indexed: bool) -> int:
    """Return the position of the label column: as asked for, as in training, or the last."""
    columns = options.columns
    if options.label is not None:
        return column_position(table, options.label)
    if named is not None:
        label = named.names[named.label]
        if label not in table.names:
            raise DataError(
                f"{table.path} has no column {quoted(label)}, the label in training: expected it, "
                "or the name of another (--label); to predict, none is needed"
            )
        return column_position(table, label)
    if columns is None:
        return len(table.names) - 1
    if len(table.names) - indexed != len(columns.names):
        raise _of_another_width(table, columns)
    return columns.label + indexed


def _of_another_width(table: Table, columns: Columns) -> DataError:
    return DataError(
        f"{table.path} has {len(table.names)} columns, and no names to find them by: expected "
        f"{len(columns.names)}, the label in column {columns.label} (counted from 0), as the "
        "model was trained on"
    )


def _without_index(
    table: Table, X: np.ndarray, words: Words, options: Options
) -> tuple[np.ndarray, bool]:
    """Return `X` without a first column, of `words` or none, that is an index; whether it was."""
    if words is None and _is_index(table, X[:, 0], options):
        return X[:, 1:], True
    if options.columns is not None:
        raise _of_another_width(table, options.columns)
    return X, False


def _may_have_index(table: Table, options: Options, n_x: int = 0) -> bool:
    """Tell whether the first column of `table` is an index if its numbers are those of one.

    `table` is one whose columns are found by position. For a model it is where the table is one
    column wider than the model's, with a label or, of `n_x` features, without.
    """
    nameless = table.has_header and _NAMELESS.fullmatch(table.names[0]) is not None
    width = len(table.names)
    if options.columns is None:
        return width > 2 and not options.keep_index and (nameless or not table.has_header)
    widths = (len(options.columns.names), n_x)
    return width - 1 in widths and (nameless or width not in widths)


def _is_index(table: Table, values: np.ndarray, options: Options) -> bool:
    """Tell whether the `values` ``(m,)`` of a first column number the rows.

    Under a header that gives it no name, whole numbers do, whichever rows were chosen, if they are
    those that a model was trained beside, all different, or a count for the most part, as of files
    put together; without a header they count the rows from 0 or 1.
    """
    if table.has_header:
        whole = bool((values == np.rint(values)).all())
        return whole and (options.columns is not None or _tells_rows_apart(values))
    return counts_rows(values) and (options.columns is not None or len(values) >= _COUNTED)


def _tells_rows_apart(values: np.ndarray) -> bool:
    """Whether `values` are all different, or most are one more than the value before."""
    counted = int((np.diff(values) == 1).sum())
    return len(np.unique(values)) == len(values) or 2 * counted > len(values)


def _is_bare(table: Table, label: str | int | None, width: int) -> bool:
    """Whether the table has no label column, but features alone."""
    return len(table.names) == width and (label is None or label not in table.names)


def _are_quantities(texts: list[str], options: Options) -> bool:
    """Whether what stands in the position of the label is a feature: numbers, but no classes."""
    if options.classes is None or not texts:
        return False
    different = set(texts)
    return all(map(is_number, different)) and different.isdisjoint(map(str, options.classes.labels))


def _features(
    table: Table, named: Columns | None, label: int | None, options: Options
) -> list[int]:
    """Return the positions of the features in the order of the training."""
    if named is not None:
        return named_positions(table, named.features)
    left_out = _left_out(table, label, options)
    positions = [k for k in range(len(table.names)) if k != label and k not in left_out]
    if left_out and not positions:
        raise DataError(f"{table.path} has no feature left: leave out fewer (--drop, --features)")
    # Names that a model is to keep must tell columns apart.
    return named_positions(table, [table.names[position] for position in positions])


def _left_out(table: Table, label: int | None, options: Options) -> set[int]:
    """Return the positions of columns that are no features: as in training, or as asked for."""
    if options.columns is not None:
        names = list(options.columns.names)
        if label is None:
            del names[options.columns.label]
        surplus = len(table.names) - len(names)
        return {k + surplus for k, name in enumerate(names) if name in options.columns.dropped}
    drop, keep = (_positions(table, columns) for columns in (options.drop, options.features))
    if label in drop | keep:
        raise DataError(
            f"{table.path}: {quoted(table.names[label or 0])} is the label, and no feature to keep "
            "or to leave out: name another column (--drop, --features), or another --label"
        )
    return drop | (set(range(len(table.names))) - keep - {label} if keep else set())


def _positions(table: Table, columns: Sequence[str]) -> set[int]:
    """Return the positions of `columns`, each a name, a number or several with commas between."""
    each = [
        name for text in columns for name in ([text] if text in table.names else text.split(","))
    ]
    return {column_position(table, name.strip()) for name in each}


def _known(options: Options, count: int) -> list[Words] | None:
    """Return the words that a model knows of each of `count` features; its own are the last."""
    if options.columns is None:
        return None
    words = options.columns.words
    return [*[None] * (count - len(words)), *words]


def _nbytes(texts: list[str]) -> int:
    """Return the size of `texts` as an array: four bytes a character of the longest, for each."""
    return 4 * len(texts) * max(map(len, set(texts)))


def _check_none_missing(texts: list[str], where: str) -> None:
    rows = [number for number, text in enumerate(texts) if is_missing(text)]
    if rows:
        more = f" and in {len(rows) - 1} more of {len(texts)}" * (len(rows) > 1)
        raise DataError(
            f"{where} holds {texts[rows[0]]!r} at row {rows[0]} (counted from 0, without a header)"
            f"{more}: expected a label for every sample; leave out those without"
        )
