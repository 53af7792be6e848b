"""Number of cores: by affinity, and by the control groups of a fake machine."""

from __future__ import annotations

import math
import os

import pytest

from xpnet import _cores as cores

NO_LIMIT = math.inf


def machine(root, group, **files):
    """A machine's files: which group a process is in, and those of its groups."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(group + "\n")
    for path, text in files.items():
        file = root / "sys/fs/cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return root


MACHINES = {
    "version 2, of a container": ("0::/", {"cpu.max": "150000 100000"}, 1.5),
    "version 2, no limit": ("0::/", {"cpu.max": "max 100000"}, NO_LIMIT),
    "version 2, of an outer group": (
        "0::/job/step",
        {"job/cpu.max": "200000 100000", "job/step/cpu.max": "max 100000"},
        2.0,
    ),
    "version 1": (
        "3:cpu,cpuacct:/job",
        {
            "cpu,cpuacct/job/cpu.cfs_quota_us": "50000",
            "cpu,cpuacct/job/cpu.cfs_period_us": "100000",
        },
        0.5,
    ),
    "version 1, a container's group by its name outside": (
        "3:cpu,cpuacct:/docker/0123",
        {"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"},
        3.0,
    ),
    "version 1, no limit": (
        "3:cpu:/",
        {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
        NO_LIMIT,
    ),
    "lines of another form": ("?\n0::/", {"cpu.max": "100000 100000"}, 1.0),
    "nothing to read": ("0::/", {"cpu.max": "?"}, NO_LIMIT),
}


@pytest.mark.parametrize(("group", "files", "expected"), MACHINES.values(), ids=MACHINES)
def test_quota(group, files, expected, tmp_path):
    assert cores.quota(machine(tmp_path, group, **files)) == expected


def test_without_control_groups_there_is_no_limit(tmp_path):
    assert cores.quota(tmp_path) == NO_LIMIT


@pytest.mark.parametrize(("quota", "expected"), [(0.3, 1), (1.5, 2), (2.0, 2), (99.0, 4)])
def test_parts_of_a_core_count_as_one(quota, expected, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(cores, "quota", lambda root: quota)
    assert cores.cores() == expected
