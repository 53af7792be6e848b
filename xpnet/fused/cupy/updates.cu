// The optimisers: one launch for all tensors of a network, blockIdx.y being the tensor; and what
// is summed over all of them, for the penalty and for clipping.
// The formulas are those of xpnet/kernels/updates.py.

struct Tensors {
  Index size[MOST_TENSORS];         // entries, of all networks of a stack
  Index per_network[MOST_TENSORS];  // entries of one network
  Index is_weight[MOST_TENSORS];    // 1, 0 for biases, which do not decay, -1 behind the last tensor
  Index begin[MOST_TENSORS];        // where it begins in the copy of all tensors, if one is made
  const T* theta[MOST_TENSORS];
  T* new_theta[MOST_TENSORS];
  T* g[MOST_TENSORS];
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

struct nadam : adam_moments {
  T a, b, c2;
  __device__ T operator()(T theta, T g, T rate, T* moment, bool) const {
    remember(g, moment);
    return theta - rate * (a * g + b * moment[0]) / (sqrt(moment[1] / c2) + eps);
  }
};

struct lion {
  static const int moments = 1;
  T beta1, one_minus_beta1, beta2, one_minus_beta2, decay;
  __device__ T operator()(T theta, T g, T rate, T* moment, bool is_weight) const {
    const T mixed = beta1 * moment[0] + one_minus_beta1 * g;
    moment[0] = flushed(beta2 * moment[0] + one_minus_beta2 * g);
    const T sign = mixed > 0 ? T(1) : mixed < 0 ? T(-1) : mixed;  // of NaN, NaN
    return theta - rate * ((is_weight ? decay * theta : T(0)) + sign);
  }
};

}  // namespace optimizer

// The numbers of one step. Without members, a structure still has a size.
template <class Step>
struct Numbers {
  T rate;
  Step step;
};

// A gradient that has its weight's decay in it, where there is one that it lacks.
__device__ inline T decayed(T g, T theta, T decay) { return decay == 0 ? g : g + decay * theta; }

// squares[network * parts + blockIdx.x] = this block's share of the sum over the weights of theta^2.
// blockIdx.y is the network.
__global__ void weight_squares(const Tensors tensors, T* squares, Index parts) {
  T sum = 0;
  for (unsigned t = 0; t < MOST_TENSORS && tensors.is_weight[t] >= 0; t++) {
    const Index n = tensors.is_weight[t] ? tensors.per_network[t] : 0;
    const T* theta = tensors.theta[t] + blockIdx.y * n;
    for (Index e = blockIdx.x * blockDim.x + threadIdx.x; e < n; e += gridDim.x * blockDim.x)
      sum += theta[e] * theta[e];
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) squares[blockIdx.y * parts + blockIdx.x] = sum;
}

// The same of all gradients, decayed.
__global__ void gradient_squares(const Tensors tensors, T decay, const T* decays, Index step,
                                 T* squares, Index parts) {
  const T of_weights = of_network(decay, decays, step, blockIdx.y);
  T sum = 0;
  for (unsigned t = 0; t < MOST_TENSORS && tensors.is_weight[t] >= 0; t++) {
    const Index n = tensors.per_network[t], first = blockIdx.y * n;
    const T *theta = tensors.theta[t] + first, *g = tensors.g[t] + first;
    const T factor = tensors.is_weight[t] ? of_weights : T(0);
    for (Index e = blockIdx.x * blockDim.x + threadIdx.x; e < n; e += gridDim.x * blockDim.x) {
      const T dtheta = decayed(g[e], theta[e], factor);
      sum += dtheta * dtheta;
    }
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) squares[blockIdx.y * parts + blockIdx.x] = sum;
}

// g = norm / max(|g|, norm) g, decayed, where squares (networks, parts) add up to |g|^2.
__global__ void clip(const Tensors tensors, T decay, const T* decays, Index step, const T* squares,
                     Index parts, T norm) {
  const T of_weights = of_network(decay, decays, step, blockIdx.y);
  T sum = 0;
  for (Index j = threadIdx.x; j < parts; j += blockDim.x) sum += squares[blockIdx.y * parts + j];
  const T length = sqrt(block_total(sum)), scale = norm / (length < norm ? norm : length);
  for (unsigned t = 0; t < MOST_TENSORS && tensors.is_weight[t] >= 0; t++) {
    const Index n = tensors.per_network[t], first = blockIdx.y * n;
    const T* theta = tensors.theta[t] + first;
    T* g = tensors.g[t] + first;
    const T factor = tensors.is_weight[t] ? of_weights : T(0);
    for (Index e = blockIdx.x * blockDim.x + threadIdx.x; e < n; e += gridDim.x * blockDim.x)
      g[e] = decayed(g[e], theta[e], factor) * scale;
  }
}

// The new theta and moments, which may be the old ones' memory. Unless `copy` is null, theta is
// written there, too; and unless `copy_there` is, to where that points. The step's numbers are
// read where they lie on the device, if they do; those of each network, whose addresses may lie
// there, go before them.
template <class Step>
__global__ void update(const Tensors tensors, const Numbers<Step> given,
                       const Numbers<Step>* there, const T* rates, T* const* rates_there,
                       Index rates_step, const Step* steps, Step* const* steps_there, T decay,
                       const T* decays, Index decays_step, T* copy, T* const* copy_there) {
  const unsigned t = blockIdx.y;
  const bool is_weight = tensors.is_weight[t] > 0;
  const Numbers<Step> now = there ? *there : given;
  if (copy_there) copy = *copy_there;
  if (rates_there) rates = *rates_there;
  if (steps_there) steps = *steps_there;
  for (Index e = blockIdx.x * blockDim.x + threadIdx.x; e < tensors.size[t];
       e += gridDim.x * blockDim.x) {
    const Index network = rates || steps || decays ? e / tensors.per_network[t] : 0;
    const T factor = is_weight ? of_network(decay, decays, decays_step, network) : T(0);
    T theta = tensors.theta[t][e];
    const T g = decayed(tensors.g[t][e], theta, factor);
    T moment[2];
    for (int s = 0; s < Step::moments; s++) moment[s] = tensors.moments[s][t][e];
    const Step step = steps ? steps[network] : now.step;
    theta = step(theta, g, of_network(now.rate, rates, rates_step, network), moment, is_weight);
    tensors.new_theta[t][e] = theta;
    if (copy) copy[tensors.begin[t] + e] = theta;
    for (int s = 0; s < Step::moments; s++) tensors.new_moments[s][t][e] = moment[s];
  }
}
