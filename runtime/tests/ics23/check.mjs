// Reads cases from stdin, one JSON object a line: {root, key, value, proof}, byte strings in hex, key being the place and
// value the encoded key with the record behind it, or null where absence is claimed. Answers with one line each: "true", or "false" and the reason.
//
// The library is of a time before a field of the specification's ProofSpec that this tree needs: empty_child. It is reduced
// to what it knows: a step whose sibling is the empty subtree is left out where the specification skips it, in the search
// for what lies between two neighbours.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(new URL("file://" + process.argv[2] + "/"));
const { ics23 } = require("@confio/ics23/build/generated/codecimpl.js");
const { ensureLeftNeighbor, verifyExistence } = require("@confio/ics23/build/proofs.js");

const { HashOp, LengthOp } = ics23;
const EMPTY = Buffer.from("SPARSE_MERKLE_PLACEHOLDER_HASH__");
const INNER = Buffer.from("JMT::IntrnalNode");
const spec = {
  leafSpec: {
    hash: HashOp.SHA256,
    prehashKey: HashOp.NO_HASH,
    prehashValue: HashOp.SHA256,
    length: LengthOp.NO_PREFIX,
    prefix: Buffer.from("JMT::LeafNode"),
  },
  innerSpec: {
    hash: HashOp.SHA256,
    childOrder: [0, 1],
    childSize: 32,
    minPrefixLength: INNER.length,
    maxPrefixLength: INNER.length,
  },
  maxDepth: 256,
};

const exists = (proof, root) => verifyExistence(proof, spec, root, proof.key, proof.value);

const isLeftChild = (step) => step.prefix.length === INNER.length && step.suffix.length === 32;
const isRightChild = (step) => step.prefix.length === INNER.length + 32 && step.suffix.length === 0;
const emptyRight = (step) => isLeftChild(step) && EMPTY.equals(step.suffix);
const emptyLeft = (step) => isRightChild(step) && EMPTY.equals(step.prefix.subarray(INNER.length));
const same = (one, other) =>
  Buffer.from(one.prefix).equals(other.prefix) && Buffer.from(one.suffix).equals(other.suffix);

// Nothing lies between: the paths part by one step, and below it the left one keeps right and the right one left.
function neighbours(left, right) {
  let common = 0;
  const at = (path, depth) => path[path.length - 1 - depth];
  while (at(left, common) && at(right, common) && same(at(left, common), at(right, common))) common += 1;
  if (!at(left, common) || !at(right, common)) throw new Error("the paths never part");
  const below = (path, skipped) => {
    const top = path.length - 1 - common;
    return [...path.slice(0, top).filter((step) => !skipped(step)), ...path.slice(top)];
  };
  ensureLeftNeighbor(spec.innerSpec, below(left, emptyRight), below(right, emptyLeft));
}

function edge(path, onEdge, skipped) {
  if (!path.every((step) => onEdge(step) || skipped(step))) throw new Error("the neighbour is not on the edge");
}

function absent(proof, root, key) {
  const { left, right } = proof;
  if (left) exists(left, root);
  if (right) exists(right, root);
  if (!left && !right) throw new Error("no neighbour");
  if (left && Buffer.compare(left.key, key) >= 0) throw new Error("the left neighbour is not on the left");
  if (right && Buffer.compare(key, right.key) >= 0) throw new Error("the right neighbour is not on the right");
  if (!left) edge(right.path, isLeftChild, emptyLeft);
  else if (!right) edge(left.path, isRightChild, emptyRight);
  else neighbours(left.path, right.path);
}

function judge(line) {
  const given = JSON.parse(line);
  const bytes = (text) => Buffer.from(text, "hex");
  const [root, key] = [bytes(given.root), bytes(given.key)];
  const proof = ics23.CommitmentProof.decode(bytes(given.proof));
  if (given.value !== null) {
    if (!proof.exist) throw new Error("no proof of presence");
    if (!key.equals(proof.exist.key)) throw new Error("another key");
    if (!bytes(given.value).equals(proof.exist.value)) throw new Error("another value");
    exists(proof.exist, root);
  } else {
    if (!proof.nonexist) throw new Error("no proof of absence");
    absent(proof.nonexist, root, key);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer = "true";
  try {
    judge(line);
  } catch (error) {
    answer = `false ${error instanceof Error ? error.message : error}`;
  }
  console.log(answer);
}
