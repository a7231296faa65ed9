"""Reads a long JSON file record by record, so that memory does not grow with the file.

Input: a file that holds a list of records, or an object one of whose values is such a list.
Output: the records, with the bytes that they take in the file, and the other values. Steps: read
a block, let :mod:`json` decode the next record, read more where the record is not complete.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from liid_mil.data.types import DatasetError
from liid_mil.readers.files import check_file

MAX_RECORD = 1 << 22  # characters; lists in lists take about 30 times as much memory
_BLOCK = 1 << 18
_SPACE = " \t\n\r"


class Record(NamedTuple):
    """One value: ``key`` is None for an item of the list, else the key beside it.

    start, end : the bytes of the file that the value takes.
    """

    key: str | None
    value: Any
    start: int
    end: int


def json_records(path: Path, list_key: str) -> Iterator[Record]:
    """Items of the file's list, or of the value ``list_key`` of its object, and its other values.

    Raises :class:`DatasetError`, with the position, where the JSON is damaged, a single value is
    longer than 4 MiB, or the file holds neither a list nor an object.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            yield from _Reader(path, file).records(list_key)
    except OSError as error:
        raise DatasetError(path, f"cannot be read ({error.strerror})") from error


class _Reader:
    def __init__(self, path: Path, file: Any) -> None:
        self._path = path
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._scan = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0  # in the text
        self._byte = 0  # of the file, at that place
        self._ended = False

    def records(self, list_key: str) -> Iterator[Record]:
        while not self._text and not self._ended:
            self._more()
        if self._text.startswith("\ufeff"):
            self._skip(1)
        opening = self._next()
        if opening == "[":
            self._skip(1)
            yield from self._items()
        elif opening == "{":
            self._skip(1)
            yield from self._pairs(list_key)
        else:
            self._fail("starts with neither a list nor an object")
        if self._next() != "":
            self._fail("goes on after its end")

    def _pairs(self, list_key: str) -> Iterator[Record]:
        for _ in self._places("}"):
            key = self._value().value
            if not isinstance(key, str):
                self._fail(f"has a key {key!r:.40}, which is no text")
            if self._next() != ":":
                self._fail("lacks a colon")
            self._skip(1)
            if key == list_key and self._next() == "[":
                self._skip(1)
                yield from self._items()
            else:
                yield self._value()._replace(key=key)

    def _items(self) -> Iterator[Record]:
        for _ in self._places("]"):
            yield self._value()

    def _places(self, closing: str) -> Iterator[None]:
        """Stop before each item of what was just opened, and pass the commas and the end."""
        if self._next() == closing:
            self._skip(1)
            return
        while True:
            yield
            letter = self._next()
            if letter not in (",", closing):
                self._fail("lacks a comma" if letter else "is cut short")
            self._skip(1)
            if letter == closing:
                return

    def _value(self) -> Record:
        """The value that starts here."""
        if self._next() == "":
            self._fail("is cut short")
        while True:
            try:
                value, end = self._scan(self._text, self._at)
            except RecursionError:
                self._fail("holds lists in lists too deep to be read")
            except json.JSONDecodeError as error:
                if self._ended:
                    self._fail(f"is damaged or cut short ({error.msg})")
            except ValueError as error:
                self._fail(f"is damaged ({error})")
            else:
                # A number at the end of the text may go on; no record is a number, but values are.
                if end < len(self._text) or self._ended:
                    start = self._byte
                    self._skip(end - self._at)
                    return Record(None, value, start, self._byte)
            if len(self._text) - self._at > MAX_RECORD:
                self._fail(f"is damaged, or has a value of more than {MAX_RECORD} letters")
            self._more()

    def _next(self) -> str:
        """The next letter that is no space, or nothing at the end of the file."""
        while True:
            text, at = self._text, self._at
            while at < len(text) and text[at] in _SPACE:
                at += 1
            self._skip(at - self._at)
            if at < len(text):
                return text[at]
            if self._ended:
                return ""
            self._more()

    def _skip(self, n: int) -> None:
        passed = self._text[self._at : self._at + n]
        self._byte += n if passed.isascii() else len(passed.encode())
        self._at += n

    def _more(self) -> None:
        """Read on: a block, or as much again as is not decoded yet."""
        rest = self._text[self._at :]
        block = self._file.read(max(_BLOCK, len(rest)))
        self._ended = block == b""
        try:
            self._text = rest + self._decode(block, self._ended)
        except UnicodeDecodeError:
            self._fail("is not UTF-8 text")
        self._at = 0

    def _fail(self, reason: str) -> NoReturn:
        raise DatasetError(self._path, f"{reason}, at byte {self._byte}")
