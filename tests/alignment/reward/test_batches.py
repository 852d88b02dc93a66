import torch
from hypothesis import given
from hypothesis import strategies as st

from alignment.reward.batches import MAX_ROWS, batches, shape_for

LENGTHS = st.lists(st.integers(1, 100), min_size=1, max_size=40)


@given(LENGTHS)
def test_each_text_is_in_one_batch_as_it_was(lengths):
    ids = [list(range(1, length + 1)) for length in lengths]

    made = {
        place: batch.input_ids[row][batch.attention_mask[row].bool()].tolist()
        for batch in batches(ids, max_tokens=128, budget=64)
        for row, place in enumerate(batch.positions)
    }

    assert [made[place] for place in range(len(ids))] == ids


@given(LENGTHS)
def test_the_shape_of_a_batch_depends_on_the_length_of_its_texts_alone(lengths):
    ids = [[1] * length for length in lengths]

    for batch in batches(ids, max_tokens=128, budget=64):
        for place in batch.positions:
            assert tuple(batch.input_ids.shape) == shape_for(lengths[place], max_tokens=128, budget=64)


def test_no_row_is_without_a_token():
    (batch,) = batches([[5, 6]], max_tokens=16, budget=64)

    assert len(batch.attention_mask) > 1
    assert torch.all(batch.attention_mask.sum(dim=1) > 0)


def test_padding_never_goes_beyond_what_the_backbone_reads():
    assert shape_for(97, max_tokens=100, budget=64).columns == 100


def test_a_batch_holds_about_the_budget_of_tokens():
    assert shape_for(16, max_tokens=512, budget=256) == (16, 16)
    assert shape_for(500, max_tokens=512, budget=256) == (1, 512)
    assert shape_for(1, max_tokens=512, budget=10**6).rows == MAX_ROWS


def test_rows_that_look_far_back_are_fewer():
    near, far = (shape_for(16, max_tokens=9000, budget=128, num_before=before) for before in (100, 4000))

    assert (near, far) == ((8, 16), (1, 16))
