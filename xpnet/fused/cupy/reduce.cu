// What every kernel is written in, and sums over rows.
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

// sums (rows, gridDim.y): the sum of each row of values (rows, m), in gridDim.y segments.
__global__ void row_sums(const T* values, Index m, T* sums) {
  const T* row = values + blockIdx.x * m;
  T sum = 0;
  for (Index j = blockIdx.y * blockDim.x + threadIdx.x; j < m; j += gridDim.y * blockDim.x)
    sum += row[j];
  sum = block_sum(sum);
  if (thread_in_block() == 0) sums[blockIdx.x * gridDim.y + blockIdx.y] = sum;
}
