import pytest
import torch
from scipy.stats import chisquare
from transformers import GenerationConfig

from alignment.policy.decoding import sample_tokens
from alignment.policy.logprobs import response_logprobs
from alignment.policy.noise import noise_stream

SHORT, LONG = "A", "We lost the match, but nobody on the bus home seemed to mind very much, and then"


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_tokens_are_drawn_from_the_tempered_distribution(temperature):
    logits = torch.tensor([1.0, 0.0, -1.0, 0.5, -2.0])
    stream = noise_stream(3, logits.device)

    tokens = sample_tokens(logits.expand(20_000, 5), [stream] * 20_000, temperature)

    expected = (logits / temperature).softmax(-1).double() * 20_000
    counts = tokens.bincount(minlength=5).numpy()
    assert chisquare(counts, expected.numpy() * counts.sum() / expected.sum().item()).pvalue > 0.01


def test_a_token_that_the_policy_must_never_write_is_not_drawn(tiny, monkeypatch):
    (prompt,) = tiny.ids(LONG)
    drawn = tiny.write([prompt], [2], tiny.ending(max_tokens=1))[0].ids[0]
    monkeypatch.setattr(tiny.policy, "generation_config", GenerationConfig(suppress_tokens=[drawn]))

    ((other,), _, _) = tiny.write([prompt], [2], tiny.ending(max_tokens=1))[0]

    assert other != drawn


def test_first_tokens_follow_the_policy(tiny):
    (prompt,) = tiny.ids("The morning light")
    written = tiny.write([prompt] * 4000, list(range(4000)), tiny.ending(max_tokens=1))

    counts = torch.tensor([ids[0] for ids, _, _ in written]).bincount(minlength=512).double()
    probabilities = tiny.policy(torch.tensor([prompt])).logits[0, -1].detach().double().softmax(-1)
    common = probabilities * 4000 > 20
    assert common.sum() > 10
    pooled = torch.cat([counts[common], counts[~common].sum()[None]])
    expected = torch.cat([probabilities[common], probabilities[~common].sum()[None]]) * 4000
    assert (
        chisquare(pooled.numpy(), expected.numpy() * pooled.sum().item() / expected.sum().item()).pvalue
        > 0.01
    )


def test_the_recorded_logprob_is_that_of_the_tokens(tiny):
    prompts = tiny.ids(SHORT, LONG, "Der Zug")

    written = tiny.write(prompts, [1, 2, 3], tiny.ending())

    with torch.no_grad():
        expected = response_logprobs(tiny.policy, prompts, [response.ids for response in written])
    assert [response.logprob for response in written] == pytest.approx(expected.tolist(), abs=1e-3)


def test_a_short_prompt_is_not_disturbed_by_a_long_one_beside_it(tiny):
    short, long = tiny.ids(SHORT, LONG)

    (alone,) = tiny.write([short], [1], tiny.ending())
    together = tiny.write([long, short], [2, 1], tiny.ending())[1]

    assert together.ids == alone.ids
    assert together.logprob == pytest.approx(alone.logprob, abs=1e-4)


def test_a_response_that_ends_early_leaves_the_others_as_they_are(tiny):
    prompts, seeds = tiny.ids(SHORT, LONG, "Der Zug"), [1, 2, 3]
    unending = tiny.write(prompts, seeds, tiny.ending(eos=frozenset()))
    early = unending[1].ids[4]
    end = tiny.ending(eos=frozenset({early}))

    written = tiny.write(prompts, seeds, end)

    assert written[1].ids == unending[1].ids[: unending[1].ids.index(early) + 1]
    assert written[0].ids == _until(unending[0].ids, early)
    assert written[2].ids == _until(unending[2].ids, early)
    assert [each.finished for each in written] == [early in each.ids for each in unending]


def test_end_of_sequence_counts_but_is_not_shown(tiny):
    (prompt,) = tiny.ids(LONG)
    first = tiny.write([prompt], [2], tiny.ending(eos=frozenset()))[0].ids[0]
    end = tiny.ending(eos=frozenset({first}))

    ((ids, logprob, finished),) = tiny.write([prompt], [2], end)

    assert (ids, finished) == ([first], True)
    assert logprob < 0
    assert tiny.ending().text([tiny.tokenizer.eos_token_id]) == ""


def test_a_response_stops_with_the_token_that_completes_the_stop_text(tiny):
    (prompt,) = tiny.ids(LONG)
    (whole,) = tiny.write([prompt], [2], tiny.ending())
    texts = [tiny.tokenizer.decode(whole.ids[: place + 1]) for place in range(len(whole.ids))]
    place = next(place for place in range(3, 20) if not texts[place].endswith("\ufffd"))
    stop = texts[place][-3:]
    ending = tiny.ending(stop=stop)

    (stopped,) = tiny.write([prompt], [2], ending)

    expected = next(place for place, text in enumerate(texts) if stop in text)
    assert stopped.finished
    assert stopped.ids == whole.ids[: expected + 1]
    assert ending.text(stopped.ids) == texts[expected].split(stop)[0].strip()
    with torch.no_grad():
        (kept,) = response_logprobs(tiny.policy, [prompt], [stopped.ids])
    assert stopped.logprob == pytest.approx(kept.item(), abs=1e-3)


def test_the_limit_cuts_a_response_off_unfinished(tiny):
    (written,) = tiny.write(tiny.ids(SHORT), [1], tiny.ending(eos=frozenset(), max_tokens=5))

    assert (len(written.ids), written.finished) == (5, False)


def test_half_a_character_at_the_cut_is_not_shown(tiny):
    ids = tiny.tokenizer("schön 日", add_special_tokens=False)["input_ids"]

    assert tiny.ending().text(ids[:-1]) == "schön"


def test_a_null_character_is_no_text(tiny):
    assert tiny.ending().text(tiny.tokenizer("a\0b", add_special_tokens=False)["input_ids"]) == "ab"


def _until(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end) + 1] if end in ids else ids
