"""The whole chain at a tiny size: the example of the package, and import without torch."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("skimage")

import liid_mil
import mil.training.tiny  # noqa: F401  registers its backbone
from liid_mil import SCENES_CAM, SCENES_MIL


def test_the_packages_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, _, rest = (liid_mil.__doc__ or "").partition("::\n\n")
    code = textwrap.dedent(rest.partition("\n\nEvery stage")[0])
    small = {"backbone": "tiny", "epochs": 2, "drop_after": None}
    names: dict[str, Any] = {
        "cam": replace(SCENES_CAM, **small),
        "mil": replace(SCENES_MIL, **small),
    }
    for old, new in (("(300", "(10"), ("SCENES_CAM", "cam"), ("SCENES_MIL", "mil")):
        assert old in code
        code = code.replace(old, new)
    exec(code, names)

    labelling, extraction = names["labelling"], names["extraction"]
    assert len(labelling.labels) == len(extraction) == sum(map(len, names["proposals"]))
    assert len(labelling.labels) > 50
    rows = np.arange(len(extraction))
    assert extraction.allowed[rows, labelling.labels].all()
    assert labelling.result.status == "optimal"
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "cam",
        "extraction",
        "mil",
        "proposals",
    ]


def test_import_does_not_load_torch() -> None:
    code = "import sys, liid_mil, liid_cut; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_every_public_name_exists() -> None:
    for name in liid_mil.__all__:
        assert getattr(liid_mil, name).__doc__ or name.isupper()
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = liid_mil.nothing
