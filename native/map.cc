// Pointwise programs over operands of any layout.
#include "few.h"
#include "runner.h"

namespace FLAMBEAU_ISA {

namespace {

struct Dense {
  const Program* program;
  int total;
  char* address[kMaxOperands];  // outputs, then inputs
  uint8_t step[kMaxOperands];
  double scalar[kMaxOperands];
};

template <typename T>
void dense_range(const Dense& work, long begin, long end) {
  const Program* p = work.program;
  const long rounded = (end - begin + 15) & ~15L;
  const long block = rounded < kBlock ? rounded : (long)kBlock;
  RUNNER_SPACE(T, p, block, space);
  Runner<T> runner;
  runner.start(p, work.scalar, block, space);
  const bool direct = Runner<T>::ends_in_output(p) && p->output_type[0] == TypeIndex<T>::value;
  // One instruction on operands that are all in place needs no blocks.
  long step = block;
  if (direct && p->instructions == 1) {
    bool whole = p->scalars + p->constants == 0;
    for (int k = 0; k < p->inputs; k++) whole = whole && work.step[1 + k] && p->input_type[k] == TypeIndex<T>::value;
    if (whole) step = end - begin;
  }
  for (long at = begin; at < end; at += step) {
    const long n = end - at < step ? end - at : step;
    for (int k = 0; k < p->inputs; k++) {
      const long size = item_size(p->input_type[k]);
      const int stride = work.step[p->outputs + k];
      runner.input(k, work.address[p->outputs + k] + at * stride * size, stride, n);
    }
    runner.run(n, direct ? reinterpret_cast<T*>(work.address[0]) + at : nullptr);
    if (!direct)
      for (int k = 0; k < p->outputs; k++)
        store_block(p->output_type[k], work.address[k] + at * item_size(p->output_type[k]), 1, runner.output(k), n);
  }
}

template <typename T>
void map_typed(const double* frame, const Program* p) {
  const long elements = (long)frame[kCount];
  if (p->single && elements < 4096) {
    // The commonest call by far: straight to the loop.
    bool whole = true;
    for (int k = 0; k < p->inputs; k++) whole = whole && frame[kStep + 1 + k] != 0;
    if (whole) {
      const Instruction& only = p->code[0];
      const T *a = frame_pointer<T>(frame, kAddress + 1 + only.operand[0]), *b = frame_pointer<T>(frame, kAddress + 1 + only.operand[1]),
              *c = frame_pointer<T>(frame, kAddress + 1 + only.operand[2]);
      return execute(only.opcode, frame_pointer<T>(frame, kAddress), a, b, c, elements);
    }
  }
  if (suits_few(p, elements)) {
    alignas(64) T space[kFewSlots][kFew];
    const T* from = run_few<T>(p, frame + kAddress + 1, frame + kStep + 1, frame + kScalars, elements, space);
    T* to = frame_pointer<T>(frame, kAddress);
    for (long i = 0; i < elements; i++) to[i] = from[i];
    return;
  }
  Dense work;
  work.program = p;
  const int total = p->outputs + p->inputs;
  for (int k = 0; k < total; k++) {
    work.address[k] = frame_pointer<char>(frame, kAddress + k);
    work.step[k] = frame[kStep + k] != 0;
  }
  for (int k = 0; k < p->scalars; k++) work.scalar[k] = frame[kScalars + k];
  const long count = (long)frame[kCount];
  long size = count;
  const long tasks = count < 4096 ? 1 : cut_work(count, program_cost(p), &size);
  if (tasks == 1) return dense_range<T>(work, 0, count);
  parallel(tasks, [&](long task) { dense_range<T>(work, task * size, (task + 1) * size < count ? (task + 1) * size : count); });
}

struct Strided {
  const Program* program;
  Layout layout;
  bool linear[kMaxOperands];  // whether the operand lies in the order of the layout, without gaps
  char* address[kMaxOperands];
  const double* scalar;
};

bool is_linear(const Layout& layout, int k) {
  long step = 1;
  for (int d = layout.rank - 1; d >= 0; d--) {
    if (layout.stride[k][d] != step) return false;
    step *= layout.size[d];
  }
  return true;
}

template <typename T>
void store_runs(int dtype, char* base, const Layout& layout, int operand, Place place, const T* from, long n) {
  const int rank = layout.rank, size = item_size(dtype);
  for (long done = 0; done < n;) {
    const long left = layout.size[rank - 1] - place.index[rank - 1];
    const long run = left < n - done ? left : n - done;
    store_block(dtype, base + place.offset(layout, 0, rank, operand) * size, layout.stride[operand][rank - 1], from + done, run);
    done += run;
    place.advance(layout, 0, rank, run);
  }
}

template <typename T>
void strided_range(const Strided& work, long begin, long end) {
  const Program* p = work.program;
  const Layout& layout = work.layout;
  const int rank = layout.rank;
  const long inner = layout.size[rank - 1];
  const long rounded = (end - begin + 15) & ~15L, block = rounded < kBlock ? rounded : (long)kBlock;
  RUNNER_SPACE(T, p, block, space);
  Runner<T> runner;
  runner.start(p, work.scalar, block, space);
  const bool direct = Runner<T>::ends_in_output(p) && p->output_type[0] == TypeIndex<T>::value && layout.stride[0][rank - 1] == 1;
  const int outputs = p->outputs;
  Place place;
  place.set(layout, 0, rank, begin);
  for (long at = begin; at < end;) {
    long n = end - at < kBlock ? end - at : (long)kBlock;
    const long left = inner - place.index[rank - 1];
    // Long runs are walked one by one, so that operands can be used in place; short ones are gathered into blocks.
    if (n > left && inner >= kBlock / 2) n = left;
    const bool within = n <= left;
    for (int k = 0; k < p->inputs; k++) {
      char* base = work.address[outputs + k];
      if (work.linear[outputs + k]) runner.input(k, base + at * item_size(p->input_type[k]), 1, n);
      else runner.gather(k, base, layout, outputs + k, place, 0, rank, n);
    }
    if (direct && (within || work.linear[0])) {
      runner.run(n, reinterpret_cast<T*>(work.address[0]) + (work.linear[0] ? at : place.offset(layout, 0, rank, 0)));
    } else {
      runner.run(n, nullptr);
      for (int k = 0; k < outputs; k++) {
        char* base = work.address[k];
        if (work.linear[k]) store_block(p->output_type[k], base + at * item_size(p->output_type[k]), 1, runner.output(k), n);
        else store_runs(p->output_type[k], base, layout, k, place, runner.output(k), n);
      }
    }
    at += n;
    if (within) place.advance(layout, 0, rank, n);
    else place.set(layout, 0, rank, at);
  }
}

enum { kTileSide = 32 };

// Elements (i, j) with i < rows and j < columns from memory that lies along i, into rows that lie along j.
template <typename T, typename E>
INLINE void turn(T* to, const E* from, long stride, long rows, long columns) {
  for (long j = 0; j < columns; j++)
    for (long i = 0; i < rows; i++) to[i * columns + j] = take<T>(from[j * stride + i]);
}

// Where an input lies along the next to last dimension and not along the last, squares of both are taken, so that each line of cache is
// used whole while it is there. The last instruction's block then covers several runs of the output.
template <typename T>
void tiled_range(const Strided& work, long begin, long end) {
  const Program* p = work.program;
  const Layout& layout = work.layout;
  const int last = layout.rank - 1;
  const long rows = layout.size[last - 1], columns = layout.size[last];
  const long row_tiles = (rows + 15) / 16, column_tiles = (columns + kTileSide - 1) / kTileSide;
  RUNNER_SPACE(T, p, kBlock, space);
  Runner<T> runner;
  runner.start(p, work.scalar, kBlock, space);
  for (long tile = begin; tile < end; tile++) {
    const long i0 = tile % row_tiles * 16, j0 = tile / row_tiles % column_tiles * kTileSide;
    const long m = rows - i0 < 16 ? rows - i0 : 16, n = columns - j0 < kTileSide ? columns - j0 : (long)kTileSide;
    Place outer;
    outer.set(layout, 0, last - 1, tile / (row_tiles * column_tiles));
    for (int k = 0; k < p->inputs; k++) {
      const int operand = p->outputs + k, dtype = p->input_type[k];
      const long row = layout.stride[operand][last - 1], column = layout.stride[operand][last];
      const char* from = work.address[operand] + (outer.offset(layout, 0, last - 1, operand) + i0 * row + j0 * column) * item_size(dtype);
      T* own = runner.block(k);
      if (row == 1)
        with_type(dtype, [&](auto* type) { turn(own, reinterpret_cast<__typeof__(type)>(const_cast<char*>(from)), column, m, n); });
      else
        for (long i = 0; i < m; i++) load_block(dtype, from + i * row * item_size(dtype), column, own + i * n, n);
    }
    runner.run(m * n, nullptr);
    for (int k = 0; k < p->outputs; k++) {
      const long row = layout.stride[k][last - 1], size = item_size(p->output_type[k]);
      char* to = work.address[k] + (outer.offset(layout, 0, last - 1, k) + i0 * row + j0 * layout.stride[k][last]) * size;
      for (long i = 0; i < m; i++) store_block(p->output_type[k], to + i * row * size, layout.stride[k][last], runner.output(k) + i * n, n);
    }
  }
}

// Whether some input lies along another dimension than the output does; that dimension is then moved next to the last.
bool prepare_tiles(Layout& layout, int outputs) {
  const int last = layout.rank - 1;
  if (last < 1 || layout.size[last] < 8 || layout.stride[0][last] == 0) return false;
  for (int k = outputs; k < layout.operands; k++) {
    if (layout.stride[k][last] == 0 || layout.stride[k][last] == 1) continue;
    for (int d = 0; d < last; d++) {
      if (layout.stride[k][d] != 1 || layout.size[d] < 8) continue;
      for (int e = d; e + 1 < last; e++) layout.swap(e, e + 1);
      return true;
    }
  }
  return false;
}

template <typename T>
void map_strided_typed(const double* frame, const Program* p) {
  Strided work;
  work.program = p;
  const int total = p->outputs + p->inputs;
  for (int k = 0; k < total; k++) work.address[k] = frame_pointer<char>(frame, kAddress + k);
  work.scalar = frame + kScalars;
  Layout& layout = work.layout;
  layout.read(frame, (int)frame[kCount], total);
  layout.order_by(0, 0, layout.rank);
  layout.merge(0, layout.rank);
  if (layout.rank == 0) {
    layout.rank = 1;
    layout.size[0] = 1;
    for (int k = 0; k < total; k++) layout.stride[k][0] = 1;
  }
  const long count = layout.count();
  if (count == 0) return;
  long size = count;
  if (prepare_tiles(layout, p->outputs)) {
    const long rows = layout.size[layout.rank - 2], columns = layout.size[layout.rank - 1];
    const long tiles = count / (rows * columns) * ((rows + 15) / 16) * ((columns + kTileSide - 1) / kTileSide);
    const long pieces = pieces_of((double)count * (program_cost(p) + 1), 4), share = (tiles + pieces - 1) / pieces;
    return parallel((tiles + share - 1) / share,
                    [&](long task) { tiled_range<T>(work, task * share, (task + 1) * share < tiles ? (task + 1) * share : tiles); });
  }
  for (int k = 0; k < total; k++) work.linear[k] = is_linear(layout, k);
  const long tasks = count < 4096 ? 1 : cut_work(count, program_cost(p) + 1, &size);
  if (tasks == 1) return strided_range<T>(work, 0, count);
  parallel(tasks, [&](long task) { strided_range<T>(work, task * size, (task + 1) * size < count ? (task + 1) * size : count); });
}

}  // namespace

void map(double* frame) {
  const Program* p = frame_pointer<const Program>(frame, kHandle);
  if (p->compute == kFloat32) return map_typed<float>(frame, p);
  if (p->compute == kFloat64) return map_typed<double>(frame, p);
  map_typed<int64_t>(frame, p);
}

void map_strided(double* frame) {
  const Program* p = frame_pointer<const Program>(frame, kHandle);
  if (p->compute == kFloat32) return map_strided_typed<float>(frame, p);
  if (p->compute == kFloat64) return map_strided_typed<double>(frame, p);
  map_strided_typed<int64_t>(frame, p);
}

}  // namespace FLAMBEAU_ISA
