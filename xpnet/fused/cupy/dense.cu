// The dense layer around its products: bias, activation and mask; mask, derivative and bias
// gradient; the decay of weights. One block of x a row, which is a unit of one network.

const unsigned GOLDEN = 0x9e3779b1u;

// What the masks of one network of a stack are drawn with, where each has numbers of its own.
struct Drawn {
  Index keys;
  int least;
  T kept;
};
static_assert(sizeof(Drawn) == 8 + 2 * sizeof(T), "plan.py takes as much for each network");

// Those of all networks, whose arrays' addresses may lie on the device.
__global__ void draw_by(const int* k, const int* other_k, const int* leasts, const T* kepts,
                        const Index* there, Index networks, Drawn* of_each) {
  if (there) {
    k = (const int*)there[0];
    other_k = (const int*)there[1];
    leasts = (const int*)there[2];
    kepts = (const T*)there[3];
  }
  for (Index network = threadIdx.x; network < networks; network += blockDim.x) {
    const unsigned long long high = unsigned(other_k[network]);
    of_each[network] = {Index(high << 32 | unsigned(k[network])), leasts[network], kepts[network]};
  }
}

// The dropout mask of one row: the one that is given, or one that is drawn, or 1 everywhere.
// Drawn as in xpnet/kernels/dropout.py, where `first` is the number of the layer's first row, and
// `total` the number of the first column.
class Mask {
  const T* given;
  unsigned row_word, column;
  int least;
  T kept;

 public:
  // `kept` is 0 where nothing is drawn; the keys are read where they lie on the device, if they do.
  // By numbers of each network, its rows are counted by themselves: `units` of them in this layer.
  __device__ Mask(const T* given, Index keys, const Index* there, Index first, Index total,
                  Index least, T kept, const Drawn* of_each, Index units)
      : given(given), least(int(least)), kept(kept) {
    unsigned long long both = there ? *there : keys;
    unsigned row = blockIdx.x;
    if (of_each) {
      const Drawn own = of_each[row / units];
      both = own.keys;
      row = row % units;
      this->least = own.least;
      this->kept = own.kept;
    }
    const unsigned key = unsigned(both);
    row_word = ((unsigned(first) + row + key) * GOLDEN) ^ unsigned(both >> 32);
    column = unsigned(total) + key;
  }
  __device__ T operator()(Index e, Index j) const {
    if (given) return given[e];
    if (kept == 0) return T(1);
    unsigned x = (row_word ^ ((column + unsigned(j)) * GOLDEN)) * GOLDEN;
    x = (x ^ (x >> 16)) * 0x85ebca6bu;
    return int(x) < least ? T(0) : kept;
  }
};

// A (rows, m) = g(Z + b) * mask. Z is given its bias too where A is another array.
template <class G>
__global__ void forward(T* Z, const T* b, const T* mask, Index keys, const Index* there,
                        Index first, Index total, Index least, T kept, const Drawn* of_each,
                        Index units, T* A, Index m) {
  const Index row = blockIdx.x * m;
  const T bias = b[blockIdx.x];
  const Mask masked(mask, keys, there, first, total, least, kept, of_each, units);
  for (Index j = blockIdx.y * blockDim.x + threadIdx.x; j < m; j += gridDim.y * blockDim.x) {
    const Index e = row + j;
    const T z = Z[e] + bias;
    const T a = G::apply(z);
    if (A != Z) Z[e] = z;
    A[e] = a * masked(e, j);
  }
}

// dZ (rows, m) = dA * mask * g', and db (rows, gridDim.y), the sums of its rows in segments.
// A has its mask in it, by which it is divided again; Z may be null where A determines g'. dZ may
// be dA itself.
template <class G>
__global__ void backward(const T* dA, const T* Z, const T* A, const T* mask, Index keys,
                         const Index* there, Index first, Index total, Index least, T kept,
                         const Drawn* of_each, Index units, Index m, T* dZ, T* db) {
  const Index row = blockIdx.x * m;
  const Mask masked(mask, keys, there, first, total, least, kept, of_each, units);
  T sum = 0;
  for (Index j = blockIdx.y * blockDim.x + threadIdx.x; j < m; j += gridDim.y * blockDim.x) {
    const Index e = row + j;
    const T factor = masked(e, j);
    const T a = factor == 0 ? A[e] : A[e] / factor;
    const T dz = dA[e] * factor * G::derivative(Z ? Z[e] : T(0), a);
    dZ[e] = dz;
    sum += dz;
  }
  sum = block_sum(sum);
  if (thread_in_block() == 0) db[blockIdx.x * gridDim.y + blockIdx.y] = sum;
}

// dW += decay W, where a network has `size` weights: one decay for all, or one a network.
__global__ void add_decay(T* dW, const T* W, Index size, T decay, const T* decays, Index step) {
  const Index network = blockIdx.y;
  const T factor = of_network(decay, decays, step, network);
  for (Index e = blockIdx.x * blockDim.x + threadIdx.x; e < size; e += gridDim.x * blockDim.x)
    dW[network * size + e] += factor * W[network * size + e];
}
