"""How much memory a command will need, estimated from the size of a checkpoint before anything is loaded.

Without torch, so that the site and a worker can ask before they start what would not fit.
"""

import json
from math import cbrt, prod
from pathlib import Path

from alignment.errors import AlignmentError
from alignment.packages.files import WEIGHTS, check_files
from alignment.sources import ModelSource, SourceKind

# Of the whole packages; Gemma is smaller once its vocabulary is trimmed to the languages in use.
PACKAGE_PARAMETERS = {"gemma3-270m": 268_098_176, "multilingual-e5-small": 117_653_760}
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
COPIES = {"frozen": 1.0, "lora": 1.08, "full": 4.0}
WIDTH_OVER_DEPTH = 128
WORK_OF_A_LAYER = 17
LONGEST_HEADER = 100_000_000  # bytes, by the definition of safetensors


def required_bytes(
    num_parameters: int, *, method: str, dtype: str, batch_size: int, num_tokens: int, vocabulary: int = 0
) -> int:
    """Estimate what one device must hold for training, or for reading and writing with frozen weights.

    method: frozen, lora or full; dtype: of the weights, as torch calls it; num_tokens: of an input with its
    response; vocabulary: of a policy in training, which keeps logits for every token, else 0.

    With w bytes to a number, N parameters, B·T tokens, width h and L layers, it is the sum of
    - w·N for the weights; trained ones have a gradient and two moments of Adam beside them, so 4·w·N
      (Rajbhandari et al. 2020, arXiv 1910.02054, section 3.1). Adapters of rank 16 are about .02·N;
    - 17·w·h for each token in the layer under work, twice in training for the gradients; and w·h for each
      layer where training recomputes what is inside, as on an accelerator (Korthikanti et al. 2022,
      arXiv 2205.05198, equation 2 without the attention matrix, and section 5), or 2·w·h for each layer's
      keys and values where it writes;
    - 12·V for each token: logits, probabilities and gradient in float32.
    Width and depth follow from N = 12·L·h² (Kaplan et al. 2020, arXiv 2001.08361, table 1) with h = 128·L.

    A driver takes about half a gigabyte more. Without an accelerator training recomputes nothing and keeps
    17·w·h for every layer.
    """
    if min(num_parameters, batch_size, num_tokens) < 1 or vocabulary < 0:
        raise ValueError("There must be parameters, rows and tokens.")
    width = BYTES[dtype]
    hidden = cbrt(WIDTH_OVER_DEPTH * num_parameters / 12)
    layers = hidden / WIDTH_OVER_DEPTH
    kept = WORK_OF_A_LAYER + 2 * layers if method == "frozen" else 2 * WORK_OF_A_LAYER + layers
    of_a_token = width * hidden * kept + 12 * vocabulary
    return round(COPIES[method] * width * num_parameters + batch_size * num_tokens * of_a_token)


def source_parameters(source: ModelSource) -> int | None:
    """How many parameters a source has, as far as that can be told before it is prepared."""
    match source.kind:
        case SourceKind.DIRECTORY:
            return num_parameters(Path(source.name))
        case SourceKind.PACKAGE:
            return PACKAGE_PARAMETERS[source.name]
        case SourceKind.HUB:
            return None


def num_parameters(directory: Path) -> int:
    """Of a checkpoint, from the headers of its safetensors; tied weights are stored, and counted, once."""
    check_files(directory)
    return sum(_num_values(path) for path in _weight_files(directory))


def _weight_files(directory: Path) -> list[Path]:
    whole, index = (directory / name for name in WEIGHTS)
    if whole.is_file():
        return [whole]
    parts = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
    return [directory / name for name in sorted(set(parts))]


def _num_values(path: Path) -> int:
    """A file begins with the length of its header; the header names the tensors with their shapes."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(min(length, LONGEST_HEADER))
    try:
        tensors = json.loads(header)
    except ValueError as error:
        raise AlignmentError(f"{path} is torn; copy the checkpoint again.") from error
    return sum(prod(tensor["shape"]) for name, tensor in tensors.items() if name != "__metadata__")
