from collections.abc import Iterable
from typing import Any

State = tuple[Any, ...]

class Memory:
    def __init__(self, size: int) -> None: ...

class Stream:
    def __init__(self, state: State) -> None: ...

class Chooser:
    def __init__(self, n_max: int) -> None: ...

class Window:
    def __init__(self, capacity: int, most_added: int) -> None: ...

def sample_real(state: State, n: int) -> tuple[list[float], State]: ...
def energy_value(x: float, theta: Iterable[float]) -> float: ...
def energy_and_grads(x: float, theta: Iterable[float]) -> tuple[float, float, list[float]]: ...
def mean_grads(xs: Iterable[float], theta: Iterable[float]) -> tuple[float, list[float]]: ...
def sum_boltzmann(theta: Iterable[float], x_min: float, dx: float, n_grid: int) -> tuple[float, float]: ...
def sgld_samples(
    state: State,
    theta: Iterable[float],
    x_init: Iterable[float],
    n_steps: int,
    step_size: float,
    noise_std: float,
) -> tuple[list[float], State]: ...
def draw_model_samples(state: State, theta: Iterable[float], n: int) -> tuple[list[float], State]: ...
def train(
    state: State,
    theta_init: Iterable[float],
    real_data: Iterable[float],
    n_updates: int,
    batch_size: int,
    n_replay: int,
    capacity: int,
    n_steps: int,
    lr: float,
    reg: float,
    bounds: Iterable[float],
    record_every: int,
) -> tuple[list[float], list[tuple[int, float, float, float, list[float], int]], list[float], State]: ...
def exact_sums(xs: Iterable[float]) -> tuple[int, int, int, int]: ...
