"""Files that a training writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import typer

from xpnet.cli.files import PLOTS, by_suffix, check_writable
from xpnet.cli.training.settings import write_settings


class Files(NamedTuple):
    """The files that a training writes; plot, checkpoint, log and report only if asked for."""

    save: Path
    plot: Path | None
    config: Path
    checkpoint: Path | None
    log: Path | None
    report: Path | None

    @classmethod
    def of(cls, name: str, given: SimpleNamespace) -> Files:
        """Return the files of the options; by default the model is named after the data set."""
        save = given.save or Path(f"xpnet-{name}.safetensors")
        drawn, config = (save.parent / f"{save.stem}{suffix}" for suffix in (".png", ".toml"))
        plot = None if given.no_plot else given.plot or drawn
        return cls(save, plot, config, given.checkpoint, given.log, given.report)

    def check(self, source: str, config: Path | None) -> None:
        """Raise ValueError if one cannot be written, or has a suffix that is not written."""
        files = self._asdict()
        if self._is_mine(config):
            del files["config"]
        check_writable(source, *filter(None, [config]), **files)
        if self.plot is not None:
            import matplotlib  # noqa: F401 - says now if it is not installed

            by_suffix("plot", self.plot, PLOTS)
        if self.report is not None:
            from xpnet.cli.results.reports import SUFFIXES

            by_suffix("report", self.report, SUFFIXES)

    def keep(self, settings: Mapping[str, Any], config: Path | None) -> None:
        """Write the settings, unless they were read from that very file: it is left as it is."""
        if not self._is_mine(config):
            write_settings(self.config, settings)
            typer.echo(f"settings {self.config}")

    def _is_mine(self, config: Path | None) -> bool:
        return config is not None and config.resolve() == self.config.resolve()
