// Before a captured step, whose own arguments stay those of the capture: what it is fed; or, in a run
// of such steps, how each finds its own.

// A step's numbers and addresses.
struct Words {
  Index word[WORDS];
};

// X (n_x, m), Y (n_y, m) and the samples' weights s (n_s, m), each with its strides, copied to
// where the graph reads them, sample by sample; and the words.
__global__ void feed(const T* X, Index X_unit, Index X_sample, Index n_x, T* to_X, const T* Y,
                     Index Y_unit, Index Y_sample, Index n_y, T* to_Y, const T* s, Index s_unit,
                     Index s_sample, Index n_s, T* to_s, Index m, const Words words,
                     Words* to_words) {
  const Index first = blockIdx.x * blockDim.x + threadIdx.x, threads = gridDim.x * blockDim.x;
  const Index n = n_x + n_y + n_s;
  for (Index e = first; e < m * n; e += threads) {
    const Index j = e / n, x = e % n, y = x - n_x, w = y - n_y;
    if (y < 0)
      to_X[j * n_x + x] = X[x * X_unit + j * X_sample];
    else if (w < 0)
      to_Y[j * n_y + y] = Y[y * Y_unit + j * Y_sample];
    else
      to_s[j * n_s + w] = s[w * s_unit + j * s_sample];
  }
  if (first == 0) *to_words = words;
}

// A run of steps: X (M, n_x) and Y (M, n_y) by rows, the rows that are `size` samples of each step,
// the words of each, and the number of the step that is next.
struct Run {
  const T *X, *Y;
  const Index* rows;
  const Words* words;
  Index size, next;
};

__global__ void begin(const T* X, const T* Y, const Index* rows, const Words* words, Index size,
                      Run* run) {
  *run = {X, Y, rows, words, size, 0};
}

// The next step's m samples and words, to where its graph reads them.
__global__ void draw(const Run* given, Index n_x, T* to_X, Index n_y, T* to_Y, Index m,
                     Words* to_words) {
  const Run run = *given;
  const Index first = blockIdx.x * blockDim.x + threadIdx.x, threads = gridDim.x * blockDim.x;
  const Index* rows = run.rows + run.next * run.size;
  const Index n = n_x + n_y;
  for (Index e = first; e < m * n; e += threads) {
    const Index j = e / n, x = e % n, y = x - n_x;
    if (y < 0)
      to_X[j * n_x + x] = run.X[rows[j] * n_x + x];
    else
      to_Y[j * n_y + y] = run.Y[rows[j] * n_y + y];
  }
  if (first == 0) *to_words = run.words[run.next];
}

// After `draw`, all of whose threads read the number.
__global__ void advance(Run* run) { run->next++; }
