"""Numbers with a unit in a CSV table: ``70.3 kg``, ``12%``, ``£30``.

Only units of this list count, as much else begins with a number, too: ``9th``, ``12A``,
``1009 AB``, ``10 Downing St`` and ``2 rooms`` may be words.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from xpnet.exceptions import DataError, quoted

FEW_WORDS = 20
"""Up to how many different words may be words all the same, as the sizes ``1 l`` and ``2 l``."""

_MONEY = "€ $ £ ¥ ₹ eur usd gbp chf jpy cny inr kr"

_UNITS = frozenset(
    f"""% ‰ {_MONEY} k€ k$ m€
    ng µg mcg mg g kg t lb lbs oz
    nm µm um mm cm dm m km in inch inches ft feet yd yds mi mile miles
    mm² cm² m² km² mm2 cm2 m2 km2 mm³ cm³ m³ mm3 cm3 m3 sqft sqm ha acre acres
    ul µl ml cl dl l L cc gal
    ns µs us ms s sec secs second seconds min mins minute minutes h hr hrs hour hours
    day days week weeks month months yr yrs year years
    ° °c °f °k ℃ ℉ kph kmh km/h mph m/s m/s² m/s2 knots rpm mpg kmpl km/kg km/l l/100km
    kw mw kwh wh mwh hp ps bhp mv kv ma mah ah kj j kcal cal hz khz mhz ghz
    bytes kb mb gb tb kib mib gib tib kbit/s mbit/s mbps db
    pa hpa kpa mpa bar mbar psi mmhg
    g/l g/dl mg/l mg/dl mg/kg ng/ml µg/l mmol/l µmol/l mmol mol ppm ppb bpm kg/m² kg/m2 kg/m³ µg/m³
    """.split()
)
"""Units without blanks, in lower case but for single letters: ``9 S`` may be a street."""

_MEASURED = re.compile(r"[-+−]?\s*\d[\d.,]*(?P<unit>[^\d.,].*)")
_PRICED = re.compile(rf"[-+−]?\s*({'|'.join(map(re.escape, _MONEY.split()))})\s*[-+−]?\d[\d.,]*")


def is_measured(cell: str) -> bool:
    """Tell whether `cell` is a number with a unit behind it, or with a currency before it."""
    number = _MEASURED.fullmatch(cell.strip())
    if number is None:
        return _PRICED.fullmatch(cell.strip().lower()) is not None
    unit = re.sub(r"\s", "", number["unit"]).replace("μ", "µ")  # The Greek letter, and the sign.
    return (unit if len(unit) == 1 else unit.lower()) in _UNITS


def are_measured(words: Collection[str]) -> bool:
    """Tell whether all `words`, more than a few different ones, are numbers with a unit."""
    return len(words) > FEW_WORDS and all(map(is_measured, words))


def check_no_units(labels: Collection[str], where: str) -> None:
    """Raise DataError if `labels` are numbers with a unit: they are no classes."""
    if are_measured(labels):
        raise DataError(
            f"{where} holds {quoted(min(labels))}: expected classes or numbers; write the numbers "
            "alone, without a unit; if these are classes, --task classification"
        )
