"""`Disorder`: random things that people, editors, agents and git do to a folder, repeatable by their seed."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

NAMES = ("a", "b", "c")
DEPTH = 3


class Disorder:
    """Does things to the folder at `root`. What it does may fail halfway, as it does to people.

    Attributes:
        done: how often each thing was done.
    """

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.done: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._number = 0

    def strike(self) -> None:
        """Do one thing."""
        things: tuple[tuple[int, Callable[[], None]], ...] = (
            (6, self.write),
            (6, self.save_atomically),
            (3, self.append),
            (3, self.remove_file),
            (5, self.make_deep_and_write),
            (2, self.remove_tree),
            (4, self.remove_tree_and_make_again),
            (2, self.rename_away_and_back),
            (2, self.rename_folder),
            (1, self.replace_folder_by_file),
            (1, self.touch_folder),
        )
        (thing,) = self._random.choices([t for _, t in things], [weight for weight, _ in things])
        try:
            thing()
        except OSError:
            return
        self.done[thing.__name__] += 1

    def write(self) -> None:
        (self._folder() / self._file()).write_text(self._text())

    def save_atomically(self) -> None:
        target = self._folder() / self._file()
        temporary = target.with_name(f".{target.name}.tmp")
        temporary.write_text(self._text())
        temporary.replace(target)

    def append(self) -> None:
        with open(self._folder() / self._file(), "a") as file:
            file.write(self._text())

    def remove_file(self) -> None:
        (self._folder() / self._file()).unlink()

    def make_deep_and_write(self) -> None:
        deep = self.root.joinpath(*(self._random.choice(NAMES) for _ in range(DEPTH)))
        os.makedirs(deep, exist_ok=True)
        (deep / self._file()).write_text(self._text())

    def remove_tree(self) -> None:
        shutil.rmtree(self._folder(above=False))

    def remove_tree_and_make_again(self) -> None:
        folder = self._folder(above=False)
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / self._file()).write_text(self._text())

    def rename_away_and_back(self) -> None:
        folder = self._folder(above=False)
        away = self.root.with_name(f"{self.root.name}-away")
        folder.rename(away)
        (away / self._file()).write_text(self._text())
        away.rename(folder)

    def rename_folder(self) -> None:
        self._folder(above=False).rename(self._folder() / self._random.choice(NAMES))

    def replace_folder_by_file(self) -> None:
        folder = self._folder(above=False)
        shutil.rmtree(folder)
        folder.write_text(self._text())
        folder.unlink()

    def touch_folder(self) -> None:
        os.utime(self._folder())

    def _folder(self, *, above: bool = True) -> Path:
        """Return some folder that may be there; the root itself only if `above`."""
        depth = self._random.randint(0 if above else 1, DEPTH)
        return self.root.joinpath(*(self._random.choice(NAMES) for _ in range(depth)))

    def _file(self) -> str:
        return f"{self._random.choice(NAMES)}.md"

    def _text(self) -> str:
        self._number += 1
        return f"{self._number}\n" * self._random.randint(1, 3)
