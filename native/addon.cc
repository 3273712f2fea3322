// The Node side: exports each kernel as a function without arguments over the frame, and memory owned by JavaScript objects.
#define NAPI_EXPERIMENTAL
#define NODE_API_EXPERIMENTAL_NOGC_ENV_OPT_OUT
#include <node_api.h>
#include <stdlib.h>
#include "kernels.h"
#include "memory.h"
#include "threads.h"

const KernelTable* choose_kernels(const char** name);

namespace {

// What one Node environment (the main thread or a worker) has of its own.
struct Environment {
  double* frame;
  napi_ref frame_reference;
  Pool* pool;
  int64_t reported;
};

// A kernel reads its frame from here: callbacks that look neither at their arguments nor at their data are the fastest.
thread_local Environment* current = nullptr;
const KernelTable* kernels = nullptr;

#define DEFINE_CALLBACK(name) \
  napi_value call_##name(napi_env, napi_callback_info) { \
    kernels->name(current->frame); \
    return nullptr; \
  }
FLAMBEAU_KERNELS(DEFINE_CALLBACK)

void free_chunk(node_api_basic_env, void* data, void*) { give_chunk(static_cast<Chunk*>(data)); }

// Frame: [0] bytes, [1] whether V8 shall know of all bytes outstanding. Gives back [0] address or 0, [2] outstanding bytes.
napi_value take(napi_env env, napi_callback_info) {
  Environment* own = current;
  const double bytes = own->frame[0];
  const bool whole = own->frame[1] != 0;
  Chunk* chunk = take_chunk(own->pool, bytes);
  own->frame[0] = 0;
  own->frame[2] = static_cast<double>(own->pool->outstanding);
  if (!chunk) return nullptr;
  napi_value object;
  if (napi_create_object(env, &object) != napi_ok || napi_wrap(env, object, chunk, free_chunk, nullptr, nullptr) != napi_ok) {
    give_chunk(chunk);
    return nullptr;
  }
  const int64_t wanted = static_cast<int64_t>(whole ? own->pool->outstanding : own->pool->told);
  const int64_t change = wanted - own->reported;
  if (change > (1 << 20) || change < -(1 << 20)) {
    int64_t total;
    if (napi_adjust_external_memory(env, change, &total) == napi_ok) own->reported = wanted;
  }
  own->frame[0] = static_cast<double>(reinterpret_cast<uintptr_t>(chunk->address));
  return object;
}

// Frame: [2] gets the outstanding bytes.
napi_value outstanding(napi_env, napi_callback_info) {
  current->frame[2] = static_cast<double>(current->pool->outstanding);
  return nullptr;
}

// Gives idle memory back to the system.
napi_value trim(napi_env, napi_callback_info) {
  trim_pool(current->pool, 0);
  return nullptr;
}

// lend(ArrayBuffer): memory for chunks of frame[0] bytes.
napi_value lend(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  void* data = nullptr;
  size_t length;
  const size_t chunk = static_cast<size_t>(current->frame[0]);
  if (napi_get_arraybuffer_info(env, argument, &data, &length) == napi_ok && data) lend_memory(current->pool, data, length, chunk);
  return nullptr;
}

// addressOf(ArrayBuffer): 0 where it has no memory.
napi_value address_of(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument, result;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  void* data = nullptr;
  size_t length;
  if (napi_get_arraybuffer_info(env, argument, &data, &length) != napi_ok) data = nullptr;
  napi_create_double(env, static_cast<double>(reinterpret_cast<uintptr_t>(data)), &result);
  return result;
}

// copyOut(ArrayBuffer) from the address in frame [0]: the length is the buffer's.
napi_value copy_out(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  void* data = nullptr;
  size_t length = 0;
  if (napi_get_arraybuffer_info(env, argument, &data, &length) == napi_ok && length)
    __builtin_memcpy(data, frame_pointer<void>(current->frame, 0), length);
  return nullptr;
}

// register(Int32Array, Float64Array): the program's number, or 0 where there is no memory.
napi_value register_program(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2], result;
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  void *words = nullptr, *constants = nullptr;
  napi_get_typedarray_info(env, arguments[0], nullptr, nullptr, &words, nullptr, nullptr);
  napi_get_typedarray_info(env, arguments[1], nullptr, nullptr, &constants, nullptr, nullptr);
  const Program* program = words ? make_program(static_cast<int32_t*>(words), static_cast<double*>(constants)) : nullptr;
  napi_create_double(env, static_cast<double>(reinterpret_cast<uintptr_t>(program)), &result);
  return result;
}

// threads(): lets frame[0] threads work, where it is not 0. Gives in frame[0] how many may, 0 where that was never said.
napi_value threads(napi_env, napi_callback_info) {
  double& count = current->frame[0];
  if (count != 0) set_thread_count(static_cast<int64_t>(count));
  count = wanted_threads();
  return nullptr;
}

void leave(node_api_basic_env, void* data, void*) {
  Environment* own = static_cast<Environment*>(data);
  close_pool(own->pool);
  if (current == own) current = nullptr;
  free(own);
}

void add_function(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

void add_names(napi_env env, napi_value exports, const char* property, const char* const* names, uint32_t count) {
  napi_value list;
  napi_create_array_with_length(env, count, &list);
  for (uint32_t i = 0; i < count; i++) {
    napi_value text;
    napi_create_string_utf8(env, names[i], NAPI_AUTO_LENGTH, &text);
    napi_set_element(env, list, i, text);
  }
  napi_set_named_property(env, exports, property, list);
}

#define FUNCTION_NAME(name) #name,
const char* const function_names[] = {FLAMBEAU_FUNCTIONS(FUNCTION_NAME)};

}  // namespace

NAPI_MODULE_INIT() {
  Environment* own = static_cast<Environment*>(calloc(1, sizeof(Environment)));
  if (!own || !(own->pool = open_pool())) {
    free(own);
    napi_throw_error(env, nullptr, "flambeau: no memory for the native backend");
    return nullptr;
  }
  const char* set;
  kernels = choose_kernels(&set);
  current = own;
  void* memory;
  napi_value buffer, frame, text;
  napi_create_arraybuffer(env, kFrameLength * sizeof(double), &memory, &buffer);
  own->frame = static_cast<double*>(memory);
  napi_create_typedarray(env, napi_float64_array, kFrameLength, buffer, 0, &frame);
  napi_create_reference(env, frame, 1, &own->frame_reference);
  napi_set_instance_data(env, own, leave, nullptr);
  napi_set_named_property(env, exports, "frame", frame);
  napi_create_string_utf8(env, set, NAPI_AUTO_LENGTH, &text);
  napi_set_named_property(env, exports, "instructionSet", text);
  add_names(env, exports, "functions", function_names, kFunctionCount);
  add_names(env, exports, "dtypes", kDTypeNames, kDTypeCount);
#define ADD_KERNEL(name) add_function(env, exports, #name, call_##name);
  FLAMBEAU_KERNELS(ADD_KERNEL)
  add_function(env, exports, "take", take);
  add_function(env, exports, "outstanding", outstanding);
  add_function(env, exports, "trim", trim);
  add_function(env, exports, "lend", lend);
  add_function(env, exports, "addressOf", address_of);
  add_function(env, exports, "copyOut", copy_out);
  add_function(env, exports, "register", register_program);
  add_function(env, exports, "threads", threads);
  return exports;
}
