#include <math.h>
#include <stddef.h>

/* theta: raw_a, m, k of each well, then c, as in fe.WellMixture */
#define WELLS \
    const double a1 = exp(theta[0]), m1 = theta[1], k1 = theta[2], \
                 a2 = exp(theta[3]), m2 = theta[4], k2 = theta[5]

void energy(const double *restrict x, double *restrict out, ptrdiff_t n, ptrdiff_t stride, const double *restrict theta) {
    WELLS;
    for (ptrdiff_t i = 0; i < n; i++) {
        double e1 = a1 * (x[i] - m1) * (x[i] - m1) + k1, e2 = a2 * (x[i] - m2) * (x[i] - m2) + k2;
        out[i] = (e1 < e2 ? e1 : e2) - log(1.0 + exp(-fabs(e1 - e2))) + theta[6];
    }
}

void grad(const double *restrict x, double *restrict out, ptrdiff_t n, ptrdiff_t stride, const double *restrict theta) {
    WELLS;
    for (ptrdiff_t i = 0; i < n; i++) {
        double u = x[i] - m1, v = x[i] - m2;
        double w = 1.0 / (1.0 + exp((a1 * u * u + k1) - (a2 * v * v + k2)));
        out[i] = 2.0 * (w * a1 * u + (1.0 - w) * a2 * v);
    }
}

void param_grad(const double *restrict x, const double *restrict weights, double *restrict acc, ptrdiff_t n, ptrdiff_t stride,
                const double *restrict theta) {
    WELLS;
    for (ptrdiff_t i = 0; i < n; i++) {
        double u = x[i] - m1, v = x[i] - m2, by = weights ? weights[i] : 1.0;
        double w = 1.0 / (1.0 + exp((a1 * u * u + k1) - (a2 * v * v + k2)));
        acc[0] += by * w * a1 * u * u;
        acc[1] -= by * w * 2.0 * a1 * u;
        acc[2] += by * w;
        acc[3] += by * (1.0 - w) * a2 * v * v;
        acc[4] -= by * (1.0 - w) * 2.0 * a2 * v;
        acc[5] += by * (1.0 - w);
        acc[6] += by;
    }
}
