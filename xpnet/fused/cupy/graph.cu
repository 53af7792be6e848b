// What a captured step reads and hands out: its own arguments stay those of the capture.

// Matrix (n, m) of any strides, copied to where the graph reads it: column j is row j there.
struct Columns {
  const T* from;
  Index n, unit, sample;
  T* to;
};

// This step's numbers, as words of any kind.
struct Words {
  Index words[MOST_WORDS];
};

__device__ inline void copy_entry(const Columns& columns, Index j, Index i) {
  columns.to[j * columns.n + i] = columns.from[i * columns.unit + j * columns.sample];
}

// X, Y and the samples' weights of one batch, of which one may have no rows; and the numbers.
__global__ void feed(const Columns X, const Columns Y, const Columns s, Index m,
                     const Words numbers, Index words, Index* to_numbers) {
  const Index first = blockIdx.x * blockDim.x + threadIdx.x, threads = gridDim.x * blockDim.x;
  const Index rows = X.n + Y.n + s.n;
  for (Index e = first; e < m * rows; e += threads) {
    const Index j = e / rows, i = e % rows;
    if (i < X.n)
      copy_entry(X, j, i);
    else if (i < X.n + Y.n)
      copy_entry(Y, j, i - X.n);
    else
      copy_entry(s, j, i - X.n - Y.n);
  }
  for (Index w = first; w < words; w += threads) to_numbers[w] = numbers.words[w];
}

// The parameters and costs copied to arrays of the caller's own, whose addresses are in `to`.
__global__ void hand_out(const T* theta, Index size, const T* J, Index networks,
                         const Index* to) {
  T* to_theta = reinterpret_cast<T*>(to[0]);
  T* to_J = reinterpret_cast<T*>(to[1]);
  const Index first = blockIdx.x * blockDim.x + threadIdx.x, threads = gridDim.x * blockDim.x;
  for (Index e = first; e < size; e += threads) to_theta[e] = theta[e];
  for (Index k = first; k < networks; k += threads) to_J[k] = J[k];
}
