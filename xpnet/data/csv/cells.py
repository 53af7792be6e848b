"""Cells of a CSV table as numbers: plain ones, truth values, gaps and words.

=================  ===================  =====================================================
a column of        becomes              where
=================  ===================  =====================================================
numbers            themselves
true and false     1 and 0
gaps beside them   NaN                  they are to be filled (`Options.gaps`), else refused
words              the number of each   they are to be encoded (`Options.words`), else refused
dates                                   refused
=================  ===================  =====================================================

A word's number is its place among the sorted words of its column, all of the file's or those of the
model; -1 for one that the model does not know. A gap among words is the word ``""``.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from xpnet.data.csv.decimal import as_written, has_comma, has_groups, other_mark
from xpnet.data.csv.header import is_missing, is_number
from xpnet.data.csv.table import Options, Table, open_table
from xpnet.data.csv.units import FEW_WORDS, are_measured
from xpnet.data.memory import array_bytes, check_fits
from xpnet.exceptions import DataError, listed, quoted

Words: TypeAlias = tuple[str, ...] | None
"""The words of a column, sorted; None of one of numbers."""

_TRUTHS = {"true": 1.0, "false": 0.0}

_MONTH = (
    r"(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?"
    r"|oct(ober)?|nov(ember)?|dec(ember)?)\.?"
)
_DATE = re.compile(
    r"\d{4}[-/]\d{1,2}([-/]\d{1,2}([T ].*)?)?|\d{1,2}([./-])\d{1,2}\3(\d{2}){1,2}( .*)?"
    r"|\d{1,2}:\d{2}(:\d{2}.*)?"
    rf"|\d{{1,2}}[- ]{_MONTH}[-, ]+(\d{{2}}){{1,2}}( .*)?|{_MONTH} \d{{1,2}},? \d{{4}}( .*)?",
    re.IGNORECASE,
)

_MOST_NEW = 0.5
"""Up to which share of its cells a column of words may hold different ones, if more than a few."""


class Cells(NamedTuple):
    """The features ``(m, n_x)`` of a table, the words of each, and the texts of its labels."""

    X: np.ndarray
    words: list[Words]
    texts: list[str]


class _NotPlain(Exception):  # noqa: N818
    """A cell is no finite number."""


def read_cells(
    table: Table,
    features: Sequence[int],
    options: Options,
    label: int | None = None,
    known: Sequence[Words] | None = None,
) -> Cells:
    """Return the columns at `features`, and the texts of that at `label`.

    `known` are the words of each feature in the training of a model.

    Raises DataError where a column holds what is neither a number nor to be filled or encoded; it
    names all such columns.
    """
    if not features:
        advice = "if another character than ; , or a tab separates them, name it (--delimiter)"
        if options.delimiter is not None:
            advice = f"--delimiter is {quoted(options.delimiter)}: name another, or leave it out"
        raise DataError(f"{table.path} has 1 column: expected features and a label; {advice}")
    try:
        if known is None or not any(known):
            X, texts = _rows(table, features, options, label, _plain)
            return Cells(X, [None] * len(features), texts)
    except _NotPlain:
        table = open_table(table.path, options)  # From its first row again.
    if known is None or not any(known):
        known = _examined(table, features, options)
        table = open_table(table.path, options)
    X, texts = _rows(table, features, options, label, _reader(table, features, options, known))
    return Cells(X, list(known), texts)


def _rows(
    table: Table,
    features: Sequence[int],
    options: Options,
    label: int | None,
    convert: Callable[[list[str], int], list[float]],
) -> tuple[np.ndarray, list[str]]:
    """Return the columns at `features`, by `convert` of a row's cells, and the labels' texts."""
    # A flat array of C doubles: lists of Python floats would take eight times the memory.
    values = array("d")
    texts: list[str] = []
    one_of_each: dict[str, str] = {}
    for line, cells in table.rows:
        if label is not None:
            text = cells[label].strip()
            texts.append(one_of_each.setdefault(text, text))
        values.extend(convert([cells[position] for position in features], line))
        check_fits(array_bytes((1, len(values)), values.itemsize), options.limit, str(table.path))
    return np.frombuffer(values).reshape(-1, len(features)), texts


def _plain(cells: list[str], line: int) -> list[float]:
    """Return finite numbers; raise _NotPlain where one is none."""
    try:
        numbers = list(map(float, cells))
    except ValueError:
        raise _NotPlain from None
    # float() reads 1_0 as 10.
    if all(map(math.isfinite, numbers)) and "_" not in "".join(cells):
        return numbers
    raise _NotPlain


def _reader(
    table: Table, features: Sequence[int], options: Options, words: Sequence[Words]
) -> Callable[[list[str], int], list[float]]:
    """Return what makes numbers of a row's cells, by the words of its columns."""
    decimal = options.decimal_mark
    places = [None if of is None else {word: k for k, word in enumerate(of)} for of in words]

    def convert(cells: list[str], line: int) -> list[float]:
        numbers = []
        for k, (cell, place) in enumerate(zip(cells, places, strict=True)):
            number = _number(cell) if place is None else place.get(_word(cell, decimal), -1)
            if number is None or (number != number and not options.gaps):
                raise _refused(table, [_Column(table.names[features[k]]).at(cell, line)], options)
            numbers.append(float(number))
        return numbers

    return convert


def _number(cell: str) -> float | None:
    """Return a cell's number, 1 or 0 for true and false, NaN for a gap; None for anything else."""
    text = cell.strip().lower()
    if is_number(cell) and math.isfinite(float(cell)):
        return float(cell)
    return math.nan if is_missing(cell) else _TRUTHS.get(text)


def _word(cell: str, decimal: str) -> str:
    return "" if is_missing(cell) else as_written(cell, decimal).strip()


class _Column:
    """What the cells of a column are; `first` are line and text of the first that is no number."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.numbers = self.gaps = self.dates = self.marked = 0
        self.words: dict[str, int] = {}
        self.first = 0, ""

    def at(self, cell: str, line: int) -> _Column:
        """Count a cell that stands in `line`, and return the column."""
        number = _number(cell)
        if number is not None and number == number:
            self.numbers += 1
            return self
        if not (self.gaps or self.words):
            self.first = line, cell
        if number is not None:
            self.gaps += 1
        else:
            self.dates += _DATE.fullmatch(cell.strip()) is not None
            self.marked += has_comma(cell) or has_groups(cell)
            word = cell.strip()
            self.words[word] = self.words.get(word, 0) + 1
        return self

    @property
    def kind(self) -> str:
        """What it is, for `_HELP`; ``numbers`` where nothing is in the way."""
        m = sum(self.words.values())
        if not m:
            return "empty" if not self.numbers else "gaps" if self.gaps else "numbers"
        if self.dates == m and not self.numbers:
            return "dates"
        if self.marked and 2 * self.marked + self.numbers > m:
            return "marked"
        if self.numbers > m:
            return "strays"
        if are_measured(self.words):
            return "measured"
        new = len(self.words) > max(FEW_WORDS, _MOST_NEW * m)
        return "texts" if new else "words"


_HELP = {
    "gaps": "gaps in {} (--impute median)",
    "empty": "nothing in {} (--drop)",
    "words": "words in {} (--one-hot)",
    "marked": "numbers written otherwise in {} (--decimal; nothing between thousands)",
    "measured": "numbers with a unit in {} (write the numbers alone)",
    "strays": "a word among numbers in {} (mend it)",
    "texts": "texts in {} (--drop)",
    "dates": "dates in {} (--drop)",
}
"""What is in the way of training in columns of each kind, and what to do."""


def _examined(table: Table, features: Sequence[int], options: Options) -> list[Words]:
    """Return the words of each of the columns at `features`.

    Raises DataError where `options` do not say what to do about words or gaps.
    """
    columns = [_Column(table.names[position]) for position in features]
    for line, cells in table.rows:
        for column, position in zip(columns, features, strict=True):
            column.at(cells[position], line)
    handled = {"numbers", *["words"] * options.words, *["gaps"] * options.gaps}
    if options.columns is not None and options.gaps:  # Filled by what was learned in training.
        handled.add("empty")
    refused = [column for column in columns if column.kind not in handled]
    if refused:
        raise _refused(table, refused, options)
    found = [column.kind == "words" for column in columns]
    table = open_table(table.path, options)
    words: list[set[str]] = [set() for _ in columns]
    for _, cells in table.rows:
        for position, of, wordy in zip(features, words, found, strict=True):
            if wordy:
                of.add(_word(cells[position], options.decimal_mark))
    return [tuple(sorted(of)) if of else None for of in words]


def _refused(table: Table, columns: Sequence[_Column], options: Options) -> DataError:
    """Return the error that names the first cell in the way, all `columns`, and what to do."""
    first = min(columns, key=lambda column: column.first[0])
    (line, cell), name, decimal = first.first, first.name, options.decimal_mark
    advice = _advice(cell, name, line, decimal) or _remedies(columns, options)
    return DataError(
        f"{table.path}, line {line} has {quoted(as_written(cell, decimal))} in column "
        f"{quoted(name)}: expected a finite number; {advice}"
    )


def _advice(cell: str, name: str, line: int, decimal: str) -> str:
    """Return what to do about a `cell` that the way of reading may explain."""
    if has_comma(cell):
        return f"{other_mark(decimal)}; write nothing between thousands"
    if has_groups(cell):
        return "write nothing between thousands"
    if any(mark in cell for mark in ";\t|"):
        return "if columns are separated by another character, name it (--delimiter)"
    if "inf" in cell.lower() and is_number(cell):
        return "fill it, or leave that sample out"
    if line == 1 and not is_missing(cell):
        return (
            "if that line names the columns, say so (--header); if that column is the label, ask "
            f"for it (--label {quoted(name)})"
        )
    return ""


def _remedies(columns: Sequence[_Column], options: Options) -> str:
    """Return the columns by what is in the way, each with the option that helps."""
    if options.columns is not None:
        help_ = "train with --impute to fill gaps" if columns[0].gaps else "as in training"
        return f"{help_}; mend it, or leave that sample out"
    names: dict[str, list[str]] = {}
    for column in columns:
        names.setdefault(column.kind, []).append(column.name)
    parts = [_HELP[kind].format(listed(names[kind], 40)) for kind in _HELP if kind in names]
    if options.label is None and {"words", "texts"} & names.keys():
        first = (names.get("words") or names["texts"])[0]
        parts.append(f"or is that the label (--label {quoted(first)})")
    return ", ".join(parts)
