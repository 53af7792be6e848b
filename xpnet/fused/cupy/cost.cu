// Outputs: predictions, and the cost with its derivative by the logits, from Z (K, n, m).
//
// A block takes tiles of columns: threadIdx.x a column, threadIdx.y the units of it in turn.
// blockIdx.y is the network. A block may be as large as there can be one, which kernels with more
// than 64 registers a thread would not start in: hence their bounds.

// The values of all threads of one column joined to one. All threads of the block must call it.
template <class Join>
__device__ T over_column(T value, Join join) {
  T* terms = shared_terms();
  const unsigned thread = thread_in_block();
  terms[thread] = value;
  for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half)
      terms[thread] = join(terms[thread], terms[thread + half * blockDim.x]);
  }
  __syncthreads();
  const T joined = terms[threadIdx.x];
  __syncthreads();  // before anyone writes over it
  return joined;
}

struct larger {
  __device__ T operator()(T x, T y) const { return y > x ? y : x; }
};

struct plus {
  __device__ T operator()(T x, T y) const { return x + y; }
};

namespace output {

// An output whose units do not know of each other: nothing to find out about a column first.
struct separate {
  __device__ void read(const T*, Index, Index, bool) {}
  __device__ T loss() const { return 0; }
};

struct sigmoid : separate {
  __device__ T apply(T z) const { return logistic(z); }
  __device__ T loss_of(T z, T y) const { return (z > 0 ? z : T(0)) - y * z + bend(z); }
};

struct identity : separate {
  __device__ T apply(T z) const { return z; }
  __device__ T loss_of(T z, T y) const { return T(0.5) * (z - y) * (z - y); }
};

struct exp : separate {
  __device__ T apply(T z) const { return ::exp(z); }
  __device__ T loss_of(T z, T y) const {
    const T entropy = y > 0 ? y * ::log(y) : T(0);
    return entropy - y * z - y + ::exp(z);
  }
};

struct softmax {
  T top, total;  // of the column: its largest logit, and the sum of exp(z - top)

  __device__ void read(const T* column, Index n, Index m, bool inside) {
    top = inside ? column[0] : T(0);
    if (inside)
      for (Index i = threadIdx.y; i < n; i += blockDim.y)
        if (column[i * m] > top) top = column[i * m];
    top = over_column(top, larger());
    total = 0;
    if (inside)
      for (Index i = threadIdx.y; i < n; i += blockDim.y) total += ::exp(column[i * m] - top);
    total = over_column(total, plus());
  }
  __device__ T loss() const { return ::log(total); }
  __device__ T apply(T z) const { return ::exp(z - top) / total; }
  __device__ T loss_of(T z, T y) const { return -y * (z - top); }
};

}  // namespace output

// A (K, n, m), the prediction.
template <class Output>
__global__ void __launch_bounds__(MOST_THREADS) predict(const T* Z, Index n, Index m, T* A) {
  Z += blockIdx.y * n * m;
  A += blockIdx.y * n * m;
  for (Index first = blockIdx.x * blockDim.x; first < m; first += gridDim.x * blockDim.x) {
    const Index j = first + threadIdx.x;
    Output column;
    column.read(Z + j, n, m, j < m);
    if (j < m)
      for (Index i = threadIdx.y; i < n; i += blockDim.y)
        A[i * m + j] = column.apply(Z[i * m + j]);
  }
}

// J (K, gridDim.x), the sum over samples of scale * loss in segments, and dZ = scale * (A - Y) unless
// it is null. Y and scales have a stride for each axis, the first from one set of them to the next:
// so many networks, one behind the other, share a set.
template <class Output>
__global__ void __launch_bounds__(MOST_THREADS)
    cost(const T* Z, const T* Y, Index Y_networks, Index Y_set, Index Y_unit, Index Y_sample,
         T scale, const T* scales, Index scales_networks, Index scales_set, Index scales_sample,
         Index n, Index m, T* dZ, T* J) {
  const Index network = blockIdx.y;
  Z += network * n * m;
  Y += network / Y_networks * Y_set;
  if (scales) scales += network / scales_networks * scales_set;
  T sum = 0;
  for (Index first = blockIdx.x * blockDim.x; first < m; first += gridDim.x * blockDim.x) {
    const Index j = first + threadIdx.x;
    Output column;
    column.read(Z + j, n, m, j < m);
    if (j < m) {
      const T s = scales ? scales[j * scales_sample] : scale;
      T loss = threadIdx.y == 0 ? column.loss() : T(0);
      for (Index i = threadIdx.y; i < n; i += blockDim.y) {
        const T z = Z[i * m + j], y = Y[i * Y_unit + j * Y_sample];
        loss += column.loss_of(z, y);
        if (dZ) dZ[(network * n + i) * m + j] = s * (column.apply(z) - y);
      }
      sum += s * loss;
    }
  }
  sum = block_sum(sum);
  if (thread_in_block() == 0) J[network * gridDim.x + blockIdx.x] = sum;
}

// What samples weigh in a cost: scales (sets, m) = s / S with S the sum of the row, 0 where S is 0;
// and decays = l2 / S of each network, unless they are null. So many networks, one behind the other,
// share a row of weights s; where s is null, S is m and there are no scales. The address of l2s may
// lie on the device. blockIdx.x is the network.
__global__ void weigh(const T* s, Index s_networks, Index s_set, Index s_sample, Index m, T* scales,
                      T l2, const T* l2s, T* const* l2s_there, Index step, T* decays) {
  const Index network = blockIdx.x, set = network / s_networks;
  if (l2s_there) l2s = *l2s_there;
  T sum = m;
  if (s) {
    s += set * s_set;
    sum = 0;
    for (Index j = threadIdx.x; j < m; j += blockDim.x) sum += s[j * s_sample];
    sum = block_total(sum);
  }
  const T one = sum > 0 ? T(1) / sum : T(0);
  if (s && network % s_networks == 0)
    for (Index j = threadIdx.x; j < m; j += blockDim.x) scales[set * m + j] = s[j * s_sample] * one;
  if (decays && threadIdx.x == 0) decays[network] = of_network(l2, l2s, step, network) * one;
}
