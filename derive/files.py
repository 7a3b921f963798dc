"""Files are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from derive.errors import DeriveError


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> bool:
    """Write `content`, a text as UTF-8, to `path`, folders above it included, and say whether the file changed.

    The text goes to a temporary file of the same folder, which then takes the name: who reads `path`, at any moment
    and after any interruption, finds the old file or the new one. A file that already holds that is left alone, its
    time of change too. Raises DeriveError where the file cannot be written.
    """
    target = Path(path)
    content = content.encode("utf-8") if isinstance(content, str) else content
    try:
        if target.is_file() and target.read_bytes() == content:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, content)
    except OSError as reason:
        raise DeriveError(f"{target} cannot be written: {reason.strerror or reason}") from None
    return True


def _replace(target: Path, content: bytes) -> None:
    """Put `content` in the place of `target` in one step; what was written so far goes away if that fails."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    """The mask of permissions of this process; reading it means setting it for a moment."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
