// Chunks of memory, recycled by size class. One pool for each Node environment, used by its thread alone.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct Pool;

struct Chunk {
  Pool* pool;
  Chunk* next;
  void* address;
  size_t bytes;
  int size_class;
  bool lent;            // the memory is somebody else's
};

enum { kSizeClasses = 48 * 4 };

struct Pool {
  Chunk* idle[kSizeClasses];
  Chunk* lent;          // idle chunks of lent memory
  size_t outstanding;   // bytes in use
  size_t told;          // what the collector is told of them
  size_t idle_bytes;
  size_t most_idle;     // what the pool may keep
  size_t chunks;        // in use
  bool closed;
};

Pool* open_pool();
// Frees idle memory; the pool itself goes with its last chunk.
void close_pool(Pool* pool);
// 64-byte aligned, contents undefined; null where there is none.
Chunk* take_chunk(Pool* pool, double bytes);
void give_chunk(Chunk* chunk);
void trim_pool(Pool* pool, size_t keep);
// Memory that the caller keeps for as long as the pool exists, as chunks of one size; they are preferred to the system's.
void lend_memory(Pool* pool, void* memory, size_t bytes, size_t chunk_bytes);
