// Runs parts of a kernel side by side. threads.cc does it with a pool; WebAssembly (wasm.cc) has one thread.
#pragma once
#include <stdint.h>

typedef void (*TaskBody)(void* context, long task);

// How many tasks can run at once; 1 means that splitting gains nothing.
int thread_count();
// What thread_count() was last set to, for all of the process; 0 before it was.
int wanted_threads();
void set_thread_count(int64_t count);
// Runs body(context, 0 .. tasks-1), in any order and on any thread, and returns when all are done.
void run_tasks(long tasks, TaskBody body, void* context);
// Work from which threads pay, in elements times what each costs, where an addition costs 2: sharing a kernel out moves what it reads and
// writes from one core's cache to another's, for this kernel and for the small ones after it.
constexpr double kThreadWork = 131072;
// Into how many pieces to cut so much work: one, or some for each thread, more than one where they may take different times.
static inline long pieces_of(double work, long for_each_thread = 1) {
  const long threads = work < kThreadWork ? 1 : thread_count();
  return threads == 1 ? 1 : threads * for_each_thread;
}
// Scratch memory of the calling thread that lasts until its next call with the same slot; null where there is none to be had.
void* scratch(int slot, uint64_t bytes);

template <typename F>
static inline void parallel(long tasks, const F& body) {
  if (tasks == 1) return body(0L);
  run_tasks(tasks, [](void* context, long task) { (*static_cast<const F*>(context))(task); }, const_cast<F*>(&body));
}
