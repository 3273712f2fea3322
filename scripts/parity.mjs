// Compares the tests in test/autograd/parity with the names of PyTorch's own autograd tests (names.json there) and writes the outcome to
// docs/autograd-parity.md. `node scripts/parity.mjs` runs the tests first; `--report FILE` reads a JSON report of Vitest instead;
// `--check` writes nothing, and fails where the document is not what the tests give or where fewer pass than floor.json says.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

const root = path.resolve(import.meta.dirname, "..");
const folder = "test/autograd/parity";
const document = "docs/autograd-parity.md";
const read = (file) => readFileSync(path.resolve(root, file), "utf8");

const { values: options } = parseArgs({
  options: { report: { type: "string" }, check: { type: "boolean", default: false } },
});

/** test_retain_grad_inplace -> testRetainGradInplace; an underscore at the end stays, as it does in the names of methods. */
function camelCase(name) {
  return name.replace(/_([a-z0-9])/gi, (_, letter) => letter.toUpperCase());
}

/** Runs the tests of parity alone and returns where the report lies. */
function runTests() {
  const file = path.join(root, "out/parity.json");
  mkdirSync(path.dirname(file), { recursive: true });
  const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
  spawnSync(
    process.execPath,
    [vitest, "run", folder, "--reporter=json", `--outputFile=${file}`, "--passWithNoTests"],
    { cwd: root, stdio: ["ignore", "ignore", "inherit"] },
  );
  return file;
}

/** The name of a test and what its title says besides: `testName, with hooks` is one of the variants of `testName`. */
function parsed(title) {
  const [, name, rest = ""] = /^(test[A-Z]\w*)(?=$|,|: )(.*)$/s.exec(title) ?? [];
  const [, outcome, reason] = /^: (does not apply|missing): (.*)$/s.exec(rest) ?? [];
  return { name, outcome, reason };
}

/** The tests of the report by group and name, each with what became of it; complaints go into `problems`. */
function collect(report, problems) {
  const found = new Map();
  const titles = new Set();
  for (const { name: file, assertionResults, message } of report.testResults) {
    if (!path.relative(root, file).startsWith(path.normalize(`${folder}/`))) continue;
    if (assertionResults.length === 0) problems.push(`${file} holds no test: ${message}`);
    for (const { ancestorTitles, title, status } of assertionResults) {
      const { name, outcome, reason } = parsed(title);
      // Tests of our own may stand beside those named after PyTorch's.
      if (name === undefined) continue;
      const groups = ancestorTitles.map((outer) => /^(?:T\d+|F)(?= )/.exec(outer)?.[0]);
      const group = groups.findLast((name) => name !== undefined);
      if (group === undefined)
        problems.push(`${name} stands in no group: wrap it in describe("T10 hooks", ...)`);
      if (titles.has(`${group} ${title}`)) problems.push(`${group} ${title} is there twice`);
      titles.add(`${group} ${title}`);
      const key = `${group} ${name}`;
      if (outcome !== undefined) found.set(key, { outcome, reason });
      else if (status === "passed") found.set(key, { outcome: "pass" });
      else problems.push(`${key}: ${status}`);
    }
  }
  return found;
}

const problems = [];
const groups = JSON.parse(read(`${folder}/names.json`));
const found = collect(JSON.parse(read(options.report ?? runTests())), problems);
const listed = new Set();
const totals = { pass: 0, "does not apply": 0, missing: 0 };
const sections = groups.map(({ group, title, tests }) => {
  const counts = { pass: 0, "does not apply": 0, missing: 0 };
  const lines = Object.entries(tests).map(([name, about]) => {
    const key = `${group} ${camelCase(name)}`;
    listed.add(key);
    const { outcome, reason } = found.get(key) ?? { outcome: "missing" };
    counts[outcome]++;
    totals[outcome]++;
    return `- \`${name}\` (${about}): ${outcome}${reason === undefined ? "" : `: ${reason}`}`;
  });
  const summary = `${counts.pass} pass, ${counts["does not apply"]} do not apply, ${counts.missing} missing.`;
  return `## ${group} ${title}\n\n${summary}\n\n${lines.join("\n")}\n`;
});
for (const key of found.keys())
  if (!listed.has(key)) problems.push(`${key} is the name of no test in names.json`);

const count = groups.reduce((sum, { tests }) => sum + Object.keys(tests).length, 0);
const text = `# Autograd: PyTorch's own tests

Each test below is one of PyTorch's, in \`test/test_autograd.py\` and \`test/autograd/test_functional.py\`, with what it asserts. Ours of the
same name, in camelCase under \`${folder}\`, asserts the same behaviour of this library. Left out are those about CUDA and streams,
pickling, the JIT compiler, other libraries' layouts, and dispatch of tensor subclasses.

A test *does not apply* where what it asserts has no meaning in JavaScript, is private to PyTorch, or has been given up there. It is
*missing* where the library does not have what it is about.

**${count} tests: ${totals.pass} pass, ${totals["does not apply"]} do not apply, ${totals.missing} are missing.**

Written by \`npm run parity\`.

${sections.join("\n")}`;

if (options.check) {
  const floor = JSON.parse(read(`${folder}/floor.json`)).pass;
  if (totals.pass < floor) problems.push(`${totals.pass} tests pass, below the floor of ${floor}`);
  else if (totals.pass > floor)
    console.log(
      `${totals.pass} pass, above the floor of ${floor}: raise it in ${folder}/floor.json`,
    );
  if (read(document) !== text)
    problems.push(`${document} is not what the tests give: run npm run parity and commit it`);
} else {
  writeFileSync(path.join(root, document), text);
}
console.log(
  `${count} tests: ${totals.pass} pass, ${totals["does not apply"]} do not apply, ${totals.missing} missing`,
);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
