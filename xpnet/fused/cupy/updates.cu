// The optimisers: one launch for all tensors of a network, blockIdx.y being the tensor.
// The formulas are those of xpnet/kernels/updates.py.

struct Tensors {
  Index size[MOST_TENSORS];         // entries, of all networks of a stack
  Index per_network[MOST_TENSORS];  // entries that share a rate
  Index is_weight[MOST_TENSORS];    // 1, or 0 for biases, which do not decay
  const T* theta[MOST_TENSORS];
  T* new_theta[MOST_TENSORS];
  const T* g[MOST_TENSORS];
  const T* moments[2][MOST_TENSORS];
  T* new_moments[2][MOST_TENSORS];
};

// What decays towards 0 arrives there, before it becomes a denormal number.
__device__ inline T flushed(T moment) {
  const T tiny = T(1e-30);
  return (moment + tiny) - tiny;
}

namespace optimizer {

struct sgd {
  static const int moments = 0;
  __device__ T operator()(T theta, T g, T rate, T*, bool) const { return theta - rate * g; }
};

struct momentum {
  static const int moments = 1;
  T mu;
  __device__ T operator()(T theta, T g, T rate, T* moment, bool) const {
    moment[0] = flushed(mu * moment[0] - rate * g);
    return theta + moment[0];
  }
};

struct nesterov {
  static const int moments = 1;
  T mu;
  __device__ T operator()(T theta, T g, T rate, T* moment, bool) const {
    moment[0] = flushed(mu * moment[0] - rate * g);
    return theta + (mu * moment[0] - rate * g);
  }
};

struct rmsprop {
  static const int moments = 1;
  T rho, one_minus_rho, eps;
  __device__ T operator()(T theta, T g, T rate, T* moment, bool) const {
    moment[0] = flushed(rho * moment[0] + one_minus_rho * g * g);
    return theta - rate * g / (sqrt(moment[0]) + eps);
  }
};

struct adam_moments {
  static const int moments = 2;
  T beta1, one_minus_beta1, beta2, one_minus_beta2, eps;
  __device__ void remember(T g, T* moment) const {
    moment[0] = flushed(beta1 * moment[0] + one_minus_beta1 * g);
    moment[1] = flushed(beta2 * moment[1] + one_minus_beta2 * g * g);
  }
};

struct adam : adam_moments {
  __device__ T operator()(T theta, T g, T rate, T* moment, bool) const {
    remember(g, moment);
    return theta - rate * moment[0] / (sqrt(moment[1]) + eps);
  }
};

struct adamw : adam_moments {
  T decay, c1, c2;
  __device__ T operator()(T theta, T g, T rate, T* moment, bool is_weight) const {
    remember(g, moment);
    const T step = (moment[0] / c1) / (sqrt(moment[1] / c2) + eps);
    return theta - rate * ((is_weight ? decay * theta : T(0)) + step);
  }
};

}  // namespace optimizer

template <class Step>
__global__ void update(const Tensors tensors, T rate, const T* rates, const Step step) {
  const unsigned t = blockIdx.y;
  for (Index e = blockIdx.x * blockDim.x + threadIdx.x; e < tensors.size[t];
       e += gridDim.x * blockDim.x) {
    T moment[2];
    for (int s = 0; s < Step::moments; s++) moment[s] = tensors.moments[s][t][e];
    const T alpha = rates ? rates[e / tensors.per_network[t]] : rate;
    tensors.new_theta[t][e] =
        step(tensors.theta[t][e], tensors.g[t][e], alpha, moment, tensors.is_weight[t]);
    for (int s = 0; s < Step::moments; s++) tensors.new_moments[s][t][e] = moment[s];
  }
}
