// Enough of CUDA's language to run its kernels on the processor: included before the kernels.
//
// The blocks of a grid run one after another, and so do the threads of a block, each as far as
// the next barrier. In which order they take turns can be chosen: a kernel that lacks a barrier
// gives other numbers in the opposite order, or with one thread alone.

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#define __global__ static
#define __launch_bounds__(threads)
#define __device__
#define __shared__ static

using std::exp;
using std::expm1;
using std::fabs;
using std::log;
using std::log1p;
using std::sqrt;
using std::tanh;

struct Extent {
  unsigned x = 1, y = 1;
};

static Extent gridDim, blockDim, blockIdx, threadIdx;

namespace on_host {

const std::size_t STACK = 64 * 1024;

// A thread of a block: a stack of its own, on which it runs the kernel again for each block.
struct Thread {
  Extent index;
  std::vector<char> stack;  // empty until it first runs
  jmp_buf place;
  bool ended = true;
  long barriers = 0;
};

static jmp_buf scheduler;
static Thread* running = nullptr;

// Unlike swapcontext, this calls no system.
static void change(jmp_buf& from, jmp_buf& to) {
  if (!_setjmp(from)) _longjmp(to, 1);
}

// Works through a call of any kernel: `arguments` are the addresses of its arguments' values.
template <class... Arguments, std::size_t... Number>
void call(void (*kernel)(Arguments...), void** arguments, std::index_sequence<Number...>) {
  kernel(*static_cast<std::remove_const_t<Arguments>*>(arguments[Number])...);
}

template <class... Arguments>
void call(void (*kernel)(Arguments...), void** arguments) {
  call(kernel, arguments, std::index_sequence_for<Arguments...>());
}

// The sizes of a kernel's arguments, and 0 behind them.
template <class... Arguments>
const std::size_t* sizes(void (*)(Arguments...)) {
  static const std::size_t found[] = {sizeof(Arguments)..., 0};
  return found;
}

typedef void (*Body)(void**);
static Body body;
static void** body_arguments;

static void run_thread() {
  for (;;) {
    body(body_arguments);
    running->ended = true;
    change(running->place, scheduler);
  }
}

// Runs a thread for the first time, until it comes back.
static void create(Thread& thread) {
  static ucontext_t context;
  thread.stack.resize(STACK);
  getcontext(&context);
  context.uc_stack.ss_sp = thread.stack.data();
  context.uc_stack.ss_size = STACK;
  context.uc_link = nullptr;
  makecontext(&context, run_thread, 0);
  if (!_setjmp(scheduler)) setcontext(&context);
}

// Every thread to its next barrier or end; false where some ended and others wait.
static bool take_turns(std::vector<Thread*>& threads) {
  for (Thread* thread : threads) {
    running = thread;
    threadIdx = thread->index;
    if (thread->stack.empty())
      create(*thread);
    else
      change(scheduler, thread->place);
  }
  return std::all_of(threads.begin(), threads.end(), [&](Thread* thread) {
    return thread->ended == threads[0]->ended && thread->barriers == threads[0]->barriers;
  });
}

static bool run_block(std::vector<Thread*>& threads) {
  for (Thread* thread : threads) {
    thread->ended = false;
    thread->barriers = 0;
  }
  do
    if (!take_turns(threads)) {
      for (Thread* thread : threads) thread->stack.clear();  // some are amid the kernel: anew
      return false;
    }
  while (!threads[0]->ended);
  return true;
}

enum Order { ALONE, FORWARD, BACKWARD };

// Every block of a grid, with one thread a block or with all of them. 0, or 1 where the threads
// of a block did not all come to the same barriers.
static int launch(Body kernel, Extent grid, Extent block, void** arguments, int order) {
  body = kernel;
  body_arguments = arguments;
  gridDim = grid;
  blockDim = order == ALONE ? Extent() : block;
  static std::vector<Thread> all;
  if (all.size() < blockDim.x * blockDim.y) all.resize(blockDim.x * blockDim.y);
  std::vector<Thread*> threads;
  for (unsigned y = 0; y < blockDim.y; y++)
    for (unsigned x = 0; x < blockDim.x; x++) {
      threads.push_back(&all[threads.size()]);
      threads.back()->index = {x, y};
    }
  if (order == BACKWARD) std::reverse(threads.begin(), threads.end());
  for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
    for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++)
      if (!run_block(threads)) return 1;
  return 0;
}

}  // namespace on_host

static void __syncthreads() {
  on_host::Thread* thread = on_host::running;
  thread->barriers++;
  on_host::change(thread->place, on_host::scheduler);
}

// `name` becomes two functions of the library: launch_0 and sizes_0, launch_1 and sizes_1, …
#define KERNEL(number, ...)                                                                   \
  static void body_##number(void** arguments) { on_host::call(&__VA_ARGS__, arguments); }     \
  extern "C" int launch_##number(unsigned grid_x, unsigned grid_y, unsigned block_x,          \
                                 unsigned block_y, void** arguments, int order) {             \
    return on_host::launch(body_##number, {grid_x, grid_y}, {block_x, block_y}, arguments,    \
                           order);                                                            \
  }                                                                                           \
  extern "C" const std::size_t* sizes_##number() { return on_host::sizes(&__VA_ARGS__); }
