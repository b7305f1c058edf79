from collections.abc import Iterable
from typing import Any, Self, final

_State = tuple[Any, ...]

@final
class Window:
    def __new__(cls, capacity: int, most_added: int) -> Self: ...

def sample_real(state: _State, n: int) -> tuple[list[float], _State]: ...
def energy_value(x: float, theta: Iterable[float]) -> float: ...
def energy_and_grads(x: float, theta: Iterable[float]) -> tuple[float, float, list[float]]: ...
def mean_grads(xs: Iterable[float], theta: Iterable[float]) -> tuple[float, list[float]]: ...
def sum_boltzmann(theta: Iterable[float], x_min: float, dx: float, n_grid: int) -> tuple[float, float]: ...
def sgld_samples(
    state: _State,
    theta: Iterable[float],
    x_init: Iterable[float],
    n_steps: int,
    step_size: float,
    noise_std: float,
) -> tuple[list[float], _State]: ...
def draw_model_samples(state: _State, theta: Iterable[float], n: int) -> tuple[list[float], _State]: ...
def train(
    state: _State,
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
) -> tuple[list[float], list[tuple[int, float, float, float, list[float], int]], list[float], _State]: ...
