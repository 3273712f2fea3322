// A pool of threads that spin for a moment before they sleep, since kernels of a few microseconds cannot wait for a wake-up.
#include "threads.h"
#include <stdint.h>
#include <stdlib.h>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace {

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

typedef std::chrono::steady_clock Clock;
// Waking a thread takes as long as a kernel on a million elements: it stays awake over what JavaScript does between two kernels.
constexpr std::chrono::microseconds kAwake{400};
constexpr int kSpinsBetweenYields = 1000;
constexpr int kMaxThreads = 256;

// The tasks that one thread takes first: always the same part of the work, which kernels before it have left in that thread's cache.
struct alignas(64) Share {
  // Generation of the work in the upper half, next task in the lower: taking a task checks both at once.
  std::atomic<uint64_t> ticket{0};
};
constexpr uint64_t kNoTask = 0xffffffffu;

struct Pool {
  Share share[kMaxThreads];
  alignas(64) std::atomic<uint64_t> generation{0};
  alignas(64) std::atomic<long> done{0};
  alignas(64) std::atomic<TaskBody> body{nullptr};
  std::atomic<void*> context{nullptr};
  std::atomic<long> tasks{0}, shares{0};
  std::atomic<int> sleepers{0};
  std::atomic<int> wanted{0};
  std::mutex busy, sleep;
  std::condition_variable wake;
  int started = 1;

  static long first_task(long share, long shares, long tasks) { return share * tasks / shares; }

  bool take_and_run(uint64_t current, long from) {
    std::atomic<uint64_t>& ticket = share[from].ticket;
    uint64_t now = ticket.load(std::memory_order_acquire);
    for (;;) {
      if (now >> 32 != current) return false;
      const TaskBody run = body.load(std::memory_order_acquire);
      void* argument = context.load(std::memory_order_acquire);
      const long end = first_task(from + 1, shares.load(std::memory_order_acquire), tasks.load(std::memory_order_acquire));
      const long task = static_cast<long>(now & kNoTask);
      if (task >= end) return false;
      if (ticket.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel)) {
        run(argument, task);
        done.fetch_add(1, std::memory_order_release);
        return true;
      }
    }
  }

  // First a thread's own share, then what is left of the others'.
  void take_all(uint64_t current, long number) {
    const long count = shares.load(std::memory_order_acquire);
    for (long k = 0; k < count; k++)
      while (take_and_run(current, (number + k) % count)) {
      }
  }

  void work(int number) {
    uint64_t seen = 0;
    for (;;) {
      int spins = 0;
      uint64_t current;
      Clock::time_point idle = Clock::now();
      while ((current = generation.load(std::memory_order_acquire)) == seen || number >= wanted.load(std::memory_order_relaxed)) {
        relax();
        if (++spins % kSpinsBetweenYields != 0) continue;
        // Whoever else wants this core, V8's collector above all, gets it without waiting for a time slice to end.
        std::this_thread::yield();
        if (Clock::now() - idle < kAwake) continue;
        std::unique_lock<std::mutex> lock(sleep);
        sleepers.fetch_add(1);
        wake.wait(lock, [&] { return generation.load() != seen && number < wanted.load(); });
        sleepers.fetch_sub(1);
      }
      seen = current;
      take_all(current, number);
    }
  }

  void start(int count) {
    for (; started < count; started++) {
      try {
        const int number = started;
        std::thread([this, number] { work(number); }).detach();
      } catch (...) {
        wanted.store(started);
        return;
      }
    }
  }

  void run(long count, TaskBody function, void* argument) {
    const uint64_t before = generation.load(std::memory_order_relaxed), current = (before + 1) & 0xffffffffu;
    const long old_parts = shares.load(std::memory_order_relaxed), threads = wanted.load(), parts = count < threads ? count : threads;
    // First tickets that nobody can take: whoever reads the new fields under an old ticket then fails to take it.
    for (long k = 0; k < old_parts; k++) share[k].ticket.store(before << 32 | kNoTask);
    body.store(function, std::memory_order_release);
    context.store(argument, std::memory_order_release);
    tasks.store(count, std::memory_order_release);
    shares.store(parts, std::memory_order_release);
    done.store(0, std::memory_order_release);
    for (long k = 0; k < parts; k++) share[k].ticket.store(current << 32 | static_cast<uint64_t>(first_task(k, parts, count)));
    generation.store(current);
    if (sleepers.load() > 0) {
      { std::lock_guard<std::mutex> lock(sleep); }
      wake.notify_all();
    }
    take_all(current, 0);
    for (int spins = 1; done.load(std::memory_order_acquire) < count; spins++) {
      relax();
      if (spins % kSpinsBetweenYields == 0) std::this_thread::yield();
    }
  }
};

// Never destroyed: detached threads may outlive static destructors.
Pool& pool() {
  static Pool* only = new Pool;
  return *only;
}

struct Scratch {
  void* memory[8] = {};
  unsigned long size[8] = {};
  ~Scratch() {
    for (void* each : memory) free(each);
  }
};
thread_local Scratch own_scratch;

}  // namespace

int wanted_threads() { return pool().wanted.load(std::memory_order_relaxed); }

int thread_count() { return wanted_threads() < 1 ? 1 : wanted_threads(); }

void set_thread_count(int64_t count) {
  Pool& p = pool();
  std::lock_guard<std::mutex> lock(p.busy);
  const int wanted = count < 1 ? 1 : count > kMaxThreads ? kMaxThreads : count;
  p.wanted.store(wanted);
  p.start(wanted);
}

void run_tasks(long tasks, TaskBody body, void* context) {
  Pool& p = pool();
  if (tasks > 1 && thread_count() > 1 && p.busy.try_lock()) {
    p.run(tasks, body, context);
    p.busy.unlock();
    return;
  }
  // The pool works for another thread, or there is none: do it here.
  for (long task = 0; task < tasks; task++) body(context, task);
}

void* scratch(int slot, uint64_t bytes) {
  Scratch& own = own_scratch;
  if (own.size[slot] < bytes) {
    free(own.memory[slot]);
    own.size[slot] = 0;
    const unsigned long rounded = (bytes + 4095) & ~4095ul;
    own.memory[slot] = aligned_alloc(64, rounded);
    if (own.memory[slot]) own.size[slot] = rounded;
  }
  return own.memory[slot];
}
