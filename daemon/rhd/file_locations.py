"""Where settings file, database and logs are: decided at the first start, recorded, and the same from then on.

platformdirs proposes them from the environment of the first start; a later start in another environment (a login shell,
a service manager, an agent) must open the same database, or it would look as if everything were lost.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from rhd.errors import StartRefused
from rhwire.errors import code_of_write
from rhwire.file_replacement import replace_file
from rhwire.home import Home, HomeUnusable, make_folders, make_private_folder

VERSION = 1


@dataclass(frozen=True, slots=True)
class FileLocations:
    """Absolute paths.

    Attributes:
        config: the settings file, which need not exist.
        database: the SQLite file.
        logs: a folder.
    """

    config: str
    database: str
    logs: str


def find_locations(home: Home) -> FileLocations:
    """Return what the home has recorded, or propose and record it at the first start; the folders then exist.

    Raises:
        StartRefused: HOME_UNUSABLE, the record cannot be read or written, or a folder cannot be made.
    """
    locations = _read(home)
    if locations is None:
        locations = _propose(home)
        _record(home, locations)
    try:
        make_private_folder(locations.logs)
        make_folders(os.path.dirname(locations.config))
        database_folder = os.path.dirname(locations.database)
        if database_folder != home.base:
            make_private_folder(database_folder)
    except HomeUnusable as error:
        raise StartRefused(error.message, code=error.code, next_step=error.next_step) from error
    except OSError as error:
        raise StartRefused(f"cannot make a folder: {error}", code=code_of_write(error, "HOME_UNUSABLE")) from error
    return locations


def look_up_locations(home: Home) -> FileLocations:
    """Return what `find_locations` would; nothing is recorded or made.

    Raises:
        StartRefused: HOME_UNUSABLE, the record cannot be read.
    """
    return _read(home) or _propose(home)


def _read(home: Home) -> FileLocations | None:
    try:
        with open(home.record, encoding="utf-8") as stream:
            return _parse(stream.read(4096), home.record)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StartRefused(f"cannot read {home.record}: {error}", code="HOME_UNUSABLE") from error


def _propose(home: Home) -> FileLocations:
    if not home.is_default:
        return FileLocations(f"{home.base}/config.toml", f"{home.base}/rhd.sqlite3", f"{home.base}/logs")
    import platformdirs

    name = "repo-harness"
    return FileLocations(
        config=os.path.join(platformdirs.user_config_dir(name), "config.toml"),
        database=os.path.join(platformdirs.user_data_dir(name), "rhd.sqlite3"),
        logs=platformdirs.user_log_dir(name),
    )


def _parse(text: str, path: str) -> FileLocations:
    try:
        found = json.loads(text)
        if found["version"] != VERSION:
            raise StartRefused(
                f"{path} was written by a newer version; it is left as it is",
                code="SCHEMA_TOO_NEW",
            )
        locations = FileLocations(found["config"], found["database"], found["logs"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StartRefused(
            f"{path} is damaged",
            code="HOME_UNUSABLE",
            next_step="Correct it by hand; without it a start would not find the database.",
        ) from error
    if not all(isinstance(p, str) and os.path.isabs(p) for p in (locations.config, locations.database, locations.logs)):
        raise StartRefused(f"{path} does not name absolute paths", code="HOME_UNUSABLE")
    return locations


def _record(home: Home, locations: FileLocations) -> None:
    text = json.dumps({"version": VERSION, **asdict(locations)})
    try:
        replace_file(home.record, f"{text}\n".encode(), mode=0o600)
    except OSError as error:
        code = code_of_write(error, "HOME_UNUSABLE")
        raise StartRefused(f"cannot write {home.record}: {error.strerror}", code=code) from error
