"""Writes the bill of materials of a wheel, in the format CycloneDX 1.6 (JSON).

    python cmake/sbom.py OUT.cdx.json --version VERSION --highs HIGHS_PREFIX --library FILE
                         --compiler NAME

Run by CMake for every wheel (PEP 770: it lies in ``.dist-info/sboms``), with the interpreter of the
build environment. Input: pyproject.toml, the metadata of the installed build requirements, HiGHS's
own version header, the library that is bundled. Output: what is inside, with versions, licences and
the digest of the library; what is required beside it, with the versions allowed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# Parts that HiGHS brings along, as in licenses/THIRD-PARTY.txt; they have no versions of their own.
PARTS_OF_HIGHS = {
    "IPX": ("MIT", "https://github.com/ERGO-Code/ipx"),
    "BASICLU": ("MIT", "https://github.com/ERGO-Code/basiclu"),
    "cuPDLP-C": ("MIT", "https://github.com/COPT-Public/cuPDLP-C"),
    "zstr": ("MIT", "https://github.com/mateidavid/zstr"),
    "pdqsort": ("Zlib", "https://github.com/orlp/pdqsort"),
}


def component(
    name: str, version: str | None, licence: str, url: str | None, **more: Any
) -> dict[str, Any]:
    """One component, as CycloneDX writes it."""
    made = {
        "type": "library",
        "bom-ref": name if version is None else f"{name}@{version}",
        "name": name,
        "licenses": [{"license": {"id": licence}}],
        **more,
    }
    if url is not None:
        made["externalReferences"] = [{"type": "website", "url": url}]
    return made if version is None else made | {"version": version}


def highs_version(prefix: Path) -> tuple[str, str]:
    """Version and commit of the HiGHS in ``prefix``, from the header that it was compiled with."""
    header = (prefix / "include" / "highs" / "HConfig.h").read_text()
    found = dict(re.findall(r"#define HIGHS_(\w+) \"?(\w+)\"?", header))
    numbers = (found[f"VERSION_{part}"] for part in ("MAJOR", "MINOR", "PATCH"))
    return ".".join(numbers), found["GITHASH"]


def bill(version: str, highs_prefix: Path, library: Path, compiler: str) -> dict[str, Any]:
    """The whole bill."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    number, commit = highs_version(highs_prefix)
    box = importlib.metadata.version("highsbox")
    highs = component(
        "HiGHS",
        number,
        "MIT",
        "https://highs.dev",
        purl=f"pkg:github/ERGO-Code/HiGHS@v{number}",
        hashes=[{"alg": "SHA-256", "content": hashlib.sha256(library.read_bytes()).hexdigest()}],
        properties=[
            {"name": "file", "value": f"liid_cut/{library.name}"},
            {"name": "commit", "value": commit},
            {"name": "taken from", "value": f"pkg:pypi/highsbox@{box}"},
        ],
        components=[component(name, None, *facts) for name, facts in PARTS_OF_HIGHS.items()],
    )
    pybind = importlib.metadata.version("pybind11")
    headers = component(
        "pybind11",
        pybind,
        "BSD-3-Clause",
        "https://github.com/pybind/pybind11",
        purl=f"pkg:pypi/pybind11@{pybind}",
    )
    required = []
    for requirement in project["dependencies"]:
        name = re.match(r"[\w.-]+", requirement)[0]
        required.append(
            {
                "type": "library",
                "bom-ref": f"requires {name}",
                "name": name,
                "purl": f"pkg:pypi/{name}",
                "scope": "excluded",  # not in the wheel; pip installs it
                "properties": [{"name": "version range", "value": requirement[len(name) :]}],
            }
        )
    own = component(
        project["name"],
        version,
        "MIT",
        None,
        purl=f"pkg:pypi/{project['name']}@{version}",
    )
    parts = [highs, headers, *required]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": own,
            "properties": [{"name": "compiler", "value": compiler}],
        },
        "components": parts,
        "dependencies": [
            {"ref": own["bom-ref"], "dependsOn": [part["bom-ref"] for part in parts]},
        ],
    }


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(prog="python cmake/sbom.py")
    parser.add_argument("output", type=Path)
    parser.add_argument("--version", required=True)
    parser.add_argument("--highs", type=Path, required=True)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--compiler", required=True)
    given = parser.parse_args()
    made = bill(given.version, given.highs, given.library, given.compiler)
    given.output.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
