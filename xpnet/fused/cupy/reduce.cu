// What every kernel is written in, and sums: of rows, of a cost, of squares.
//
// Whoever compiles defines REAL as float or double, and the numbers called MOST_. All arrays are
// C-contiguous but the targets and their scales, which come with strides. Every loop strides by
// the threads there are: a kernel is right for any grid, and for any power of two of threads.

typedef REAL T;
typedef long long Index;

__device__ inline unsigned thread_in_block() { return threadIdx.y * blockDim.x + threadIdx.x; }

// A number a thread, which the whole block sees.
__device__ inline T* shared_terms() {
  __shared__ T terms[MOST_THREADS];
  return terms;
}

// The sum of every thread's value, for the first thread of the block. All threads must call it,
// once. Its order depends on the block's size alone: the same numbers give the same sum.
__device__ inline T block_sum(T value) {
  T* terms = shared_terms();
  const unsigned thread = thread_in_block();
  terms[thread] = value;
  for (unsigned half = blockDim.x * blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();
    if (thread < half) terms[thread] += terms[thread + half];
  }
  return terms[0];
}

// The same sum for every thread. All threads must call it.
__device__ inline T block_total(T value) {
  block_sum(value);
  __syncthreads();
  const T total = shared_terms()[0];
  __syncthreads();  // before anyone writes over it
  return total;
}

// What multiplies a network: a number for all, or its entry of an array, in which entries are
// `step` apart.
__device__ inline T of_network(T number, const T* entries, Index step, Index network) {
  return entries ? entries[network * step] : number;
}

// sums (rows, gridDim.y): the sum of each row of values (rows, m), in gridDim.y segments.
__global__ void row_sums(const T* values, Index m, T* sums) {
  const T* row = values + blockIdx.x * m;
  T sum = 0;
  for (Index j = blockIdx.y * blockDim.x + threadIdx.x; j < m; j += gridDim.y * blockDim.x)
    sum += row[j];
  sum = block_sum(sum);
  if (thread_in_block() == 0) sums[blockIdx.x * gridDim.y + blockIdx.y] = sum;
}

// db (rows, gridDim.y), the sums of the rows of dZ (rows, m) in segments; and in the blocks of x
// behind them J, of a network each: its costs in segments, and half its decay times its squares. J
// lies where `J_there` points, unless that is null.
__global__ void totals(const T* dZ, Index rows, Index m, T* db, const T* costs, Index segments,
                       const T* squares, Index parts, T decay, const T* decays, Index step, T* J,
                       T* const* J_there) {
  const Index network = Index(blockIdx.x) - rows;
  T sum = 0;
  if (network < 0) {
    const T* row = dZ + blockIdx.x * m;
    for (Index j = blockIdx.y * blockDim.x + threadIdx.x; j < m; j += gridDim.y * blockDim.x)
      sum += row[j];
  } else {
    for (Index j = threadIdx.x; j < segments; j += blockDim.x)
      sum += costs[network * segments + j];
    const T half = squares ? T(0.5) * of_network(decay, decays, step, network) : T(0);
    if (half != T(0))  // times 0, infinite squares would be NaN
      for (Index j = threadIdx.x; j < parts; j += blockDim.x)
        sum += half * squares[network * parts + j];
  }
  sum = block_sum(sum);
  if (thread_in_block() != 0) return;
  if (network < 0)
    db[blockIdx.x * gridDim.y + blockIdx.y] = sum;
  else if (blockIdx.y == 0)
    (J_there ? *J_there : J)[network] = sum;
}
