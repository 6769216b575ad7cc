"""What of a set is finished: one line an image, so that a killed run goes on where it was.

The first line describes the recipe and the photographs; another recipe in the same folder is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from finesight.data.atomic import write_text
from finesight.errors import ConfigError
from finesight.schema.annotation import Annotation


class Journal:
    """The finished images of a set by number, and the photographs passed over; appends while open."""

    def __init__(self, path: Path, recipe: dict[str, object]) -> None:
        """Open or begin the journal.

        Raises:
            ConfigError: the file belongs to another recipe.
        """
        self.finished: dict[int, Annotation] = {}
        self.skipped: dict[str, str] = {}
        head = json.dumps(recipe, sort_keys=True)
        lines = path.read_text("utf-8").split("\n") if path.exists() else [""]
        found, notes = lines[0], lines[1:-1]  # behind the last line break there is nothing, or a torn line
        for note in notes:
            self._recall(json.loads(note))
        if self.finished and found != head:
            where = f"{path.parent} holds a set of another recipe"
            raise ConfigError(f"{where}; choose another folder or delete it")
        if found != head:
            self.skipped, notes = {}, []
        lines = [head, *notes]
        write_text(path, "\n".join(lines) + "\n")
        self._file = path.open("a", encoding="utf-8")

    def add(self, made: Iterable[tuple[int, Annotation]]) -> None:
        """Note images as finished; their files must be whole already."""
        for index, annotation in made:
            self._note({"index": index, "annotation": annotation.model_dump(mode="json")})

    def skip(self, photograph: str, reason: str) -> None:
        """Note a photograph that cannot be used."""
        self._note({"skipped": photograph, "reason": reason})

    def _note(self, entry: dict[str, object]) -> None:
        self._recall(entry)
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._file.flush()

    def _recall(self, entry: dict[str, object]) -> None:
        if "skipped" in entry:
            self.skipped[str(entry["skipped"])] = str(entry["reason"])
        else:
            self.finished[int(str(entry["index"]))] = Annotation.model_validate(entry["annotation"])

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
