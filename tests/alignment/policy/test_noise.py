import pytest
import torch
from scipy.stats import kstest

from alignment.policy.noise import device_noise, host_noise, noise_stream

CPU = torch.device("cpu")


@pytest.mark.parametrize("stream", [host_noise, device_noise])
def test_the_numbers_are_exponential(stream):
    numbers = stream(7, CPU)(20_000)

    assert numbers.dtype == torch.float32
    assert kstest(numbers.numpy(), "expon").pvalue > 0.01


@pytest.mark.parametrize("stream", [host_noise, device_noise])
def test_no_number_is_zero_because_its_token_would_always_win(stream):
    draw = stream(7, CPU)

    assert min(draw(1_000_000).min().item() for _ in range(10)) > 0


@pytest.mark.parametrize("stream", [host_noise, device_noise])
def test_a_seed_names_its_stream(stream):
    first, again, other = stream(7, CPU), stream(7, CPU), stream(8, CPU)

    assert torch.equal(torch.cat([first(3), first(3)]), torch.cat([again(3), again(3)]))
    assert not torch.equal(again(3), other(3))


def test_on_a_cpu_the_stream_is_the_hosts():
    assert torch.equal(noise_stream(7, CPU)(5), host_noise(7, CPU)(5))


@pytest.mark.gpu
def test_on_a_gpu_the_numbers_are_drawn_there():
    assert noise_stream(7, torch.device("cuda"))(5).is_cuda
