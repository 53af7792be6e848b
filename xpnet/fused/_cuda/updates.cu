// The optimisers: one launch for all tensors of a network, blockIdx.y being the tensor.
// The formulas are those of xpnet/kernels/updates.py.

struct Tensors {
  Index size[MOST_TENSORS];         // entries, of all networks of a stack
  Index per_network[MOST_TENSORS];  // entries that share a rate
  Index is_weight[MOST_TENSORS];    // 1, or 0 for biases, which do not decay
  const T* theta[MOST_TENSORS];
  T* new_theta[MOST_TENSORS];
  const T* g[MOST_TENSORS];
  const T* slots[2][MOST_TENSORS];
  T* new_slots[2][MOST_TENSORS];
};

// What decays towards 0 arrives there, before it becomes a denormal number.
__device__ inline T flushed(T moment) {
  const T tiny = T(1e-30);
  return (moment + tiny) - tiny;
}

namespace optimiser {

struct gradient_descent {
  static const int slots = 0;
  __device__ T operator()(T theta, T g, T rate, T*, bool) const { return theta - rate * g; }
};

struct momentum {
  static const int slots = 1;
  T mu;
  __device__ T operator()(T theta, T g, T rate, T* slot, bool) const {
    slot[0] = flushed(mu * slot[0] - rate * g);
    return theta + slot[0];
  }
};

struct nesterov {
  static const int slots = 1;
  T mu;
  __device__ T operator()(T theta, T g, T rate, T* slot, bool) const {
    slot[0] = flushed(mu * slot[0] - rate * g);
    return theta + (mu * slot[0] - rate * g);
  }
};

struct rmsprop {
  static const int slots = 1;
  T rho, one_minus_rho, eps;
  __device__ T operator()(T theta, T g, T rate, T* slot, bool) const {
    slot[0] = flushed(rho * slot[0] + one_minus_rho * g * g);
    return theta - rate * g / (sqrt(slot[0]) + eps);
  }
};

struct moments {
  static const int slots = 2;
  T beta1, one_minus_beta1, beta2, one_minus_beta2, eps;
  __device__ void remember(T g, T* slot) const {
    slot[0] = flushed(beta1 * slot[0] + one_minus_beta1 * g);
    slot[1] = flushed(beta2 * slot[1] + one_minus_beta2 * g * g);
  }
};

struct adam : moments {
  __device__ T operator()(T theta, T g, T rate, T* slot, bool) const {
    remember(g, slot);
    return theta - rate * slot[0] / (sqrt(slot[1]) + eps);
  }
};

struct adamw : moments {
  T decay, c1, c2;
  __device__ T operator()(T theta, T g, T rate, T* slot, bool is_weight) const {
    remember(g, slot);
    const T step = (slot[0] / c1) / (sqrt(slot[1] / c2) + eps);
    return theta - rate * ((is_weight ? decay * theta : T(0)) + step);
  }
};

}  // namespace optimiser

template <class Step>
__global__ void update(const Tensors tensors, T rate, const T* rates, const Step step) {
  const unsigned t = blockIdx.y;
  for (Index e = blockIdx.x * blockDim.x + threadIdx.x; e < tensors.size[t];
       e += gridDim.x * blockDim.x) {
    T slot[2];
    for (int s = 0; s < Step::slots; s++) slot[s] = tensors.slots[s][t][e];
    const T alpha = rates ? rates[e / tensors.per_network[t]] : rate;
    tensors.new_theta[t][e] =
        step(tensors.theta[t][e], tensors.g[t][e], alpha, slot, tensors.is_weight[t]);
    for (int s = 0; s < Step::slots; s++) tensors.new_slots[s][t][e] = slot[s];
  }
}
