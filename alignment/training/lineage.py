"""Which code made an artifact."""

from functools import cache
from importlib.metadata import version
from pathlib import Path

from alignment.digests import file_digest, text_digest

LIBRARIES = ("torch", "transformers", "trl", "peft", "numpy", "scipy")


@cache
def code_versions() -> dict[str, str]:
    """Versions of the libraries, and for our own package the digest of its source files."""
    package = Path(__file__).resolve().parents[1]
    sources = sorted(package.rglob("*.py"))
    own = text_digest(
        *(part for path in sources for part in (str(path.relative_to(package)), file_digest(path)))
    )
    return {"alignment": own, **{name: version(name) for name in LIBRARIES}}
