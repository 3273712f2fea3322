// Reductions with a program in front. The kept dimensions come first in the layout, the reduced ones behind them.
#include "few.h"
#include "runner.h"

namespace FLAMBEAU_ISA {

namespace {

enum Kind { kSum, kProduct, kMinimum, kMaximum, kArgMin, kArgMax, kAll, kAny };

// Sums of float32 are taken in registers over a block and in double beyond it.
template <typename T> struct Wide { typedef T type; };
template <> struct Wide<float> { typedef double type; };

template <typename T>
INLINE bool is_nan(T x) { return x != x; }

// Whether b replaces a as the extremum; the first NaN wins over all.
template <typename T>
INLINE bool better(Kind kind, T a, T b) {
  if (is_nan(a)) return false;
  return is_nan(b) || (kind == kMinimum || kind == kArgMin ? b < a : b > a);
}

template <typename T>
INLINE T chain_sum(const T* x, long n) {
  typedef typename VectorOf<T>::type V;
  const long W = VectorOf<T>::width;
  V s0 = {}, s1 = {}, s2 = {}, s3 = {};
  long i = 0;
  for (; i + 4 * W <= n; i += 4 * W) {
    s0 += load(x + i);
    s1 += load(x + i + W);
    s2 += load(x + i + 2 * W);
    s3 += load(x + i + 3 * W);
  }
  for (; i + W <= n; i += W) s0 += load(x + i);
  if (i < n) s1 += load_part(x + i, n - i);
  return sum_lanes<T>((s0 + s1) + (s2 + s3));
}

// Eight additions in a chain, however narrow the registers are: longer ones would lose digits.
template <typename T>
INLINE typename Wide<T>::type block_sum(const T* x, long n) {
  const long piece = 32 * VectorOf<T>::width;
  typename Wide<T>::type sum = 0;
  for (long i = 0; i < n; i += piece) sum += chain_sum(x + i, n - i < piece ? n - i : piece);
  return sum;
}

// The extremum of a block on four chains; where a NaN turns up, the first of them.
template <bool Least, typename T>
INLINE T block_extremum_of(const T* x, long n) {
  typedef typename VectorOf<T>::type V;
  const long W = VectorOf<T>::width;
  const Kind kind = Least ? kMinimum : kMaximum;
  T best = x[0];
  long i = 0;
  if (n >= 4 * W) {
    V b0 = load(x), b1 = load(x + W), b2 = load(x + 2 * W), b3 = load(x + 3 * W);
    auto odd = (b0 != b0) | (b1 != b1) | (b2 != b2) | (b3 != b3);
    for (i = 4 * W; i + 4 * W <= n; i += 4 * W) {
      const V y0 = load(x + i), y1 = load(x + i + W), y2 = load(x + i + 2 * W), y3 = load(x + i + 3 * W);
      odd |= (y0 != y0) | (y1 != y1) | (y2 != y2) | (y3 != y3);
      b0 = (Least ? y0 < b0 : y0 > b0) ? y0 : b0;
      b1 = (Least ? y1 < b1 : y1 > b1) ? y1 : b1;
      b2 = (Least ? y2 < b2 : y2 > b2) ? y2 : b2;
      b3 = (Least ? y3 < b3 : y3 > b3) ? y3 : b3;
    }
    if (sum_lanes<__typeof__(odd[0] + 0)>(-odd) != 0) {
      for (long k = 0;; k++)
        if (is_nan(x[k])) return x[k];
    }
    b0 = (Least ? b1 < b0 : b1 > b0) ? b1 : b0;
    b2 = (Least ? b3 < b2 : b3 > b2) ? b3 : b2;
    b0 = (Least ? b2 < b0 : b2 > b0) ? b2 : b0;
    best = fold_lanes<T>(b0, [](const auto& a, const auto& b) { return (Least ? b < a : b > a) ? b : a; });
  }
  for (; i < n; i++)
    if (better(kind, best, x[i])) best = x[i];
  return best;
}
template <typename T>
INLINE T block_extremum(bool least, const T* x, long n) {
  return least ? block_extremum_of<true>(x, n) : block_extremum_of<false>(x, n);
}

// What has been combined so far.
template <typename T>
struct State {
  typename Wide<T>::type sum;
  T best;
  long position;
  bool any;

  void start(Kind kind) {
    sum = kind == kProduct || kind == kAll ? 1 : 0;
    best = 0;
    position = 0;
    any = false;
  }
  void take_extremum(Kind kind, T x, long at) {
    if (!any || better(kind, best, x)) {
      best = x;
      position = at;
    }
    any = true;
  }
  void add_block(Kind kind, const T* x, long n, long at) {
    switch (kind) {
      case kSum: sum += block_sum(x, n); break;
      case kProduct:
        for (long i = 0; i < n; i++) sum *= x[i];
        break;
      case kMinimum: case kMaximum: take_extremum(kind, block_extremum(kind == kMinimum, x, n), at); break;
      case kArgMin: case kArgMax: {
        const T found = block_extremum(kind == kArgMin, x, n);
        if (any && !better(kind, best, found)) break;
        long i = 0;
        while (!(x[i] == found || (is_nan(found) && is_nan(x[i])))) i++;
        take_extremum(kind, found, at + i);
        break;
      }
      case kAll:
        for (long i = 0; i < n; i++) sum = sum != 0 && x[i] != 0;
        break;
      case kAny:
        for (long i = 0; i < n; i++) sum = sum != 0 || x[i] != 0;
        break;
    }
  }
  // `next` covers positions behind those of this one.
  void join(Kind kind, const State& next) {
    switch (kind) {
      case kSum: sum += next.sum; break;
      case kProduct: sum *= next.sum; break;
      case kAll: sum = sum != 0 && next.sum != 0; break;
      case kAny: sum = sum != 0 || next.sum != 0; break;
      default:
        if (next.any) take_extremum(kind, next.best, next.position);
    }
  }
};

struct Work {
  const Program* program;
  Kind kind;
  Layout layout;       // operand 0 is the output, the inputs follow
  int kept, rank;      // dimensions 0..kept-1 are kept, kept..rank-1 reduced
  long kept_count, reduced_count;
  char* output;
  int output_type;
  char* input[kMaxOperands];
  const double* scalar;
  double divisor;
};

template <typename T>
void write(const Work& work, long at, const State<T>& state) {
  char* to = work.output + at * item_size(work.output_type);
  const Kind kind = work.kind;
  if (kind == kArgMin || kind == kArgMax) {
    const int64_t position = state.position;
    store_block(work.output_type, to, 1, &position, 1);
  } else if (kind == kMinimum || kind == kMaximum) {
    store_block(work.output_type, to, 1, &state.best, 1);
  } else {
    typename Wide<T>::type total = state.sum;
    if (work.divisor != 1) total = take<typename Wide<T>::type>((double)total / work.divisor);
    store_block(work.output_type, to, 1, &total, 1);
  }
}

// Combines elements from..to of the reduced dimensions for the output at `kept`.
template <typename T>
State<T> reduce_one(const Work& work, Runner<T>& runner, const Place& kept, long from, long to) {
  State<T> state;
  state.start(work.kind);
  const Layout& layout = work.layout;
  Place place;
  place.set(layout, work.kept, work.rank, from);
  const int inputs = work.program->inputs;
  const char* base[kMaxOperands];
  for (int k = 0; k < inputs; k++)
    base[k] = work.input[k] + kept.offset(layout, 0, work.kept, 1 + k) * item_size(work.program->input_type[k]);
  for (long at = from; at < to;) {
    const long n = to - at < kBlock ? to - at : (long)kBlock;
    for (int k = 0; k < inputs; k++) runner.gather(k, base[k], layout, 1 + k, place, work.kept, work.rank, n);
    runner.run(n, nullptr);
    state.add_block(work.kind, runner.output(0), n, at);
    at += n;
    for (long moved = 0; moved < n && at < to;) {
      const long left = layout.size[work.rank - 1] - place.index[work.rank - 1];
      const long run = left < n - moved ? left : n - moved;
      place.advance(layout, work.kept, work.rank, run);
      moved += run;
    }
  }
  return state;
}

template <typename T>
void reduce_rows(const Work& work, long begin, long end) {
  RUNNER_SPACE(T, work.program, kBlock, space);
  Runner<T> runner;
  runner.start(work.program, work.scalar, work.reduced_count < kBlock ? (work.reduced_count + 15) & ~15L : (long)kBlock, space);
  Place kept;
  kept.set(work.layout, 0, work.kept, begin);
  for (long i = begin; i < end; i++) {
    write(work, kept.offset(work.layout, 0, work.kept, 0), reduce_one(work, runner, kept, 0, work.reduced_count));
    kept.advance(work.layout, 0, work.kept, 1);
  }
}

// The innermost kept dimension is the contiguous one: a block of outputs at a time, row after row of the reduced dimensions.
template <typename T>
void reduce_columns(const Work& work, const Place& outer, long column, long n) {
  typedef typename Wide<T>::type W;
  const Program* p = work.program;
  const Layout& layout = work.layout;
  const Kind kind = work.kind;
  const int last = work.kept - 1;
  RUNNER_SPACE(T, p, kBlock, space);
  Runner<T> runner;
  runner.start(p, work.scalar, (n + 15) & ~15L, space);
  alignas(64) T partial[kBlock];
  alignas(64) W total[kBlock];
  alignas(64) int64_t position[kBlock];
  for (long i = 0; i < n; i++) {
    partial[i] = kind == kProduct || kind == kAll ? 1 : 0;
    total[i] = kind == kProduct ? 1 : 0;
    position[i] = 0;
  }
  const char* base[kMaxOperands];
  for (int k = 0; k < p->inputs; k++)
    base[k] = work.input[k] +
              (outer.offset(layout, 0, last, 1 + k) + column * layout.stride[1 + k][last]) * item_size(p->input_type[k]);
  Place place;
  place.set(layout, work.kept, work.rank, 0);
  long pending = 0;
  for (long at = 0; at < work.reduced_count; at++) {
    for (int k = 0; k < p->inputs; k++)
      runner.input(k, base[k] + place.offset(layout, work.kept, work.rank, 1 + k) * item_size(p->input_type[k]), layout.stride[1 + k][last], n);
    place.advance(layout, work.kept, work.rank, 1);
    runner.run(n, nullptr);
    const T* x = runner.output(0);
    switch (kind) {
      case kSum:
        // Sixteen rows in the type itself, then into the wider sum.
        for (long i = 0; i < n; i++) partial[i] += x[i];
        if (++pending < 16 && at + 1 < work.reduced_count) break;
        for (long i = 0; i < n; i++) {
          total[i] += partial[i];
          partial[i] = 0;
        }
        pending = 0;
        break;
      case kProduct:
        for (long i = 0; i < n; i++) total[i] *= x[i];
        break;
      case kAll:
        for (long i = 0; i < n; i++) partial[i] = (partial[i] != 0) & (x[i] != 0);
        break;
      case kAny:
        for (long i = 0; i < n; i++) partial[i] = (partial[i] != 0) | (x[i] != 0);
        break;
      case kMinimum:
        for (long i = 0; i < n; i++) partial[i] = at == 0 || !((partial[i] != partial[i]) | (partial[i] <= x[i])) ? x[i] : partial[i];
        break;
      case kMaximum:
        for (long i = 0; i < n; i++) partial[i] = at == 0 || !((partial[i] != partial[i]) | (partial[i] >= x[i])) ? x[i] : partial[i];
        break;
      case kArgMin: case kArgMax:
        for (long i = 0; i < n; i++)
          if (at == 0 || better(kind, partial[i], x[i])) {
            partial[i] = x[i];
            position[i] = at;
          }
        break;
    }
  }
  const long stride = layout.stride[0][last];
  char* to = work.output + (outer.offset(layout, 0, last, 0) + column * stride) * item_size(work.output_type);
  if (kind == kArgMin || kind == kArgMax) return store_block(work.output_type, to, stride, position, n);
  if (kind != kSum && kind != kProduct) return store_block(work.output_type, to, stride, partial, n);
  if (work.divisor != 1)
    for (long i = 0; i < n; i++) total[i] = take<W>((double)total[i] / work.divisor);
  store_block(work.output_type, to, stride, total, n);
}

template <typename T>
void reduce_typed(Work& work) {
  const long cost = program_cost(work.program), all = work.kept_count * work.reduced_count;
  if (work.kept_count == 0) return;
  const Layout& layout = work.layout;
  const int last = work.kept - 1;
  bool columns = work.kept > 0 && work.reduced_count > 0 && layout.size[last] >= 8;
  if (columns) {
    // Worth it where the inputs lie along the kept dimension rather than along the last reduced one, or where there is little to reduce.
    bool along = work.reduced_count <= 32 && work.kept_count >= 2 * work.reduced_count;
    for (int k = 1; k < layout.operands; k++) {
      const long kept = layout.stride[k][last], reduced = layout.stride[k][work.rank - 1];
      along = along || (kept == 1 && reduced != 1);
    }
    columns = along;
  }
  const long threads = pieces_of((double)all * cost);
  if (columns) {
    const long inner = layout.size[last], outer = work.kept_count / inner;
    long width = inner < kBlock ? inner : (long)kBlock;
    if (outer * ((inner + width - 1) / width) < threads * 2) {
      width = ((inner + threads * 2 - 1) / (threads * 2) + 15) & ~15L;
      if (width > kBlock) width = kBlock;
    }
    const long blocks = (inner + width - 1) / width, tasks = outer * blocks;
    const auto run = [&](long task) {
      Place place;
      place.set(layout, 0, last, task / blocks);
      const long column = task % blocks * width;
      reduce_columns<T>(work, place, column, inner - column < width ? inner - column : width);
    };
    if (threads == 1)
      for (long task = 0; task < tasks; task++) run(task);
    else parallel(tasks, run);
    return;
  }
  if (work.kept_count >= threads * 2 || threads == 1) {
    const long pieces = threads == 1 ? 1 : threads * 4, size = (work.kept_count + pieces - 1) / pieces;
    return parallel((work.kept_count + size - 1) / size, [&](long task) {
      const long begin = task * size;
      reduce_rows<T>(work, begin, begin + size < work.kept_count ? begin + size : work.kept_count);
    });
  }
  // Few outputs of many elements each: cut the reduced elements.
  enum { kPieces = 64 };
  State<T> states[kPieces];
  const long pieces = threads * 4 < kPieces ? threads * 4 : (long)kPieces;
  const long size = ((work.reduced_count + pieces - 1) / pieces + kBlock - 1) / kBlock * kBlock;
  const long tasks = (work.reduced_count + size - 1) / size;
  Place kept;
  kept.set(layout, 0, work.kept, 0);
  for (long i = 0; i < work.kept_count; i++) {
    parallel(tasks, [&](long task) {
      RUNNER_SPACE(T, work.program, kBlock, space);
      Runner<T> runner;
      runner.start(work.program, work.scalar, kBlock, space);
      const long begin = task * size;
      states[task] = reduce_one(work, runner, kept, begin, begin + size < work.reduced_count ? begin + size : work.reduced_count);
    });
    for (long task = 1; task < tasks; task++) states[0].join(work.kind, states[task]);
    write(work, kept.offset(layout, 0, work.kept, 0), states[0]);
    kept.advance(layout, 0, work.kept, 1);
  }
}

// The sum of a few dense elements, as a small loss is.
bool sum_few(const double* frame, const Program* p) {
  if (frame[kFlag] == 0 || frame[kKind] != kSum || frame[kDType] != kFloat32) return false;
  const long n = (long)frame[kSizes];
  if (n == 0 || !suits_few(p, n)) return false;
  alignas(64) float space[kFewSlots][kFew];
  const float* x = run_few<float>(p, frame + kAddress + 1, frame + kStep + 1, frame + kScalars, n, space);
  double total = 0;
  for (long i = 0; i < n; i++) total += x[i];
  *frame_pointer<float>(frame, kAddress) = (float)(total / frame[kBeta]);
  return true;
}

}  // namespace

// Frame: kFlag says that all is reduced and the inputs are dense, or single elements by kStep; kCount dimensions, of which the first kDim are kept; kKind, kBeta the divisor, kDType the output's type; operands output, inputs.
void reduce(double* frame) {
  const Program* p = frame_pointer<const Program>(frame, kHandle);
  if (p->compute == kFloat32 && sum_few(frame, p)) return;
  Work work;
  work.program = p;
  work.kind = (Kind)(int)frame[kKind];
  work.divisor = frame[kBeta];
  work.output = frame_pointer<char>(frame, kAddress);
  work.output_type = (int)frame[kDType];
  work.scalar = frame + kScalars;
  for (int k = 0; k < p->inputs; k++) work.input[k] = frame_pointer<char>(frame, kAddress + 1 + k);
  Layout& layout = work.layout;
  int dimensions = (int)frame[kCount], kept = 0;
  for (int d = 0; d < (int)frame[kDim]; d++) kept += frame[kSizes + d] != 1;
  layout.read(frame, dimensions, 1 + p->inputs);
  const bool positions = work.kind == kArgMin || work.kind == kArgMax;
  // Order does not matter except to positions.
  if (layout.operands > 1) {
    layout.order_by(1, 0, kept);
    if (!positions) layout.order_by(1, kept, layout.rank);
  }
  layout.merge(kept, layout.rank);
  work.kept = layout.merge(0, kept);
  if (work.kept == layout.rank) {
    // Nothing is reduced: a dimension of one element.
    layout.size[layout.rank] = 1;
    for (int k = 0; k < layout.operands; k++) layout.stride[k][layout.rank] = 0;
    layout.rank++;
  }
  work.rank = layout.rank;
  work.kept_count = work.reduced_count = 1;
  for (int d = 0; d < work.rank; d++) (d < work.kept ? work.kept_count : work.reduced_count) *= layout.size[d];
  if (p->compute == kFloat32) return reduce_typed<float>(work);
  if (p->compute == kFloat64) return reduce_typed<double>(work);
  reduce_typed<int64_t>(work);
}

}  // namespace FLAMBEAU_ISA
