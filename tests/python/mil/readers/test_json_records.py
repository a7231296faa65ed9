"""Long JSON record by record: the same as json.load, wherever the blocks end; and damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pycocotools")

from liid_mil.data.types import DatasetError
from liid_mil.readers import json_records as module
from liid_mil.readers.json_records import json_records

ITEMS = [
    {"a": [1, 2.5, -3e-7, {"b": None}], "c": 'text, ] } " \\ \u00e9 \U0001f600'},
    [],
    {},
    "",
    12345,
    -1,
    True,
    {"deep": [[[[[["x" * 50]]]]]]},
]


@pytest.fixture(params=[1, 2, 3, 7, 64, 1 << 18])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(module, "_BLOCK", request.param)
    return int(request.param)


def read(path: Path, text: str | bytes, key: str = "items") -> list[Any]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(json_records(path, key))


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("indent", [None, 2])
def test_lists(tmp_path: Path, block: int, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(ITEMS, ensure_ascii=ascii_only, indent=indent)
    path = tmp_path / "list.json"
    found = read(path, text)
    assert [each.value for each in found] == ITEMS
    assert all(each.key is None for each in found)
    raw = path.read_bytes()
    assert [json.loads(raw[each.start : each.end]) for each in found] == ITEMS


def test_objects(tmp_path: Path, block: int) -> None:
    content = {"before": 7, "items": ITEMS, "behind": {"items": [1]}, "no list": []}
    found = read(tmp_path / "object.json", "\n " + json.dumps(content) + " \n")
    assert [(each.key, each.value) for each in found] == [
        ("before", 7),
        *((None, item) for item in ITEMS),
        ("behind", {"items": [1]}),
        ("no list", []),
    ]


def test_nothing_in_them(tmp_path: Path, block: int) -> None:
    for text in ("[]", "{}", "\ufeff[ ]", '{"items":[]}'):
        assert read(tmp_path / "empty.json", text) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "starts with neither a list nor an object, at byte 0"),
        ("7", "starts with neither a list nor an object, at byte 0"),
        ("[1, 2", "is cut short, at byte 5|damaged or cut short"),
        ("[1 2]", "lacks a comma, at byte 3"),
        ("[1,]", "is damaged or cut short .*, at byte 3"),
        ("[,1]", "is damaged or cut short .*, at byte 1"),
        ('[{"a": 1}, {"b": }]', "is damaged or cut short .*, at byte 11"),
        ('["\u00e9", x]', "is damaged or cut short .*, at byte 7"),
        ("[1] 2", "goes on after its end, at byte 4"),
        ('{"a" 1}', "lacks a colon, at byte 5"),
        ("{7: 1}", "has a key 7, which is no text"),
        ('{"a": 1', "is cut short"),
        (b'["\xff\xfe"]', "is not UTF-8 text"),
        (b"\xff\xfe[\x00]\x00", "is not UTF-8 text"),
        ("[" + "9" * 5000 + "]", r"is damaged \(Exceeds the limit"),
        ("[" + "[" * 100_000, "holds lists in lists too deep to be read, at byte 1"),
        ('[{"a":' * 100_000, "holds lists in lists too deep to be read, at byte 1"),
    ],
)
def test_damage(tmp_path: Path, text: str | bytes, reason: str) -> None:
    with pytest.raises(DatasetError, match=rf"bad\.json: ({reason})"):
        read(tmp_path / "bad.json", text)


def test_a_record_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECORD", 1000)
    assert len(read(tmp_path / "good.json", json.dumps(["x" * 900]))) == 1
    with pytest.raises(DatasetError, match="has a value of more than 1000 letters, at byte 6"):
        read(tmp_path / "bad.json", '["a", "' + "x" * 1_000_000)
