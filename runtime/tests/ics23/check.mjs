// Reads cases from stdin, one JSON object a line: {root, key, value, proof}, byte strings in hex, value null where absence
// is claimed. Answers with one line each: "true", or "false" and the reason.
//
// The library is of a time before two fields of the specification's ProofSpec, which this tree needs:
// prehash_key_before_comparison and empty_child. Both are reduced to what it knows: keys are hashed before they are handed
// over (the leaf's hash stays what it was), and a step whose sibling is the empty subtree is left out where the
// specification skips it, in the search for what lies between two neighbours.
import { createRequire } from "node:module";
import { createHash } from "node:crypto";
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
  maxDepth: 64,
};

const sha256 = (bytes) => createHash("sha256").update(bytes).digest();

// The same proof over the key's hash: what the leaf did first is done already.
function withHashedKey(proof) {
  if (!proof.leaf || proof.leaf.prehashKey !== HashOp.SHA256) throw new Error("the leaf does not hash its key");
  const leaf = ics23.LeafOp.create({ ...proof.leaf, prehashKey: HashOp.NO_HASH });
  return ics23.ExistenceProof.create({ ...proof, key: sha256(proof.key), leaf });
}

function exists(proof, root) {
  const hashed = withHashedKey(proof);
  verifyExistence(hashed, spec, root, hashed.key, proof.value);
  return hashed;
}

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
  const hash = sha256(key);
  const left = proof.left && exists(proof.left, root);
  const right = proof.right && exists(proof.right, root);
  if (!left && !right) throw new Error("no neighbour");
  if (left && Buffer.compare(left.key, hash) >= 0) throw new Error("the left neighbour is not on the left");
  if (right && Buffer.compare(hash, right.key) >= 0) throw new Error("the right neighbour is not on the right");
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
