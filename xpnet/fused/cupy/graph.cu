// Before a captured step, whose own arguments stay those of the capture: what it is fed; or, in a run
// of such steps, how each finds its own.

// A step's numbers and addresses.
struct Words {
  Index word[WORDS];
};

// Of one array of a batch, the entry of a sample: of all its sets, `sets_n` together.
struct Entry {
  Index set, unit, to;
  __device__ Entry(Index j, Index e, Index n, Index m)
      : set(e / n), unit(e % n), to((set * m + j) * n + unit) {}
};

// X (sets, n_x, m), Y (sets, n_y, m) and the samples' weights s (sets, n_s, m), each with its
// strides, copied to where the graph reads them, sample by sample; and the words. `of_x` entries of
// X belong to a sample: units of all sets.
__global__ void feed(const T* X, Index X_set, Index X_unit, Index X_sample, Index n_x, Index of_x,
                     T* to_X, const T* Y, Index Y_set, Index Y_unit, Index Y_sample, Index n_y,
                     Index of_y, T* to_Y, const T* s, Index s_set, Index s_unit, Index s_sample,
                     Index n_s, Index of_s, T* to_s, Index m, const Words words, Words* to_words) {
  const Index first = blockIdx.x * blockDim.x + threadIdx.x, threads = gridDim.x * blockDim.x;
  const Index n = of_x + of_y + of_s;
  for (Index e = first; e < m * n; e += threads) {
    const Index j = e / n, x = e % n, y = x - of_x, w = y - of_y;
    if (y < 0) {
      const Entry at(j, x, n_x, m);
      to_X[at.to] = X[at.set * X_set + at.unit * X_unit + j * X_sample];
    } else if (w < 0) {
      const Entry at(j, y, n_y, m);
      to_Y[at.to] = Y[at.set * Y_set + at.unit * Y_unit + j * Y_sample];
    } else {
      const Entry at(j, w, n_s, m);
      to_s[at.to] = s[at.set * s_set + at.unit * s_unit + j * s_sample];
    }
  }
  if (first == 0) *to_words = words;
}

// A run of steps: the rows of X, Y and the samples' weights s; which of them are `samples` of each
// set, `size` a step; the words of each step, and the number of the one that is next.
struct Run {
  const T *X, *Y, *s;
  const Index *rows_x, *rows_y, *rows_s;
  const Words* words;
  Index samples, size, next;
};

__global__ void begin(const T* X, const T* Y, const T* s, const Index* rows_x, const Index* rows_y,
                      const Index* rows_s, const Words* words, Index samples, Index size,
                      Run* run) {
  *run = {X, Y, s, rows_x, rows_y, rows_s, words, samples, size, 0};
}

// The next step's m samples and words, to where its graph reads them.
__global__ void draw(const Run* given, Index n_x, Index of_x, T* to_X, Index n_y, Index of_y,
                     T* to_Y, Index n_s, Index of_s, T* to_s, Index m, Words* to_words) {
  const Run run = *given;
  const Index first = blockIdx.x * blockDim.x + threadIdx.x, threads = gridDim.x * blockDim.x;
  const Index done = run.next * run.size;
  const Index n = of_x + of_y + of_s;
  for (Index e = first; e < m * n; e += threads) {
    const Index j = e / n, x = e % n, y = x - of_x, w = y - of_y;
    if (y < 0) {
      const Entry at(j, x, n_x, m);
      to_X[at.to] = run.X[run.rows_x[at.set * run.samples + done + j] * n_x + at.unit];
    } else if (w < 0) {
      const Entry at(j, y, n_y, m);
      to_Y[at.to] = run.Y[run.rows_y[at.set * run.samples + done + j] * n_y + at.unit];
    } else {
      const Entry at(j, w, n_s, m);
      to_s[at.to] = run.s[run.rows_s[at.set * run.samples + done + j] * n_s + at.unit];
    }
  }
  if (first == 0) *to_words = run.words[run.next];
}

// After `draw`, all of whose threads read the number.
__global__ void advance(Run* run) { run->next++; }
