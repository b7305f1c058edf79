"""A sampler with a state of its own in every chain: underdamped Langevin dynamics, whose chains have momenta."""

from libc.math cimport INFINITY, exp, sqrt
from libc.stdint cimport int64_t, uint64_t

from fastebm.energies.base cimport Energy
from fastebm.kernels.math cimport in_t, out_t
from fastebm.kernels.random cimport CHAIN_STATE, LANGEVIN_NOISE, Key, counter, normal_pairs
from fastebm.kernels.scratch cimport Arena, carve
from fastebm.samplers.base cimport Sampler, Tally


cdef void kick(in_t g, out_t p, Py_ssize_t n, double time) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        p[i] -= time * g[i]


cdef void drift(in_t p, out_t x, Py_ssize_t n, double time) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        x[i] += time * p[i]


cdef void stir(in_t z, out_t p, Py_ssize_t n, double keep, double noise) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        p[i] = keep * p[i] + noise * z[i]


cdef void normals(Key key, uint64_t purpose, uint64_t chain0, uint64_t step, double* z, Py_ssize_t n,
                  Py_ssize_t features, Py_ssize_t stride) noexcept nogil:
    # One number for each chain and feature, which depends on nothing but key, purpose, chain, step and feature. They
    # come in pairs: an odd feature's partner is the next row, for which z must have room.
    cdef Py_ssize_t d
    for d in range(0, features, 2):
        normal_pairs(key, chain0, counter(purpose, d, step), n, z + d * stride, z + (d + 1) * stride)


cdef struct Room:
    # The gradient, the noise; what the energy needs.
    double* g
    double* z
    double* rest


cdef Py_ssize_t lay_out(Energy energy, Py_ssize_t stride, double* memory, Room* room) noexcept nogil:
    cdef Arena arena
    arena.at, arena.used = memory, 0
    room.g = carve(&arena, energy.n_features * stride)
    room.z = carve(&arena, (energy.n_features + 1) * stride)
    room.rest = carve(&arena, energy.work_size(stride))
    return arena.used


cdef class Kick(Sampler):
    """Underdamped Langevin dynamics of unit mass, by the splitting BAOAB (Leimkuhler and Matthews 2013).

    Parameters
    ----------
    step_size : float
        h > 0, in squared units of x: the time step is sqrt(2 h), so that much friction makes it SGLD's h.
    friction : float, default 1.0
        The momenta forget themselves at this rate per unit of time.
    temperature : float, default 1.0
        T of the density exp(-E / T) that it samples, nearly: there is no accept step.
    """

    cdef readonly double step_size
    cdef readonly double friction
    cdef readonly double temperature
    cdef double time

    def __cinit__(self, *args, **kwargs):
        self.purposes = 1 << LANGEVIN_NOISE | 1 << CHAIN_STATE

    def __init__(self, double step_size, *, double friction=1.0, double temperature=1.0):
        for name, value in [("step_size", step_size), ("friction", friction), ("temperature", temperature)]:
            if not 0.0 < value < INFINITY:
                raise ValueError(f"{name} must be a positive number, got {value}")
        self.step_size, self.friction, self.temperature = step_size, friction, temperature
        self.time = sqrt(2.0 * step_size)

    def _is_ready(self):
        return self.step_size > 0.0

    cdef Py_ssize_t state_size(self, Energy energy) noexcept nogil:
        # The momenta.
        return energy.n_features

    cdef Py_ssize_t work_size(self, Energy energy, Py_ssize_t n) noexcept nogil:
        cdef Room room
        return lay_out(energy, n, NULL, &room)

    cdef int start_block(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n,
                         Py_ssize_t stride, Key key, uint64_t chain0, uint64_t step0) noexcept nogil:
        # Written, not changed: new chains' state holds anything.
        cdef Py_ssize_t d, i
        cdef double std = sqrt(self.temperature)
        cdef Room room
        lay_out(energy, stride, work, &room)
        normals(key, CHAIN_STATE, chain0, step0, room.z, n, energy.n_features, stride)
        for d in range(energy.n_features):
            for i in range(n):
                state[d * stride + i] = std * room.z[d * stride + i]
        return 0

    cdef int run_block(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                       Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil:
        cdef Py_ssize_t d, row
        cdef uint64_t step
        cdef double half = 0.5 * self.time, keep = exp(-self.friction * self.time)
        cdef double noise = sqrt(self.temperature * (1.0 - keep * keep))
        cdef Room room
        lay_out(energy, stride, work, &room)
        if energy.grad_block(x, room.g, room.rest, n, stride):
            return -1
        for step in range(step0, step0 + <uint64_t>n_steps):
            normals(key, LANGEVIN_NOISE, chain0, step, room.z, n, energy.n_features, stride)
            for d in range(energy.n_features):
                row = d * stride
                kick(room.g + row, state + row, n, half)
                drift(state + row, x + row, n, half)
                stir(room.z + row, state + row, n, keep, noise)
                drift(state + row, x + row, n, half)
            if energy.grad_block(x, room.g, room.rest, n, stride):
                return -1
            for d in range(energy.n_features):
                kick(room.g + d * stride, state + d * stride, n, half)
        return 0

    def _arguments(self):
        return {"step_size": self.step_size, "friction": self.friction, "temperature": self.temperature}
