"""In which order examples are seen: the same from the same seed, texts of like length side by side."""

from collections.abc import Sequence

from alignment.randomness import generator

BATCHES_PER_BLOCK = 50


def training_order(lengths: Sequence[int], *, epochs: float, batch_size: int, seed: int) -> list[int]:
    """Positions of the examples for all steps, epoch after epoch; the last epoch may be a part of one.

    The examples, shuffled anew for each epoch, are cut into blocks of 50 batches; within a block they are
    sorted by length, so that little is padded, and the batches are shuffled. Written out beforehand, the
    order needs no state to be taken up again.
    """
    rng = generator(seed, "training order")
    wanted = max(1, round(epochs * len(lengths)))
    stream: list[int] = []
    while len(stream) < wanted:
        stream += rng.permutation(len(lengths)).tolist()
    order: list[int] = []
    block_size = BATCHES_PER_BLOCK * batch_size
    for start in range(0, wanted, block_size):
        block = sorted(stream[start : min(start + block_size, wanted)], key=lambda place: lengths[place])
        num_whole = len(block) // batch_size
        for batch in rng.permutation(num_whole).tolist():
            order += block[batch * batch_size : (batch + 1) * batch_size]
        order += block[num_whole * batch_size :]  # a short batch, the last of all
    return order
