"""The potential of Mueller and Brown."""

from .._runtime.check import real

cimport cython

from ..kernels.math cimport exp_neg, fill, in_t, out_t
from .base cimport Energy

cdef enum:
    TERMS = 4

# Table 1 of the paper: heights, quadratic forms and centres.
cdef double* HEIGHT = [-200.0, -100.0, -170.0, 15.0]
cdef double* XX = [-1.0, -1.0, -6.5, 0.7]
cdef double* XY = [0.0, 0.0, 11.0, 0.6]
cdef double* YY = [-10.0, -10.0, -6.5, 0.7]
cdef double* X0 = [1.0, 0.0, -0.5, -1.0]
cdef double* Y0 = [0.0, 0.5, 1.5, 1.0]
# The quadratic form of the fourth term grows: it is beyond the range of exp where the energy is beyond all use.
cdef double LARGEST = 690.0


cdef inline double bump(double q) noexcept nogil:
    return exp_neg(-(LARGEST if q > LARGEST else q))


cdef void add_term(in_t x, in_t y, out_t out, Py_ssize_t n, double h, double a, double b, double c, double x0,
                   double y0) noexcept nogil:
    cdef Py_ssize_t i
    cdef double u, v
    for i in range(n):
        u = x[i] - x0
        v = y[i] - y0
        out[i] += h * bump(a * (u * u) + b * (u * v) + c * (v * v))


cdef void add_slope(in_t x, in_t y, out_t gx, out_t gy, Py_ssize_t n, double h, double a, double b, double c, double x0,
                    double y0) noexcept nogil:
    cdef Py_ssize_t i
    cdef double u, v, e
    for i in range(n):
        u = x[i] - x0
        v = y[i] - y0
        e = h * bump(a * (u * u) + b * (u * v) + c * (v * v))
        gx[i] += e * (2.0 * a * u + b * v)
        gy[i] += e * (b * u + 2.0 * c * v)


cdef void add_laplacian(in_t x, in_t y, out_t out, Py_ssize_t n, double h, double a, double b, double c, double x0,
                        double y0) noexcept nogil:
    cdef Py_ssize_t i
    cdef double u, v, e, sx, sy
    for i in range(n):
        u = x[i] - x0
        v = y[i] - y0
        e = h * bump(a * (u * u) + b * (u * v) + c * (v * v))
        sx = 2.0 * a * u + b * v
        sy = b * u + 2.0 * c * v
        out[i] += e * (sx * sx + sy * sy + 2.0 * a + 2.0 * c)


@cython.final
cdef class MuellerBrown(Energy):
    r"""The potential of Mueller and Brown in two features: three basins and a winding path between them.

    .. math:: E = \frac1T \sum_{k=1}^4 A_k \exp\bigl(a_k u_k^2 + b_k u_k v_k + c_k v_k^2\bigr),
              \qquad u_k = x - x_k, \; v_k = y - y_k.

    Parameters
    ----------
    temperature : float, default 10.0
        T, in the units of A (-200 to 15). The barriers between the basins are 25 to 106 of these.

    Raises
    ------
    ValueError, TypeError
        If temperature is not a positive number.

    Notes
    -----
    Minima of -146.7, -108.2 and -80.8 (times 1 / T) lie at (-0.558, 1.442), (0.623, 0.028) and (-0.050, 0.467). log Z
    has no closed form; in two features `fastebm.log_partition` finds it by quadrature.

    References
    ----------
    Mueller and Brown, Location of saddle points and minimum energy paths by a constrained simplex optimization
    procedure, Theoretica Chimica Acta 1979.

    Examples
    --------
    >>> import fastebm as fe
    >>> fe.MuellerBrown(1.0).energy([[-0.558, 1.442]]).round(1)
    array([-146.7])
    """

    cdef readonly double temperature

    def __init__(self, temperature=10.0):
        t = real(temperature, "temperature", above=0)
        self.allocate(2, 0)
        self.temperature = t

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef int k
        fill(out, n, 0.0)
        for k in range(TERMS):
            add_term(x, x + stride, out, n, HEIGHT[k] / self.temperature, XX[k], XY[k], YY[k], X0[k], Y0[k])
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef int k
        fill(out, n, 0.0)
        fill(out + stride, n, 0.0)
        for k in range(TERMS):
            add_slope(x, x + stride, out, out + stride, n, HEIGHT[k] / self.temperature, XX[k], XY[k], YY[k], X0[k],
                      Y0[k])
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef int k
        fill(out, n, 0.0)
        for k in range(TERMS):
            add_laplacian(x, x + stride, out, n, HEIGHT[k] / self.temperature, XX[k], XY[k], YY[k], X0[k], Y0[k])
        return 0

    def _arguments(self):
        return {"temperature": self.temperature}
