// See memory.h. Size classes go in four steps to each doubling, so that at most a fifth is wasted.
#include "memory.h"
#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace {

constexpr double kLargest = 70368744177664.;  // 2^46
constexpr size_t kMapped = 1 << 20;
constexpr size_t kHugePage = 2 << 20;
// A collector counts in smaller heaps: told of a whole chunk of 100 MiB, or of an eighth, V8 would mark everything for each that comes or goes.
constexpr size_t kMostTold = 1 << 20;

int class_of(size_t bytes, size_t* rounded) {
  if (bytes < 4096) bytes = 4096;
  const int top = 63 - __builtin_clzll(bytes - 1);
  const size_t step = static_cast<size_t>(1) << (top - 2);
  const size_t steps = (bytes + step - 1) / step;  // 5 to 8 of them, since 2^top < bytes
  *rounded = steps * step;
  return (top - 11) * 4 + static_cast<int>(steps) - 5;
}

size_t told_of(size_t bytes) { return bytes / 8 < kMostTold ? bytes / 8 : kMostTold; }

void* system_take(size_t bytes) {
#if defined(__linux__)
  if (bytes >= kMapped) {
    // From 2 MiB on it begins where a huge page does, which the system then gives for whole ones.
    const size_t spare = bytes >= kHugePage ? kHugePage : 0;
    void* memory = mmap(nullptr, bytes + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    if (spare == 0) return memory;
    char* const first = static_cast<char*>(memory);
    char* const aligned = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(memory) + spare - 1) / spare * spare);
    if (aligned > first) munmap(first, aligned - first);
    if (first + spare > aligned) munmap(aligned + bytes, first + spare - aligned);
    madvise(aligned, bytes, MADV_HUGEPAGE);
    return aligned;
  }
#endif
#if defined(_WIN32)
  return _aligned_malloc(bytes, 64);
#else
  return aligned_alloc(64, bytes);
#endif
}

void system_give(void* memory, size_t bytes) {
#if defined(__linux__)
  if (bytes >= kMapped) {
    munmap(memory, bytes);
    return;
  }
#endif
  (void)bytes;
#if defined(_WIN32)
  _aligned_free(memory);
#else
  free(memory);
#endif
}

void destroy(Chunk* chunk) {
  if (!chunk->lent) system_give(chunk->address, chunk->bytes);
  free(chunk);
}

}  // namespace

Pool* open_pool() {
  Pool* pool = static_cast<Pool*>(calloc(1, sizeof(Pool)));
  if (pool) pool->most_idle = static_cast<size_t>(256) << 20;
  return pool;
}

void trim_pool(Pool* pool, size_t keep) {
  // Large chunks first: they are what the system gains most from.
  for (int c = kSizeClasses - 1; c >= 0; c--)
    while (pool->idle[c] && pool->idle_bytes > keep) {
      Chunk* chunk = pool->idle[c];
      pool->idle[c] = chunk->next;
      pool->idle_bytes -= chunk->bytes;
      destroy(chunk);
    }
}

void lend_memory(Pool* pool, void* memory, size_t bytes, size_t chunk_bytes) {
  const uintptr_t first = (reinterpret_cast<uintptr_t>(memory) + 63) / 64 * 64, end = reinterpret_cast<uintptr_t>(memory) + bytes;
  size_t rounded;
  const int c = class_of(chunk_bytes, &rounded);
  // The last one first, so that the first is handed out first.
  for (uintptr_t i = (end - first) / rounded; i > 0; i--) {
    Chunk* chunk = static_cast<Chunk*>(malloc(sizeof(Chunk)));
    if (!chunk) break;
    *chunk = {pool, pool->lent, reinterpret_cast<void*>(first + (i - 1) * rounded), rounded, c, true};
    pool->lent = chunk;
  }
}

void close_pool(Pool* pool) {
  trim_pool(pool, 0);
  while (pool->lent) {
    Chunk* chunk = pool->lent;
    pool->lent = chunk->next;
    destroy(chunk);
  }
  pool->closed = true;
  if (pool->chunks == 0) free(pool);
}

Chunk* take_chunk(Pool* pool, double wanted) {
  if (!(wanted <= kLargest)) return nullptr;
  size_t bytes;
  const int c = class_of(static_cast<size_t>(wanted), &bytes);
  Chunk* chunk = pool->lent;
  if (chunk && chunk->size_class == c) {
    pool->lent = chunk->next;
  } else if ((chunk = pool->idle[c])) {
    pool->idle[c] = chunk->next;
    pool->idle_bytes -= bytes;
  } else {
    chunk = static_cast<Chunk*>(malloc(sizeof(Chunk)));
    if (!chunk) return nullptr;
    void* memory = system_take(bytes);
    if (!memory) {
      trim_pool(pool, 0);
      memory = system_take(bytes);
    }
    if (!memory) {
      free(chunk);
      return nullptr;
    }
    chunk->pool = pool;
    chunk->address = memory;
    chunk->bytes = bytes;
    chunk->size_class = c;
    chunk->lent = false;
  }
  chunk->next = nullptr;
  pool->outstanding += bytes;
  pool->told += told_of(bytes);
  pool->chunks++;
  return chunk;
}

void give_chunk(Chunk* chunk) {
  Pool* pool = chunk->pool;
  pool->outstanding -= chunk->bytes;
  pool->told -= told_of(chunk->bytes);
  pool->chunks--;
  if (pool->closed) {
    destroy(chunk);
    if (pool->chunks == 0) free(pool);
    return;
  }
  if (chunk->lent) {
    chunk->next = pool->lent;
    pool->lent = chunk;
    return;
  }
  const size_t bytes = chunk->bytes;
  chunk->next = pool->idle[chunk->size_class];
  pool->idle[chunk->size_class] = chunk;
  pool->idle_bytes += bytes;
  if (pool->idle_bytes > pool->most_idle) trim_pool(pool, pool->most_idle / 2);
}
