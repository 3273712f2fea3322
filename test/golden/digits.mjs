// Writes the small IDX files that tests read, with digits drawn by the demonstration. Usage, after npm run build: node test/golden/digits.mjs
import { writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { drawDigits } from "../../demo/digits.mjs";

const count = 320;
const { images, labels } = drawDigits(count, 3);
const header = (...sizes) => {
  const bytes = Buffer.alloc(4 + 4 * sizes.length);
  bytes.set([0, 0, 8, sizes.length]);
  sizes.forEach((size, i) => bytes.writeUInt32BE(size, 4 + 4 * i));
  return bytes;
};
const write = (name, head, tensor) =>
  writeFileSync(
    path.join(import.meta.dirname, "digits", name),
    gzipSync(Buffer.concat([head, tensor.toTypedArray()]), { level: 9 }),
  );
write("train-images-idx3-ubyte.gz", header(count, 28, 28), images);
write("train-labels-idx1-ubyte.gz", header(count), labels);
