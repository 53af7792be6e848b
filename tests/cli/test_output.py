from __future__ import annotations

import errno
import io
import os
import subprocess
import sys

import pytest
import typer

import xpnet
from tests.cli.conftest import SMALL
from xpnet.cli.output import flush, tolerate_lost_output

MODEL = "xpnet-flowers.safetensors"


class Broken(io.StringIO):
    """A stream that has room for so many characters."""

    def __init__(self, room, error):
        super().__init__()
        self.room, self.error = room, error

    def write(self, text):
        if len(text) + self.tell() > self.room:
            raise self.error
        return super().write(text)


FULL = OSError(errno.ENOSPC, "No space left on device")
GONE = BrokenPipeError(errno.EPIPE, "Broken pipe")


@pytest.mark.parametrize("error", [FULL, GONE])
def test_what_cannot_be_printed_is_lost(monkeypatch, error):
    stream = Broken(10, error)
    monkeypatch.setattr("sys.stdout", stream)
    with tolerate_lost_output():
        sys.stdout.write("printed")
        sys.stdout.write("too long to be printed")
        sys.stdout.flush()
    assert stream.getvalue() == "printed"
    assert sys.stdout is stream


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_pipe_that_is_closed(monkeypatch, encoding):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding=encoding) as stream:
        monkeypatch.setattr("sys.stdout", stream)
        with tolerate_lost_output():
            # typer writes to the bytes beneath where the text could not hold all characters.
            typer.echo("lost – too")
        assert sys.stdout is stream


def test_a_flush_that_fails_is_the_last(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        stream.write("unread")
        with pytest.raises(BrokenPipeError):
            flush(stream)
        stream.write("unread")
        flush(stream)


def started(command, folder, *arguments):
    """Run ``xpnet train`` from a shell in `folder`, its standard output as `command` says."""
    train = [sys.executable, "-m", "xpnet", "train", *arguments]
    shell = ["bash", "-c", f'"$@" {command}', "bash", *map(str, train)]
    quick = os.environ | {"XPNET_FUSED": "0"}
    return subprocess.run(shell, capture_output=True, text=True, cwd=folder, env=quick)


@pytest.mark.skipif(os.name != "posix", reason="there is no shell")
@pytest.mark.parametrize("command", [">&-", "| true; exit ${PIPESTATUS[0]}"])
def test_a_training_goes_on_and_saves(tmp_path, flowers, command):
    run = started(command, tmp_path, flowers(), *SMALL, "--backend", "numpy")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert xpnet.load(tmp_path / MODEL)[2]["classes"] == ["iris", "lily", "rose"]
    assert (tmp_path / "xpnet-flowers.png").exists()


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (FULL, (2, "xpnet: cannot write to standard output: No space left on device\n")),
        (GONE, (141, "")),
    ],
    ids=["full", "gone"],
)
def test_predictions_that_cannot_be_printed(run, flowers, model, monkeypatch, error, result):
    def echo(*arguments, **options):
        raise error

    monkeypatch.setattr("typer.echo", echo)
    assert run("predict", model, flowers())[::2] == result
