"""SGLD on a network, float32, by each library as its users write it; PyTorch also by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from network_work import NetworkTraining, NetworkWork

from .base import Peer
from .fastebm_peer import Fastebm
from .jax_peer import Jax
from .torch_peer import Torch, capability


class FastebmNetwork(Fastebm):
    dtype = "float32"

    def versions(self) -> dict[str, str]:
        # Also of a checkout that is not installed.
        import fastebm as fe

        return {"fastebm": fe.__version__}

    def prepare_network(self, work: NetworkWork) -> Callable[[], np.ndarray]:
        import fastebm as fe

        layers: list[Any] = []
        for i, n in enumerate(work.channels):
            layers += [("conv", n, 3, 2 if i else 1, 1), "silu"]
        for n in work.dense:
            layers += [("dense", n), "silu"]
        shape = (work.image, work.image) if work.channels else work.n_features
        energy = fe.NetworkEnergy(shape, layers)
        energy.theta = work.theta
        sampler, start = fe.SGLD(work.step_size, noise_std=work.noise_std), work.x0()
        return lambda: sampler.sample(energy, start, work.n_steps, seed=1, n_threads=work.n_threads)

    def prepare_network_training(self, work: NetworkTraining) -> Callable[[], np.ndarray]:
        import fastebm as fe

        data = work.data()
        base = fe.Gaussian.fit(data)

        def run() -> np.ndarray:
            energy = fe.NetworkEnergy.mlp(64, work.hidden, base=base)
            trainer = fe.ContrastiveDivergence(
                energy,
                sampler=fe.MALA(0.002),
                n_steps=8,
                n_chains=256,
                batch_size=128,
                n_updates=work.n_updates,
                optimizer="adam",
                learning_rate=1e-3,
            )
            return trainer.fit(data, seed=1, n_threads=work.n_threads, diagnose=False).energy.theta

        return run


class JaxNetwork(Jax):
    suffix = "jit, autograd"

    def prepare_network(self, work: NetworkWork) -> Callable[[], Any]:
        jax = self._setup()
        jnp = jax.numpy
        n_conv = len(work.channels)
        # Channels last, which is what XLA's convolutions on the processor are fast with.
        weights = [(w.transpose(2, 3, 1, 0) if w.ndim == 4 else w.T, b) for w, b in work.weights]
        if n_conv:
            c, side = work.channels[-1], work.sides[-1]
            w, b = weights[n_conv]
            w = w.reshape(c, side, side, -1).transpose(1, 2, 0, 3).reshape(w.shape)
            weights[n_conv] = (w, b)
        weights = [(jnp.asarray(w, self.dtype), jnp.asarray(b, self.dtype)) for w, b in weights]
        start, key = jnp.asarray(work.x0(), self.dtype), jax.random.key(1)

        def energy(x: Any) -> Any:
            a = x.reshape(-1, work.image, work.image, 1) if n_conv else x
            for i, (w, b) in enumerate(weights[:-1]):
                if i < n_conv:
                    form = ("NHWC", "HWIO", "NHWC")
                    strides = (2, 2) if i else (1, 1)
                    a = jax.lax.conv_general_dilated(a, w, strides, [(1, 1)] * 2, dimension_numbers=form)
                    z = a + b
                else:
                    z = a.reshape(len(x), -1) @ w + b
                a = jax.nn.silu(z)
            return (a @ weights[-1][0]).sum()

        grad = jax.grad(energy)
        h, s = work.step_size, work.noise_std

        @jax.jit
        def sample(x: Any, key: Any) -> Any:
            def step(t: Any, x: Any) -> Any:
                noise = jax.random.normal(jax.random.fold_in(key, t), x.shape, x.dtype)
                return x - h * grad(x) + s * noise

            return jax.lax.fori_loop(0, work.n_steps, step, x)

        return lambda: sample(start, key).block_until_ready()


class TorchNetwork(Torch):
    """Autograd; parameters are constants, so that only x has a gradient."""

    form = "autograd"

    def __init__(self, dtype: str) -> None:
        super().__init__(dtype)
        self.label = f"PyTorch {dtype} ({self.form})"

    def prepare_network(self, work: NetworkWork) -> Callable[[], Any]:
        import torch

        torch.set_num_threads(work.n_threads)
        rng = torch.Generator().manual_seed(1)
        start = torch.tensor(work.x0(), dtype=torch.float32)
        weights = [tuple(torch.tensor(v, dtype=torch.float32) for v in pair) for pair in work.weights]
        grad = self._grad(torch, work, weights)
        noise = torch.empty_like(start)

        def run() -> Any:
            x = start.clone()
            for _ in range(work.n_steps):
                g = grad(x)
                with torch.no_grad():
                    x = x.add(g, alpha=-work.step_size)
                    x.add_(noise.normal_(generator=rng), alpha=work.noise_std)
            return x

        return run

    def _grad(self, torch: Any, work: NetworkWork, weights: list[Any]) -> Callable[[Any], Any]:
        def grad(x: Any) -> Any:
            x = x.detach().requires_grad_(True)
            return torch.autograd.grad(forward(torch, work, weights, x).sum(), x)[0]

        return grad


class TorchHandNetwork(TorchNetwork):
    form = "hand gradient"

    def _grad(self, torch: Any, work: NetworkWork, weights: list[Any]) -> Callable[[Any], Any]:
        f, n_conv = torch.nn.functional, len(work.channels)
        last = weights[-1][0]

        @torch.inference_mode()
        def grad(x: Any) -> Any:
            a = x.reshape(-1, 1, work.image, work.image) if n_conv else x
            slopes = []
            for i, (w, b) in enumerate(weights[:-1]):
                if i < n_conv:
                    z = f.conv2d(a, w, b, 2 if i else 1, 1)
                else:
                    z = torch.addmm(b, a.reshape(len(x), -1), w.T)
                slopes.append((z, a.shape))
                a = f.silu(z)
            g = last.expand(len(x), -1)
            for i in reversed(range(len(weights) - 1)):
                z, before = slopes[i]
                g = torch.ops.aten.silu_backward(g.reshape(z.shape), z)
                w = weights[i][0]
                if i < n_conv:
                    stride = 2 if i else 1
                    spare = before[2] - (stride * (z.shape[2] - 1) + 1)
                    g = f.conv_transpose2d(g, w, None, stride, 1, spare)
                else:
                    g = g @ w
            return g.reshape(x.shape)

        return grad


class TorchEBMNetwork(Peer):
    packages: ClassVar[tuple[str, ...]] = ("torchebm", "torch")
    libraries: ClassVar[tuple[str, ...]] = ("ATen", "oneDNN", "MKL")
    dtype = "float32"
    label = "TorchEBM float32"

    def instruction_set(self) -> tuple[str, bool]:
        return capability()

    def prepare(self, work: Any) -> Callable[[], Any]:
        raise NotImplementedError("networks only")

    def prepare_network(self, work: NetworkWork) -> Callable[[], Any] | None:
        import torch
        from torchebm.core import BaseModel
        from torchebm.samplers import LangevinDynamics

        if work.channels:
            return None
        torch.set_num_threads(work.n_threads)
        weights = [tuple(torch.tensor(v, dtype=torch.float32) for v in pair) for pair in work.weights]

        class Network(BaseModel):
            def forward(self, x: Any) -> Any:
                return forward(torch, work, weights, x)

        # Its noise is noise_scale * sqrt(2 * step_size).
        sampler = LangevinDynamics(
            Network(dtype=torch.float32, device="cpu"),
            step_size=work.step_size,
            noise_scale=work.noise_std / np.sqrt(2.0 * work.step_size),
            dtype=torch.float32,
            device="cpu",
        )
        rng = torch.Generator().manual_seed(1)
        start = torch.tensor(work.x0(), dtype=torch.float32)
        return lambda: sampler.sample(x=start, n_steps=work.n_steps, generator=rng)


def forward(torch: Any, work: NetworkWork, weights: list[Any], x: Any) -> Any:
    f, n_conv = torch.nn.functional, len(work.channels)
    a = x.reshape(-1, 1, work.image, work.image) if n_conv else x
    for i, (w, b) in enumerate(weights[:-1]):
        z = f.conv2d(a, w, b, 2 if i else 1, 1) if i < n_conv else f.linear(a.reshape(len(x), -1), w, b)
        a = f.silu(z)
    return f.linear(a, weights[-1][0])[:, 0]
