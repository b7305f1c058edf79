"""Compute the polynomial coefficients of src/fastebm/kernels/math.pxd (Remez exchange in 60 digits, then rounded).

Run: python tools/minimax.py      Needs mpmath. Prints the coefficients and the largest relative error of each.
"""

from mpmath import cos, exp, log, lu_solve, matrix, mp, mpf, pi, sin, sqrt

mp.dps = 60


def remez(f, weight, lo, hi, degree, rounds=12):
    """Polynomial p of the degree that minimises max |weight * (f - p)| on [lo, hi]."""
    n = degree + 2
    nodes = [(lo + hi) / 2 - (hi - lo) / 2 * cos(pi * i / (n - 1)) for i in range(n)]
    grid = [lo + (hi - lo) * (1 - cos(pi * i / 1200)) / 2 for i in range(1201)]
    for _ in range(rounds):
        a = matrix(n, n)
        b = matrix(n, 1)
        for i, x in enumerate(nodes):
            for j in range(degree + 1):
                a[i, j] = x**j
            a[i, degree + 1] = (-1) ** i / weight(x)
            b[i] = f(x)
        c = lu_solve(a, b)
        coeff = [c[j] for j in range(degree + 1)]
        err = [weight(x) * (f(x) - sum(k * x**j for j, k in enumerate(coeff))) for x in grid]
        # Keep the largest error of each run of equal sign: the next set of alternating nodes.
        runs, start = [], 0
        for i in range(1, len(grid) + 1):
            if i == len(grid) or (err[i] > 0) != (err[start] > 0):
                runs.append(max(range(start, i), key=lambda j: abs(err[j])))
                start = i
        if len(runs) < n:
            break
        while len(runs) > n:
            runs.pop(0 if abs(err[runs[0]]) < abs(err[runs[-1]]) else -1)
        nodes = [grid[i] for i in runs]
    return coeff, max(abs(e) for e in err)


def show(name, coeff, err):
    print(f"\n{name}: max weighted error {mp.nstr(err, 3)}")
    for j, c in enumerate(coeff):
        print(f"    x^{j}: {float(c)!r}")


def main():
    r = log(2) / 2 * mpf("1.0001")
    tiny = mpf(10) ** -20

    # exp(x) = 1 + x + x^2 P(x)
    def tail(x):
        if abs(x) < mpf(10) ** -8:
            return mpf(1) / 2 + x / 6 + x * x / 24
        return (exp(x) - 1 - x) / x**2

    for degree in (8, 9):
        show(f"exp tail, degree {degree}", *remez(tail, lambda x: x * x / exp(x) + tiny, -r, r, degree))

    # log(1 + f) = f - f^2/2 + f^3 P(f),  1 + f in [sqrt(1/2), sqrt(2)]
    def log_tail(x):
        if abs(x) < mpf(10) ** -8:
            return mpf(1) / 3 - x / 4 + x * x / 5
        return (log(1 + x) - x + x * x / 2) / x**3

    lo, hi = sqrt(mpf(1) / 2) - 1, sqrt(mpf(2)) - 1
    for degree in (15, 16, 17):
        show(
            f"log tail, degree {degree}",
            *remez(log_tail, lambda x: abs(x**3 / log(1 + x)) + tiny if x else tiny, lo, hi, degree),
        )

    # with s = f / (2 + f): log(1 + f) = 2 s + s^3 Q(s^2)
    smax = (sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)

    def atanh_tail(z):
        if z < mpf(10) ** -16:
            return mpf(2) / 3 + 2 * z / 5
        s = sqrt(z)
        return (log((1 + s) / (1 - s)) - 2 * s) / s**3

    for degree in (5, 6):
        show(f"atanh tail, degree {degree}", *remez(atanh_tail, lambda z: z + tiny, mpf(0), smax**2, degree))

    # sin(pi w / 4) = w S(w^2), cos(pi w / 4) = C(w^2), 0 <= w <= 1
    def s_over_w(z):
        return pi / 4 - (pi / 4) ** 3 / 6 * z if z < mpf(10) ** -16 else sin(pi / 4 * sqrt(z)) / sqrt(z)

    show("sin(pi w/4)/w", *remez(s_over_w, lambda z: 1 / s_over_w(z), mpf(0), mpf(1), 6))
    show("cos(pi w/4)", *remez(lambda z: cos(pi / 4 * sqrt(z)), lambda z: mpf(1), mpf(0), mpf(1), 6))
    show("cos(pi w/4)", *remez(lambda z: cos(pi / 4 * sqrt(z)), lambda z: mpf(1), mpf(0), mpf(1), 7))
    ln2 = log(2)
    hi = mpf(int(ln2 * 2**32)) / 2**32
    print("\nln2 hi/lo:", repr(float(hi)), repr(float(ln2 - hi)), "log2(e):", repr(float(1 / ln2)))


if __name__ == "__main__":
    main()
