// Draws images of handwritten-looking digits, so that the demonstration trains on something without a download.
import * as torch from "flambeau";

const side = 28;
const arc = (cx, cy, rx, ry, from, to) =>
  Array.from({ length: 13 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / 12) * Math.PI) / 180;
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
  });

// Strokes of each digit in a square from -1 to 1, y downwards.
const strokes = [
  [arc(0, 0, 0.55, 0.9, 0, 360)],
  [
    [
      [-0.3, -0.55],
      [0.1, -0.9],
      [0.1, 0.9],
    ],
  ],
  [[...arc(0, -0.4, 0.55, 0.5, 190, 400), [-0.6, 0.9], [0.6, 0.9]]],
  [arc(-0.05, -0.45, 0.5, 0.45, 200, 450), arc(-0.05, 0.45, 0.55, 0.45, 270, 520)],
  [
    [
      [0.2, -0.9],
      [-0.6, 0.3],
      [0.65, 0.3],
    ],
    [
      [0.3, -0.2],
      [0.3, 0.9],
    ],
  ],
  [[[0.5, -0.9], [-0.4, -0.9], [-0.5, -0.1], ...arc(-0.05, 0.35, 0.55, 0.52, 235, 510)]],
  [[[0.4, -0.9], ...arc(0, 0.35, 0.5, 0.52, 210, 570)]],
  [
    [
      [-0.6, -0.9],
      [0.6, -0.9],
      [-0.1, 0.9],
    ],
  ],
  [arc(0, -0.45, 0.42, 0.43, 0, 360), arc(0, 0.45, 0.52, 0.45, 0, 360)],
  [[...arc(0, -0.35, 0.48, 0.5, 0, 360), [0.45, 0.1], [0.25, 0.9]]],
];

function distance(x, y, [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / length));
  return Math.hypot(x - x0 - t * dx, y - y0 - t * dy);
}

/** `count` images [count, 28, 28] and labels [count], uint8 as in MNIST; the same for the same seed. */
export function drawDigits(count, seed) {
  const generator = new torch.Generator().manualSeed(seed);
  const between = (low, high) => low + (high - low) * generator.uniform();
  const images = new Uint8Array(count * side * side);
  const labels = new Uint8Array(count);
  for (let n = 0; n < count; n++) {
    const digit = n % 10;
    labels[n] = digit;
    const [angle, slant, size] = [between(-0.22, 0.22), between(-0.2, 0.2), between(6.8, 8.8)];
    const [cx, cy, thickness] = [between(11.5, 15.5), between(12, 15), between(0.8, 1.6)];
    const [cos, sin] = [Math.cos(angle) * size, Math.sin(angle) * size];
    const bent = strokes[digit].map((line) =>
      line.map(([px, py]) => {
        const x = px + slant * py + between(-0.07, 0.07);
        const y = py + between(-0.07, 0.07);
        return [cx + cos * x - sin * y, cy + sin * x + cos * y];
      }),
    );
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        let nearest = Infinity;
        for (const line of bent)
          for (let i = 1; i < line.length; i++)
            nearest = Math.min(nearest, distance(x, y, line[i - 1], line[i]));
        const ink = Math.min(1, Math.max(0, thickness + 0.6 - nearest));
        // A little noise; coarse, so that files of such images stay small.
        const noise = generator.uniform() < 0.03 ? 64 : 0;
        images[(n * side + y) * side + x] = Math.min(255, Math.round(ink * 15) * 17 + noise);
      }
  }
  return {
    images: torch.fromTypedArray(images).view(count, side, side),
    labels: torch.fromTypedArray(labels),
  };
}
