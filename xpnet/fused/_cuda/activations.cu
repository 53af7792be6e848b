// Activations and their derivatives: the formulas of xpnet/kernels/activations.py.
//
// Comparisons are written so that NaN stays NaN: a network that diverges must show it.

const T LEAK = T(0.01);
const T GELU_SCALE = T(0.7978845608028654);  // sqrt(2 / pi)
const T GELU_CUBIC = T(0.044715);

__device__ inline T logistic(T z) { return T(0.5) * (T(1) + tanh(T(0.5) * z)); }

__device__ inline T log_one_plus_exp(T z) { return (z > 0 ? z : T(0)) + log1p(exp(-fabs(z))); }

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
    return T(0.5) * z * (T(1) + ::tanh(GELU_SCALE * (z + GELU_CUBIC * z * z * z)));
  }
  __device__ static T derivative(T z, T) {
    const T square = z * z;
    const T t = ::tanh(GELU_SCALE * z * (T(1) + GELU_CUBIC * square));
    const T slope = GELU_SCALE * (T(1) + T(3) * GELU_CUBIC * square);
    return T(0.5) * (T(1) + t) + T(0.5) * z * (T(1) - t * t) * slope;
  }
};

struct silu {
  __device__ static T apply(T z) { return z * logistic(z); }
  __device__ static T derivative(T z, T) {
    const T s = logistic(z);
    return s * (T(1) + z * (T(1) - s));
  }
};

struct softplus {
  __device__ static T apply(T z) { return log_one_plus_exp(z); }
  __device__ static T derivative(T, T a) { return -::expm1(-a); }
};

}  // namespace activation
