"""Energies of torch and JAX: their gradients, their training, and what is refused."""

import copy
import subprocess
import sys

import numpy as np
import pytest

import fastebm as fe

X = np.random.default_rng(0).normal(size=(300, 2))


def test_neither_is_imported_with_the_package():
    code = "import sys, fastebm, fastebm.interop; sys.exit('torch' in sys.modules or 'jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_unknown_names():
    with pytest.raises(AttributeError, match="KerasEnergy"):
        fe.interop.KerasEnergy  # noqa: B018
    assert {"TorchEnergy", "JaxEnergy"} <= set(dir(fe.interop))


# ---- torch ----


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="torch is not installed")


def net(torch, dtype=None, seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.SiLU(), torch.nn.Linear(16, 1)).to(
        dtype or torch.float64
    )


def test_a_module_is_an_energy(torch):
    module = net(torch)
    energy = fe.interop.TorchEnergy(module, 2)
    assert energy.n_params == 2 * 16 + 16 + 16 + 1 and energy.has_param_grad
    assert energy.param_names[0] == "0.weight[0,0]" and energy.param_names[-1] == "2.bias[0]"
    expected = module(torch.tensor(X)).detach().numpy()[:, 0]
    np.testing.assert_allclose(energy.energy(X), expected, rtol=1e-12)
    report = fe.check_grad(energy, X[:20])
    assert report.ok
    weighted = energy.mean_param_grad(X)
    np.testing.assert_allclose(weighted, energy.param_grad(X).mean(axis=0), rtol=1e-9, atol=1e-12)


def test_float32_modules_are_judged_as_such(torch):
    energy = fe.interop.TorchEnergy(net(torch, torch.float32), 2)
    report = fe.check_grad(energy, X[:20])
    assert report.ok and report.precision == "float32"


def test_a_tilt_is_trained_and_written_back(torch):
    data = fe.WellMixture.from_mixture([0.5, 0.5], [[-1.5, 0.0], [1.5, 0.0]], [[0.5, 0.5]] * 2).exact_sample(
        1500, 1
    )
    module = net(torch, torch.float32)
    before = [p.detach().clone() for p in module.parameters()]
    base = fe.Gaussian.fit(data)
    trainer = fe.ContrastiveDivergence(
        base + fe.interop.TorchEnergy(module, 2),
        n_updates=300,
        n_steps=3,
        optimizer="adam",
        learning_rate=0.01,
    )
    result = trainer.fit(data, seed=1)
    z = fe.log_partition(result.energy, "quadrature", X=data).value
    assert (-result.energy.energy(data) - z).mean() > base.log_prob(data).mean() + 0.1
    # The module is as it was until it is asked for.
    assert all((a == b).all() for a, b in zip(before, module.parameters(), strict=True))
    tilt = result.energy.parts[1]
    assert tilt.write_back() is module
    assert any((a != b).any() for a, b in zip(before, module.parameters(), strict=True))
    np.testing.assert_allclose(
        tilt.energy(data), module(torch.tensor(data, dtype=torch.float32)).detach().numpy()[:, 0], rtol=1e-6
    )


def test_copies_share_the_module_and_not_theta(torch):
    energy = fe.interop.TorchEnergy(net(torch), 2)
    other = copy.copy(energy)
    other.theta = energy.theta * 2.0
    assert other != energy and other.module is energy.module
    assert (other.energy(X) != energy.energy(X)).all()


def test_frozen_parameters_and_none(torch):
    module = net(torch)
    module[0].weight.requires_grad_(False)
    assert fe.interop.TorchEnergy(module, 2).n_params == 16 + 16 + 1

    class Bowl(torch.nn.Module):
        def forward(self, x):
            return (x**2).sum(dim=1)

    bowl = fe.interop.TorchEnergy(Bowl(), 2)
    assert bowl.n_params == 0
    np.testing.assert_allclose(bowl.grad(X), 2 * X)
    x = fe.HMC(0.3, 5).sample(bowl, X, 30, seed=1)
    assert abs(x.var() - 0.5) < 0.15
    assert bowl.write_back() is bowl.module


def test_what_torch_energy_refuses(torch, tmp_path):
    with pytest.raises(TypeError, match=r"torch\.nn\.Module"):
        fe.interop.TorchEnergy(lambda x: x, 2)
    wide = torch.nn.Linear(2, 3).double()
    with pytest.raises(ValueError, match="must return shape"):
        fe.interop.TorchEnergy(wide, 2).energy(X)
    module = net(torch)
    energy = fe.interop.TorchEnergy(module, 2)
    module[2] = torch.nn.Linear(16, 1, bias=False).double()
    with pytest.raises(ValueError, match="have changed"):
        energy.energy(X)
    with pytest.raises(ValueError, match="have changed"):
        fe.MALA(0.1).sample(energy, X, 2)
    mixed = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1).double())
    with pytest.raises(ValueError, match="one real type"):
        fe.interop.TorchEnergy(mixed, 2)
    with pytest.raises(TypeError, match="state_dict"):
        fe.save(tmp_path / "net.npz", fe.interop.TorchEnergy(net(torch), 2))


def test_an_exception_in_a_module_arrives_as_itself(torch):
    class Broken(torch.nn.Module):
        def forward(self, x):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fe.MALA(0.1).sample(fe.interop.TorchEnergy(Broken(), 2), X, 2)


# ---- JAX ----


@pytest.fixture(scope="module")
def jax():
    return pytest.importorskip("jax", reason="JAX is not installed")


def wells(params, X):
    return params["h"] * ((X**2 - params["s"]) ** 2).sum(axis=1)


PARAMS = {"h": 1.1, "s": 0.9}


def test_a_function_is_an_energy(jax):
    energy = fe.interop.JaxEnergy(wells, PARAMS, 2)
    assert energy.n_params == 2
    np.testing.assert_allclose(energy.theta, [1.1, 0.9], rtol=1e-6)
    np.testing.assert_allclose(energy.energy(X), 1.1 * ((X**2 - 0.9) ** 2).sum(1), rtol=1e-4, atol=1e-5)
    assert fe.check_grad(energy, X[:20]).ok
    np.testing.assert_allclose(
        energy.mean_param_grad(X), energy.param_grad(X).mean(axis=0), rtol=1e-3, atol=1e-4
    )
    # A sample does not depend on the others.
    np.testing.assert_array_equal(energy.energy(X)[:7], energy.energy(X[:7]))


def test_it_trains_and_gives_its_params(jax):
    start = fe.interop.JaxEnergy(wells, {"h": 1.0, "s": 0.5}, 2)
    data = fe.HMC(0.15, 5).sample(fe.interop.JaxEnergy(wells, PARAMS, 2), np.clip(X, -1.2, 1.2), 100, seed=1)
    trainer = fe.ContrastiveDivergence(
        start,
        fe.HMC(0.1, 4),
        n_updates=300,
        n_steps=2,
        optimizer="adam",
        learning_rate=0.02,
        global_move=None,
    )
    result = trainer.fit(data, seed=1)
    assert abs(float(result.energy.params["s"]) - 0.9) < 0.15
    assert set(result.energy.params) == {"h", "s"}


def test_no_parameters(jax):
    bowl = fe.interop.JaxEnergy(lambda params, X: (X**2).sum(axis=1), None, 2)
    assert bowl.n_params == 0 and bowl.params is None
    np.testing.assert_allclose(bowl.grad(X), 2 * X, rtol=1e-6)


def test_what_jax_energy_refuses(jax, tmp_path):
    with pytest.raises(TypeError, match="callable"):
        fe.interop.JaxEnergy(3, None, 2)
    with pytest.raises(TypeError, match="real numbers"):
        fe.interop.JaxEnergy(wells, {"h": 1, "s": 2}, 2)
    with pytest.raises(ValueError, match="must return shape"):
        fe.interop.JaxEnergy(lambda p, X: X, None, 2).energy(X)
    with pytest.raises(TypeError, match="JAX function"):
        fe.save(tmp_path / "jax.npz", fe.interop.JaxEnergy(wells, PARAMS, 2))
    energy = fe.interop.JaxEnergy(wells, PARAMS, 2)
    assert copy.copy(energy) == energy
