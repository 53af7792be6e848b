// Activations and their derivatives: the formulas of xpnet/kernels/activations.py.
//
// Comparisons are written so that NaN stays NaN: a network that diverges must show it.

const T LEAK = T(0.01);

// As in xpnet/kernels/activations.py: where e^z / (1 + e^z) has come to 1, and gelu to 0 and to z.
const T MOST = T(50), GELU_LEAST = T(-22), GELU_MOST = T(8);
const T MISH_MOST = T(24);  // where mish has come to z
const T GELU_LINEAR = T(1.5957691216057308);  // 2 sqrt(2 / pi)
const T GELU_CUBIC = T(0.07135481627260025);  // 0.044715 times that

__device__ inline T at_least(T z, T least) { return z < least ? least : z; }

__device__ inline T at_most(T z, T most) { return z > most ? most : z; }

// A probability p = e^z / (1 + e^z), and 1 - p with all its digits.
struct Odds {
  T p, rest;
  __device__ explicit Odds(T z) {
    const T e = exp(z);
    p = e / (T(1) + e);
    rest = T(1) / (T(1) + e);
  }
};

__device__ inline T logistic(T z) { return Odds(at_most(z, MOST)).p; }

// log(1 + e^-|z|), by which softplus is above relu.
__device__ inline T bend(T z) { return log1p(exp(-fabs(z))); }

namespace activation {

struct identity {
  __device__ static T apply(T z) { return z; }
  __device__ static T derivative(T, T) { return T(1); }
};

struct sigmoid {
  __device__ static T apply(T z) { return logistic(z); }
  __device__ static T derivative(T, T a) { return a * (T(1) - a); }
};

struct tanh {
  __device__ static T apply(T z) { return ::tanh(z); }
  __device__ static T derivative(T, T a) { return T(1) - a * a; }
};

struct relu {
  __device__ static T apply(T z) { return z < 0 ? T(0) : z; }
  __device__ static T derivative(T, T a) { return a > 0 ? T(1) : T(0); }
};

struct leaky_relu {
  __device__ static T apply(T z) { return z < 0 ? LEAK * z : z; }
  __device__ static T derivative(T, T a) { return a > 0 ? T(1) : LEAK; }
};

struct elu {
  __device__ static T apply(T z) { return z > 0 ? z : ::expm1(z); }
  __device__ static T derivative(T, T a) { return a > 0 ? T(1) : a + T(1); }
};

struct gelu {
  __device__ static T apply(T z) {
    z = at_least(z, GELU_LEAST);
    const T v = at_most(z, GELU_MOST);
    return z * Odds(v * (GELU_LINEAR + GELU_CUBIC * v * v)).p;
  }
  __device__ static T derivative(T z, T) {
    const T v = at_most(at_least(z, GELU_LEAST), GELU_MOST);
    const T c = GELU_CUBIC * v * v;
    const Odds odds(v * (GELU_LINEAR + c));
    return odds.p * (T(1) + v * (GELU_LINEAR + T(3) * c) * odds.rest);
  }
};

struct silu {
  __device__ static T apply(T z) { return z * logistic(z); }
  __device__ static T derivative(T z, T) {
    const T v = at_most(z, MOST);
    const Odds odds(v);
    return odds.p * (T(1) + v * odds.rest);
  }
};

struct softplus {
  __device__ static T apply(T z) { return (z > 0 ? z : T(0)) + bend(z); }
  __device__ static T derivative(T, T a) { return -::expm1(-a); }
};

struct hard_swish {
  __device__ static T apply(T z) {
    return z * (at_most(at_least(z + T(3), T(0)), T(6)) / T(6));
  }
  __device__ static T derivative(T z, T) {
    return z <= T(-3) ? T(0) : z > T(3) ? T(1) : z / T(3) + T(0.5);
  }
};

struct mish {
  __device__ static T apply(T z) {
    const T e = ::exp(at_most(z, MISH_MOST));
    const T n = e * (e + T(2));
    return z * (n / (n + T(2)));
  }
  __device__ static T derivative(T z, T) {
    const T v = at_most(z, MISH_MOST), e = ::exp(v);
    const T n = e * (e + T(2)), d = n + T(2);
    return n / d + v * (T(4) * e / d) * ((e + T(1)) / d);
  }
};

}  // namespace activation
