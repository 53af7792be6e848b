// The dense layer around its products: bias, activation and mask; mask, derivative and bias
// gradient; the decay of weights. One block of x a row, which is a unit of one network.

// A (rows, m) = g(Z + b) * mask. Z is given its bias too where A is another array.
template <class G>
__global__ void forward(T* Z, const T* b, const T* mask, T* A, Index m) {
  const Index row = blockIdx.x * m;
  const T bias = b[blockIdx.x];
  for (Index j = blockIdx.y * blockDim.x + threadIdx.x; j < m; j += gridDim.y * blockDim.x) {
    const T z = Z[row + j] + bias;
    const T a = G::apply(z);
    if (A != Z) Z[row + j] = z;
    A[row + j] = mask ? a * mask[row + j] : a;
  }
}

// dZ (rows, m) = dA * mask * g', and db (rows, gridDim.y), the sums of its rows in segments.
// A has its mask in it, by which it is divided again; Z may be null where A determines g'.
template <class G>
__global__ void backward(const T* dA, const T* Z, const T* A, const T* mask, Index m, T* dZ,
                         T* db) {
  const Index row = blockIdx.x * m;
  T sum = 0;
  for (Index j = blockIdx.y * blockDim.x + threadIdx.x; j < m; j += gridDim.y * blockDim.x) {
    const Index e = row + j;
    const T kept = mask ? mask[e] : T(1);
    const T a = mask && kept != 0 ? A[e] / kept : A[e];
    const T dz = dA[e] * kept * G::derivative(Z ? Z[e] : T(0), a);
    dZ[e] = dz;
    sum += dz;
  }
  sum = block_sum(sum);
  if (thread_in_block() == 0) db[blockIdx.x * gridDim.y + blockIdx.y] = sum;
}

// dW += decay W, where a network has `size` weights: one decay for all, or one a network.
__global__ void add_decay(T* dW, const T* W, Index size, T decay, const T* decays,
                                     Index step) {
  const Index network = blockIdx.y;
  const T factor = decays ? decays[network * step] : decay;
  for (Index e = blockIdx.x * blockDim.x + threadIdx.x; e < size; e += gridDim.x * blockDim.x)
    dW[network * size + e] += factor * W[network * size + e];
}
